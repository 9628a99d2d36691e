"""Polynomials in sums of squares of a few vectors: how many are independent, counted by partitions."""

from __future__ import annotations

import math
from collections.abc import Iterator

from .counting import multichoose

Partition = tuple[int, ...]
"""Row lengths, descending, none of them 0"""


def partitions(size: int, rows: int, longest: int | None = None) -> Iterator[Partition]:
    """All partitions of a number into at most `rows` rows.

    Example:
        >>> list(partitions(4, 2))
        [(4,), (3, 1), (2, 2)]
    """
    if size == 0:
        yield ()
    elif rows:
        for first in range(min(size, size if longest is None else longest), 0, -1):
            yield from ((first, *rest) for rest in partitions(size - first, rows - 1, first))


def dimension(shape: Partition, variables: int) -> int:
    """The dimension of the irreducible polynomial representation of GL(variables) that belongs to a partition.

    Source: hook content formula, Stanley, Enumerative Combinatorics 2, Theorem 7.21.2.

    Example:
        >>> dimension((2,), 3), dimension((1, 1), 3), dimension((2, 1), 2)
        (6, 3, 2)
    """
    columns = [sum(row > j for row in shape) for j in range(shape[0])] if shape else []
    contents = hooks = 1
    for i, row in enumerate(shape):
        for j in range(row):
            contents *= variables + j - i
            hooks *= row - j + columns[j] - i - 1
    return contents // hooks


def count_gram(variables: int, vectors: int, degree: int) -> int:
    """How many polynomials of a degree in the entries of the Gram sum G = Σ x xᵀ of some vectors are independent.

    With m variables in x, n free vectors and degree k it is Σ dim S_2λ over partitions λ of k into at most min(m, n)
    rows, which is ((m (m + 1) / 2; k)) for n >= m.

    Source: the coordinate ring of symmetric matrices of rank at most n, Weyman, Cohomology of Vector Bundles and
        Syzygies (2003), 6.3; docs/theory.md, "Attention".

    Example:
        >>> count_gram(2, 2, 3), count_gram(2, 1, 3)
        (10, 7)
    """
    if vectors >= variables:
        return multichoose(variables * (variables + 1) // 2, degree)
    if vectors == 1:
        return multichoose(variables, 2 * degree)
    return sum(dimension(tuple(2 * row for row in shape), variables) for shape in partitions(degree, vectors))


def count_read(variables: int, vectors: int, degree: int) -> int:
    """A bound on the same number for an entry of one of the vectors times a polynomial in their Gram sum.

    It is Σ dim S_μ over all μ with at most min(m, n) rows that are 2λ and one more box, λ a partition of k.

    Source: docs/theory.md, "Attention".

    Example:
        >>> count_read(2, 2, 3), count_read(2, 1, 3)
        (20, 8)
    """
    if vectors >= variables:
        return variables * multichoose(variables * (variables + 1) // 2, degree)
    if vectors == 1:
        return multichoose(variables, 2 * degree + 1)
    shapes = (with_box for shape in partitions(degree, vectors) for with_box in _boxes_added(shape, vectors))
    return sum(dimension(shape, variables) for shape in shapes)


def _boxes_added(shape: Partition, rows: int) -> Iterator[Partition]:
    """2λ with one more box, in at most `rows` rows."""
    doubled = tuple(2 * row for row in shape)
    for i, row in enumerate(doubled):
        if i == 0 or doubled[i - 1] > row:
            yield (*doubled[:i], row + 1, *doubled[i + 1 :])
    if len(doubled) < rows:
        yield (*doubled, 1)


def is_quick(variables: int, vectors: int, degree: int) -> bool:
    """Whether the sums above take well under a second for all degrees up to this one."""
    return vectors in (0, 1) or vectors >= variables or math.comb(degree + vectors, vectors) * degree <= 10**6
