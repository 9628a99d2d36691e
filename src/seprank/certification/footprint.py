"""The memory that certifying takes, for the run itself and for whoever asks before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..system.memory import MemoryBudgetError, show_size

if TYPE_CHECKING:
    from .asked import Question

SPARE = 8
"""Samples beyond the rank: by each, the probability that more would raise it falls by the prime over the degree"""

_BLOCK = 2**22
"""Entries of a minor, of which copies are made before they are put where they belong"""


def matrix_bytes(starts: int, ends: int, *, channels: int = 1, last: bool = False) -> int:
    """Of a Start-End matrix and a copy of it to eliminate in, or to grow from where it is not the last."""
    return int(8 * starts * ends * channels * (1.2 if last else 2.3))


def halves_bytes(starts: int, ends: int, *, steps: tuple[int, int], inputs: int) -> int:
    """Of the start and end halves, as they are drawn and as they are read; steps of a start and of an end."""
    return 16 * (starts * steps[0] + ends * steps[1]) * inputs


def rows_at_once(columns: int) -> int:
    """Rows of a minor that are evaluated before they are put where they belong; columns of all ends in it."""
    return max(1, _BLOCK // max(1, columns))


def minor_bytes(rank: int, columns: int) -> int:
    """Of evaluating a minor, and of its determinant.

    The minor, a few slabs of it while it is eliminated, a diagonal block as integers for FLINT, and the rows that are
    evaluated at once.
    """
    slab = min(rank, 512)
    return 8 * rank * (rank + 4 * slab) + 64 * slab**2 + 24 * min(rank, rows_at_once(columns)) * columns


def require_halves(question: Question, budget: int) -> None:
    """Refuse sequences of which not even a few fit the memory."""
    need = 16 * 8 * question.length * question.inputs
    if need > budget:
        raise MemoryBudgetError(
            f"16 sequences of length {question.length} take about {show_size(need)}, more than the "
            f"{show_size(budget)} they may take; use a shorter --length, or more --memory"
        )
