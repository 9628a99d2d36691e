"""The model of a memory curve: prepared, adapted and checked; and how many pairs fit the memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ..measurement.allocation import footprint
from ..measurement.inputs import Samples, halved
from ..measurement.measured_model import Subject, adapt_to, prepared
from ..settings.remember_settings import RememberSettings
from ..startend import Halves, pairs_per_block
from ..system.memory import MemoryBudgetError, show_size
from .windows import Pairs


@contextmanager
def checked(model: Any, pairs: Pairs, settings: RememberSettings) -> Iterator[Subject]:
    """A copy of the model in evaluation mode and in the requested arithmetic, adapted and checked on these sequences.

    Raises:
        ConventionError: the model cannot be called, or fails a check.
    """
    with prepared(model, settings) as versions:
        yield adapt_to(versions, _halves(pairs, settings), settings, settings.length)


def _halves(pairs: Pairs, settings: RememberSettings) -> Samples:
    whole = Halves(vectors=pairs.first)
    return halved(Samples(whole, whole, pairs.source, inferred=pairs.alphabet.inferred), max(1, settings.length // 2))


def relative_floor(subject: Subject) -> float:
    """Relative rounding error of outputs with a margin of four: as observed, but at least that of the type."""
    return max(subject.model.floor, 4 * torch.finfo(subject.version.dtype).eps)


def block_of_pairs(subject: Subject, pairs: Pairs, settings: RememberSettings) -> int:
    """How many pairs are run at once: as many as run fast, if they fit a quarter of the memory.

    Raises:
        MemoryBudgetError: not even one pair fits.
    """
    model, length, budget = subject.model, settings.length, settings.budget
    halves = _halves(pairs, settings)
    found = footprint(model, subject.cast(halves.starts), subject.cast(halves.ends))
    # beside what the model takes inside: the sequences, states spread and joined, outputs and their differences
    own = pairs.first[0].numel() + 8 * model.state_numbers(length) + 24 * model.channels
    each = 2 * (found.per_pair + 8 * own)
    most = (budget // 4 - found.fixed) // each
    if most < 1:
        raise MemoryBudgetError(
            f"running one pair of sequences takes about {show_size(found.fixed + each)}, more than a quarter of the "
            f"{show_size(budget)} this may take; use a shorter length, a narrower model, or more memory"
        )
    return max(1, min(most, pairs_per_block(model.width, 0, budget) // 2))


def state_bytes(subject: Subject, lags: tuple[int, ...], settings: RememberSettings) -> int:
    """Memory that the states of all pasts take if they are kept at all lags."""
    if not subject.model.splits:
        return 0
    return sum(16 * settings.samples * subject.model.state_numbers(settings.length - lag) for lag in lags)
