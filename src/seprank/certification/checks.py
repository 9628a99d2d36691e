"""Checks that an entry of the Start-End matrix depends on its start and its end alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ..adapters import ConventionError, Whole
from ..adapters.split import Certifiable, joined
from ..field import read

_WHY = {
    "batch": "the output and state of a sequence must not depend on the other sequences of its batch",
    "repeat": "the same call must give the same values each time",
    "halves": "running the module in two halves must give what running it at once gives",
    "residues": "outputs must be computed from residues, whatever numbers stand for these",
}
_REMEDY = {
    "batch": "make sure that no sum, mean or reshape runs over the batch axis, and set module.batch_first = False if "
    "it takes (time, batch, ...)",
    "repeat": "keep nothing of a sequence on the module between calls, and draw nothing at random",
    "halves": "does it return its whole state, start from the state it is given, and look only backward in time?",
    "residues": "run every operation in torch and in the thread of forward: no NumPy, extension, other thread",
}


def refusal(check: str, found: str) -> ConventionError:
    """The error of a failed check: its name, what must hold, what was found, what to do."""
    return ConventionError(f"check {check!r}: {_WHY[check]}, and {found}; {_REMEDY[check]}")


@dataclass(frozen=True)
class Answer:
    """Outputs (channels, batch) and states of a batch, read out of the field."""

    output: npt.NDArray[Any]
    states: list[tuple[Any, bool]]
    """Leaves: with True if their last axis is the batch, with False if they belong to no sequence"""

    def only(self, number: int) -> Answer:
        """The answer for one sequence."""
        states = [(leaf[..., number : number + 1], True) if own else (leaf, False) for leaf, own in self.states]
        return Answer(self.output[:, number : number + 1], states)

    def equals(self, other: Answer) -> bool:
        mine, others = ([answer.output, *(leaf for leaf, _ in answer.states)] for answer in (self, other))
        return all(np.array_equal(a, b) for a, b in zip(mine, others, strict=True))


def answer(model: Certifiable, sequences: Tensor) -> Answer:
    """Run sequences from the beginning."""
    output, state = model(model.pieces(sequences), None)
    if isinstance(model, Whole):
        return Answer(read(output), [])  # its state is its input
    return Answer(read(output), [_read_leaf(leaf, axis) for leaf, axis in zip(state, model.axes, strict=True)])


def _read_leaf(leaf: Any, axis: int | None) -> tuple[Any, bool]:
    if not isinstance(leaf, Tensor):
        if not isinstance(leaf, int | float | str | None):
            raise ConventionError(
                f"the state must be tensors and numbers in tuples, lists and dictionaries, got {type(leaf).__name__}; "
                "wrap the module in one that takes the state apart and puts it together"
            )
        return leaf, False
    return read(leaf if axis is None else leaf.movedim(axis, -1)), axis is not None


def check_sequences(model: Certifiable, first: Tensor, second: Tensor) -> npt.NDArray[Any]:
    """Run the checks `batch`, `halves` and `repeat` on sequences given as starts and ends; returns their outputs."""
    sequences = joined(model, first, second)
    whole, count = answer(model, sequences), len(sequences)
    for number in {0, count - 1}:
        if not answer(model, sequences[number : number + 1]).equals(whole.only(number)):
            raise refusal("batch", f"sequence {number} of {count} gives other outputs alone than in the batch")
    order = [*reversed(range(count)), 0, 0, *range(count // 2)]  # other positions in the batch, and other sums over it
    mixed = answer(model, sequences[order])
    for place, number in enumerate(order):
        if not mixed.only(place).equals(whole.only(number)):
            raise refusal("batch", f"sequence {number} of {count} gives other outputs in another order of the batch")
    _, state = model(model.pieces(first), None)
    halves = read(model(model.pieces(second), state)[0])
    if not np.array_equal(halves, whole.output):
        raise refusal("halves", f"differs in {_count(halves, whole.output)} of {halves.size} outputs")
    if not answer(model, sequences).equals(whole):
        raise refusal("repeat", "a second run of the same sequences differs")
    return whole.output


def check_residues(found: npt.NDArray[Any], far: npt.NDArray[Any], prime: int) -> None:
    """Check `residues`: computing on other representatives gives the same outputs modulo the prime."""
    differ = (found.astype(np.int64) - far.astype(np.int64)) % prime != 0
    if differ.any():
        raise refusal(
            "residues", f"{int(differ.sum())} of {differ.size} differ when other representatives stand for them"
        )


def check_entries(values: npt.NDArray[Any], alone: Callable[[int, int], npt.NDArray[Any]]) -> None:
    """Check `batch` on three entries of a Start-End matrix (starts, ends, channels) as evaluated in blocks.

    `alone` runs one start followed by one end as a single whole sequence.
    """
    rows, ends = values.shape[:2]
    for row, end in {(0, ends - 1), (rows // 2, ends // 2), (rows - 1, 0)} if rows and ends else ():
        if not np.array_equal(alone(row, end), values[row, end], equal_nan=True):
            raise refusal("batch", f"start {row} with end {end} gives another output in a block of pairs than alone")


def _count(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> int:
    return int((a != b).sum()) if a.shape == b.shape else a.size
