"""Which lags to look at: where a curve is sampled, and where finer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..question import check_between, check_several

DENSE = 8
"""Lags from 1 that are all looked at"""
TOTAL = 24
"""Lags in all, by default"""


def check_lags(lags: Any, length: int) -> tuple[int, ...]:
    """Lags from 1 to length - 1 in ascending order, each once.

    Example:
        >>> check_lags([4, 1, 4], 8)
        (1, 4)
    """
    if isinstance(lags, str) or not isinstance(lags, Iterable):
        raise ValueError(f"lags must be numbers of steps or 'all', got {lags!r}; use (1, 2, 4)")
    remedy = f"with length {length} a lag leaves 1 to {length - 1} steps to the end, and the others to the past"
    several = [check_between("lags", lag, 1, length - 1, remedy=remedy) for lag in lags]
    return tuple(sorted(check_several("lags", several, 1)))


def default_lags(length: int) -> tuple[int, ...]:
    """All lags from 1 to 8, then a geometric series to length - 1.

    Example:
        >>> default_lags(40)
        (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 18, 20, 22, 24, 26, 29, 32, 35, 39)
    """
    last = length - 1
    if last <= DENSE:
        return tuple(range(1, last + 1))
    count = TOTAL - DENSE
    ratio = (last / DENSE) ** (1 / count)
    return tuple(sorted({*range(1, DENSE + 1), *(round(DENSE * ratio**i) for i in range(1, count)), last}))


def bracket(lags: Sequence[int], memory: Sequence[float], threshold: float) -> tuple[int, int] | None:
    """Positions of the last lag above a threshold, -1 for lag 0, and of the next; None if the curve ends above it.

    Example:
        >>> bracket([1, 2, 4], [0.9, 0.6, 0.1], 0.5)
        (1, 2)
    """
    above = max((i for i, value in enumerate(memory) if value > threshold), default=-1)
    return None if above == len(lags) - 1 else (above, above + 1)
