"""nn.Sequential with recurrent members, whose states make up its state; the others act step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import Any

import torch
from torch import Tensor, nn

from .contract import ConventionError
from .rounding import difference, precision

Call = Callable[..., Any]


class NotRecurrent(ConventionError):
    """No member of an `nn.Sequential` is recurrent."""


class Chain:
    """An `nn.Sequential` as one function with the convention of `nn.RNN`.

    A recurrent member is one that returns a pair (output, state); the next member gets its output, or the pair if the
    `nn.Sequential` has members that unpack it. The members after the last recurrent one are run on the last step only,
    unless the example shows that this changes the output.

    Args:
        members: the members, or functions that stand in for them.
        example: sequences (batch, time, ...) or (time, batch, ...), as the members take them.
        unpack: whether members after a recurrent one get its output alone.
        batch_first: which of the two orders.

    Raises:
        NotRecurrent: no member is recurrent.

    Example:
        >>> members = [torch.nn.Embedding(5, 3), torch.nn.GRU(3, 4, batch_first=True), torch.nn.Linear(4, 2)]
        >>> output, states = Chain(members, torch.arange(5)[None], unpack=True, batch_first=True)(torch.arange(5)[None])
        >>> output.shape, len(states)
        (torch.Size([1, 2]), 1)
    """

    def __init__(self, members: Sequence[Call], example: Tensor, *, unpack: bool, batch_first: bool) -> None:
        self._members = list(members)
        self._unpack = unpack
        self._time = 1 if batch_first else 0
        self._recurrent: set[int] = set()
        self._last_step_only = False
        self._explore(example)

    @torch.no_grad()
    def _explore(self, example: Tensor) -> None:
        """Which members are recurrent, and whether the readout may be run on the last step alone."""
        value: Any = example
        for number, member in enumerate(self._members):
            value = member(value)
            if _is_pair(value):
                self._recurrent.add(number)
                value = value[0] if self._unpack else value
        if not self._recurrent:
            raise NotRecurrent("an nn.Sequential must have a member that returns (output, state), as nn.RNN does")
        if self._unpack and isinstance(value, Tensor) and value.ndim == 3:
            self._last_step_only = True
            last, whole = self(example, None)[0], value.select(self._time, -1)
            self._last_step_only = difference(last, whole) <= 100 * precision(whole)

    def __call__(self, sequences: Tensor, state: list[Any] | None = None) -> tuple[Tensor, list[Any]]:
        """Run the members in turn, recurrent ones from their states."""
        return self._run(sequences, state, last_only=self._last_step_only)

    def outputs(self, sequences: Tensor) -> Tensor:
        """Outputs at all steps, from the beginning."""
        output: Tensor = self._run(sequences, None, last_only=False)[0]
        return output

    def _run(self, sequences: Tensor, state: list[Any] | None, *, last_only: bool) -> tuple[Tensor, list[Any]]:
        before: Iterator[Any] = repeat(None) if state is None else iter(state)
        value: Any = sequences
        after = []
        for number, member in enumerate(self._members):
            if number not in self._recurrent:
                value = member(value)
                continue
            output, new = member(value, next(before))
            after.append(new)
            if last_only and number == max(self._recurrent):
                output = output.narrow(self._time, output.shape[self._time] - 1, 1)
            value = output if self._unpack else (output, new)
        if last_only:
            return value.select(self._time, -1), after
        return value[0] if isinstance(value, tuple) else value, after


def flatten(module: nn.Sequential) -> list[nn.Module]:
    """The members, those of nested `nn.Sequential` in their place."""
    return [m for member in module for m in (flatten(member) if isinstance(member, nn.Sequential) else [member])]


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2 and isinstance(value[0], Tensor)
