"""Modules with the calling convention of torch.nn.RNN: output, state = module(input, state)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from .batches import batch_axis, join_leaves, spread_leaves
from .contract import ConventionError, SequenceModel, State, as_columns, copied, in_rows, require_dense
from .explained import wants_another_order
from .results import describe
from .structure import Structure, flatten, is_constant, unflatten

Layout = Literal["columns", "batch", "time"]
"""Order in memory: [unit, pair]; (batch, time, features); or (time, batch, features)."""


class Recurrent(SequenceModel):
    """A module with the calling convention of `nn.RNN`; the batch axes of its state are found by running it.

    In layout "columns" the batch is the last axis of a state, [unit, pair]: with a handful of units and thousands of
    pairs this is fastest for modules made of products. The kernels of `nn.RNN`, `nn.GRU` and `nn.LSTM` prefer the plain
    order: "time" is 3-10 % faster there than "batch", and up to 20 % faster than "columns". The module sees its axes in
    its own order whatever the layout.

    Args:
        call: the module, or a function with its signature: `call(input, state) -> (output, state)`.
        example: three short sequences (3, 2, features), or (3, 2) of token ids, to try the module on.
        batch_first: whether the module takes (batch, time, features) or (time, batch, features).
        layout: by default "columns", or the module's own order if it calls .view() on its tensors.
        width: numbers per sequence in the widest tensor of a step; by default the wider of output and state.
        plain: the slower function that `call` stands in for.

    Raises:
        ConventionError: the module fails on the example, does not return a pair, has a state whose batch axis
            cannot be found, or a state that changes its shape with time.

    Example:
        >>> model = Recurrent(torch.nn.GRU(3, 5, batch_first=True), torch.zeros(3, 2, 3))
        >>> model.channels, model.state_size
        (5, 5)
    """

    splits = True

    def __init__(
        self,
        call: Callable[..., Any],
        example: Tensor,
        *,
        batch_first: bool = True,
        layout: Layout | None = None,
        width: int | None = None,
        plain: Recurrent | None = None,
    ) -> None:
        self._call, self._plain = call, plain
        self._batch_first = batch_first
        self.layout: Layout = layout or "columns"
        self._spec: Structure | None = None
        self._axes: list[int | None] = []
        self._reuses = False
        """Whether states of several calls are in the same memory"""
        self._last_only = False
        self._explore(example, settled=layout is not None)
        self.width = width or max(self.channels, self.state_size)

    def _explore(self, example: Tensor, *, settled: bool) -> None:
        try:
            self._try_out(example)
        except RuntimeError as error:
            if settled or not wants_another_order(error):
                raise
            self.layout = "batch" if self._batch_first else "time"  # .view() in the module needs its own order
            self._try_out(example)

    def _try_out(self, example: Tensor) -> None:
        first, second = self.pieces(example[:, :1]), self.pieces(example[:, 1:2])
        self._last_only = self._is_last_only(example)
        self._learn_axes(self.pieces(example))
        output, state = self(first, None)
        _, later = self(second, state)
        shapes = [[tuple(leaf.shape) for leaf in s if isinstance(leaf, Tensor)] for s in (state, later)]
        if shapes[0] != shapes[1]:
            raise ConventionError(
                f"the state must keep its shape from step to step, got {shapes[0]} after one step and {shapes[1]} "
                "after two; a growing memory has no finite state to cut at"
            )
        self.channels = output.shape[0]
        """Output channels after the last step"""
        batched = [(leaf, axis) for leaf, axis in zip(state, self.axes, strict=True) if axis is not None]
        self.state_size = sum(leaf.select(axis, 0).numel() for leaf, axis in batched)
        """Numbers in the state of one sequence"""

    @torch.no_grad()
    def _is_last_only(self, example: Tensor) -> bool:
        """Whether the output is that of the last step alone: its shape is that of one step, however many there are."""
        if example.ndim < 4:
            return False
        one, two = (self._run(self.pieces(example[:, :steps]), None)[0] for steps in (1, 2))
        return one.ndim == example.ndim - 1 and one.shape == two.shape

    def _learn_axes(self, first: Tensor) -> None:
        """Which axis of each state tensor is the batch: the one that differs between batches of 2 and 3."""
        with torch.no_grad():
            two, three = (self._run(first[:k], None)[1] for k in (2, 3))
        leaves, self._spec = flatten(two)
        others, spec = flatten(three)
        if spec != self._spec:
            raise ConventionError(f"the state must have one structure, got {self._spec} and {spec} for two batch sizes")
        for leaf in leaves:
            if not isinstance(leaf, Tensor) and not is_constant(leaf):
                raise ConventionError(
                    f"the state must be made of tensors and numbers, got {type(leaf).__name__}; wrap the module in one "
                    "that takes it apart and puts it together"
                )
        self._axes = [batch_axis(a, b) for a, b in zip(leaves, others, strict=True)]
        both = [pair for pair in zip(leaves, others, strict=True) if isinstance(pair[0], Tensor)]
        self._reuses = any(torch._C._is_alias_of(a, b) for a, b in both)  # type: ignore[attr-defined]

    def plain(self) -> Recurrent:
        return self._plain or self

    def pieces(self, sequences: Tensor) -> Tensor:
        """Sequences (batch, time, ...) in the layout in which the module is run."""
        if self.layout == "time":
            return in_rows(sequences.transpose(0, 1)).transpose(0, 1)
        if self.layout == "batch" or sequences.ndim != 3:
            return in_rows(sequences)
        return in_rows(sequences.permute(2, 1, 0)).permute(2, 1, 0)

    @torch.no_grad()
    def __call__(self, pieces: Tensor, state: State | None) -> tuple[Tensor, State]:
        output, structure = self._run(pieces, self._unpack(None if state is None else copied(state)))
        leaves, spec = flatten(structure)
        leaves = copied(leaves) if self._reuses else leaves
        if spec != self._spec:
            raise ConventionError(f"the state must have one structure, got {self._spec} and then {spec}")
        packed = [
            leaf if axis is None or self.layout != "columns" else leaf.movedim(axis, -1)
            for leaf, axis in zip(leaves, self._axes, strict=True)
        ]
        return as_columns(self._last(output, pieces)), packed

    def _run(self, pieces: Tensor, state: Any) -> tuple[Tensor, Any]:
        result = self._call(pieces if self._batch_first else pieces.transpose(0, 1), state)
        if not isinstance(result, tuple | list) or len(result) != 2 or not isinstance(result[0], Tensor):
            raise ConventionError(
                f"the module must return (output, state) as torch.nn.RNN does, got {describe(result)}; "
                "wrap it in a module that does"
            )
        require_dense(result[0])
        return result[0], result[1]

    @torch.no_grad()
    def history(self, pieces: Tensor) -> Tensor | None:
        output = self._run(pieces, None)[0]
        if output.ndim < 3 or self._last_only:
            return None
        return output if self._batch_first else output.transpose(0, 1)

    def _last(self, output: Tensor, pieces: Tensor) -> Tensor:
        """(batch, channels) after the last step."""
        batch, steps = pieces.shape[:2]
        if (output.ndim == 2 or self._last_only) and output.shape[0] == batch:
            return output.flatten(1)
        expected = (batch, steps) if self._batch_first else (steps, batch)
        if output.ndim < 3 or tuple(output.shape[:2]) != expected:
            raise ConventionError(
                f"the output must be {(*expected, 'channels')} or, after the last step only, "
                f"{(batch, 'channels')}, got {tuple(output.shape)}; return (output, state) "
                "from it, and set module.batch_first = False if it takes (time, batch, features)"
            )
        return (output[:, -1] if self._batch_first else output[-1]).flatten(1)

    def _unpack(self, state: State | None) -> Any:
        if state is None:
            return None
        assert self._spec is not None
        leaves = [
            leaf if axis is None or self.layout != "columns" else leaf.movedim(-1, axis)
            for leaf, axis in zip(state, self._axes, strict=True)
        ]
        return unflatten(self._spec, leaves)

    def spread(self, state: State, first: int, last: int, copies: int) -> State:
        return spread_leaves(state, self.axes, range(first, last), copies)

    def join(self, states: list[State]) -> State:
        return join_leaves(states, self.axes)

    @property
    def axes(self) -> list[int | None]:
        """The batch axis of each leaf of a state of this adapter; None for a leaf that belongs to no sequence."""
        return [-1 if axis is not None and self.layout == "columns" else axis for axis in self._axes]
