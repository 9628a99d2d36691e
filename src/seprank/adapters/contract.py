"""What every adapter offers: the one interface through which Start-End matrices are evaluated."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from torch import Tensor

State = list[Any]
"""What an adapter keeps of the sequences it has read; only the adapter itself looks inside."""


class ConventionError(ValueError):
    """A module does not follow the calling convention; the text says where it departs."""


@runtime_checkable
class SequenceModel(Protocol):
    """A sequence model that can be stopped after a start and continued with an end.

    Its law: for all starts s and ends e of a batch,

        model(pieces(s followed by e), None)  =  model(pieces(e), state),  state = model(pieces(s), None)[1],

    outputs up to `floor` times the largest of them.
    """

    channels: int
    """Output channels after the last step"""
    state_size: int
    """Numbers in the state of one sequence after one step"""
    width: int
    """Numbers per sequence in the widest tensor of one step, an estimate by which blocks are sized"""
    splits: bool
    """False where nothing is kept but the start itself, so that every pair costs a whole sequence"""
    floor: float
    """Relative size of the rounding in outputs as `adapt` measured it; 0.0 where arithmetic is exact or unmeasured"""

    def state_numbers(self, steps: int) -> int:
        """Numbers in the state of one sequence after so many steps; constant unless the model keeps a cache."""
        ...

    def pieces(self, sequences: Tensor) -> Tensor:
        """Sequences (batch, time, features), or token ids (batch, time), as `__call__` wants them."""
        ...

    def __call__(self, pieces: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Run on a piece of each sequence, from the beginning (None) or from a state.

        Returns:
            The last output (channels, batch), and the state after it. The state given is left as it was.
        """
        ...

    def spread(self, state: State, first: int, last: int, copies: int) -> State:
        """The states of sequences first..last-1, each repeated `copies` times in a row."""
        ...

    def join(self, states: list[State]) -> State:
        """The states of several batches, one after the other."""
        ...
