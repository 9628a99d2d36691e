"""profile(): a measurement at several cuts of a length, or at several lengths."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from ..adapters import State
from ..adapters.alphabet import find_alphabet
from ..question import check_choice, check_cut, check_several, check_whole
from ..result.chart import legend_above, look, whole_numbers
from ..result.panels import Panel
from ..result.result import STRICT, Result, Row
from ..result.text import text_table
from ..settings.entries import entries
from ..settings.measure_settings import PROFILE_SAMPLES, MeasureSettings
from ..startend.workers import finished, pack
from ..system.progress import Report, announce, bars, silent
from .inputs import Data, Samples, halved
from .matrix import Entries
from .measure import drawn, measure, measure_at, measured
from .measured_model import Subject, adapt_to, prepared
from .measurement import Measurement, measure_matrix

STAGE = "profile"
_TRIED = 64
"""Sequences that are run to see how long a step takes"""

Axis = Literal["cut", "length"]


@dataclass(frozen=True, repr=False)
class Profile(Result):
    """A measurement at every cut, or at every length."""

    __pydantic_config__ = STRICT
    NOUN: ClassVar[str] = "profile"
    TABULAR: ClassVar[bool] = True

    over: Axis
    """What is varied"""
    points: list[Measurement]
    """In ascending order of it"""

    def at(self, cut: int) -> Measurement:
        """The measurement at a cut.

        Raises:
            KeyError: there is none.
        """
        return {point.cut: point for point in self.points}[cut]

    def headline(self) -> str:
        """What was varied, in a line."""
        places = [row[self.over] for row in self.records()]
        many = f"{self.over} {places[0]} to {places[-1]}" if places else f"no {self.over}"
        return f"{len(self.points)} measurements, {many}"

    def records(self) -> list[Row]:
        """A row for each measurement."""
        return [
            {
                "cut": point.cut,
                "lag": point.length - point.cut,
                "memory": point.memory,
                "joint": point.shares.interaction,
                "entropy": point.entropy,
                "effective rank": point.effective_rank,
                "length": point.length,
            }
            for point in self.points
        ]

    def __str__(self) -> str:
        rows = self.records()
        cells = [[f"{value:,}" if isinstance(value, int) else f"{value:.4g}" for value in row.values()] for row in rows]
        return text_table(cells, heads=list(rows[0]), left=(), indent=2) if rows else self.headline()

    def panels(self) -> list[Panel]:
        """Shares of the variance, and entropy, against what was varied."""
        bars = f"Against the {self.over}; bars are one standard error of sampling."
        memory = f"Shares of the output's variance that depend on the start, and on start and end jointly. {bars}"
        entropy = f"Entropy of the spectrum: 0 where one product of a function of each half is all there is. {bars}"
        return [Panel("Memory", self._draw_shares, memory), Panel("Entropy", self._draw_entropy, entropy)]

    def _draw_shares(self, axes: Any) -> None:
        rows = self.records()
        axes.plot([row[self.over] for row in rows], [row["memory"] for row in rows], **look(0), label="memory")
        self._draw_line(axes, 1, "interaction", "joint")
        axes.set(ylabel="share of the variance", ylim=(-0.02, 1.02))
        legend_above(axes)

    def _draw_entropy(self, axes: Any) -> None:
        self._draw_line(axes, 0, "entropy", "entropy")
        axes.set(ylabel="entropy (nats)", ylim=(0, None))

    def _draw_line(self, axes: Any, number: int, key: str, name: str) -> None:
        places = [getattr(point, self.over) for point in self.points]
        errors = [point.errors[key] for point in self.points]
        axes.errorbar(
            places,
            [error.estimate for error in errors],
            yerr=[error.standard_error for error in errors],
            **look(number),
            capsize=2,
            label=name,
        )
        whole_numbers(axes)
        axes.set_xlabel("cut: steps in the start" if self.over == "cut" else "length of the sequence")


def profile(
    model: Any,
    *,
    length: int,
    over: Axis = "cut",
    cuts: int | Iterable[int] | None = None,
    lengths: int | Iterable[int] | None = None,
    starts: int = PROFILE_SAMPLES,
    ends: int = PROFILE_SAMPLES,
    progress: bool = True,
    **settings: Any,
) -> Profile:
    """Measure at several cuts of a length, or at the middle of several lengths.

    Over cuts, all cuts share the same start and end sequences: the first c steps of a start and the last T - c steps of
    an end. They are those of `measure`, so that each point is what `measure` gives at its cut with as many samples.
    Every start is run once, its states kept at every cut; an executor is given a cut at a time instead. Work of more
    than ten seconds is announced in the log.

    Args:
        model: as in `measure`.
        length: T; over lengths, the largest.
        over: "cut" or "length".
        cuts: over cuts, those to measure at, each once; by default 1..T-1.
        lengths: over lengths, those to measure; by default powers of two up to T, and T.
        starts, ends: how many halves to draw. For a single cut use `measure`, with more of them.
        progress: show progress bars on standard error if it is a terminal.
        settings: of `measure`, except `cut` and halves of your own.

    Returns:
        The measurements.

    Raises:
        As `measure`.

    Example:
        >>> import torch
        >>> from seprank import profile
        >>> points = profile(torch.nn.GRU(2, 3, batch_first=True), length=9, cuts=[2, 6], starts=32, ends=32).points
        >>> [point.cut for point in points]
        [2, 6]
    """
    length, _ = check_cut(length)
    starts, ends = check_whole("starts", starts, 1), check_whole("ends", ends, 1)
    if check_choice("over", over, get_args(Axis)) == "length":
        if cuts is not None:
            raise ValueError("cuts are for a profile over cuts; over lengths each is cut in the middle, leave them out")
        powers = [2**k for k in range(1, length.bit_length()) if 2**k <= length]
        wanted = [*powers, length] if lengths is None else check_several("lengths", lengths, 2)
        each = sorted({check_cut(t)[0] for t in wanted})
        how = partial(measure, model, starts=starts, ends=ends, progress=progress, **settings)
        return Profile(over, [how(length=t) for t in each])
    if lengths is not None:
        raise ValueError("lengths are for a profile over lengths; use over='length'")
    every = "all" if cuts is None else tuple(check_several("cuts", cuts, 1))
    apart = {name: settings.pop(name) for name in ("inputs", "data", "executor") if name in settings}
    _require_known(settings)
    asked = MeasureSettings(length=length, cuts=every, starts=starts, ends=ends, **settings)
    return profiled(model, asked, progress=progress, **apart)


def _require_known(settings: Iterable[str]) -> None:
    known = [entry.name for entry in entries(MeasureSettings) if entry.name != "cut"]
    unknown = [name for name in settings if name not in known]
    if unknown:
        every = ", ".join(["inputs", *known, "executor"])
        raise TypeError(f"profile has no setting {unknown[0]!r}; beside cuts and lengths it has {every}")


def measure_all(model: Any, settings: MeasureSettings, **given: Any) -> tuple[Measurement, Profile]:
    """What `measured` gives; with cuts, the measurement to be shown in full, and the profile that `profiled` gives."""
    if settings.cuts is None:
        return measured(model, settings, **given), Profile("cut", [])
    points = profiled(model, settings, **given)
    return points.at(settings.shown), points


def profiled(
    model: Any,
    settings: MeasureSettings,
    *,
    inputs: int | tuple[int, ...] | None = None,
    data: Data | None = None,
    executor: Executor | None = None,
    progress: bool = True,
) -> Profile:
    """As `profile` over cuts, with its settings in one object."""
    settings = replace(settings, data=None, memory=settings.budget)
    alphabet = find_alphabet(model, inputs, settings.tokens, shown=data, length=settings.length, said=settings.hints)
    whole, cuts = drawn(alphabet, settings, data), settings.profiled
    with bars(progress) as report, prepared(model, settings) as versions:
        run = _Run(adapt_to(versions, halved(whole, cuts[0]), settings, settings.length), whole, cuts, settings)
        what = f"profile of {len(cuts)} cuts, length {settings.length}, {len(whole.starts)} x {len(whole.ends)} halves"
        announce(report, STAGE, what, run.seconds(), shared=executor is not None)
        points = run.here(report) if executor is None else run.on_workers(model, executor, report)
        return Profile("cut", list(points))


class _Run:
    """What is measured at the cuts of a profile, in ascending order, on starts and ends of the whole length."""

    def __init__(self, subject: Subject, whole: Samples, cuts: Sequence[int], settings: MeasureSettings) -> None:
        self._subject, self._whole, self._cuts, self._settings = subject, whole, cuts, settings
        self._first = self._entries(cuts[0])

    def _entries(self, cut: int) -> Entries:
        return Entries(self._subject, halved(self._whole, cut), self._settings)

    def seconds(self) -> float:
        """About how long it will take here, from a try of a few steps and of the figures of one matrix."""
        values = np.random.default_rng(0).standard_normal(
            (len(self._whole.starts), len(self._whole.ends), self._first.channels)
        )
        began = time.perf_counter()
        measure_matrix(values, length=self._settings.length, cut=self._cuts[0])
        figures = time.perf_counter() - began
        tried = self._subject.cast(self._whole.ends).sequences(0, min(self._first.block, _TRIED))
        steps = sum(self._steps(cut) for cut in self._cuts)
        return self._subject.seconds_per_step(tried) * steps + len(self._cuts) * figures

    def _steps(self, cut: int) -> int:
        """Steps of the model for one matrix, starts not counted."""
        pairs, length = len(self._whole.starts) * len(self._whole.ends), self._settings.length
        return pairs * (length - cut if self._subject.model.splits else length)

    def here(self, report: Report) -> Iterator[Measurement]:
        """One cut after the other; the states of the starts are carried from each to the next."""
        weights = [self._steps(cut) for cut in self._cuts]
        for place, (cut, states) in enumerate(self._states()):
            told = partial(_tell, report, sum(weights[:place]), weights[place], sum(weights))
            yield measure_at(self._entries(cut), cut, told, states=states)

    def _states(self) -> Iterator[tuple[int, State]]:
        """States of all starts at every cut, run once from each to the next."""
        model, block = self._subject.model, self._first.block
        sequences = self._subject.cast(self._whole.starts).sequences()
        pieces = [slice(first, first + block) for first in range(0, len(sequences), block)]
        states: list[State | None] = [None] * len(pieces)
        done = 0
        for cut in self._cuts:
            states = [
                model(model.pieces(sequences[rows, done:cut]), state)[1]
                for rows, state in zip(pieces, states, strict=True)
            ]
            done = cut
            yield cut, model.join([state for state in states if state is not None])

    def on_workers(self, model: Any, executor: Executor, report: Report) -> Iterator[Measurement]:
        """A cut is one piece of work; the longest ends go first, so that no worker is left with one at the end."""
        packed = pack((model, self._whole, self._settings))
        total, done = sum(self._steps(cut) for cut in self._cuts), 0
        found: dict[int, Measurement] = {}
        for (cut,), measurement in finished(executor, partial(measure_cut, packed), zip(self._cuts, strict=True)):
            found[cut] = measurement
            done += self._steps(cut)
            report(STAGE, done, total, f"{len(found)} of {len(self._cuts)} cuts")
        yield from (found[cut] for cut in self._cuts)


def _tell(report: Report, before: int, own: int, every: int, stage: str, done: int, total: int, note: str = "") -> None:
    """Progress of one cut as a part of all: `before` counts the steps of earlier cuts, `own` those of this one."""
    report(STAGE, before + own * done // max(total, 1), every, stage)


def measure_cut(packed: bytes, cut: int) -> Measurement:
    """The measurement at one cut: the one function that workers call."""
    model, whole, settings = pickle.loads(packed)
    samples = halved(whole, cut)
    with prepared(model, settings) as versions:
        subject = adapt_to(versions, samples, settings, settings.length)
        return measure_at(Entries(subject, samples, settings), cut, silent)
