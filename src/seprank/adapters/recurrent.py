"""Modules with the calling convention of torch.nn.RNN: output, state = module(input, state)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

State = list[Any]
"""Leaves of a module's state, tensors with the batch as *last* axis."""


class ConventionError(ValueError):
    """A module does not follow the calling convention; the text says where it departs."""


class Recurrent:
    """A module with the convention of `nn.RNN`, its state's batch axes found by running it.

    States are held with the batch as last axis and pairs as columns, [unit, pair]: with a handful of units and
    thousands of pairs that is the fast layout. The module sees the axes in its own order.

    Args:
        call: the module, or a function with its signature: `call(input, state) -> (output, state)`.
        example: three short sequences (3, 2, features), or (3, 2) of token ids, to try the module on.
        batch_first: whether the module takes (batch, time, features) or (time, batch, features).

    Raises:
        ConventionError: the module fails on the example, does not return a pair, has a state whose batch axis
            cannot be found, or a state that changes its shape with time.
    """

    def __init__(self, call: Callable[..., Any], example: Tensor, *, batch_first: bool = True) -> None:
        self._call = call
        self._batch_first = batch_first
        self.columns = True
        self._spec: TreeSpec | None = None
        self._axes: list[int | None] = []
        self._explore(example)

    def _explore(self, example: Tensor) -> None:
        try:
            self._try_out(example)
        except (RuntimeError, ConventionError) as error:
            if "view size" not in str(error):
                raise
            self.columns = False  # .view() in the module wants memory in the plain order
            self._try_out(example)

    def _try_out(self, example: Tensor) -> None:
        first, second = self.pieces(example[:, :1]), self.pieces(example[:, 1:])
        self._learn_axes(self.pieces(example))
        output, state = self(first, None)
        _, later = self(second, state)
        shapes = [[tuple(leaf.shape) for leaf in s if isinstance(leaf, Tensor)] for s in (state, later)]
        if shapes[0] != shapes[1]:
            raise ConventionError(
                f"the state must keep its shape from step to step, got {shapes[0]} after one step and {shapes[1]} "
                "after two (batch axis last); a growing memory has no finite state to cut at"
            )
        self.channels = output.shape[0]
        """Output channels after the last step"""
        self.state_size = sum(leaf[..., 0].numel() for leaf in self._batched(state))
        """Numbers in the state of one sequence"""

    def _learn_axes(self, first: Tensor) -> None:
        """Which axis of each state tensor is the batch: the one that differs between batches of 2 and 3."""
        two, three = (self._run(first[:k], None)[1] for k in (2, 3))
        leaves, self._spec = tree_flatten(two)
        others, spec = tree_flatten(three)
        if spec != self._spec:
            raise ConventionError(f"the state must have one structure, got {self._spec} and {spec} for two batch sizes")
        self._axes = [_batch_axis(a, b) for a, b in zip(leaves, others, strict=True)]

    def pieces(self, sequences: Tensor) -> Tensor:
        """Sequences (batch, time, ...) in the layout in which the module is run."""
        if not self.columns or sequences.ndim == 2:
            return sequences.contiguous()
        return sequences.permute(2, 1, 0).contiguous().permute(2, 1, 0)

    def __call__(self, pieces: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Run on sequences (batch, time, ...) from a state.

        Returns:
            The last output (channels, batch), and the state after it.
        """
        output, structure = self._run(pieces, self._unpack(state))
        leaves, spec = tree_flatten(structure)
        if spec != self._spec:
            raise ConventionError(f"the state must have one structure, got {self._spec} and then {spec}")
        packed = [
            leaf if axis is None else leaf.movedim(axis, -1) for leaf, axis in zip(leaves, self._axes, strict=True)
        ]
        return self._last(output, pieces).movedim(0, -1), packed

    def _run(self, pieces: Tensor, state: Any) -> tuple[Tensor, Any]:
        result = self._call(pieces if self._batch_first else pieces.transpose(0, 1), state)
        if not isinstance(result, tuple | list) or len(result) != 2 or not isinstance(result[0], Tensor):
            raise ConventionError(
                f"the module must return (output, state) as torch.nn.RNN does, got {_describe(result)}; "
                "wrap it in a module that does"
            )
        return result[0], result[1]

    def _last(self, output: Tensor, pieces: Tensor) -> Tensor:
        """(batch, channels) after the last step."""
        batch, steps = pieces.shape[:2]
        if output.ndim == 2 and output.shape[0] == batch:
            return output
        expected = (batch, steps) if self._batch_first else (steps, batch)
        if output.ndim != 3 or tuple(output.shape[:2]) != expected:
            raise ConventionError(
                f"the output must be {(*expected, 'channels')} or, after the last step only, "
                f"{(batch, 'channels')}, got {tuple(output.shape)}"
            )
        return output[:, -1] if self._batch_first else output[-1]

    def _unpack(self, state: State | None) -> Any:
        if state is None:
            return None
        assert self._spec is not None
        leaves = [
            leaf if axis is None else self._inward(leaf, axis) for leaf, axis in zip(state, self._axes, strict=True)
        ]
        return tree_unflatten(leaves, self._spec)

    def _inward(self, leaf: Tensor, axis: int) -> Tensor:
        moved = leaf.movedim(-1, axis)
        return moved if self.columns else moved.contiguous()

    def spread(self, state: State, first: int, last: int, copies: int) -> State:
        """The states of sequences first..last-1, each repeated `copies` times in a row."""
        return [
            leaf
            if axis is None
            else leaf[..., first:last, None].expand(*leaf.shape[:-1], last - first, copies).flatten(-2)
            for leaf, axis in zip(state, self._axes, strict=True)
        ]

    def join(self, states: list[State]) -> State:
        """The states of several batches, one after the other."""
        leaves = zip(*states, strict=True)
        return [
            batches[0] if axis is None else torch.cat(batches, -1)
            for batches, axis in zip(leaves, self._axes, strict=True)
        ]

    def _batched(self, state: State) -> list[Tensor]:
        return [leaf for leaf, axis in zip(state, self._axes, strict=True) if axis is not None]


def _batch_axis(two: Any, three: Any) -> int | None:
    """The axis in which a state tensor of a batch of two differs from that of a batch of three."""
    if not isinstance(two, Tensor):
        return None
    axes = [axis for axis, (a, b) in enumerate(zip(two.shape, three.shape, strict=False)) if a != b]
    if len(axes) > 1 or two.ndim != three.ndim or (axes and (two.shape[axes[0]], three.shape[axes[0]]) != (2, 3)):
        raise ConventionError(
            f"each tensor of the state must have one batch axis, got shapes {tuple(two.shape)} and "
            f"{tuple(three.shape)} for batches of 2 and 3"
        )
    return axes[0] if axes else None


def _describe(result: Any) -> str:
    if isinstance(result, tuple | list):
        return f"{len(result)} values" if len(result) != 2 else f"a pair that starts with {type(result[0]).__name__}"
    return type(result).__name__
