"""The end half of a module as a straight-line program: recorded once, then run for all pairs.

A program is used only if two recordings of two sequences each show the same steps, and if it gives on some pairs what
the module itself gives. Where it is not, the module runs as it is, and `Recording.reason` says why.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ..adapters import ConventionError, Recurrent, State
from ..field import NotRecorded, PrimeField, Program, Stages, Symbolic, read

Registers = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]


def record(
    field: PrimeField, model: Recurrent, readout: Callable[[Tensor], Tensor], state: State, shape: tuple[int, ...]
) -> Program:
    """The columns of an end, as sums and products of the numbers in the state and in the end.

    Args:
        field: in which the model runs.
        model: its module may keep names from here on, so that it is of no use for anything else.
        readout: from the last output to the columns of an end.
        state: that two sequences left.
        shape: of an end, (steps, features).

    Raises:
        NotRecorded: the module cannot be recorded; the text says why.
    """
    try:
        first, *others = [program for _ in range(2) for program in _once(field, model, readout, state, shape)]
    except (ConventionError, ValueError) as error:
        raise NotRecorded(f"it fails while it is recorded: {error}") from error
    if not all(first.equals(other) for other in others):
        raise NotRecorded("it does not do the same in each call and for each sequence")
    return first


def _once(
    field: PrimeField, model: Recurrent, readout: Callable[[Tensor], Tensor], state: State, shape: tuple[int, ...]
) -> list[Program]:
    """One recording, as the programs of its two sequences."""
    with field.recording() as symbolic:
        ends = field.unknown(2, *shape)
        leaves, starts = _named(field, symbolic, model, state)
        output, _ = model(model.pieces(ends), leaves)
        outputs = symbolic.registers_of(readout(output))
        of_end = symbolic.registers_of(ends).reshape(2, -1).T
    return [
        Program.of(symbolic.steps, symbolic.registers, starts[:, own], of_end[:, own], outputs[:, own])
        for own in range(2)
    ]


def _named(field: PrimeField, symbolic: Symbolic, model: Recurrent, state: State) -> tuple[State, Registers]:
    """A state of which nothing is known, and its registers (numbers, 2)."""
    leaves, registers = [], [np.zeros((0, 2), dtype=np.int64)]
    for leaf, axis in zip(state, model.axes, strict=True):
        if axis is None:
            leaves.append(leaf)
            continue
        if not leaf.is_floating_point():
            raise NotRecorded("its state has whole numbers for each sequence")
        leaves.append(field.unknown(*leaf.shape))
        registers.append(symbolic.registers_of(model.batch_last(leaves[-1], axis)).reshape(-1, 2))
    return leaves, np.concatenate(registers)


def state_numbers(model: Recurrent, state: State) -> Numbers:
    """The numbers in the states of some sequences, (numbers, sequences), in the order of a recording."""
    parts = [
        read(model.batch_last(leaf, axis)).reshape(-1, leaf.shape[model.held(axis)])
        for leaf, axis in zip(state, model.axes, strict=True)
        if axis is not None
    ]
    return np.concatenate(parts)
