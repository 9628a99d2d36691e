"""Whether a rank is saturated, which it is only with a bound on the probability that it is not the generic rank."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

from ..degrees import Totals, total_degrees
from ..field import NotPolynomial
from .asked import Question
from .luck import joint_error, sampling_error, weights_error


def stated_error(
    module: nn.Module,
    question: Question,
    *,
    rank: int,
    starts: int,
    ends: int,
    channels: int,
    upper: int | None,
    repeats: Sequence[int] | None = None,
) -> float | None:
    """A bound on the probability that all draws show less than the generic rank modulo the prime.

    Args:
        module: the network.
        question: what is asked of it.
        rank: that was found.
        starts: halves drawn; both sides are drawn until they show it, or all words there are.
        ends: likewise.
        channels: columns of an end.
        upper: the least proved upper bound, None if there is none.
        repeats: halves a side of further, independent draws, which showed no more than the rank; None where it was
            settled beforehand that there is one draw.

    Returns:
        The bound, 0 where the rank is proved to be the greatest; None where it is not saturated: more halves may
        raise the rank, the degrees are too high for the prime, or nothing is known of the draw.

    Source: docs/certainty.md, "What saturated means".
    """
    words = [question.words_in_all(side) for side in ("starts", "ends")]
    is_full = (words[0] == starts and rank == starts) or (words[1] == ends and rank == ends * channels)
    if is_full or rank == upper:
        return 0.0
    drawn = [(starts, ends), *(_at_most(count, words) for count in repeats or ())]
    # Words are no generic points: of a sample of them nothing is known.
    if any(list(d) != words and (question.domain == "tokens" or rank >= min(d)) for d in drawn):
        return None
    try:
        degrees = total_degrees(module, **question.of_degrees)
    except NotPolynomial:
        return None  # an operation without a rule for degrees
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
    """So many halves on each side, or all words there are."""
    starts, ends = (count if most is None else min(count, most) for most in words)
    return starts, ends
