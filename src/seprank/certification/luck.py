"""How likely it is that a draw of samples and weights shows less than the generic rank: Schwartz and Zippel.

Only the standard library is imported. Everything is an upper bound, rounded up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

MOST_DRAWS = 1000
"""Of weights and samples, for a confidence"""

_ROUNDING = 1 + 2.0**-20
"""Covers float64 and that residues are drawn from 64 bits, some by a part in 2^37 more often than others"""


def sampling_error(rank: int, samples: int, degree: int | float, prime: int) -> float:
    """A bound on the probability that so many random halves of one side show no more than `rank`, where more would.

    While the halves drawn so far do not span all functions, the next one falls into their span with probability at
    most q = degree / prime. With `samples` draws that show `rank`, that has happened n = samples - rank times:
    C(samples, n) q^n. The rank may have been looked at with fewer samples before; as the numbers of samples of all
    looks differ by factors of about 2, the factor `samples` is more than enough for them together.

    Returns:
        The bound, 1 if it says nothing: a rank that reaches the samples, or samples * q above 1/2.

    Example:
        >>> sampling_error(45, 53, degree=20, prime=8388593) < 2**-110
        True
    """
    spare = samples - rank
    if spare < 1 or not 2 * samples * degree <= prime:
        return 1.0
    if degree <= 0:
        return 0.0
    logarithm = _log2_choose(samples, spare) + spare * math.log2(degree / prime) + math.log2(samples)
    return min(1.0, math.exp2(max(logarithm, -1000.0)) * _ROUNDING)


def _log2_choose(n: int, k: int) -> float:
    """log2 of C(n, k), rounded up, in no time for any size: the numbers may be a stranger's."""
    largest = math.lgamma(n + 1)
    return (largest - math.lgamma(k + 1) - math.lgamma(n - k + 1) + 1e-14 * largest) / math.log(2)


def weights_error(rank: int, degree: int | float, prime: int) -> float:
    """A bound on the probability that random weights have no more than `rank`, where generic ones have more.

    Then a minor of size rank + 1 vanishes that is not the zero polynomial, of degree (rank + 1) * degree at most.

    Example:
        >>> round(weights_error(759, degree=200, prime=8388593), 3)
        0.018
    """
    return min(1.0, (rank + 1) * degree / prime * _ROUNDING)


def joint_error(errors: Sequence[float]) -> float:
    """A bound on the probability that several independent draws show no more than a rank, where more would be right.

    The product of theirs. It is looked at after each draw, and drawing goes on until it is small, which is allowed for
    by a factor n (n + 1) after n draws: the sum of 1 / (n (n + 1)) over all n is 1.

    Example:
        >>> round(joint_error([0.01, 0.01]), 6)
        0.0006
    """
    count = len(errors)
    return min(1.0, count * (count + 1) * math.prod(errors) * _ROUNDING)


def draws_needed(error: float, confidence: float) -> int:
    """How many draws of equal error take it below the confidence; 0 if none do.

    Example:
        >>> draws_needed(0.018, 1e-12)
        8
    """
    if error >= 1:
        return 0
    count = 1
    while joint_error([error] * count) > confidence:
        count += 1
        if count > MOST_DRAWS:
            return 0
    return count
