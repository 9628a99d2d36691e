"""What every adapter offers: the one interface through which Start-End matrices are evaluated."""

from __future__ import annotations

from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

State = list[Any]
"""What an adapter keeps of the sequences it has read; only the adapter itself knows what is inside."""

Values = npt.NDArray[np.float64]
"""Outputs of all pairs, (starts, ends, channels)"""

Check = Literal["batch", "repeat", "causal", "halves"]
"""What a model must pass before its outputs are used; docs/adapters.md explains each"""


class ConventionError(ValueError):
    """A module does not follow the calling convention; the message says in what."""


class Undetermined(ConventionError):
    """The module can be read in several ways that differ, or starts from a state that only its author knows."""


class AmbiguousOutput(Undetermined):
    """A function of whole sequences returns several things, any of which may be its output."""


class CallFailed(ConventionError):
    """The module raised an error on the sequences it was tried on."""


class CheckFailed(ConventionError):
    """The module runs, but its output is not a function of a single sequence that can be cut in two."""

    def __init__(self, check: Check, text: str) -> None:
        super().__init__(f"check '{check}' failed: {text}")
        self.check, self.text = check, text


@runtime_checkable
class SequenceModel(Protocol):
    """A sequence model that can be stopped after a start and continued with an end.

    Its law: for all starts s and ends e of a batch,

        model(pieces(s followed by e), None)  =  model(pieces(e), state),  state = model(pieces(s), None)[1],

    outputs up to rounding. `adapt` checks it.
    """

    channels: int
    """Output channels after the last step"""
    state_size: int
    """Numbers in the state of one sequence after one step"""
    width: int
    """Numbers per sequence in the widest tensor of one step, an estimate by which blocks are sized"""
    splits: bool
    """False if the state is the start itself, so that every pair costs a whole sequence"""

    def state_numbers(self, steps: int) -> int:
        """Numbers in the state of one sequence after this many steps; constant unless the model keeps a cache."""
        return self.state_size

    def pieces(self, sequences: Tensor) -> Tensor:
        """Sequences (batch, time, features), or token ids (batch, time), as `__call__` wants them, in new memory."""

    def __call__(self, pieces: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Run on a piece of each sequence, from the beginning (None) or from a state.

        Returns:
            The last output (channels, batch), and the state after it. The given state is not changed.
        """

    def spread(self, state: State, first: int, last: int, copies: int) -> State:
        """The states of sequences first..last-1, each repeated `copies` times in a row."""

    def join(self, states: list[State]) -> State:
        """The states of several batches, one after the other."""

    def plain(self) -> SequenceModel:
        """The same function computed the slow way, with which a faster one is compared."""
        return self

    def values(self, output: Tensor, state: State) -> list[Tensor]:
        """The numbers in which two runs are compared: the output first."""
        return [output, *(x for x in state if isinstance(x, Tensor) and is_inexact(x))]

    def history(self, pieces: Tensor) -> Tensor | None:
        """Outputs (batch, time, channels) at all steps; None if the model gives only the last one."""
        return None


def is_inexact(tensor: Tensor) -> bool:
    """Whether it holds floating-point numbers, real or complex."""
    return tensor.is_floating_point() or tensor.is_complex()


def require_dense(output: Tensor) -> None:
    """Refuse a tensor that is not dense.

    Raises:
        ConventionError: it is sparse, or nested.
    """
    if output.is_nested or output.layout != torch.strided:
        kind = "a nested" if output.is_nested else f"a {str(output.layout).removeprefix('torch.')}"
        raise ConventionError(
            f"outputs must be dense tensors, got {kind} tensor; return output.to_dense() of a sparse one, "
            "torch.stack(output.unbind()) of a nested one"
        )


def copied(leaves: list[Any]) -> list[Any]:
    """A state in new memory: a module may write into the one it is given, or return the same tensors at each call.

    Example:
        >>> state = [torch.zeros(2), 3]
        >>> copied(state)[0].add_(1).tolist(), state[0].tolist()
        ([1.0, 1.0], [0.0, 0.0])
    """
    return [leaf.clone() if isinstance(leaf, Tensor) else leaf for leaf in leaves]


def in_rows(tensor: Tensor) -> Tensor:
    """The same numbers in new memory, in the order of rows."""
    return tensor.clone(memory_format=torch.contiguous_format)


def as_columns(last: Tensor) -> Tensor:
    """(batch, channels) as (channels, batch); a complex channel becomes two, its real and its imaginary part.

    In new memory: a module may return the same tensor at each call, with other numbers in it.

    Raises:
        ConventionError: there are no channels.

    Example:
        >>> as_columns(torch.tensor([[1 + 2j]])).tolist()
        [[1.0], [2.0]]
    """
    if last.shape[-1] == 0:
        raise ConventionError(f"outputs must have channels, got {tuple(last.shape)} after the last step")
    return (torch.cat([last.real, last.imag], -1) if last.is_complex() else last.clone()).movedim(0, -1)
