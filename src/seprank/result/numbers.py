"""Large and small numbers as text."""

from __future__ import annotations

import math
from decimal import MAX_EMAX, Decimal, localcontext


def readable(value: int) -> str:
    """A count as text a person can take in, however long it is: beyond twelve digits, four of them and the exponent.

    Example:
        >>> readable(12345), readable(7**290)
        ('12,345', '1.198e245 (246 digits)')
    """
    if value < 10**12:
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
    """A bound on a probability, below 1, as a person can take it in: a power of two, and two digits rounded up.

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
