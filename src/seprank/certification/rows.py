"""A Start-End matrix modulo a prime whose rows are evaluated by workers."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial

from torch import nn

from ..adapters.copies import copy_module
from ..startend import Progress, RowBlocks, StartEndMatrix, Values
from ..startend.workers import pack
from .asked import Question
from .prepared import Run, enter

MakeMatrix = Callable[[Run, int, Progress | None], StartEndMatrix | RowBlocks]


def matrix_maker(module: nn.Module, executor: Executor | None, *, device: str) -> MakeMatrix:
    """What makes Start-End matrices: here, or on the workers of an executor, which draw weights and samples again.

    Raises:
        ValueError: the module cannot be sent.
    """
    if executor is None:
        return Run.matrix
    packed = sendable(module)

    def make(run: Run, budget: int, progress: Progress | None) -> RowBlocks:
        evaluate = partial(evaluate_rows, packed, run.question, budget, device, "float64")
        return RowBlocks(executor, evaluate, channels=run.channels, progress=progress)

    return make


def sendable(module: nn.Module) -> bytes:
    """A module packed for workers; call this before entering a field, inside which no tensor can be read.

    Raises:
        ValueError: it cannot be sent.
    """
    return pack(copy_module(module))


def evaluate_rows(
    packed: bytes,
    question: Question,
    budget: int,
    device: str,
    arithmetic: str,
    rows: Sequence[int],
    ends: Sequence[int],
    samples: tuple[int, int],
) -> Values:
    """`Run.entries` for a question about a module that was sent."""
    with enter(pickle.loads(packed), question, arithmetic=arithmetic, device=device) as run:
        run.expect(len(rows) * len(ends))
        return run.entries(budget, rows, ends, samples)
