"""Functions of a whole sequence: the slow path, and the definition against which the others are checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .batches import repeat_rows
from .contract import ConventionError, SequenceModel, State, as_columns, in_rows, require_dense


class Whole(SequenceModel):
    """A function of the whole sequence; its state is the sequence so far.

    Every pair costs a whole sequence, where a model with a state takes an end: length / (length - cut) times as long.

    Args:
        function: from sequences (batch, time, features), or token ids (batch, time), to outputs
            (batch, channels), (batch, time, channels) of which the last step counts, or (batch,).
        example: a few short sequences to try it on.
        batch_first: False if the function takes and gives (time, batch, ...) instead.
        length: of the sequences, for a function that takes no others; `example` must have it.

    Raises:
        ConventionError: it returns something else.

    Example:
        >>> model = Whole(lambda x: x.cumsum(1), torch.ones(3, 2, 4))
        >>> model.channels, model.splits
        (4, False)
    """

    splits = False

    def __init__(
        self, function: Callable[..., Any], example: Tensor, *, batch_first: bool = True, length: int | None = None
    ) -> None:
        self._function = function
        self._batch_first = batch_first
        self._length = length
        self.channels = 0
        self.channels = self._count_channels(self.pieces(example))
        """Output channels after the last step"""
        self.state_size = example[0, 0].numel()
        """Features per step"""
        self.width = max(self.channels, self.state_size)

    @torch.no_grad()
    def _count_channels(self, example: Tensor) -> int:
        """Refuse outputs that may be one number per step or the channels of the last."""
        output = self._run(example)
        channels, steps = len(as_columns(self._last(output, example))), example.shape[1]
        either = output.ndim == max(2, example.ndim - 1) and output.shape[1] == steps > 1
        if either and (self._length is not None or self._run(torch.cat([example] * 2, 1)).shape[1] == 2 * steps):
            raise ConventionError(
                f"an output {tuple(output.shape)} for {len(example)} sequences of {steps} steps may be one number "
                f"per step or {steps} channels; return the last step alone, lambda x: module(x)[:, -1:], or "
                "channels as (batch, 1, channels), lambda x: module(x)[:, None]"
            )
        if tuple(output.shape[1:]) == (steps, steps) and self._time_is_last(example):
            raise ConventionError(
                f"an output {tuple(output.shape)} for {len(example)} sequences of {steps} steps has time last; return "
                "(batch, time, channels), lambda x: module(x).mT"
            )
        return channels

    def _time_is_last(self, example: Tensor) -> bool:
        """Whether one more step makes the last axis of the output longer; False if the function takes no more steps."""
        try:
            longer = self._run(torch.cat([example, example[:, -1:]], 1))
        except Exception:  # whatever it is: of this length the function ran
            return False
        return isinstance(longer, Tensor) and longer.shape[-1] == example.shape[1] + 1 > longer.shape[1]

    def _run(self, sequences: Tensor) -> Any:
        return self._function(sequences if self._batch_first else sequences.transpose(0, 1))

    def state_numbers(self, steps: int) -> int:
        return steps * self.state_size

    def pieces(self, sequences: Tensor) -> Tensor:
        return in_rows(sequences)

    @torch.no_grad()
    def __call__(self, pieces: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Run on whole sequences: those of the state, followed by the pieces.

        Returns:
            The last output (channels, batch), and the sequences so far.
        """
        sequences = pieces if state is None else self.joined(state[0], pieces)
        if self._length is not None and sequences.shape[1] < self._length:
            return pieces.new_zeros(self.channels, len(pieces)), [sequences]  # the output of a start is not used
        given = sequences.clone() if state is None else sequences  # which the function may write into
        columns = as_columns(self._last(self._run(given), sequences))
        if self.channels not in (0, len(columns)):
            raise ConventionError(
                f"a function of whole sequences must return as many channels for every length and batch, got "
                f"{self.channels} and then {len(columns)}; return the last step alone, lambda x: module(x)[:, -1]"
            )
        return columns, [sequences]

    def joined(self, start: Tensor, end: Tensor) -> Tensor:
        """Whole sequences of starts and ends."""
        return torch.cat([start, end], 1)

    @torch.no_grad()
    def history(self, pieces: Tensor) -> Tensor | None:
        output = self._run(pieces)
        if not isinstance(output, Tensor) or output.ndim < 3:
            return None
        output = output if self._batch_first else output.transpose(0, 1)
        return output if output.shape[:2] == pieces.shape[:2] else None

    def values(self, output: Tensor, state: State) -> list[Tensor]:
        return [output]  # the state is what the function was given

    def _last(self, output: Any, sequences: Tensor) -> Tensor:
        """(batch, channels) after the last step."""
        batch, steps = sequences.shape[:2]
        leading = (batch, steps) if self._batch_first else (steps, batch)
        if isinstance(output, Tensor):
            require_dense(output)
            shape = tuple(output.shape)
            if len(shape) >= 3 and shape[:2] == leading:
                return (output[:, -1] if self._batch_first else output[-1]).flatten(1)
            if (1 <= len(shape) <= max(2, sequences.ndim - 1) and shape[0] == batch) or (shape == () and batch == 1):
                return output.reshape(batch, -1)
            if len(shape) == 3 and shape[:2] == ((batch, 1) if self._batch_first else (1, batch)):
                return output[:, 0] if self._batch_first else output[0]
        shown = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ConventionError(
            f"a function of whole sequences must return {(*leading, 'channels')}, {(batch, 'channels')} or {(batch,)} "
            f"for this input, got {shown}; wrap it: lambda x: module(x)[0]"
        )

    def spread(self, state: State, first: int, last: int, copies: int) -> State:
        return [repeat_rows(state[0], 0, range(first, last), copies)]

    def join(self, states: list[State]) -> State:
        return [torch.cat([sequences for (sequences,) in states])]
