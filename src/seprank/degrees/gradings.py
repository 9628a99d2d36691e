"""How many monomials there are of given degrees, in Python integers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

from ..theory import MOST_DIGITS, multichoose

_MOST_THRESHOLDS = 64
"""Degrees at which the joint bound may divide its terms"""

_MOST_STEPS = 50_000
"""Products of coefficients that the joint count may take: well under a second."""


@dataclass(frozen=True)
class Grading:
    """Some variables, and the degrees in them that occur."""

    variables: int
    least: int
    """Lowest degree"""
    most: int | None
    """Highest degree, None if it is not known; below `least` where nothing occurs"""
    points: int | None = None
    """How many values the tuple of these variables takes, None for infinitely many"""

    def at(self, degree: int) -> int:
        """The dimension of the functions of one degree."""
        return _capped(multichoose(self.variables, degree), self.points)

    def count(self) -> int | None:
        """The dimension of the functions of all these degrees, None if it is too long a number."""
        if self.most is None:
            return self.points
        if not _is_short(self.variables + 1, self.most):
            return self.points
        below = multichoose(self.variables + 1, min(self.least, self.most + 1) - 1)
        return _capped(multichoose(self.variables + 1, self.most) - below, self.points)


def count_monomials(gradings: Sequence[Grading], total: Grading) -> int | None:
    """A bound on the dimension of the polynomials that have these degrees in each group of variables and in all.

    Args:
        gradings: disjoint groups of variables.
        total: the degrees in all variables together; its number of variables is the sum.

    Returns:
        The least of the product over the groups, the count by total degree, and where it is quick, the count of
        monomials that fit both. None if all of them are too long.

    Source: docs/degrees.md, "Counting".

    Example:
        >>> two = [Grading(3, 0, 1), Grading(3, 0, 1)]
        >>> count_monomials(two, Grading(6, 0, 2)), count_monomials(two, Grading(6, 0, 1))
        (16, 7)
    """
    found = (_product([g.count() for g in gradings]), total.count(), _joint(gradings, total))
    return min((value for value in found if value is not None), default=None)


def count_jointly(start: Grading, end: Grading, most: int | None, copies: int = 1) -> int | None:
    """A bound on the rank of a sum of products of monomials in two sets of variables, of limited degree together.

    Terms of degree below t in the first are counted there; in all others the second has degree `most` - t at most, and
    they are counted there. The least over t is taken.

    Args:
        start: all variables on one side, with the degrees that occur.
        end: all on the other side.
        most: highest degree in both together, None if it is not known.
        copies: how often the other side counts.

    Returns:
        The bound, None where the degrees are unknown or too many.

    Source: docs/degrees.md, "Joint bounds".

    Example:
        >>> count_jointly(Grading(5, 0, 1), Grading(7, 0, 1), 1)
        2
    """
    if most is None or most - start.least > _MOST_THRESHOLDS:
        return None
    found = []
    for t in range(start.least, max(most, start.least) + 2):
        first = replace(start, most=_least_of(start.most, t - 1)).count()
        second = replace(end, most=_least_of(end.most, most - t)).count()
        if first is not None and second is not None:
            found.append(first + copies * second)
    return min(found, default=None)


def _least_of(most: int | None, other: int) -> int:
    return other if most is None else min(most, other)


def _joint(gradings: Sequence[Grading], total: Grading) -> int | None:
    """Sum over the degrees of all groups that add up to a possible total."""
    if total.most is None:
        return None
    highest = total.most
    spans = [(g, min(highest if g.most is None else g.most, highest)) for g in gradings]
    if _steps(spans, highest) > _MOST_STEPS or not all(_is_short(g.variables + 1, most) for g, most in spans):
        return None
    by_degree = {0: 1}
    for grading, most in spans:
        terms = [(d, grading.at(d)) for d in range(grading.least, most + 1)]
        sums: dict[int, int] = {}
        for degree, count in by_degree.items():
            for d, ways in terms:
                if degree + d <= highest:
                    sums[degree + d] = sums.get(degree + d, 0) + count * ways
        by_degree = sums
    return sum(count for degree, count in by_degree.items() if degree >= total.least)


def _steps(spans: Sequence[tuple[Grading, int]], highest: int) -> int:
    """An upper bound on the products that the joint count takes."""
    steps, sums = 0, 1
    for grading, most in spans:
        terms = max(0, most - grading.least + 1)
        steps += sums * terms
        sums = min(highest + 1, sums + terms)
    return steps


def _product(values: Sequence[int | None]) -> int | None:
    """The product, None if it or a factor is too long."""
    if 0 in values:
        return 0
    kept = [value for value in values if value is not None]
    if len(kept) < len(values) or sum(value.bit_length() for value in kept) > MOST_DIGITS * math.log2(10):
        return None
    return reduce(lambda a, b: a * b, kept, 1)


def _is_short(n: int, k: int) -> bool:
    """Whether ((n; k)) is sure to have few enough digits, from C(a, b) <= (e a / b)^b."""
    few = min(n - 1, k)
    return few <= 0 or few * (1 + math.log(n - 1 + k) - math.log(few)) <= MOST_DIGITS * math.log(10)


def _capped(value: int, cap: int | None) -> int:
    return value if cap is None else min(cap, value)
