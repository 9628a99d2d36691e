"""The end half of a module as a straight-line program: recorded once, then run for all pairs.

A program is used only if two recordings of two sequences each show the same steps, and if it gives on some pairs what
the module itself gives. Where it is not, the module runs as it is, and `Recorded.reason` says why.

In a recheck the program is run in integers, and the pairs are random points that nobody can know beforehand. So it
need not be believed that the recording is right: another polynomial would differ there, by Schwartz and Zippel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import ModuleType

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..adapters import ConventionError, State, Whole
from ..adapters.split import Certifiable
from ..field import NotRecorded, PrimeField, Program, Stages, Symbolic, evaluate, executors, read
from ..field.arithmetic import Float64, Int64
from ..kernels import is_worth_compiling
from ..startend import Halves, Values

Registers = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]


RECORDED = 2**16
"""Pairs from which a module is recorded, which costs as much as running a few thousand pairs"""

_TRIED = 5
"""Starts, and ends, on which a program is compared with its module"""

_RANDOM = 32
"""The same in a recheck, of random numbers"""

_BITS = 80
"""There another program passes with a probability of at most 2^-80"""


class Recorded:
    """The end half of a model, recorded as soon as there are enough pairs.

    Args:
        field: in which the model runs.
        model: runs the module.
        readout: maps the last output to the columns of an end.
        on_copy: a context in which the model runs a copy of the module, which may cache symbolic names.
    """

    def __init__(
        self,
        field: PrimeField,
        model: Certifiable,
        readout: Callable[[Tensor], Tensor],
        on_copy: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._field, self._model, self._readout, self._on_copy = field, model, readout, on_copy
        self._program: Stages | None = None
        self.reason = ""
        """Why the module itself runs, although there are many pairs"""

    def fill(self, values: Values, states: State, ends: Halves, done: Callable[[int], None]) -> bool:
        """Fill `values` (starts, ends, channels) for each state with each end; False if the module has to run."""
        many = values.shape[0] * values.shape[1] >= RECORDED
        if self._program is None and not self.reason and many and (not self._is_recheck or is_worth_compiling(0)):
            try:
                self._program = self._record(states, ends)
            except NotRecorded as reason:
                self.reason = str(reason)
        if self._program is None:
            return False
        self._evaluate(self._program, values, states, ends, done)
        return True

    @property
    def _is_recheck(self) -> bool:
        """Whether this is in integers, for which there is a compiled executor alone."""
        return type(self._field.arithmetic) is Int64

    def _evaluate(
        self, program: Stages, values: Values, states: State, ends: Halves, done: Callable[[int], None]
    ) -> None:
        starts, executor = _numbers(self._model, states)[:, : len(values)], self._executor()
        step = max(64, _GIVEN // max(1, program.ends.rows))
        for first in range(0, len(ends), step):
            block = values[:, first : first + step]
            part = read(ends.sequences(first, first + step)).reshape(block.shape[1], -1).T
            evaluate(program, starts, part, self._field.prime, block, done=done, executor=executor)

    def _executor(self) -> ModuleType | None:
        """Which runs programs; None where it is chosen by the work."""
        return executors.for_rechecks() if self._is_recheck else None

    def _record(self, states: State, ends: Halves) -> Stages:
        if type(self._field.arithmetic) not in (Float64, Int64):
            raise NotRecorded("the arithmetic asked for runs it")
        sequences = ends.sequences(0, _TRIED)
        if not sequences.is_floating_point():
            raise NotRecorded("its inputs are token ids")
        if sequences.device.type != "cpu":
            raise NotRecorded("programs run on the processor")
        two = self._model.spread(states, 0, 1, 2)
        with self._on_copy():
            recorded = _record(self._field, self._model, self._readout, two, tuple(sequences.shape[1:]))
        program = recorded.stages()
        if program.pairs.rows > _MOST_ROWS or program.ends.rows > _MOST_ROWS:
            raise NotRecorded(f"it keeps more than {_MOST_ROWS:,} numbers at once")
        if self._is_recheck:
            _require_low(recorded.degree, self._field.prime)
            states, sequences = self._random(states, sequences)
        self._try_out(program, states, sequences)
        return program

    def _random(self, states: State, sequences: Tensor) -> tuple[State, Tensor]:
        """Numbers from the system in the place of those in states and ends."""
        generator = np.random.default_rng()

        def draw(like: Tensor, axis: int) -> Tensor:
            shape = [_RANDOM if place == axis else count for place, count in enumerate(like.shape)]
            values = generator.integers(self._field.prime, size=shape).astype(np.float64)
            return self._field.admit(torch.from_numpy(values))

        axes = zip(states, _axes(self._model, states), strict=True)
        drawn = [leaf if axis is None else draw(leaf, axis % leaf.ndim) for leaf, axis in axes]
        return drawn, draw(sequences, 0)

    def _try_out(self, program: Stages, states: State, sequences: Tensor) -> None:
        """Compare a program with the module itself on some pairs."""
        most = _RANDOM if self._is_recheck else _TRIED
        count = min(most, _numbers(self._model, states).shape[1])
        pieces = self._model.pieces(sequences.repeat(count, 1, 1))
        output, _ = self._model(pieces, self._model.spread(states, 0, count, len(sequences)))
        expected = read(self._readout(output))
        found = np.empty((count, len(sequences), len(expected)))
        self._evaluate(program, found, states, Halves(vectors=sequences), lambda pairs: None)
        if not np.array_equal(found.reshape(-1, len(expected)).T, expected):
            raise NotRecorded("what was recorded gives other values than the module")


_MOST_ROWS = 2**15
"""Rows of a program, of which 64 lanes take 16 MiB"""

_GIVEN = 2**21
"""Numbers computed for ends before they are paired, 16 MiB"""


def _require_low(degree: float, prime: int) -> None:
    """Random points tell polynomials of such a degree apart: not all starts, nor all ends, hide a difference.

    Source: Schwartz, Journal of the ACM 27 (1980), 701-717, lemma 1.
    """
    if degree > 0 and 1 + _RANDOM * math.log2(min(1.0, degree / prime)) > -_BITS:
        raise NotRecorded(f"its degree, up to {degree:g}, is too high for random points modulo {prime}")


def _record(
    field: PrimeField, model: Certifiable, readout: Callable[[Tensor], Tensor], state: State, shape: tuple[int, ...]
) -> Program:
    """The columns of an end, as sums and products of the numbers in the state and in the end.

    `model` runs a module that may cache symbolic names, and is useless for anything else afterwards; two sequences left
    the `state`; `shape` is that of an end, (steps, features).

    Raises:
        NotRecorded: the module cannot be recorded; the message says why.
    """
    try:
        first, *others = [program for _ in range(2) for program in _once(field, model, readout, state, shape)]
    except NotRecorded:
        raise
    except (ArithmeticError, ConventionError, ValueError) as error:
        raise NotRecorded(f"it fails while it is recorded: {error}") from error
    if not all(first.equals(other) for other in others):
        raise NotRecorded("it does not do the same in each call and for each sequence")
    return first


def _once(
    field: PrimeField, model: Certifiable, readout: Callable[[Tensor], Tensor], state: State, shape: tuple[int, ...]
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


def _named(field: PrimeField, symbolic: Symbolic, model: Certifiable, state: State) -> tuple[State, Registers]:
    """A symbolic state, and its registers (numbers, 2)."""
    leaves, registers = [], [np.zeros((0, 2), dtype=np.int64)]
    for leaf, axis in zip(state, _axes(model, state), strict=True):
        if axis is None:
            leaves.append(leaf)
            continue
        if not leaf.is_floating_point():
            raise NotRecorded("its state has whole numbers for each sequence")
        leaves.append(field.unknown(*leaf.shape))
        registers.append(symbolic.registers_of(leaves[-1].movedim(axis, -1)).reshape(-1, 2))
    return leaves, np.concatenate(registers)


def _axes(model: Certifiable, state: State) -> list[int | None]:
    """The batch axis of each leaf of a state, None for leaves that belong to no sequence."""
    if isinstance(model, Whole):
        return [0] * len(state)
    return model.axes


def _numbers(model: Certifiable, state: State) -> Numbers:
    """The numbers in the states of some sequences, (numbers, sequences), in the order of a recording."""
    axes = zip(state, _axes(model, state), strict=True)
    parts = [read(leaf.movedim(a, -1)).reshape(-1, leaf.shape[a]) for leaf, a in axes if a is not None]
    return np.concatenate(parts)
