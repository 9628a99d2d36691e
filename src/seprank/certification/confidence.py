"""Repeated draws of weights and samples, until the error of a rank is as small as requested."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import nn

from ..system.progress import Report
from .certificate import Certificate
from .luck import draws_needed
from .pieces import Draw
from .saturation import stated_error

Again = Callable[[int, int | None], Certificate]
"""Certifies with a seed and a number of samples; None for as many as needed"""

SPARE = 16
"""Samples beyond the rank in further draws: enough that the error of the weights dominates"""


class ConfidenceNotReached(ArithmeticError):
    """Raised when no number of draws gives the requested error."""

    exit_code = 1
    """Of the command line: the answer is no"""


def more_samples(certificate: Certificate) -> int:
    """Halves per side for another draw: as many words as before, or enough vectors to show a higher rank."""
    if certificate.question.domain == "tokens":
        return certificate.samples
    return certificate.rank + SPARE


def draw_until(
    module: nn.Module, first: Certificate, confidence: float, again: Again, *, channels: int, report: Report
) -> Certificate:
    """Repeat the draw until the error of the highest rank is at most the confidence.

    Args:
        first: the certificate of the first draw.
        again: makes another draw.
        channels: columns per end half.
        report: called with the number of draws done, and needed.

    Returns:
        The certificate of the first draw with the highest rank, which lists the other draws.

    Raises:
        ConfidenceNotReached: a single draw has no error below 1, or too many draws would be needed.

    Source: docs/certainty.md, "Confidence".
    """
    drawn = [first]
    while True:
        found = _together(module, drawn, confidence, channels)
        if found.error is not None and found.error <= confidence:
            return found
        total = _needed(module, found, confidence, channels)
        report("draws", len(drawn), max(total, len(drawn) + 1))
        seed = max(draw.question.seed for draw in drawn) + 1
        another = again(seed, more_samples(found))
        if another.rank >= min(another.starts, another.ends) and another.rank > found.rank:
            another = again(seed, None)  # too few samples for this higher rank
        drawn.append(another)


def _together(module: nn.Module, drawn: list[Certificate], confidence: float, channels: int) -> Certificate:
    """The draw with the highest rank, with the others listed in it and the error of all."""
    best = max(drawn, key=lambda draw: draw.rank)
    others = [Draw(d.question.seed, d.samples, d.rank) for d in drawn if d is not best]
    error = stated_error(module, best.question, best.sampled(channels), [draw.samples for draw in others])
    return replace(best, error=error, saturated=error is not None, confidence=confidence, draws=others)


def _needed(module: nn.Module, found: Certificate, confidence: float, channels: int) -> int:
    """How many draws are needed in all."""
    question = found.question
    one = stated_error(module, question, found.sampled(channels))
    needed = 0 if one is None else draws_needed(one, confidence)
    if needed:
        return needed
    reason = f"one draw modulo {question.prime} has an error of at most {one}, which takes too many draws"
    if one is None:
        reason = f"the error of one draw modulo {question.prime} has no bound below 1"
    remedy = "use a larger --prime, such as 134217689"
    if question.domain == "tokens":
        remedy = "over tokens it has one only if all words of both sides are tried; use more --samples"
    elif found.rank >= min(found.starts, found.ends):
        remedy = "its samples limit the rank; use more --samples"
    raise ConfidenceNotReached(
        f"confidence {confidence} is out of reach: rank {found.rank} is certified, but {reason}; {remedy}"
    )
