"""What is known about self-attention without softmax, over any split of the positions.

Notation, as in docs/theory.md, "Attention": M inputs, R units wide, L layers deep, H heads, m = min(M, R). The
*reading* side has the last position, whose output is read, the *other* side has not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, product
from typing import Any, Unpack

from ..question import check_split, check_whole
from .bound import PROVED, Bound, Bounds, Kind, Sizes, check_sizes
from .counting import MOST_DIGITS, count_digits, least, multichoose
from .partitions import count_gram, count_read, is_quick

_MOST_DEPTH = 6
"""Layers up to which monomials are counted by degree; the number of degrees triples with each"""
_MOST_DEGREES = 20_000
"""Tuples of degrees that are counted one by one where layers end in products"""


@dataclass(frozen=True)
class _Cell:
    """Checked sizes of one network and one split."""

    inputs: int
    width: int
    depth: int
    heads: int
    reading: int
    """Positions on the side of the last one"""
    other: int
    tokens: bool

    @property
    def channels(self) -> int:
        """m, the dimension of the space in which an input is seen."""
        return min(self.inputs, self.width)

    @property
    def moments(self) -> int:
        """D, numbers in the Gram sum Σ x xᵀ."""
        return multichoose(self.channels, 2)

    @property
    def seen(self) -> int:
        """u, how many combinations of these the heads of the first layer see at most."""
        return min(self.moments, self.heads * count_seen(self.channels, self.width // self.heads))


def count_seen(inputs: int, units: int) -> int:
    """At most this many combinations of the entries of a Gram sum Σ x xᵀ are in V (Σ x xᵀ) Kᵀ with so many units.

    Example:
        >>> count_seen(3, 3), count_seen(3, 2), count_seen(4, 3)
        (6, 4, 8)
    """
    if units >= inputs:
        return multichoose(inputs, 2)
    return units**2 - math.comb(max(0, 2 * units - inputs), 2)


def attention_bounds(
    *,
    split: Any = None,
    num_heads: int = 1,
    feed_forward: bool = False,
    causal: bool = False,
    **sizes: Unpack[Sizes],
) -> Bounds:
    """Every known statement about the generic separation rank of self-attention without softmax.

    The read-out is one linear functional of the output at the last position.

    Args:
        sizes: inputs, width, depth, length (T, number of positions), cut and domain, as in `bounds`.
        split: instead of a cut, the positions of the start.
        num_heads: H, a divisor of the width.
        feed_forward: whether each layer ends in a product of two linear maps.
        causal: whether a position sees only those before it and itself.

    Returns:
        Exact, lower and upper statements in this order; none for two or more causal layers.

    Raises:
        ValueError, TypeError: a size is out of range or not a whole number.

    Source: docs/theory.md, "Attention".

    Example:
        >>> for bound in attention_bounds(inputs=3, width=3, depth=2, length=4):
        ...     print(bound.kind, bound.name, bound.value)
        lower degrees 5
        upper moments 49
        upper monomials 210
    """
    cell = _checked(split, num_heads, **sizes)
    if causal and cell.depth > 1:
        return Bounds([])
    found = [*_upper(cell, feed_forward), *_lower(cell, feed_forward)]
    if cell.tokens:
        words = min(multichoose(cell.inputs, cell.other), cell.inputs * multichoose(cell.inputs, cell.reading - 1))
        found.append(Bound("multisets", "upper", words, PROVED + "attention over tokens", "rank"))
    return Bounds.in_order(found)


def _checked(split: Any, num_heads: int, **sizes: Unpack[Sizes]) -> _Cell:
    inputs, width, depth, length, cut, tokens = check_sizes(**sizes)
    heads = check_whole("num_heads", num_heads, 1)
    if width % heads:
        raise ValueError(f"num_heads must divide the width, got {heads} for {width}")
    positions = check_split(split, length)
    start = cut if positions is None else len(positions)
    at_start = positions is not None and length - 1 in positions
    reading, other = (start, length - start) if at_start else (length - start, start)
    return _Cell(inputs, width, depth, heads, reading, other, tokens)


def _upper(cell: _Cell, feed_forward: bool) -> Iterator[Bound]:
    """Upper bounds, exact statements included."""
    if cell.depth == 1 and not feed_forward:
        kind: Kind = "upper" if cell.tokens else "exact"
        yield Bound("one layer", kind, cell.channels + 1, PROVED + "one layer of attention", "rank")
        return
    section = "attention with products" if feed_forward else "layers of attention"
    counted = {"moments": _products(cell)} if feed_forward else {"moments": _gram(cell), "monomials": _monomials(cell)}
    for name, value in counted.items():
        if value is not None:
            yield Bound(name, "upper", value, PROVED + section, "rank")


def _lower(cell: _Cell, feed_forward: bool) -> Iterator[Bound]:
    """Lower bounds: one function for each degree in the inputs of the other side that occurs."""
    if cell.tokens:
        yield Bound("not zero", "lower", 1, PROVED + "attention over tokens", "rank")
    elif cell.depth <= _MOST_DEPTH and (feed_forward or cell.depth > 1):
        degrees = [2 * 6 ** (cell.depth - 1 - layer) for layer in range(cell.depth)]
        highest = sum(2**layer * degree for layer, degree in enumerate(degrees)) if feed_forward else _degree(cell)
        yield Bound("degrees", "lower", highest + 1, PROVED + "layers of attention", "rank")


def _degree(cell: _Cell) -> int:
    """p, the degree of the output in the Gram sum."""
    return int(3**cell.depth - 1) // 2


def _monomials(cell: _Cell) -> int | None:
    """((D + 1; p)): all polynomials of degree p at most in the Gram sum of the other side."""
    if cell.depth > 40:
        return None
    degree = _degree(cell)
    return multichoose(cell.moments + 1, degree) if count_digits(cell.moments + 1, degree) <= MOST_DIGITS else None


def _gram(cell: _Cell) -> int | None:
    """The sum over all degrees k in the other side's Gram sum of the lesser dimension of the two sides."""
    if cell.depth > _MOST_DEPTH:
        return None
    degree = _degree(cell)
    unseen = (degree - 1) // 3
    total = 0
    for k in range(degree + 1):
        total += min([_staircase(cell, k, degree - k, unseen), *_of_few_vectors(cell, k, degree - k)])
    return total


