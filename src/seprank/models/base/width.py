"""Widths that give a wanted number of parameters."""

from __future__ import annotations

from collections.abc import Callable

from ...question import check_whole


def nearest_width(count: Callable[[int], int], parameters: int) -> int:
    """The width of at least 1 whose count of parameters, which grows with it, is nearest; of two, the smaller.

    Example:
        >>> nearest_width(lambda width: width * width, 60)
        8
    """
    parameters = check_whole("parameters", parameters, 1)
    high = 1
    while count(high) < parameters:
        high *= 2
    low = max(high // 2, 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < parameters else (low, middle)
    return min((low, high), key=lambda width: (abs(count(width) - parameters), width))
