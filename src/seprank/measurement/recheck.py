"""A matrix that is done, tried once more: a few of its rows in other batches, and a few pairs at once and alone.

The checks of `adapters` see a few short sequences. What comes only now and then, in large batches, or after many steps,
is seen here, in the matrix that figures are made of. If the model takes random numbers, the whole matrix is evaluated
again: what changes no entry then is not in the figures either.
"""

from __future__ import annotations

import numpy as np
import torch

from ..adapters import Rescaled
from ..adapters.agreement import failure, tolerance
from ..adapters.contract import Check
from ..adapters.rounding import difference
from ..settings.measure_settings import MeasureSettings
from ..startend import Halves, StartEndMatrix, Values
from .inputs import Numbers, Samples
from .matrix import read_out
from .measured_model import Subject

ROWS = 2
"""Rows of the matrix that are evaluated again, with all ends"""
PAIRS = 4
"""Pairs that are run as one sequence, each by itself"""
_BLOCK = 61
"""Sequences in a batch when rows are evaluated again, if as many fit: few, and unlike any number of samples in use"""
_STREAM = 3
_NUDGED = 100.0
"""How much more than inputs that differ in their last digit rounding inside may change an output"""

_DIGITS = 1000
_MOST = 0.1
"""Beyond this relative difference outputs are rounding more than anything else"""


def recheck(subject: Subject, values: Values, samples: Samples, settings: MeasureSettings, block: int) -> float:
    """Compare a matrix with entries that are evaluated again.

    Args:
        subject: the model.
        values: the matrix, (starts, ends, channels), finite.
        samples: the halves it is made of.
        settings: its read-out and seed.
        block: pairs that fit the memory at once.

    Returns:
        The largest relative difference, which is rounding.

    Raises:
        CheckFailed: a difference is more than rounding can make.
        ValueError: rounding has grown along the sequence until there is nothing else.
    """
    generator = np.random.default_rng((settings.seed, _STREAM))
    draws = subject.model.agreement.draws
    rows = generator.permutation(len(values))[: len(values) if draws else ROWS]
    again = _Again(subject, samples, settings, block if draws else min(_BLOCK, block))
    starts, ends = (generator.integers(0, count, PAIRS) for count in values.shape[:2])
    found = again.rows(rows), again.at_once(starts, ends)
    apart = again.apart(values[rows], found[0]), again.apart(values[starts, ends][:, None], found[1])
    if max(apart) > again.limit:
        if draws:
            raise again.failure("repeat", max(apart))
        by_one, grown = again.rounding_grown(found[1], starts, ends)
        if max(apart) > grown:
            _refuse_rounding(by_one)
            raise again.failure(_cause(subject, again, found, apart, rows, starts, ends), max(apart))
    return max(apart)


def _refuse_rounding(by_one: float) -> None:
    if by_one > _MOST / _NUDGED:
        raise ValueError(
            f"inputs that differ in their last digit change outputs by {by_one:.1e} of the largest: they are rounding; "
            "use a shorter length, smaller weights, or float64"
        )


def _cause(
    subject: Subject,
    again: _Again,
    found: tuple[Values, Values],
    apart: tuple[float, float],
    rows: Numbers,
    starts: Numbers,
    ends: Numbers,
) -> Check:
    """Which check it is that entries fail when they are evaluated again."""
    calls = again.apart(found[0], again.rows(rows)), again.apart(found[1], again.at_once(starts, ends))
    if max(calls) > again.limit:
        return "repeat"
    together = again.apart(found[1], again.at_once(starts, ends, together=True))
    return "batch" if max(apart[0], together) > again.limit or not subject.model.splits else "halves"


class _Again:
    """Evaluates entries of a matrix in other ways than the matrix was."""

    def __init__(self, subject: Subject, samples: Samples, settings: MeasureSettings, block: int) -> None:
        self._subject, self._block = subject, block
        self._starts, self._ends = subject.cast(samples.starts), subject.cast(samples.ends)
        self._read, self._channels = read_out(subject.model, settings)
        self._rounding = subject.model.agreement.rounding
        self.limit = tolerance(self._rounding)

    def rows(self, rows: Numbers) -> Values:
        """Rows of the matrix, last row and last end first."""
        starts, ends = self._starts.only(rows[::-1].copy()), self._ends.sequences().flip(0)
        matrix = StartEndMatrix(self._subject.model, self._read, channels=self._channels, block=self._block)
        found = matrix.grow(starts, Halves(vectors=ends)).reshape(len(rows), len(ends), -1)
        return found[::-1, ::-1]

    def at_once(self, starts: Numbers, ends: Numbers, *, nudged: int = 0, together: bool = False) -> Values:
        """Pairs as whole sequences, (pairs, 1, channels), the first alone or with the others; perhaps nudged."""
        halves = self._starts.only(starts).sequences(), self._ends.only(ends).sequences()
        sequences = torch.cat(halves, 1)
        if nudged and sequences.is_floating_point():
            sequences = sequences * (1 + 2 * nudged * self._rounding)
        model = self._subject.model
        batches = [sequences] if together else [sequences[:1], sequences[1:]]
        outputs = [self._read(model(model.pieces(batch), None)[0]) for batch in batches]
        found: Values = torch.cat(outputs, 1).T[:, None].double().cpu().numpy()
        return found

    def rounding_grown(self, at_once: Values, starts: Numbers, ends: Numbers) -> tuple[float, float]:
        """What changes if the last digit of inputs does, and what rounding may have become along the sequence.

        For the second a thousand last digits are moved, and the change is divided by as much: what is no rounding does
        not grow with it. It is at most what is still small beside the outputs.
        """
        by_one, by_many = (self.apart(at_once, self.at_once(starts, ends, nudged=n)) for n in (1, _DIGITS))
        return by_one, min(_NUDGED * by_many / _DIGITS, _MOST)

    def apart(self, expected: Values, found: Values) -> float:
        """The largest difference, relative to the largest expected; with exponents over a common one."""
        both = np.concatenate([expected, found])
        if self._subject.rescaled:
            both = Rescaled.combine(both)
        first, second = (torch.from_numpy(np.ascontiguousarray(part)) for part in np.split(both, 2))
        return difference(second, first)

    def failure(self, check: Check, apart: float) -> Exception:
        """The refusal."""
        return failure(check, apart, self.limit, where="in the finished matrix")
