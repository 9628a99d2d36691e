"""Entries of a finished matrix, evaluated once more: a few rows in other batches, and a few pairs at once and alone.

The checks of `adapters` see a few short sequences. What happens only now and then, in large batches, or after many
steps is seen here, in the matrix that the figures are made of. If the model takes random numbers, the whole matrix is
evaluated again: what changes no entry then is not in the figures either.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from ..adapters import Rescaled, Values
from ..adapters.agreement import NUDGED, failure, tolerance
from ..adapters.contract import Check
from ..adapters.rounding import difference
from ..startend import Halves
from .figures import check_finite
from .matrix import Entries

ROWS = 2
"""Rows of the matrix that are evaluated again, with all ends"""
PAIRS = 4
"""Pairs that are run as one sequence, each by itself"""
_BLOCK = 61
"""Sequences in a batch when rows are evaluated again, if as many fit: few, and unlike any number of samples in use"""
_STREAM = 3
_DIGITS = 1000
_MOST = 0.1
"""Beyond this relative difference outputs are rounding more than anything else"""


def recheck(entries: Entries, values: Values) -> tuple[Values, float]:
    """Compare a matrix with entries that are evaluated again.

    Args:
        entries: what it is made of.
        values: the matrix as it was evaluated, (starts, ends, columns).

    Returns:
        The outputs that are read out, (starts, ends, channels), and the largest relative difference, which is rounding.

    Raises:
        CheckFailed: a difference is more than rounding can make.
        ValueError: outputs are not finite, or rounding has grown along the sequence until there is nothing else.
    """
    again = _Again(entries, values)
    rows, pairs = again.rows(), again.pairs()
    apart = again.apart(again.first_rows, rows), again.apart(again.first_pairs, pairs)
    if max(apart) > again.limit:
        check_finite(values)  # says more than the check below
        if again.draws:
            raise again.failure("repeat", max(apart))
    if not again.draws:
        # Also where nothing is apart: a machine may round alike in batches of every size.
        by_one = again.apart(pairs, again.pairs(nudged=1))
        grown = again.rounding_grown(pairs) if max(apart) > again.limit else math.inf
        if by_one > again.limit or max(apart) > grown:
            _refuse_rounding(by_one)
        if max(apart) > grown:
            raise again.failure(again.cause(rows, pairs, apart[0]), max(apart))
    return entries.combined(values), max(apart)


def _refuse_rounding(by_one: float) -> None:
    if by_one > _MOST / NUDGED:
        raise ValueError(
            f"inputs that differ in their last digit change outputs by {by_one:.1e} of the largest: they are rounding; "
            "use a shorter length, smaller weights, or float64"
        )


class _Again:
    """Some entries of a matrix, drawn at random, and other ways to evaluate them."""

    def __init__(self, entries: Entries, values: Values) -> None:
        self._entries, self._model = entries, entries.subject.model
        self.draws = self._model.agreement.draws
        """Whether the model takes random numbers"""
        self._rounding = self._model.agreement.rounding
        self.limit = tolerance(self._rounding)
        generator = np.random.default_rng((entries.settings.seed, _STREAM))
        self._rows = generator.permutation(len(values))[: len(values) if self.draws else ROWS]
        self._starts, self._ends = (generator.integers(0, count, PAIRS) for count in values.shape[:2])
        self.first_rows, self.first_pairs = values[self._rows], values[self._starts, self._ends][:, None]

    def rows(self) -> Values:
        """Whole rows of the matrix, evaluated with the last row and the last end first."""
        block = self._entries.block if self.draws else min(_BLOCK, self._entries.block)
        starts = self._entries.starts.only(self._rows[::-1].copy())
        ends = Halves(vectors=self._entries.ends.sequences().flip(0))
        found = self._entries.matrix(block).grow(starts, ends).reshape(len(starts), len(ends), -1)
        return found[::-1, ::-1]

    def pairs(self, *, nudged: int = 0, together: bool = False) -> Values:
        """Pairs as whole sequences, (pairs, 1, channels), the first alone or with the others.

        Inputs are perhaps nudged: moved by that many last digits, but for whole numbers, which may stand for letters.
        """
        halves = self._entries.starts.only(self._starts), self._entries.ends.only(self._ends)
        sequences = torch.cat([half.sequences() for half in halves], 1)
        if nudged and sequences.is_floating_point():
            moved = sequences * (1 + 2 * nudged * self._rounding)
            sequences = torch.where(sequences == sequences.round(), sequences, moved)
        batches = [sequences] if together else [sequences[:1], sequences[1:]]
        outputs = [self._entries.read(self._model(self._model.pieces(batch), None)[0]) for batch in batches]
        found: Values = torch.cat(outputs, 1).T[:, None].double().cpu().numpy()
        return found

    def rounding_grown(self, pairs: Values) -> float:
        """What rounding may have become along the sequence.

        A thousand last digits of inputs are moved, and the change is divided by as much: what is no rounding does not
        grow with it. It is at most what is still small beside the outputs.
        """
        return min(NUDGED * self.apart(pairs, self.pairs(nudged=_DIGITS)) / _DIGITS, _MOST)

    def cause(self, rows: Values, pairs: Values, rows_apart: float) -> Check:
        """Which check the entries fail when they are evaluated again."""
        if max(self.apart(rows, self.rows()), self.apart(pairs, self.pairs())) > self.limit:
            return "repeat"
        together = self.apart(pairs, self.pairs(together=True))
        return "batch" if max(rows_apart, together) > self.limit or not self._model.splits else "halves"

    def apart(self, expected: Values, found: Values) -> float:
        """The largest difference, relative to the largest expected; with exponents over a common one."""
        both = np.concatenate([expected, found])
        if self._entries.subject.rescaled:
            both = Rescaled.combine(both)
        first, second = (torch.from_numpy(np.ascontiguousarray(part)) for part in np.split(both, 2))
        return difference(second, first)

    def failure(self, check: Check, apart: float) -> Exception:
        """The refusal."""
        return failure(check, apart, self.limit, where="in the finished matrix")
