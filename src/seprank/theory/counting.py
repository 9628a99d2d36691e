"""Counts of monomials, in exact integers that may be long."""

from __future__ import annotations

import math
from collections.abc import Iterable

# Longer values tell nothing more, and products of them take seconds.
MOST_DIGITS = 100_000


def multichoose(n: int, k: int) -> int:
    """The multiset coefficient ((n; k)) = C(n + k - 1, k): how many monomials of degree k there are in n variables.

    ((0; 0)) is 1, and a negative degree has no monomials.

    Raises:
        ValueError: n is negative.

    Example:
        >>> multichoose(3, 4)
        15
    """
    if n < 0:
        raise ValueError(f"n must be at least 0, got {n}; it counts variables")
    if k < 0:
        return 0
    return math.comb(n + k - 1, k) if n else int(k == 0)


def count_digits(n: int, k: int) -> float:
    """log10 ((n; k)) to a small fraction of a digit; infinite if the value is far beyond use."""
    few, many = sorted((n - 1, k))
    if few <= 0:
        return 0.0
    if few > 10**12:
        return math.inf
    if many > 10**12:
        return few * math.log10(many) - math.lgamma(few + 1) / math.log(10)
    return (math.lgamma(few + many + 1) - math.lgamma(few + 1) - math.lgamma(many + 1)) / math.log(10)


def nested(n: int, steps: int, layer: int, most_digits: int = MOST_DIGITS) -> int | None:
    """((n; ((steps; layer)) )), or None if too long."""
    if n == 1:
        return 1
    # ((n; d)) > d for n > 1, so a degree too long to compute means a value too long as well.
    if count_digits(steps, layer) > most_digits:
        return None
    degree = multichoose(steps, layer)
    return multichoose(n, degree) if count_digits(n, degree) <= most_digits else None


def bounded_power(base: int, exponent: int, most_digits: int = MOST_DIGITS) -> int | None:
    """base^exponent, or None if too long."""
    if base > 1 and (exponent > 4 * most_digits or exponent * math.log10(base) > most_digits):
        return None
    return base**exponent if base > 1 else 1


def least(*values: int | None) -> int | None:
    return min((value for value in values if value is not None), default=None)


def least_power(limit: int, base: int, exponent: int) -> int:
    """min(limit, base^exponent), without ever computing a power much above the limit."""
    power: int = base ** min(exponent, limit.bit_length())
    return min(limit, power)


def bounded_product(factors: Iterable[int | None], most_digits: int) -> int | None:
    """The product, or None if it or one of the factors is too long."""
    kept: list[int] = []
    digits = 0.0
    for factor in factors:
        digits += math.inf if factor is None else math.log10(factor)
        if factor is None or digits > most_digits:
            return None
        kept.append(factor)
    # In groups, so that most multiplications are of short numbers.
    return math.prod(math.prod(kept[first : first + 500]) for first in range(0, len(kept), 500))
