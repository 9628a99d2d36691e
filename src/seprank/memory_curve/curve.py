"""The memory curve: a frozen record that prints and draws itself and is stored as JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar

import numpy as np

from ..measurement.figures import roy_vetterli_rank
from ..result.panels import Panel
from ..result.result import STRICT, Plain, Result, Row
from ..settings.remember_settings import check_share
from . import in_words
from .drawing import curve_panels
from .estimator import Interval

COLUMNS = ("memory", "joint", "carried")


@dataclass(frozen=True)
class Series:
    """A figure at some numbers of steps back."""

    __pydantic_config__ = STRICT

    steps: tuple[int, ...]
    """Ascending"""
    values: tuple[float, ...]
    intervals: tuple[Interval, ...]
    """90 % intervals"""

    def __add__(self, later: Series) -> Series:
        return Series(self.steps + later.steps, self.values + later.values, self.intervals + later.intervals)

    def at(self, step: int, name: str) -> float:
        """The figure there.

        Raises:
            ValueError: it was not looked at there.
        """
        if step not in self.steps:
            raise ValueError(
                f"{name} was looked at {len(self.steps)} numbers of steps from {self.steps[0]} to {self.steps[-1]} "
                f"back, not at {step}; use lags='all' for every one"
            )
        return self.values[self.steps.index(step)]


@dataclass(frozen=True, repr=False)
class MemoryCurve(Result):
    """How much of the output's variance depends on inputs before the last k steps, for several k.

    Values that are not above `floor`, which rounding alone may reach, are 0 here, with the floor as upper end of their
    interval.
    """

    __pydantic_config__ = STRICT
    NOUN: ClassVar[str] = "memory curve"

    lags: tuple[int, ...]
    """k, ascending, from 1 to length - 1"""
    memory: tuple[float, ...]
    """Share of the variance that depends on inputs before the last k steps, alone or jointly with later ones"""
    joint: tuple[float, ...]
    """The part of it that depends on both jointly"""
    carried: tuple[float, ...]
    """The part of it that the inputs before the last k steps explain alone: memory - joint"""
    intervals: dict[str, tuple[Interval, ...]]
    """90 % intervals of memory, joint and carried, by these names"""
    floor: tuple[float, ...]
    """Share of the variance that rounding alone may have at each lag"""
    mean: float
    """Sum of memory over all lags from 1 to the last: the mean age, in steps, of what the output depends on. Where lags
    were left out, straight lines are drawn between those that were looked at; with lags='all' it is exact"""
    mean_interval: Interval
    """90 % interval of it, widened by what a curve that does not rise may do between two lags"""
    threshold: float
    """Share of the variance that counts as remembered in `reach` and `sentence`"""
    length: int
    samples: int
    """Pairs of independent sequences"""
    channels: int
    """Outputs that were looked at"""
    readout: str | int
    dtype: str
    seed: int
    seconds: float
    source: str
    """In words: what the sequences are"""
    complete: bool = True
    """False if the run was interrupted, and lags or pairs are missing"""
    notes: tuple[str, ...] = ()
    """Further remarks, in sentences without full stop"""
    influences: Series | None = None
    """Share of the variance that depends on the single step this far back, 0 being the newest; if asked for"""
    truncations: Series | None = None
    """Mean square change of the output if only the last k steps are seen, over twice the variance; if asked for"""
    divergences: Series | None = None
    """The same for probabilities: divergence of Kullback and Leibler, from all steps to the last k, in nats"""

    def __post_init__(self) -> None:
        counts = {len(self.lags), len(self.floor), *(len(getattr(self, name)) for name in COLUMNS)}
        counts |= {len(self.intervals.get(name, ())) for name in COLUMNS}
        if counts != {len(self.lags)} or not self.lags or set(self.intervals) != set(COLUMNS):
            raise ValueError(
                "a memory curve must have a value and an interval of memory, joint and carried at every lag"
            )
        if list(self.lags) != sorted(set(self.lags)) or self.lags[0] < 1 or self.lags[-1] >= self.length:
            raise ValueError(f"lags must ascend from 1 to length - 1 = {self.length - 1}, got {self.lags}")
        if not all(0 <= value <= 1 for name in ("memory", "joint") for value in getattr(self, name)):
            raise ValueError("memory and joint are shares of the variance, from 0 to 1")

    def reach(self, threshold: float | None = None) -> int:
        """The largest lag looked at with memory above a threshold; 0 if there is none.

        Args:
            threshold: share of the variance, between 0 and 1; by default that of the curve.

        Raises:
            ValueError: it is outside.
        """
        threshold = self._threshold(threshold)
        return max((lag for lag, value in zip(self.lags, self.memory, strict=True) if value > threshold), default=0)

    def reach_interval(self, threshold: float | None = None) -> tuple[int, int]:
        """90 % interval of the reach, which also covers lags that were not looked at.

        Returns:
            The last lag where memory is surely above the threshold, and the last before it is surely below it.
        """
        threshold = self._threshold(threshold)
        ends = list(zip(self.lags, self.intervals["memory"], strict=True))
        low = max((lag for lag, (below, _) in ends if below > threshold), default=0)
        unsure = max((place for place, (_, (_, above)) in enumerate(ends) if above > threshold), default=-1)
        high = self.lags[unsure + 1] - 1 if unsure + 1 < len(self.lags) else self.length - 1
        return low, max(high, low)

    def at_least(self, threshold: float | None = None) -> bool:
        """Whether memory is still above the threshold at the last lag, so that the reach may be longer."""
        return self.memory[-1] > self._threshold(threshold)

    def _threshold(self, threshold: float | None) -> float:
        return check_share("threshold", self.threshold if threshold is None else threshold)

    @property
    def half(self) -> int:
        """The largest lag with more than half of the variance before it."""
        return self.reach(0.5)

    def influence(self, step: int) -> float:
        """Share of the variance that depends on the one input `step` steps back, 0 being the newest.

        Raises:
            ValueError: it was not asked for, or not looked at.
        """
        return self._asked(self.influences, "influence", "influence=True").at(step, "influence")

    def truncation(self, lag: int) -> float:
        """How much the output changes if the model sees the last `lag` steps only, from its initial state.

        Returns:
            The divergence in nats for probabilities; else the mean square change over twice the variance, which is 1
            for an output that has become unrelated, and can exceed it.

        Raises:
            ValueError: it was not asked for, or not looked at.
        """
        found = self.divergences or self.truncations
        return self._asked(found, "truncation", "past='dropped'").at(lag, "truncation")

    def effective_context(self, beta: float) -> int:
        """The number of steps back within which the single steps' influence adds up to a part of its sum.

        Args:
            beta: the part, between 0 and 1.

        Returns:
            The smallest l for which the influence of the steps 0 to l back is at least beta times that of all.

        Raises:
            ValueError: beta is outside, or influence was not looked at at every step.

        Source:
            Effective context length (ECL) of the package of the same name, Cerebras Research 2026.
        """
        if not 0 < beta < 1:
            raise ValueError(f"beta must be a part of the influence between 0 and 1, got {beta}")
        values = self._every_influence()
        wanted = beta * math.fsum(values)
        return next((step for step, added in enumerate(accumulate(values)) if added >= wanted), len(values) - 1)

    def effective_steps(self) -> float:
        """exp of the entropy of influence over its sum: this many equally influential steps would have the same.

        Raises:
            ValueError: influence was not looked at at every step.
        """
        return roy_vetterli_rank(np.array(self._every_influence()))

    def _every_influence(self) -> tuple[float, ...]:
        found = self._asked(self.influences, "influence", "influence=True")
        if found.steps != tuple(range(self.length)):
            raise ValueError("a sum over all steps needs the influence of each; use lags='all'")
        return found.values

    def _asked(self, found: Series | None, name: str, how: str) -> Series:
        if found is None:
            raise ValueError(f"{name} was not asked for; use remember(..., {how})")
        return found

    def sentence(self) -> str:
        """What came out, in one sentence."""
        return in_words.sentence(self)

    def summary(self) -> Plain:
        """The figures that are asked for most, for JSON: what `seprank remember --json` prints."""
        return {
            "lags": list(self.lags),
            "memory": list(self.memory),
            "joint": list(self.joint),
            "errors": {
                **{name: [list(ends) for ends in self.intervals[name]] for name in COLUMNS},
                "reach": list(self.reach_interval()),
                "half": list(self.reach_interval(0.5)),
                "mean": list(self.mean_interval),
            },
            "reach": self.reach(),
            "half": self.half,
            "mean": self.mean,
            **{name: getattr(self, name) for name in ("length", "samples", "readout", "dtype", "seed", "seconds")},
        }

    def records(self) -> list[Row]:
        """A row for each lag."""
        rows = []
        for place, lag in enumerate(self.lags):
            row: Row = {"lag": lag}
            for name in COLUMNS:
                low, high = self.intervals[name][place]
                row |= {name: getattr(self, name)[place], f"{name}_low": low, f"{name}_high": high}
            rows.append(row | {"floor": self.floor[place]})
        return rows

    def panels(self) -> list[Panel]:
        """Memory by lag, on a logarithmic and on a linear scale."""
        return curve_panels({"": self})

    def headline(self) -> str:
        """Reach, half and mean age, in a line."""
        least = "at least " if self.at_least() else ""
        return (
            f"reach {least}{self.reach()}, half {self.half}, mean {self.mean:.3g}; {len(self.lags)} lags, "
            f"length {self.length}, {self.samples} pairs"
        )

    def __str__(self) -> str:
        lines = [
            self.sentence(),
            "",
            f"  {in_words.sparkline(self.lags, self.memory)}  1 to {self.lags[-1]:,} steps back",
            in_words.table({"": self}),
            "",
            f"  half {self.half}, mean age {self.mean:.3g} steps ({self.mean_interval[0]:.3g} to "
            f"{self.mean_interval[1]:.3g}); rounding floor {max(self.floor):.1e}",
            f"  {self.samples} pairs of sequences, length {self.length:,}, read-out {self.readout}, {self.dtype}, "
            f"{self.source}, seed {self.seed}",
        ]
        return "\n".join([*lines, *self.noted()])
