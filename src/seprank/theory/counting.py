"""How many monomials there are, in exact integers that may be long, and how such numbers are written"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import MAX_EMAX, Decimal, localcontext

# Longer values say nothing a shorter one does not, and products of them take seconds.
MOST_DIGITS = 100_000


def multichoose(n: int, k: int) -> int:
    """The multiset coefficient ((n; k)): how many monomials of degree k there are in n variables.

    Args:
        n: Number of variables, at least 0.
        k: Degree; a negative degree has no monomials.

    Returns:
        C(n + k - 1, k), with ((0; 0)) = 1.

    Raises:
        ValueError: If n is negative.

    Example:
        >>> multichoose(3, 4)
        15
    """
    if n < 0:
        raise ValueError(f"n must be at least 0, got {n}; it counts variables")
    if k < 0:
        return 0
    return math.comb(n + k - 1, k) if n else int(k == 0)


def readable(value: int, digits: int = 12) -> str:
    """A count as text a person can take in, however long it is.

    Args:
        value: A non-negative integer.
        digits: Up to how many digits the value is written in full, at most 4300.

    Returns:
        All digits in groups of three, or four leading digits with the exponent and the number of digits.

    Example:
        >>> readable(12345), readable(7**290)
        ('12,345', '1.198e245 (246 digits)')
    """
    if value < 10**digits:
        return f"{value:,}"
    shift = max(0, value.bit_length() - 256)
    with localcontext(prec=60, Emax=MAX_EMAX):
        leading = Decimal(value >> shift) * Decimal(2) ** shift
        mantissa, exponent = f"{leading:.40e}".split("e")
        shown, power = f"{leading:.3e}".split("e")
    # Forty digits settle the length unless they round to a power of ten, which the value may just miss.
    is_full = Decimal(mantissa) != 1 or value >= 10 ** int(exponent)
    return f"{shown}e{int(power)} ({int(exponent) + is_full:,} digits)"


def shown_error(error: float) -> str:
    """A bound on a probability as a person can take it in: a power of two, and two digits rounded up.

    Args:
        error: At least 0, below 1.

    Returns:
        The power, if it is at most 1/2, and the number.

    Example:
        >>> shown_error(0.0), shown_error(0.018), shown_error(0.7)
        ('0', '2^-5 (0.018)', '0.7')
    """
    if error == 0:
        return "0"
    # Two digits, rounded up.
    unit = 10.0 ** (math.floor(math.log10(error)) - 1)
    number = f"{math.ceil(error / unit * (1 - 1e-12)) * unit:.2g}"
    power = math.floor(-math.log2(error))
    return f"2^-{power} ({number})" if power > 0 else number


def shown_equality(prime: int, error: float, draws: int) -> str:
    """What a certified rank is beside a lower bound, if so many draws bound the probability that it is less.

    Example:
        >>> shown_equality(101, 0.001, draws=3)
        'equal to the generic rank modulo 101, error at most 2^-9 (0.001), 3 draws'
    """
    most = "0" if error == 0 else f"at most {shown_error(error)}"
    return f"equal to the generic rank modulo {prime}, error {most}, {draws} draw{'s' if draws > 1 else ''}"


def count_digits(n: int, k: int) -> float:
    """log10 ((n; k)), good to a small part of a digit; infinite where the value is far beyond use."""
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
