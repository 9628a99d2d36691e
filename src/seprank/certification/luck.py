"""The probability that a draw of samples and weights shows less than the generic rank, by Schwartz and Zippel.

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
    """A bound on the probability that `samples` random halves of one side show only `rank`, where more would show more.

    While the halves drawn so far do not span all functions, the next one falls into their span with probability at
    most q = degree / prime. With `samples` draws that show `rank`, that has happened n = samples - rank times:
    C(samples, n) q^n. The rank may have been computed with fewer samples before; as the sample sizes grow by factors
    of about 2, the factor `samples` is more than enough to cover all of them.

    Returns:
        The bound; 1, which says nothing, if the rank equals the samples or samples * q is above 1/2.

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
    """log2 of C(n, k), rounded up, fast for any size: the numbers may come from a stranger's file."""
    largest = math.lgamma(n + 1)
    return (largest - math.lgamma(k + 1) - math.lgamma(n - k + 1) + 1e-14 * largest) / math.log(2)


def weights_error(rank: int, degree: int | float, prime: int) -> float:
    """A bound on the probability that random weights have only `rank`, where generic weights have more.

    Then a minor of size rank + 1 vanishes, a non-zero polynomial of degree at most (rank + 1) * degree.

    Example:
        >>> round(weights_error(759, degree=200, prime=8388593), 3)
        0.018
    """
    return min(1.0, (rank + 1) * degree / prime * _ROUNDING)


def joint_error(errors: Sequence[float]) -> float:
    """A bound on the probability that several independent draws all show less than the generic rank.

    It is the product of their errors. As it is evaluated after each draw, until it is small enough, a factor n (n + 1)
    is applied after n draws: the sum of 1 / (n (n + 1)) over all n is 1.

    Example:
        >>> round(joint_error([0.01, 0.01]), 6)
        0.0006
    """
    count = len(errors)
    return min(1.0, count * (count + 1) * math.prod(errors) * _ROUNDING)


def draws_needed(error: float, confidence: float) -> int:
    """How many draws of equal error bring the joint error below the confidence; 0 if no number does.

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
