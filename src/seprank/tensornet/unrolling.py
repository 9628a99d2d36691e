"""A circuit unrolled over time, with a copy of everything that is used more than once.

A tensor network uses each tensor once, while a recurrent network uses a state twice: in the next step, and in the layer
above. Followed back from the last output, everything becomes a tree: a chain of the top layer's states, below each of
them a chain of the states under it, and so on down to the inputs. The chains are called rows: a row of layer l that
ends at time k is one copy of the states of that layer from 1 to k.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from .rac_sizes import Sizes


@dataclass(frozen=True)
class Node:
    """A tensor of the network, or the end of an open leg (kind `token`)."""

    kind: str
    """delta (element-wise product), hidden (W_H), input (W_I), initial (state), readout, or token"""
    layer: int
    time: int
    """0 for an initial state"""
    row: int
    """Number of the chain it belongs to, 0 for the top layer's"""

    @property
    def name(self) -> str:
        """Unique in its network; the identifier of its element in a picture."""
        return f"{self.kind}-l{self.layer}-t{self.time}-r{self.row}"


@dataclass(frozen=True)
class Bond:
    """An index that two tensors share, or a leg between a tensor and a token."""

    name: str
    dimension: int
    ends: tuple[Node, Node]
    """In the direction of the computation"""


@dataclass(frozen=True)
class Row:
    """A copy of the states of one layer from the first step to `last`."""

    number: int
    layer: int
    last: int
    below: tuple[Row, ...]
    """The rows that feed its states 1, 2, ...; none in layer 1, which reads inputs"""

    def all(self) -> Iterator[Row]:
        """It and every row under it, from top to bottom, short ones first: the order of their numbers."""
        yield self
        for row in self.below:
            yield from row.all()


@dataclass(frozen=True)
class Unrolling:
    """All tensors and bonds of the unrolled circuit, without numbers in them."""

    sizes: Sizes
    top: Row

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        return tuple(self.top.all())

    @cached_property
    def bonds(self) -> tuple[Bond, ...]:
        """Legs to the tokens included."""
        last = Node("delta", self.sizes.depth, self.sizes.length, 0)
        readout = self._bond(last, Node("readout", self.sizes.depth, self.sizes.length, 0))
        return (*(bond for row in self.rows for bond in self._row_bonds(row)), readout)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The tensors, then the tokens at the open legs."""
        found = dict.fromkeys(node for bond in self.bonds for node in bond.ends)
        return tuple(sorted(found, key=lambda node: node.kind == "token"))

    @cached_property
    def tensors(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.kind != "token")

    def side(self, node: Node) -> str:
        """The half of the sequence that it belongs to: start, or end."""
        return "end" if node.time > self.sizes.cut else "start"

    def copy_number(self, node: Node) -> int:
        """Which copy of the states or inputs at its time and layer it belongs to, counted from 1."""
        return self._copy_numbers[node.row, node.time]

    @cached_property
    def _copy_numbers(self) -> dict[tuple[int, int], int]:
        seen: dict[tuple[int, int], int] = {}
        numbers = {}
        for row in self.rows:
            for time in range(row.last + 1):
                seen[row.layer, time] = numbers[row.number, time] = seen.get((row.layer, time), 0) + 1
        return numbers

    def _row_bonds(self, row: Row) -> Iterator[Bond]:
        before = Node("initial", row.layer, 0, row.number)
        for time in range(1, row.last + 1):
            hidden, incoming, delta = (Node(k, row.layer, time, row.number) for k in ("hidden", "input", "delta"))
            if row.below:
                source = Node("delta", row.layer - 1, time, row.below[time - 1].number)
            else:
                source = Node("token", 0, time, row.number)
            yield self._bond(before, hidden)
            yield self._bond(hidden, delta)
            yield self._bond(source, incoming)
            yield self._bond(incoming, delta)
            before = delta

    def _bond(self, source: Node, target: Node) -> Bond:
        # Every tensor has one output, so a bond is known by the tensor it comes from.
        dimension = self.sizes.inputs if source.kind == "token" else self.sizes.width
        return Bond(f"from-{source.name}", dimension, (source, target))


def unroll(sizes: Sizes) -> Unrolling:
    """The tree of all copies.

    Example:
        >>> tree = unroll(Sizes(inputs=4, width=3, depth=2, length=3, cut=1))
        >>> [(row.layer, row.last) for row in tree.rows]
        [(2, 3), (1, 1), (1, 2), (1, 3)]
        >>> len(tree.tensors) == tree.sizes.tensors
        True
    """
    return Unrolling(sizes, _row(0, sizes.depth, sizes.length))


def _row(number: int, layer: int, last: int) -> Row:
    below: list[Row] = []
    following = number + 1
    for time in range(1, last + 1) if layer > 1 else ():
        below.append(_row(following, layer - 1, time))
        following += sum(1 for _ in below[-1].all())
    return Row(number, layer, last, tuple(below))
