"""How likely it is that a draw of samples and weights shows less than the generic rank: Schwartz and Zippel.

Only the standard library is imported. Everything is an upper bound, rounded up.
"""

from __future__ import annotations

import math

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
    logarithm = math.log2(math.comb(samples, spare)) + spare * math.log2(degree / prime) + math.log2(samples)
    return min(1.0, math.exp2(max(logarithm, -1000.0)) * _ROUNDING)


def weights_error(rank: int, degree: int | float, prime: int) -> float:
    """A bound on the probability that random weights have no more than `rank`, where generic ones have more.

    Then a minor of size rank + 1 vanishes that is not the zero polynomial, of degree (rank + 1) * degree at most.

    Example:
        >>> round(weights_error(759, degree=200, prime=8388593), 3)
        0.018
    """
    return min(1.0, (rank + 1) * degree / prime * _ROUNDING)
