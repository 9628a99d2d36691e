"""What functions outside of a module keep between calls, such as tables of positions behind `functools.lru_cache`."""

from __future__ import annotations

from contextlib import suppress

import torch
from torch import nn

from ..system.quiet import quiet
from ..system.seeds import seeded
from .copies import converted, copy_module
from .split import Cut


def fill_outside(module: nn.Module, where: Cut, features: int | None, *, batch_first: bool) -> None:
    """Run a copy on numbers, with every length of input that it is about to be run on residues or degrees.

    What is kept outside is then made of numbers. Made by the other run, it would be residues or degrees, and stay when
    that has ended. Whatever fails here fails again there, where it is said.

    Args:
        module: left as it is.
        where: the sequences and their halves; adapters are tried on one and two steps, too.
        features: of a step; None for token ids.
        batch_first: the module's order of axes.
    """
    copy = converted(copy_module(module), torch.float64).eval()
    shape = (3, where.length)
    sequences = torch.zeros(shape, dtype=torch.int64) if features is None else torch.ones(*shape, features).double()
    for steps in sorted({1, 2, where.cut, where.length - where.cut, where.length}):
        pieces = sequences[:, :steps]
        with quiet(), torch.no_grad(), seeded(0), suppress(Exception):
            copy(pieces if batch_first else pieces.transpose(0, 1))
