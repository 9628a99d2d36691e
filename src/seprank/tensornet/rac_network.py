"""A deep circuit as a tensor network with its repeated states and inputs as copies, and its contraction."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..system.memory import MemoryBudgetError, check_need, default_budget, show_size
from ..theory import readable
from .libraries import load_quimb
from .rac_sizes import Sizes, sizes_of
from .rac_weights import Array, Weights, copy_tensor, floats, weights_of, whole_numbers
from .unrolling import Node, Unrolling, unroll

if TYPE_CHECKING:
    from ..models.rac import RAC

MOST_TENSORS = 20_000
"""Of a network: as many take cotengra about half a minute to find a path through"""
_TENSORS_ALIVE = 3
"""Two that are contracted and what comes out"""
_BYTES = {False: 8, True: 8 + 36}
"""Of a number: float64, or a pointer and a Python integer"""


@dataclass(frozen=True, repr=False)
class RACNetwork:
    """The tensor network of a RAC, with an open leg for every copy of every input."""

    unrolling: Unrolling
    """The tensors and how they are connected"""
    tensors: Any
    """The `quimb.tensor.TensorNetwork`. Tags of a tensor: its kind (`delta`, `hidden`, `input`, `initial`, `readout`),
    `layer1`, `time3`, `copy2`, `start` or `end`, and a name of its own. Legs are called `from-token-...`"""
    exact: bool = False
    """Python integers instead of float64"""
    memory: int | None = None
    """Bytes that a contraction may take; half of what is free if None"""
    _trees: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def sizes(self) -> Sizes:
        return self.unrolling.sizes

    def contract(self, inputs: Any) -> Any:
        """The read-out of the last output for one sequence.

        Args:
            inputs: (length, inputs), one vector per time step; every copy of a leg gets its own.

        Returns:
            A float, or a Python integer if the network is exact.

        Raises:
            ValueError: the shape does not fit, or the network is exact and a number is not whole.
            MemoryBudgetError: an intermediate tensor would be too large.

        Example:
            >>> import numpy as np
            >>> from seprank.models.rac import RAC
            >>> net = network(RAC(2, 2, num_layers=3), length=4)
            >>> net.contract(np.eye(2)[[0, 1, 1, 0]]) in (-2.0, 0.0, 2.0)  # two states, each 1 or -1, added up
            True
        """
        array = (whole_numbers if self.exact else floats)("inputs", inputs)
        wanted = (self.sizes.length, self.sizes.inputs)
        if array.shape != wanted:
            raise ValueError(f"inputs must have shape (length, inputs) = {wanted}, got {array.shape}")
        legs = [node for node in self.unrolling.nodes if node.kind == "token"]
        quimb = load_quimb()
        vectors = [quimb.Tensor(array[node.time - 1], inds=(f"from-{node.name}",)) for node in legs]
        result = self._contracted("sequence", quimb.TensorNetwork([*self.tensors, *vectors]), ())
        return int(result) if self.exact else float(result)

    def grid(self) -> Array:
        """The read-outs of all token sequences at once: the grid tensor, of order T, tokens being one-hot inputs.

        The legs of all copies of an input are one index here, since copies of a one-hot vector are that vector.

        Returns:
            (M, ..., M), one axis per time step.

        Raises:
            MemoryBudgetError: an intermediate tensor, or this one, would be too large.
        """
        legs = {f"from-{node.name}": f"token{node.time}" for node in self.unrolling.nodes if node.kind == "token"}
        output = tuple(f"token{time}" for time in self.sizes.times)
        # What comes out is a tensor as well; cotengra cannot compare sizes that no float can hold.
        self._check_width(self.sizes.length * math.log2(self.sizes.inputs), "at least ")
        return np.asarray(self._contracted("grid", self.tensors.reindex(legs), output))

    def _contracted(self, what: str, tensors: Any, output: tuple[str, ...]) -> Any:
        """By cotengra's path, found once. Not by quimb's own `contract`, which multiplies by the float 1.0."""
        if what not in self._trees:
            tree = tensors.contraction_tree(optimize="greedy", output_inds=output)
            self._check_width(tree.contraction_width())
            self._trees[what] = tree
        return self._trees[what].contract([tensor.data for tensor in tensors])

    def _check_width(self, width: float, least: str = "") -> None:
        each = _TENSORS_ALIVE * _BYTES[self.exact]
        budget = default_budget() if self.memory is None else self.memory
        if width > math.log2(budget / each):
            raise MemoryBudgetError(
                f"the contraction width is {least}{width:.1f}: {_TENSORS_ALIVE} tensors of 2^{width:.1f} numbers of "
                f"{_BYTES[self.exact]} bytes are more than the {show_size(budget)} this may take; use a smaller "
                "length, depth, width or number of inputs, or more memory"
            )

    def __repr__(self) -> str:
        return f"RACNetwork({self.sizes}, {self.sizes.tensors} tensors)"


def network(
    rac: RAC,
    length: int,
    *,
    cut: int | None = None,
    readout: Any = None,
    exact: bool = False,
    memory: int | None = None,
) -> RACNetwork:
    """A RAC of any depth as a tensor network, with everything that is used twice as copies.

    A state of layer l at time t is a copy tensor that multiplies W_H times the state before by W_I times the state
    below. It is used once for each way from it to the last state, and occurs as often.

    Args:
        rac: the module.
        length: T.
        cut: c, which tensors are tagged `start` and which `end`; T // 2 by default.
        readout: (width,), what the last output is multiplied by; ones by default, which adds it up.
        exact: Python integers in object arrays; all parameters must then be whole numbers.
        memory: bytes that a contraction may take; half of what is free by default.

    Raises:
        ImportError: quimb or cotengra is not installed.
        MemoryBudgetError: the network has too many tensors, or too large ones.
        TypeError, ValueError: the module is no RAC, or an argument is invalid.

    Source: Levine, Sharir, Ziv, Shashua 2017 (arXiv:1710.09431), the tensor network of a deep network.

    Example:
        >>> from seprank.models.rac import RAC
        >>> net = network(RAC(4, 3, num_layers=2), length=6)
        >>> len(net.tensors.select(["delta", "layer1", "time3"], "all").tensors)  # copies of one state
        4
    """
    sizes = sizes_of(rac, length, cut)
    check_number(sizes)
    budget = default_budget() if memory is None else memory
    what, remedy = f"a copy tensor of width {sizes.width} takes", "use a smaller width, or more memory"
    check_need(sizes.width**3 * _BYTES[exact], budget, what, remedy)
    weights = weights_of(rac, readout, exact=exact)
    copies = copy_tensor(sizes.width, exact=exact)
    unrolling = unroll(sizes)
    return RACNetwork(unrolling, wired(unrolling, lambda node: _array(node, weights, copies)), exact, memory)


def check_number(sizes: Sizes) -> None:
    """Refuse a network of more than `MOST_TENSORS` tensors before one is made."""
    # Of sizes that are both large the number itself takes long to compute.
    if min(sizes.length, sizes.depth) > MOST_TENSORS.bit_length():
        raise MemoryBudgetError(f"the network of {sizes} has too many tensors; use a smaller length or depth")
    if sizes.tensors > MOST_TENSORS:
        raise MemoryBudgetError(
            f"the network of {sizes} has {readable(sizes.tensors)} tensors, more than {MOST_TENSORS:,}; "
            "use a smaller length or depth"
        )


def wired(unrolling: Unrolling, array_of: Callable[[Node], Array]) -> Any:
    """A quimb network of these tensors, with tags."""
    quimb = load_quimb()
    indices: dict[Node, list[str]] = {node: [] for node in unrolling.nodes}
    for bond in unrolling.bonds:
        source, target = bond.ends
        indices[source].insert(0, bond.name)  # a matrix has its output first
        indices[target].append(bond.name)
    tensors = []
    for node in unrolling.tensors:
        places = [f"layer{node.layer}", f"time{node.time}", f"copy{unrolling.copy_number(node)}"]
        tags = [node.kind, *places, unrolling.side(node), node.name]
        tensors.append(quimb.Tensor(array_of(node), inds=indices[node], tags=tags))
    return quimb.TensorNetwork(tensors)


def _array(node: Node, weights: Weights, copies: Array) -> Array:
    layer = node.layer - 1
    return {
        "delta": copies,
        "hidden": weights.hidden[layer],
        "input": weights.incoming[layer],
        "initial": weights.initial[layer],
        "readout": weights.readout,
    }[node.kind]
