"""From the terms of all pairs to the columns of a memory curve, with errors and rounding floors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..measurement.figures import ConstantOutput, Vector, rest_on_few
from ..measurement.jackknife import GROUPS
from .curve import Series
from .estimator import Interval, Ratio, combination, interpolation_weights, interval, ratio, staircases
from .terms import Terms

FEW = 10
"""Pairs of equal weight below which intervals are known to be too narrow"""
MARGIN = 16.0
"""Ratio of the floor to the observed rounding, in units of variance: a factor of four in the outputs"""


@dataclass(frozen=True)
class Figures:
    """The columns of a curve, at its lags."""

    memory: Series
    joint: Series
    carried: Series
    floor: tuple[float, ...]
    """Share of the variance that rounding alone may make at each lag"""
    mean: float
    mean_interval: Interval
    notes: tuple[str, ...]
    single: Series | None = None
    short: Series | None = None
    divergence: Series | None = None

    @property
    def lags(self) -> tuple[int, ...]:
        return self.memory.steps

    def followed_by(self, lags: tuple[int, ...]) -> Figures:
        """The same with further lags, at which nothing is left but the rounding of the last."""
        floor = (self.floor[-1],) * len(lags)
        nothing = Series(lags, (0.0,) * len(lags), tuple((0.0, size) for size in floor))
        return replace(
            self,
            memory=self.memory + nothing,
            joint=self.joint + nothing,
            carried=self.carried + nothing,
            floor=self.floor + floor,
            single=None if self.single is None else self.single + nothing,
        )


def variance_of(terms: Terms) -> float:
    """Variance of the output, in units of 4^exponent, summed over channels.

    Raises:
        ConstantOutput: there is none beyond rounding.
    """
    variance = float(terms.apart.mean()) / 2
    if not variance > float(terms.rounding.mean()):
        raise ConstantOutput(
            "the output is the same for all sequences, so there is no variance to remember; check that weights and "
            "readout are not zero and units not saturated"
        )
    return variance


def floors(terms: Terms, variance: float) -> Vector:
    """Share of the variance that rounding alone may make at each lag."""
    shaken = terms.squares["shaken"].mean(1)
    return np.asarray(np.maximum(terms.rounding.mean(), MARGIN * shaken) / variance)


def nothing_left(terms: Terms, threshold: float) -> bool:
    """Whether memory at the first of these lags is no more than rounding may make, below the threshold.

    If steps are independent it cannot rise again.
    """
    floor = float(floors(terms, variance_of(terms))[0])
    left = float(terms.squares["near"][0].sum() / terms.squares["far"][0].sum())
    return left <= floor <= threshold


def figures(terms: Terms, *, threshold: float) -> Figures:
    """All figures.

    Args:
        terms: of all pairs, at the lags that were run.
        threshold: lags whose floor is above it are useless, and left out.

    Raises:
        ConstantOutput: the output does not vary.
        ValueError: rounding hides everything at every lag.
    """
    variance = variance_of(terms)
    floor = floors(terms, variance)
    useful = [lag for lag, size in zip(terms.lags, floor, strict=True) if size <= threshold]
    notes = [*rest_on_few("pairs", terms.apart, FEW), *_hidden(terms.lags, useful, threshold)]
    if not useful:
        raise ValueError(
            f"rounding errors alone change the output by {floor[0]:.1e} of its variance within {terms.lags[0]} steps, "
            f"more than the threshold {threshold}: the model amplifies them, or its state is not its whole memory; use "
            "float64 or smaller weights"
        )
    shown = terms.only(useful)
    floor = floor[[terms.lags.index(lag) for lag in useful]]
    near = _shares(shown, "near")
    memory = _column(shown, near, floor, logarithmic=True)
    resolved = np.array([value > 0 for value in memory.values])
    nothing = Ratio(0.0, np.zeros(GROUPS))
    parts = [part if good else nothing for part, good in zip(near, resolved, strict=True)]
    mean, mean_interval = _mean(parts, memory)
    return Figures(
        memory=memory,
        joint=_column(shown, _shares(shown, "jointly"), floor, logarithmic=True),
        carried=_column(shown, _shares(shown, "alike"), floor, logarithmic=False),
        floor=tuple(floor.tolist()),
        mean=mean,
        mean_interval=mean_interval,
        notes=tuple(notes),
        single=_changes(shown, "single", floor),
        short=_changes(shown, "short", floor),
        divergence=_divergence(shown),
    )


def _shares(terms: Terms, name: str) -> list[Ratio]:
    return [ratio(above, below) for above, below in zip(terms.squares[name], terms.squares["far"], strict=True)]


def _column(terms: Terms, parts: list[Ratio], floor: Vector, *, logarithmic: bool) -> Series:
    """Values and intervals; a value that is not above its floor becomes 0, with the floor as upper end."""
    values, intervals = [], []
    for part, size in zip(parts, floor.tolist(), strict=True):
        low, high = interval(part, logarithmic=logarithmic)
        hidden = part.value <= size
        values.append(0.0 if hidden else min(part.value, 1.0))
        intervals.append((0.0, max(high, size)) if hidden else (low, high))
    return Series(terms.lags, tuple(values), tuple(intervals))


def _mean(parts: list[Ratio], memory: Series) -> tuple[float, Interval]:
    """Sum of the curve with its error: that of sampling, widened by what the curve may do between two lags."""
    lags = memory.steps
    weights, constant = interpolation_weights(lags)
    found = combination(parts, weights, constant)
    low, high = interval(found, logarithmic=False, highest=float(lags[-1]))
    least, most = staircases(lags, np.array(memory.values))
    below, above = max(found.value - least, 0.0), max(most - found.value, 0.0)
    return min(found.value, float(lags[-1])), (max(low - below, 0.0), min(high + above, float(lags[-1])))


def _changes(terms: Terms, name: str, floor: Vector) -> Series | None:
    """Influence or truncation, if it was run, relative to the variance of the sequences themselves."""
    if name not in terms.squares:
        return None
    return _column(terms, [ratio(row, 2 * terms.apart) for row in terms.squares[name]], floor, logarithmic=True)


def _divergence(terms: Terms) -> Series | None:
    if "divergence" not in terms.squares:
        return None
    parts = [ratio(row, np.ones(len(row))) for row in terms.squares["divergence"]]
    intervals = tuple(interval(part, logarithmic=False, highest=np.inf) for part in parts)
    return Series(terms.lags, tuple(max(part.value, 0.0) for part in parts), intervals)


def _hidden(lags: tuple[int, ...], useful: list[int], threshold: float) -> list[str]:
    hidden = sorted(set(lags) - set(useful))
    if not hidden or not useful:
        return []
    return [
        f"from lag {hidden[0]} on rounding errors change the output by more than the threshold {threshold} of its "
        f"variance; these {len(hidden)} lags are left out"
    ]
