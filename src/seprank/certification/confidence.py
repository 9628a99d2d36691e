"""Draws of weights and samples, until the error of a rank is as small as was asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import nn

from ..system.progress import Report
from .certificate import Certificate
from .luck import draws_needed
from .pieces import Draw
from .saturation import stated_error

Again = Callable[[int, int | None], Certificate]
"""Certifies with a seed and a number of samples, by default as many as it takes"""

SPARE = 16
"""Samples beyond the rank of further draws: enough for their error to be that of the weights"""


class ConfidenceNotReached(ArithmeticError):
    """No number of draws gives the error that was asked for."""

    exit_code = 1
    """Of the command line: the answer is no"""


def more_samples(certificate: Certificate) -> int:
    """Halves a side for another draw: words as they were, of vectors enough to tell a higher rank."""
    if certificate.question.domain == "tokens":
        return certificate.samples
    return certificate.rank + SPARE


def draw_until(
    module: nn.Module, first: Certificate, confidence: float, again: Again, *, channels: int, report: Report
) -> Certificate:
    """Draw as often as it takes for the error of the highest rank to fall below the confidence.

    Args:
        module: that the certificate is about.
        first: of the first draw.
        confidence: the probability of an error that is accepted.
        again: makes another draw.
        channels: columns for each end half.
        report: is told of the draws that are done, and how many it takes.

    Returns:
        The certificate of the first draw with the highest rank, the other draws listed in it.

    Raises:
        ConfidenceNotReached: one draw bounds nothing, or it would take too many.

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
            another = again(seed, None)  # the samples were too few for a rank that is higher
        drawn.append(another)


def _together(module: nn.Module, drawn: list[Certificate], confidence: float, channels: int) -> Certificate:
    """The draw with the highest rank, the others listed in it, with the error of all."""
    best = max(drawn, key=lambda draw: draw.rank)
    others = [Draw(d.question.seed, d.samples, d.rank) for d in drawn if d is not best]
    error = _error(module, best, [draw.samples for draw in others], channels)
    return replace(best, error=error, saturated=error is not None, confidence=confidence, draws=others)


def _error(module: nn.Module, best: Certificate, repeats: list[int] | None, channels: int) -> float | None:
    sizes: dict[str, Any] = {"rank": best.rank, "starts": best.starts, "ends": best.ends, "channels": channels}
    return stated_error(module, best.question, **sizes, upper=best.upper_bound, repeats=repeats)


def _needed(module: nn.Module, found: Certificate, confidence: float, channels: int) -> int:
    """How many draws it takes in all."""
    question = found.question
    one = _error(module, found, None, channels)
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
