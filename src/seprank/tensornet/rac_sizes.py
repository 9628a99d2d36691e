"""Sizes of a Recurrent Arithmetic Circuit and of its sequences, checked, and how many copies they take."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from ..question import check_cut, check_network
from ..theory import multichoose

if TYPE_CHECKING:
    from ..models.rac import RAC


@dataclass(frozen=True)
class Sizes:
    """M inputs, R units wide, L layers deep, T steps long, of which c are the start.

    Example:
        >>> sizes = Sizes(inputs=4, width=3, depth=2, length=6, cut=3)
        >>> sizes.copies(3, 1), sizes.crossing(1), sizes.states
        (4, 3, 27)
    """

    inputs: int
    width: int
    depth: int
    length: int
    cut: int

    @property
    def end(self) -> int:
        """b = T - c."""
        return self.length - self.cut

    @property
    def layers(self) -> range:
        return range(1, self.depth + 1)

    @property
    def times(self) -> range:
        return range(1, self.length + 1)

    def copies(self, time: int, layer: int) -> int:
        """How often the state of a layer at a time occurs: the ways up or right from it to the last state."""
        return multichoose(self.length - time + 1, self.depth - layer)

    def crossing(self, layer: int) -> int:
        """Copies of the last start state of a layer that the end uses, ((b; L - l)); the others stay in the start."""
        return multichoose(self.end, self.depth - layer)

    @property
    def states(self) -> int:
        """States of all layers and times, copies counted: C(T + L, L) - 1."""
        return multichoose(self.length + 1, self.depth) - 1

    @property
    def rows(self) -> int:
        """Chains of states, as `unroll` makes them: one of the top layer, one below every state above the first."""
        return multichoose(self.length + 1, self.depth - 1)

    @property
    def tensors(self) -> int:
        """Of the network: three for a state, an initial state for each chain, and the read-out."""
        return 3 * self.states + self.rows + 1

    def __str__(self) -> str:
        return ", ".join(f"{field.name} {getattr(self, field.name)}" for field in fields(self))


def check_sizes(*, inputs: int, width: int, depth: int, length: int, cut: int | None) -> Sizes:
    """The sizes, checked, with the cut in the middle by default."""
    inputs, width, depth = check_network(inputs=inputs, width=width, depth=depth)
    length, cut = check_cut(length, cut)
    return Sizes(inputs, width, depth, length, cut)


def sizes_of(rac: RAC, length: int, cut: int | None) -> Sizes:
    """The sizes of a module that passes `check_rac`."""
    check_rac(rac)
    return check_sizes(inputs=rac.input_size, width=rac.hidden_size, depth=rac.num_layers, length=length, cut=cut)


def check_rac(rac: Any) -> None:
    """Refuse what is not a circuit of sums and products: another class, or a `RAC` that normalises its states."""
    from ..models.rac import RAC

    if not isinstance(rac, RAC):
        raise TypeError(f"a tensor network is made of a seprank.RAC, got {type(rac).__name__}; build one of its sizes")
    if rac.normalize:
        raise ValueError("a RAC with normalize=True divides, and is not a tensor network; build it without normalize")
