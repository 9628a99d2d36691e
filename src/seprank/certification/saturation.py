"""Saturation: a bound on the probability that a rank is not the generic rank."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from ..degrees import Totals, total_degrees
from ..field import NotPolynomial
from .asked import Question
from .luck import joint_error, sampling_error, weights_error


@dataclass(frozen=True)
class Sampled:
    """A rank that was found, and among how many samples."""

    rank: int
    starts: int
    """Halves drawn, or all words there are"""
    ends: int
    channels: int
    """Columns of an end"""
    upper: int | None
    """The least proved upper bound, if any"""

    def is_greatest(self, question: Question) -> bool:
        """Whether no further samples can raise the rank: it meets the bound, or all words of a side are independent."""
        words = question.words_in_all
        full_starts = self.rank == self.starts == words("starts")
        full_ends = self.ends == words("ends") and self.rank == self.ends * self.channels
        return self.rank == self.upper or full_starts or full_ends


def stated_error(
    module: nn.Module, question: Question, found: Sampled, repeats: Sequence[int] | None = None
) -> float | None:
    """A bound on the probability that all draws show less than the generic rank modulo the prime.

    Args:
        found: the rank, and the samples of one draw.
        repeats: halves per side of further, independent draws, none of which showed a higher rank; None if a single
            draw was planned.

    Returns:
        The bound, 0 if the rank is proved to be the greatest; None if it is not saturated: more halves may raise the
        rank, the degrees are too high for the prime, or the draw has no known error.

    Source: docs/certainty.md, "What saturated means".
    """
    if found.is_greatest(question):
        return 0.0
    rank, words = found.rank, [question.words_in_all(side) for side in ("starts", "ends")]
    drawn = [(found.starts, found.ends), *(_at_most(count, words) for count in repeats or ())]
    # Words are not generic points, so a sample of them has no known error.
    if any(list(d) != words and (question.domain == "tokens" or rank >= min(d)) for d in drawn):
        return None
    try:
        degrees = total_degrees(module, **question.of_degrees)
    except NotPolynomial:
        return None  # an operation has no rule for degrees
    errors = [_of_one_draw(question, degrees, rank, *d, is_complete=list(d) == words) for d in drawn]
    total = errors[0] if repeats is None else joint_error(errors)
    return total if total < 1 and max(errors) < 1 else None


def _of_one_draw(question: Question, degrees: Totals, rank: int, starts: int, ends: int, *, is_complete: bool) -> float:
    prime, drawn = question.prime, degrees.weights + (question.readout == "random")
    errors = [weights_error(rank, drawn, prime)]
    if not is_complete:
        errors += [sampling_error(rank, starts, degrees.starts, prime), sampling_error(rank, ends, degrees.ends, prime)]
    return math.fsum(errors)


def _at_most(count: int, words: Sequence[int | None]) -> tuple[int, int]:
    """`count` halves on each side, or all words there are."""
    starts, ends = (count if most is None else min(count, most) for most in words)
    return starts, ends