def _staircase(cell: _Cell, k: int, rest: int, unseen: int) -> int:
    """The rank of monomials of degrees k and rest on the two sides, with at most `unseen` unseen variables in both."""
    hidden = cell.moments - cell.seen
    if not hidden:
        return min(multichoose(cell.moments, k), cell.channels * multichoose(cell.moments, rest))
    other, reading = (
        [0, *accumulate(multichoose(cell.seen, n - j) * multichoose(hidden, j) for j in range(unseen + 1))]
        for n in (k, rest)
    )
    return min(other[c] + cell.channels * reading[unseen + 1 - c] for c in range(unseen + 2))


def _of_few_vectors(cell: _Cell, k: int, rest: int) -> Iterator[int]:
    """Fewer vectors than entries have Gram sums of lower rank, with fewer independent polynomials."""
    if cell.other < cell.channels and is_quick(cell.channels, cell.other, k):
        yield count_gram(cell.channels, cell.other, k)
    if cell.reading < cell.channels and is_quick(cell.channels, cell.reading, rest):
        yield count_read(cell.channels, cell.reading, rest)


def _products(cell: _Cell) -> int | None:
    """The same with one moment per layer, of degree 2, 4, 8, ... in the inputs."""
    layers = range(cell.depth)
    degrees = [2 * 6 ** (cell.depth - 1 - layer) for layer in layers]
    if cell.depth > 12 or math.prod(degree + 1 for degree in degrees) > _MOST_DEGREES:
        return None
    variables = [cell.seen, *(multichoose(cell.channels, 2 ** (layer + 1)) for layer in layers[1:])]
    read = multichoose(cell.channels, 2**cell.depth)
    by_degree: dict[int, int] = {}
    for degree in product(*(range(most + 1) for most in degrees)):
        of = list(zip(variables, degree, degrees, strict=True))
        other = math.prod(multichoose(n, k) for n, k, _ in of)
        reading = read * math.prod(multichoose(n, most - k) for n, k, most in of)
        numbers = sum(2 ** (layer + 1) * k for layer, k in enumerate(degree))
        by_degree[numbers] = by_degree.get(numbers, 0) + min(other, reading)
    top = max(by_degree) + 2**cell.depth
    return sum(_limited(cell, count, numbers, top) for numbers, count in by_degree.items())


def _limited(cell: _Cell, count: int, degree: int, top: int) -> int:
    """Capped by the number of polynomials of these degrees in the inputs of either side."""
    sides = ((cell.other, degree), (cell.reading, top - degree))
    found = (multichoose(vectors * cell.channels, of) for vectors, of in sides)
    return least(count, *found) or 0
