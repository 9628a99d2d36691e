"""The memory that certifying takes: for the run itself, and for estimates beforehand."""

from __future__ import annotations

from ..system.memory import MemoryBudgetError, show_size

SPARE = 8
"""Samples beyond the rank: by each, the probability that more would raise it falls by the prime over the degree"""

_BLOCK = 2**22
"""Entries of a minor that are evaluated, and so copied, at a time"""


def matrix_bytes(starts: int, ends: int, *, channels: int = 1, last: bool = False) -> int:
    """Bytes of a Start-End matrix and, unless it is the last, of a copy to eliminate in."""
    return int(8 * starts * ends * channels * (1.2 if last else 2.3))


def halves_bytes(starts: int, ends: int, *, steps: tuple[int, int], inputs: int) -> int:
    """Bytes of the start and end halves, as drawn and as read; `steps` of a start and of an end."""
    return 16 * (starts * steps[0] + ends * steps[1]) * inputs


def rows_at_once(columns: int) -> int:
    """Rows of a minor that are evaluated at a time, given the columns of all its ends."""
    return max(1, _BLOCK // max(1, columns))


def minor_bytes(rank: int, columns: int) -> int:
    """Bytes of evaluating a minor and its determinant.

    The minor, a few slabs of it during elimination, a diagonal block as integers for FLINT, and the rows that are
    evaluated at a time.
    """
    slab = min(rank, 512)
    return 8 * rank * (rank + 4 * slab) + 64 * slab**2 + 24 * min(rank, rows_at_once(columns)) * columns


def require_halves(length: int, inputs: int, budget: int) -> None:
    """Refuse sequences so long that not even 16 fit the memory."""
    need = 16 * 8 * length * inputs
    if need > budget:
        raise MemoryBudgetError(
            f"16 sequences of length {length} take about {show_size(need)}, more than the "
            f"{show_size(budget)} they may take; use a shorter --length, or more --memory"
        )
