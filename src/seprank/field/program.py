"""Straight-line programs: the outputs of a sequence as sums and products of the numbers in its start and its end.

Steps that depend on the start alone, or on the end alone, run once for each of them; the others for each pair.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from .symbolic import ONE, Linear, NotRecorded, Numbers, Products, Registers, Step, Sums

_OF_START, _OF_END = 1, 2

KINDS = {Sums: 0, Products: 1, Linear: 2}
"""Kinds of steps, as numbers for the executors"""


@dataclass(frozen=True)
class Program:
    """Steps in order; registers: the number one, the numbers of the start, those of the end, the results."""

    steps: list[Step]
    starts: int
    """Numbers that a start half leaves"""
    ends: int
    """Numbers in an end half"""
    outputs: Registers
    """One for each channel"""

    @staticmethod
    def of(steps: Sequence[Step], registers: int, starts: Registers, ends: Registers, outputs: Registers) -> Program:
        """The part of a recording that the outputs need.

        Raises:
            NotRecorded: they need numbers that are neither given nor computed: those of another sequence.
        """
        own = _needed(steps, registers, outputs)
        number = np.full(registers, -1)
        given = np.concatenate([[ONE], starts, ends])
        number[given] = np.arange(len(given))
        count, renumbered = len(given), []
        for step in own:
            number[step.outs] = count + np.arange(len(step.outs))
            count += len(step.outs)
            renumbered.append(_renumber(step, number))
        found = Program(renumbered, len(starts), len(ends), number[outputs])
        if (found.outputs < 0).any() or any((part < 0).any() for step in renumbered for part in _reads(step)):
            raise NotRecorded("a sequence takes numbers from another one of its batch")
        return found

    @property
    def degree(self) -> float:
        """Of the outputs, as polynomials in the numbers of start and end, at most."""
        degrees = np.zeros(1 + self.starts + self.ends + sum(len(step.outs) for step in self.steps))
        degrees[1 : 1 + self.starts + self.ends] = 1
        for step in self.steps:
            if isinstance(step, Products):
                found = (degrees[step.left] + degrees[step.right]).max(1)
            else:
                found = degrees[step.terms].max(-1)
            degrees[step.outs] = np.minimum(found, 2.0**63)
        return float(degrees[self.outputs].max(initial=0))

    def equals(self, other: Program) -> bool:
        """Whether both have the same steps."""
        if len(self.steps) != len(other.steps) or (self.starts, self.ends) != (other.starts, other.ends):
            return False
        pairs = zip(self._arrays(), other._arrays(), strict=True)
        return all(np.array_equal(a, b) for a, b in pairs)

    def _arrays(self) -> Iterable[npt.NDArray[np.float64] | Registers]:
        yield self.outputs
        for step in self.steps:
            yield np.asarray([KINDS[type(step)]])
            yield from vars(step).values()

    def stages(self) -> Stages:
        """The steps sorted by what they depend on, with places in memory."""
        depends = np.zeros(1 + self.starts + self.ends + sum(len(s.outs) for s in self.steps), dtype=np.int8)
        depends[1 : 1 + self.starts] = _OF_START
        depends[1 + self.starts : 1 + self.starts + self.ends] = _OF_END
        sorted_: dict[int, list[Step]] = {_OF_START: [], _OF_END: [], _OF_START | _OF_END: []}
        for step in self.steps:
            for kind, part in _by_dependence(step, depends):
                for stage in [kind] if kind else sorted_:  # constants are computed in each stage
                    sorted_[stage].append(part)
        pairs = sorted_[_OF_START | _OF_END]
        used = np.unique(np.concatenate([self.outputs, *(part.reshape(-1) for s in pairs for part in _reads(s))]))
        kept = {kind: used[depends[used] == kind] for kind in (_OF_START, _OF_END)}
        given = np.arange(1, 1 + self.starts + self.ends)
        both = np.concatenate([kept[_OF_START], kept[_OF_END]])
        return Stages(
            Stage.of(_needed(sorted_[_OF_START], len(depends), both), given[: self.starts], kept[_OF_START]),
            Stage.of(_needed(sorted_[_OF_END], len(depends), both), given[self.starts :], kept[_OF_END]),
            Stage.of(_needed(pairs, len(depends), self.outputs), both, self.outputs),
        )


@dataclass(frozen=True, eq=False)
class Stage:
    """Steps on rows of memory. Row 0 holds ones, the next rows hold what is given."""

    heads: Registers
    """(steps, 5): kind, results, terms of each, where its rows begin in `places`, where its factors begin"""
    places: Registers
    """For each step the rows of its results, and of its terms"""
    factors: Numbers
    given: int
    rows: int
    """In all"""
    results: Registers
    """Rows that hold what is asked for"""

    @property
    def work(self) -> int:
        """Roughly the numbers that NumPy reads and writes per lane; a reduction passes over a sum eight times."""
        return int((self.heads[:, 1] * (self.heads[:, 2] + 8)).sum())

    @staticmethod
    def of(steps: Sequence[Step], given: Registers, wanted: Registers) -> Stage:
        """Give each register a row, which is reused after its last read."""
        rows = _Rows(steps, given, wanted)
        heads, places, factors = [], [np.zeros(0, np.int64)], [np.zeros(0)]
        at, by = 0, 0
        for number, step in enumerate(steps):
            outs = rows.place(step.outs)
            own = [outs, *(rows.row[part].reshape(-1) for part in _reads(step))]
            rows.release(number)
            weights = _factors(step)
            heads.append([KINDS[type(step)], len(outs), _reads(step)[0].shape[-1], at, by])
            places += own
            factors.append(weights)
            at, by = at + sum(map(len, own)), by + len(weights)
        return Stage(
            np.asarray(heads, dtype=np.int64).reshape(-1, 5),
            np.concatenate(places),
            np.concatenate(factors),
            len(given),
            rows.count,
            rows.row[wanted],
        )


@dataclass(frozen=True)
class Stages:
    """A program in three stages."""

    starts: Stage
    ends: Stage
    pairs: Stage
    """Given the results of both others; its results are the outputs"""


class _Rows:
    """The row of each register."""

    def __init__(self, steps: Sequence[Step], given: Registers, wanted: Registers) -> None:
        most = max([0, *given, *wanted, *(int(s.outs.max()) for s in steps)]) + 1
        self.row = np.full(most, -1)
        self.row[ONE] = 0
        self.row[given] = 1 + np.arange(len(given))
        self.count = 1 + len(given)
        last = np.full(most, -1)
        for number, step in enumerate(steps):
            last[step.outs] = number
            for part in _reads(step):
                last[part] = number
        last[wanted], last[ONE], last[given] = len(steps), len(steps), len(steps)
        order = np.argsort(last, kind="stable")
        bounds = np.searchsorted(last[order], np.arange(len(steps) + 1))
        self._dying = [order[a:b] for a, b in pairwise(bounds)]
        self._free = np.zeros(self.count, dtype=bool)

    def place(self, registers: Registers) -> Registers:
        """Adjacent rows, reused if enough are free in one place."""
        count = len(registers)
        before = np.concatenate([[0], np.cumsum(self._free)])
        fitting = np.flatnonzero(before[count:] - before[:-count] == count)
        if len(fitting):
            first = int(fitting[0])
        else:
            tail = len(self._free) - 1 - int(np.max(np.flatnonzero(~self._free)))
            first = len(self._free) - tail
            self._free = np.append(self._free, np.ones(count - tail, dtype=bool))
            self.count = len(self._free)
        rows = first + np.arange(count)
        self._free[rows] = False
        self.row[registers] = rows
        return rows

    def release(self, step: int) -> None:
        self._free[self.row[self._dying[step]]] = True


def _reads(step: Step) -> list[Registers]:
    return [step.left, step.right] if isinstance(step, Products) else [step.terms]


def _factors(step: Step) -> Numbers:
    if isinstance(step, Sums):
        return step.factors.reshape(-1)
    return step.matrix.reshape(-1) if isinstance(step, Linear) else np.zeros(0)


def _needed(steps: Sequence[Step], registers: int, outputs: Registers) -> list[Step]:
    """The steps that the outputs are computed from."""
    needed = np.zeros(registers, dtype=bool)
    needed[outputs] = True
    kept = []
    for step in reversed(steps):
        own = needed[step.outs]
        if own.any():
            kept.append(_only(step, own))
            for part in _reads(kept[-1]):
                needed[part] = True
    return kept[::-1]


def _only(step: Step, rows: npt.NDArray[np.bool_]) -> Step:
    """Some results of a step."""
    if rows.all():
        return step
    if isinstance(step, Sums):
        return Sums(step.outs[rows], step.terms[rows], step.factors[rows])
    if isinstance(step, Products):
        return Products(step.outs[rows], step.left[rows], step.right[rows])
    return Linear(step.outs[rows], step.terms, step.matrix[rows])


def _renumber(step: Step, number: Registers) -> Step:
    if isinstance(step, Products):
        return Products(number[step.outs], number[step.left], number[step.right])
    return replace(step, outs=number[step.outs], terms=number[step.terms])


def _by_dependence(step: Step, depends: npt.NDArray[np.int8]) -> list[tuple[int, Step]]:
    """A step split by what its results depend on, which is stored in `depends`."""
    if isinstance(step, Linear):
        depends[step.outs] = kind = int(np.bitwise_or.reduce(depends[step.terms]))
        return [(kind, step)]
    of = np.bitwise_or.reduce(np.concatenate([depends[part] for part in _reads(step)], 1), 1)
    depends[step.outs] = of
    return [(int(kind), _only(step, of == kind)) for kind in np.unique(of)]
