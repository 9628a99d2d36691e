"""Whether a rank is saturated, which it is only with a bound on the probability that it is not the generic rank."""

from __future__ import annotations

from torch import nn

from ..degrees import total_degrees
from ..field import NotPolynomial
from .luck import sampling_error, weights_error
from .run import Question


def stated_error(
    module: nn.Module, question: Question, *, rank: int, starts: int, ends: int, channels: int, upper: int | None
) -> float | None:
    """A bound on the probability that the draw shows less than the generic rank modulo the prime.

    Args:
        module: the network.
        question: what is asked of it.
        rank: that was found.
        starts: halves drawn; both sides are drawn until they show it, or all words there are.
        ends: likewise.
        channels: columns of an end.
        upper: the least proved upper bound, None if there is none.

    Returns:
        The bound, 0 where the rank is proved to be the greatest; None where it is not saturated: more halves may
        raise the rank, the degrees are too high for the prime, or nothing is known of the draw.

    Source: docs/certainty.md, "What saturated means".
    """
    words = [question.words_in_all(side) for side in ("starts", "ends")]
    is_full = (words[0] == starts and rank == starts) or (words[1] == ends and rank == ends * channels)
    if is_full or rank == upper:
        return 0.0
    is_complete = words == [starts, ends]
    # Words are no generic points: of a sample of them nothing is known.
    if not is_complete and (question.domain == "tokens" or rank >= min(starts, ends)):
        return None
    try:
        degrees = total_degrees(
            module,
            length=question.length,
            cut=question.cut,
            inputs=question.inputs,
            domain=question.domain,
            templates=question.templates,
            squash=question.squash,
            split=question.split,
        )
    except NotPolynomial:
        return None  # an operation without a rule for degrees
    prime = question.prime
    drawn = degrees.weights + (question.readout == "random")
    errors = [weights_error(rank, drawn, prime)]
    if not is_complete:
        errors += [sampling_error(rank, starts, degrees.starts, prime), sampling_error(rank, ends, degrees.ends, prime)]
    total = sum(errors)
    return total if total < 1 else None
