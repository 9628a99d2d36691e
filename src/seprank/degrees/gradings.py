"""Counts of monomials of given degrees, in Python integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..theory.counting import MOST_DIGITS, bounded_product, count_digits, multichoose

_MOST_THRESHOLDS = 64
"""Degrees at which the joint bound may divide its terms"""

_MOST_STEPS = 50_000
"""Maximum number of products in a joint count: well under a second"""


@dataclass(frozen=True)
class Grading:
    """A group of variables, and the degrees in them that occur."""

    variables: int
    least: int
    """Lowest degree"""
    most: int | None
    """Highest degree, None if unknown; below `least` if none occurs"""
    points: int | None = None
    """How many values these variables take together, None for infinitely many"""

    def at(self, degree: int) -> int:
        """The dimension of the functions of one degree."""
        return _capped(multichoose(self.variables, degree), self.points)

    def count(self) -> int | None:
        """The dimension of the functions of all these degrees, None if the number is too long."""
        if self.most is None:
            return self.points
        if count_digits(self.variables + 1, self.most) > MOST_DIGITS:
            return self.points
        below = multichoose(self.variables + 1, min(self.least, self.most + 1) - 1)
        return _capped(multichoose(self.variables + 1, self.most) - below, self.points)


def count_monomials(gradings: Sequence[Grading], total: Grading) -> int | None:
    """A bound on the dimension of the polynomials that have these degrees in each group of variables and in all.

    Args:
        gradings: disjoint groups of variables.
        total: the degrees in all variables together; its number of variables is the sum.

    Returns:
        The least of the product over the groups, the count by total degree and, if it is quick, the count of monomials
        that fit both. None if all are too long.

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

    Terms of degree below t in the first set are counted by their first factors; all others have degree at most
    `most` - t in the second set, and are counted by their second factors, `copies` times. The bound is the least over
    t; None if degrees are unknown or too many.

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
    """The sum over all degrees in the groups that add up to a possible total."""
    if total.most is None:
        return None
    highest = total.most
    spans = [(g, min(highest if g.most is None else g.most, highest)) for g in gradings]
    digits = max((count_digits(g.variables + 1, most) for g, most in spans), default=0.0)
    if _steps(spans, highest) > _MOST_STEPS or digits > MOST_DIGITS:
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
    """An upper bound on the number of products in the joint count."""
    steps, sums = 0, 1
    for grading, most in spans:
        terms = max(0, most - grading.least + 1)
        steps += sums * terms
        sums = min(highest + 1, sums + terms)
    return steps


def _product(values: Sequence[int | None]) -> int | None:
    """The product, None if it or a factor is too long."""
    if 0 in values:  # even if another factor is too long
        return 0
    return bounded_product(values, MOST_DIGITS)


def _capped(value: int, cap: int | None) -> int:
    return value if cap is None else min(cap, value)
