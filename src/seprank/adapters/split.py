"""Functions of whole sequences whose start is any set of positions, and how `certify` reads a module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .recurrent import Recurrent
from .whole import Whole


@dataclass(frozen=True)
class Cut:
    """Which positions of a sequence are its start."""

    length: int
    """T"""
    cut: int
    """Positions in the start"""
    split: tuple[int, ...] | None = None
    """Which these are, ascending; None for the first"""

    @property
    def starts(self) -> tuple[int, ...]:
        """Positions of the start."""
        return self.split or tuple(range(self.cut))

    @property
    def ends(self) -> tuple[int, ...]:
        """Positions of the end.

        Example:
            >>> Cut(6, 3, (0, 2, 4)).ends
            (1, 3, 5)
        """
        return tuple(sorted({*range(self.length)} - {*self.starts}))


class Split(Whole):
    """A function of the whole sequence, or one that returns (output, state); its start is a set of positions.

    Example:
        >>> model = Split(lambda x: x, torch.zeros(3, 4, 1), Cut(4, 2, (0, 2)))
        >>> start, end = torch.tensor([[[1.0], [2.0]]]), torch.tensor([[[3.0], [4.0]]])
        >>> model.joined(start, end).flatten().tolist()
        [1.0, 3.0, 2.0, 4.0]
    """

    def __init__(self, function: Callable[..., Any], example: Tensor, where: Cut, *, batch_first: bool = True) -> None:
        places = torch.tensor([*where.starts, *where.ends])
        self._order = places.argsort()
        super().__init__(lambda x: _output(function(x)), example, batch_first=batch_first, length=where.length)

    def joined(self, start: Tensor, end: Tensor) -> Tensor:
        """Whole sequences of starts and ends, each number at its position."""
        return torch.cat([start, end], 1).index_select(1, self._order.to(start.device))


Certifiable = Recurrent | Whole
"""The adapters of modules whose rank is certified"""


def read_as(call: Callable[..., Any], example: Tensor, where: Cut, *, batch_first: bool) -> Certifiable:
    """`Split` if the start is a set of positions, `Whole` if the module returns a tensor, else `Recurrent`.

    Args:
        call: the module, called with sequences and a state.
        example: at least three sequences of the length that `where` has.
        where: the positions of the start.
        batch_first: the module's order of axes.
    """

    def function(sequences: Tensor) -> Any:
        return call(sequences, None)

    if where.split is not None:
        return Split(function, example, where, batch_first=batch_first)
    with torch.no_grad():
        result = function(example if batch_first else example.transpose(0, 1))
    if isinstance(result, Tensor):
        return Whole(function, example, batch_first=batch_first, length=where.length)
    return Recurrent(call, example[:, :2], batch_first=batch_first)


def joined(model: Certifiable, start: Tensor, end: Tensor) -> Tensor:
    """Whole sequences of starts and ends."""
    return model.joined(start, end) if isinstance(model, Whole) else torch.cat([start, end], 1)


def _output(result: Any) -> Any:
    return result[0] if isinstance(result, tuple | list) and len(result) == 2 else result
