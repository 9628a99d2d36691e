"""Batches: which axis of a state they are, how they are repeated and joined, and which ones a module is tried on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .contract import ConventionError


def batch_axis(two: Any, three: Any) -> int | None:
    """The axis in which a state tensor of a batch of two differs from that of a batch of three.

    Returns:
        None for what is not a tensor, or does not depend on the batch.

    Raises:
        ConventionError: more than one axis differs, or the sizes are not 2 and 3.

    Example:
        >>> batch_axis(torch.zeros(1, 2, 5), torch.zeros(1, 3, 5))
        1
    """
    if not isinstance(two, Tensor):
        return None
    axes = [axis for axis, (a, b) in enumerate(zip(two.shape, three.shape, strict=False)) if a != b]
    if len(axes) > 1 or two.ndim != three.ndim or (axes and (two.shape[axes[0]], three.shape[axes[0]]) != (2, 3)):
        raise ConventionError(
            f"each tensor of the state must have one batch axis, got shapes {tuple(two.shape)} and "
            f"{tuple(three.shape)} for batches of 2 and 3"
        )
    return axes[0] if axes else None


def repeat_rows(leaf: Tensor, axis: int, rows: range, copies: int) -> Tensor:
    """Some rows of an axis, each repeated `copies` times; in new memory, which a module may write into.

    Example:
        >>> repeat_rows(torch.arange(4), 0, range(1, 3), 2)
        tensor([1, 1, 2, 2])
    """
    axis %= leaf.ndim
    chosen = leaf.narrow(axis, rows.start, len(rows)).unsqueeze(axis + 1)
    repeated = chosen.expand(*leaf.shape[:axis], len(rows), copies, *leaf.shape[axis + 1 :]).flatten(axis, axis + 1)
    return repeated.clone() if 1 in (copies, len(rows)) else repeated  # else `flatten` has copied


def spread_leaves(leaves: Sequence[Any], axes: list[int | None], rows: range, copies: int) -> list[Any]:
    """Leaves of a state with some of its sequences, each repeated in a row; `axes` says where the batch is in each."""
    return [
        leaf if axis is None else repeat_rows(leaf, axis, rows, copies) for leaf, axis in zip(leaves, axes, strict=True)
    ]


def join_leaves(states: Sequence[Sequence[Any]], axes: list[int | None]) -> list[Any]:
    """Leaves of several states as those of one, the batches one after the other."""
    return [
        batches[0] if axis is None else torch.cat(batches, axis)
        for batches, axis in zip(zip(*states, strict=True), axes, strict=True)
    ]


@dataclass(frozen=True)
class Trial:
    """Start and end halves that a model is tried on.

    Their number is chosen such that the size of every batch differs from the numbers of steps and of features, so that
    no axis can be mistaken for another.
    """

    starts: Tensor
    """(count, steps, ...)"""
    ends: Tensor
    """(count, steps, ...)"""
    companions: int
    """Further sequences, added to a batch to see whether they change anything"""

    @staticmethod
    def short(example: Tensor) -> Trial:
        """From an example (batch, time, ...): two to eight steps on each side, the ends read backward from its end."""
        steps = torch.arange(min(max(2, example.shape[1] // 2), 8)) % example.shape[1]
        return Trial._of(example, steps, example.shape[1] - 1 - steps)

    @staticmethod
    def full(example: Tensor) -> Trial:
        """For functions that take only the length of the example, at least two steps."""
        steps = torch.arange(example.shape[1])
        middle = max(1, len(steps) // 2)
        return Trial._of(example, steps[:middle], steps[middle:])

    @staticmethod
    def _of(example: Tensor, first: Tensor, second: Tensor) -> Trial:
        sizes = {1, len(first), len(second), len(first) + len(second), *example.shape[2:]}
        count = next(n for n in _PRIMES if not sizes & {n, 2 * n})
        companions = next(n for n in _PRIMES if not sizes & {n, 2 * count + n})
        rows = torch.arange(count)
        halves = []
        for shift, steps in ((0, first), (1, second)):
            places = (steps + (rows // len(example))[:, None]) % example.shape[1]  # repeated sequences begin later
            halves.append(example[((rows + shift) % len(example))[:, None], places])
        return Trial(halves[0], halves[1], companions)

    def pairs(self) -> tuple[Tensor, Tensor]:
        """Every start followed by the first and by the second end, and these ends by themselves."""
        ends = self.ends[:2].repeat(len(self.starts), *[1] * (self.ends.ndim - 1))
        return torch.cat([self.starts.repeat_interleave(2, 0), ends], 1), ends

    def strangers(self) -> Tensor:
        """Sequences that are none of `pairs`: starts in another order, followed by other ends."""
        rows = torch.arange(self.companions) % len(self.starts)
        return torch.cat([self.starts.flip(0)[rows], self.ends.flip(0)[rows]], 1)


_PRIMES = (5, 7, 11, 13, 17, 19, 23, 29, 31)
