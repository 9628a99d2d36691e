"""The model of a memory curve: prepared, adapted and checked; there is no other way to one from here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ..adapters import Rescaled, SequenceModel
from ..measurement.inputs import Alphabet, Samples
from ..measurement.matrix import DTYPES, Settings, adapt_to, prepared
from ..memory import MemoryBudgetError, show_size
from ..startend import Halves, pairs_per_block
from .settings import CurveSettings
from .windows import Pairs


@contextmanager
def checked(
    model: Any, pairs: Pairs, alphabet: Alphabet, settings: CurveSettings, budget: int
) -> Iterator[SequenceModel]:
    """A copy of the model in evaluation mode and in the arithmetic asked for, adapted and checked on these sequences.

    Raises:
        ConventionError: the model cannot be called, or its halves do not give the whole.
    """
    measured = Settings(alphabet, "all", settings.dtype, None, settings.seed, budget, settings.device)
    cut = max(1, settings.length // 2)
    halves = (Halves(vectors=pairs.first[:, :cut]), Halves(vectors=pairs.first[:, cut:]))
    with prepared(model, measured) as ready:
        yield adapt_to(ready, Samples(*halves, source=pairs.source), measured)


def converted(sequences: Tensor, settings: CurveSettings) -> Tensor:
    """Sequences as the model takes them."""
    dtype = DTYPES[settings.dtype] if sequences.is_floating_point() else None
    return sequences.to(settings.device, dtype)


def relative_floor(model: SequenceModel, settings: CurveSettings) -> float:
    """Relative rounding error of outputs with a margin of four: as it was seen, but at least that of the type."""
    return max(model.floor, 4 * torch.finfo(DTYPES[settings.dtype]).eps)


def block_of_pairs(model: SequenceModel, settings: CurveSettings, features: int, budget: int) -> int:
    """How many pairs are run at once: as many as are fast, if they fit a quarter of the memory.

    Raises:
        MemoryBudgetError: not even one does.
    """
    length = settings.length
    numbers = length * (features + model.channels) + 8 * model.state_numbers(length) + 24 * model.channels
    most = budget // 4 // (32 * numbers)
    if most < 1:
        raise MemoryBudgetError(
            f"running one pair of sequences takes about {show_size(32 * numbers)}, more than a quarter of the "
            f"{show_size(budget)} this may take; use a shorter length, a narrower model, or more memory"
        )
    return max(1, min(most, pairs_per_block(model.width, 0, budget) // 2))


def state_bytes(model: SequenceModel, lags: tuple[int, ...], settings: CurveSettings) -> int:
    """Memory that the states of all pasts take if they are kept at all lags."""
    if not model.splits:
        return 0
    return sum(16 * settings.samples * model.state_numbers(settings.length - lag) for lag in lags)


def notes_on(model: SequenceModel) -> list[str]:
    """What should be known of how the model was run."""
    notes = []
    if not model.splits:
        notes.append("evaluated on whole sequences: the model keeps no state that could be continued")
    if isinstance(model, Rescaled):
        notes.append("states were rescaled by powers of two, which is exact")
    return notes
