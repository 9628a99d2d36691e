"""Crossed continuations: pairs of sequences whose pasts are exchanged, and the differences that this makes.

For a pair x = (s, e), x' = (s', e') cut at a lag, a = y(s, e) and d = y(s', e') are the outputs of the sequences;
b = y(s', e) and c = y(s, e') are run from the states that the pasts have left. Pasts are run once for all lags.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..adapters import State
from ..adapters.agreement import NUDGED, failure, tolerance
from ..adapters.contract import Check
from ..adapters.rounding import difference
from ..measurement.measured_model import Subject
from ..settings.remember_settings import RememberSettings
from .readout import Columns, Readout
from .terms import Squares, Terms

SHAKEN = 8
"""Sequences of a block that are run a second time with rounding errors added, to see how far these grow"""
ALONE = 2
"""Sequences of a block that are run again by themselves"""


def steps_at(lags: Sequence[int], settings: RememberSettings, *, splits: bool) -> int:
    """Steps of a model for one sequence at these lags, its past not counted."""
    crossed = sum(lag if splits else settings.length for lag in lags)
    return crossed * (1 + settings.influence) + sum(lags) * settings.dropped


class Crossing:
    """A block of pairs.

    Args:
        subject, readout: a model that has passed the checks, and what is read out of it.
        sequences: x of all pairs, then x' of all pairs, (2 x pairs, length, ...).
        lags: those for which the states of the pasts are kept.
        settings: what is run at every lag.
    """

    def __init__(
        self, subject: Subject, readout: Readout, sequences: Tensor, lags: Sequence[int], settings: RememberSettings
    ) -> None:
        self._subject, self._model = subject, subject.model
        self._floor = max(subject.model.floor, 4 * torch.finfo(subject.version.dtype).eps)
        """Relative rounding error of outputs with a margin of four: as observed, but at least that of the type"""
        self._readout = readout
        self._sequences = sequences
        self._settings = settings
        self._pairs = len(sequences) // 2
        self._length = sequences.shape[1]
        self._limit = tolerance(self._model.agreement.rounding)
        self._states: dict[int, State | None] = {0: None}
        output = self._run_all([self._length - lag for lag in lags])
        self.exponent = readout.exponent(output)
        self._known = readout(output, self.exponent)
        self._logs = readout.log_probabilities(output) if settings.dropped and readout.probabilities else None
        self.a, self.d = self._known[:, : self._pairs], self._known[:, self._pairs :]
        _check_finite(self._known, "in the sequences as they are")
        self._check_alone()
        errors = readout.rounding(output, self._known, self._floor)
        self._rounding = (errors[: self._pairs] + errors[self._pairs :]) / 2

    def _run_all(self, cuts: Sequence[int]) -> Tensor:
        """Last outputs of all sequences; a model that can be split leaves its states at the cuts."""
        if not self._model.splits:
            return self._evaluate(self._sequences, None)[0]
        done, state = 0, None
        for cut in sorted({cut for cut in cuts if cut > 0}):
            state = self._run(done, cut, state)[1]
            self._states[cut] = state
            done = cut
        return self._run(done, self._length, state)[0]

    def _evaluate(self, sequences: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Run the model; twice if it takes random numbers, so that an output that does not repeat is always noticed."""
        found = self._model(self._model.pieces(sequences), state)
        if self._model.agreement.draws:
            apart = difference(self._model(self._model.pieces(sequences), state)[0], found[0])
            if apart > self._limit:
                raise failure("repeat", apart, self._limit, where="in a run of the pairs")
        return found

    def _check_alone(self) -> None:
        """Run a few sequences again, each by itself and uncut, to see an influence of the batch or of the cuts.

        Inputs that differ in their last digit show how far rounding alone may grow over these steps.
        """
        few = self._sequences[: min(ALONE, len(self._sequences))]
        size = 2 * self._model.agreement.rounding
        alone, moved = (self._one_by_one(part) for part in (few, _shaken(few, size)))
        apart = _apart(alone, self._known[:, : len(few)])
        if apart > self._limit and apart > NUDGED * _apart(moved, alone):
            together = self._readout(self._evaluate(self._sequences, None)[0], self.exponent)[:, : len(few)]
            crowded = _apart(alone, together) > self._limit
            check: Check = "batch" if crowded or not self._model.splits else "halves"
            raise failure(check, apart, self._limit, where="in sequences run again by themselves")

    def _one_by_one(self, sequences: Tensor) -> Columns:
        outputs = [self._evaluate(sequence, None)[0] for sequence in sequences.split(1)]
        return self._readout(torch.cat(outputs, 1), self.exponent)

    def _run(self, first: int, last: int, state: State | None) -> tuple[Tensor, State]:
        return self._evaluate(self._sequences[:, first:last], state)

    def _state(self, cut: int) -> State | None:
        """The states after the pasts up to a cut, run from the nearest earlier cut that is known."""
        if cut not in self._states:
            before = max(known for known in self._states if known < cut)
            self._states[cut] = self._run(before, cut, self._states[before])[1]
        return self._states[cut]

    def _continued(self, cut: int, pasts: Sequence[range], ends: Tensor, errors: float = 0.0) -> Tensor:
        """Last outputs of ends after all `pasts` in turn, with relative `errors` in the states of the last of these."""
        if not self._model.splits or cut == 0:
            starts = torch.cat([self._sequences[rows.start : rows.stop, :cut] for rows in pasts])
            return self._evaluate(torch.cat([starts, ends], 1), None)[0]
        state = self._state(cut)
        assert state is not None
        spread = [self._model.spread(state, rows.start, rows.stop, 1) for rows in pasts]
        if errors:
            spread[-1] = _shaken_state(spread[-1], errors)
        return self._evaluate(ends, self._model.join(spread))[0]

    def terms(self, lags: Sequence[int]) -> Terms:
        """Squared differences at these lags."""
        rows = [self._at(lag) for lag in lags]
        squares = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        apart = _square(self.a - self.d)
        return Terms(tuple(lags), squares, apart, self._rounding, self.exponent)

    def _at(self, lag: int) -> dict[str, Squares]:
        b, c, shaken = self._crossed(lag)
        up, down = self.a - b, c - self.d
        found = {
            "near": _square(up) + _square(down),
            "far": _square(self.a - self.d) + _square(b - c),
            "jointly": _square(up - down),
            "alike": 2 * np.einsum("cn,cn->n", up, down),
            "shaken": np.full(self._pairs, _square(shaken - self.a[:, : shaken.shape[1]]).mean()),
        }
        if self._settings.influence:
            found["single"] = self._single(lag)
        if self._settings.dropped:
            found |= self._short(lag)
        return found

    def _crossed(self, lag: int) -> tuple[Columns, Columns, Columns]:
        """b and c, and some of a again with rounding errors in the state and in the inputs."""
        n, cut = self._pairs, self._length - lag
        again = min(SHAKEN, n)
        last = self._sequences[:, cut:]
        size = self._floor / 4
        ends = torch.cat([last, _shaken(last[:again], size)])
        pasts = [range(n, 2 * n), range(n), range(again)]
        errors = 0.0 if self._subject.rescaled else size * math.sqrt(lag)
        columns = self._columns(self._continued(cut, pasts, ends, errors), lag)
        return columns[:, :n], columns[:, n : 2 * n], columns[:, 2 * n :]

    def _single(self, lag: int) -> Squares:
        """|y - y'|² of both sequences, y' with only the oldest of the last steps from the other."""
        n, cut = self._pairs, self._length - lag
        other = torch.cat([self._sequences[n:], self._sequences[:n]])
        ends = torch.cat([other[:, cut : cut + 1], self._sequences[:, cut + 1 :]], 1)
        columns = self._columns(self._continued(cut, [range(2 * n)], ends), lag)
        squares = _square(columns - self._known)
        return squares[:n] + squares[n:]

    def _short(self, lag: int) -> dict[str, Squares]:
        """|y - y'|² of both sequences, y' that of the last steps alone; for probabilities the divergence, too."""
        n = self._pairs
        output = self._evaluate(self._sequences[:, self._length - lag :], None)[0]
        squares = _square(self._columns(output, lag) - self._known)
        found = {"short": squares[:n] + squares[n:]}
        if self._logs is not None:
            logs = self._readout.log_probabilities(output)
            divergence = np.einsum("cn,cn->n", np.exp(self._logs), self._logs - logs)
            found["divergence"] = (divergence[:n] + divergence[n:]) / 2
        return found

    def _columns(self, output: Tensor, lag: int) -> Columns:
        columns = self._readout(output, self.exponent)
        _check_finite(columns, f"at lag {lag}, where the last {lag} steps follow another past")
        return columns


def _apart(found: Columns, expected: Columns) -> float:
    return difference(torch.from_numpy(found), torch.from_numpy(expected))


def _square(differences: Columns) -> Squares:
    """Sum over the channels."""
    return np.asarray(np.einsum("cn,cn->n", differences, differences), dtype=np.float64)


def _check_finite(columns: Columns, where: str) -> None:
    finite = np.isfinite(columns)
    if not finite.all():
        channel, number = np.unravel_index(int(np.argmin(finite)), columns.shape)
        raise ValueError(
            f"output is {columns[channel, number]} {where} (sequence {number}, channel {channel}); use smaller weights "
            "or inputs, a shorter length, or float64"
        )


def _shaken(values: Tensor, size: float) -> Tensor:
    """Numbers with relative errors of that size, up and down in turn; whole numbers have none."""
    if not values.is_floating_point():
        return values
    signs = torch.ones(values.numel(), dtype=values.dtype, device=values.device)
    signs[::2] = -1
    return torch.where(values == values.round(), values, values * (1 + size * signs.reshape(values.shape)))


def _shaken_state(state: State, size: float) -> State:
    return [_shaken(part, size) if isinstance(part, Tensor) else part for part in state]
