"""The memory that certifying takes, for the run itself and for whoever asks before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..system.memory import MemoryBudgetError, show_size

if TYPE_CHECKING:
    from .asked import Question

SPARE = 8
"""Samples beyond the rank: by each, the probability that more would raise it falls by the prime over the degree"""


def matrix_bytes(starts: int, ends: int, *, channels: int = 1, last: bool = False) -> int:
    """Of a Start-End matrix and a copy of it to eliminate in, or to grow from where it is not the last."""
    return int(8 * starts * ends * channels * (1.2 if last else 2.3))


def halves_bytes(starts: int, ends: int, *, steps: tuple[int, int], inputs: int) -> int:
    """Of the start and end halves, as they are drawn and as they are read; steps of a start and of an end."""
    return 16 * (starts * steps[0] + ends * steps[1]) * inputs


def require_halves(question: Question, budget: int) -> None:
    """Refuse sequences of which not even a few fit the memory."""
    need = 16 * 8 * question.length * question.inputs
    if need > budget:
        raise MemoryBudgetError(
            f"16 sequences of length {question.length} take about {show_size(need)}, more than the "
            f"{show_size(budget)} they may take; use a shorter --length, or more --memory"
        )
