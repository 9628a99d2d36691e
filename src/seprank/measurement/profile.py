"""profile(): a measurement at several cuts of a length, or at several lengths."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from torch import Tensor

from ..adapters import State
from ..adapters.hints import CALLED, hints
from ..question import check_choice, check_cut, check_several, check_whole
from ..result.palette import COLOURS
from ..result.result import STRICT, Result
from ..result.text import text_table
from ..startend.workers import pack
from ..system.progress import Report, announce, bars, silent
from .alphabet import find_alphabet
from .inputs import Array, Samples, halved, whole_sequences
from .matrix import block_size, read_out
from .measure import measure, measure_at, settings_for
from .measured_model import Settings, Subject, adapt_to, prepared
from .measurement import Measurement, measure_matrix

PROFILE_SAMPLES = 64
"""Start and end halves drawn by default: there are many cuts, and what is looked at is how they differ"""
STAGE = "profile"
_TRIED = 64
"""Sequences that are run to see how long a step takes"""
_TRIED_STEPS = 16

Axis = Literal["cut", "length"]


@dataclass(frozen=True, repr=False)
class Profile(Result):
    """A measurement at every cut, or at every length."""

    __pydantic_config__ = STRICT
    NOUN: ClassVar[str] = "profile"

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

    def records(self) -> list[dict[str, Any]]:
        """A row for each measurement."""
        return [
            {
                "length": point.length,
                "cut": point.cut,
                "memory": point.memory,
                "joint": point.shares.interaction,
                "entropy": point.entropy,
                "effective rank": point.effective_rank,
            }
            for point in self.points
        ]

    def __str__(self) -> str:
        rows = self.records()
        cells = [[f"{value:,}" if isinstance(value, int) else f"{value:.4g}" for value in row.values()] for row in rows]
        return text_table(cells, heads=list(rows[0]), left=(), indent=2) if rows else self.headline()

    def draw(self, axes: Any) -> None:
        """Memory and its joint part against what was varied."""
        rows = self.records()
        for colour, name in zip(COLOURS, ("memory", "joint"), strict=False):
            axes.plot([row[self.over] for row in rows], [row[name] for row in rows], "o-", color=colour, label=name)
        axes.set(xlabel=self.over, ylabel="share of the variance", ylim=(-0.02, 1.02))
        axes.legend(fontsize=8, frameon=False)


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

    Over cuts, the same start and end sequences serve all of them: the first c steps of a start and the last T - c
    steps of an end. They are those of `measure`, so that each point is what `measure` gives at its cut with as many
    samples. Every start is run once, its states kept at every cut; an executor is given a cut at a time instead. What
    will take more than ten seconds is announced in the log before it is begun.

    Args:
        model: as in `measure`.
        length: T; over lengths, the largest.
        over: "cut" or "length".
        cuts: over cuts, those to measure at, each once; by default 1..T-1.
        lengths: over lengths, those to measure; by default powers of two up to T, and T.
        starts, ends: how many halves to draw. The middle cut is worth more of them: use `measure` for a single one.
        progress: show progress bars on standard error if it is a terminal.
        settings: of `measure`, but `cut` and halves of one's own.

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
    counts: dict[str, Any] = {"starts": check_whole("starts", starts, 1), "ends": check_whole("ends", ends, 1)}
    if check_choice("over", over, get_args(Axis)) == "length":
        if cuts is not None:
            raise ValueError("cuts are for a profile over cuts; over lengths each is cut in the middle, leave them out")
        powers = [2**k for k in range(1, length.bit_length()) if 2**k <= length]
        wanted = [*powers, length] if lengths is None else check_several("lengths", lengths, 2)
        each = sorted({check_cut(t)[0] for t in wanted})
        return Profile(over, [measure(model, length=t, progress=progress, **counts, **settings) for t in each])
    if lengths is not None:
        raise ValueError("lengths are for a profile over lengths; use over='length'")
    chosen = range(1, length) if cuts is None else check_several("cuts", cuts, 1)
    several = sorted({check_cut(length, cut)[1] for cut in chosen})
    return Profile("cut", list(_over_cuts(model, length, several, progress, **counts, **settings)))


def _over_cuts(
    model: Any,
    length: int,
    cuts: list[int],
    progress: bool,
    *,
    starts: int,
    ends: int,
    data: Array | Tensor | None = None,
    executor: Executor | None = None,
    **given: Any,
) -> Iterator[Measurement]:
    unknown = [name for name in given if name not in _DEFAULTS]
    if unknown:
        raise TypeError(f"profile has no setting {unknown[0]!r}; beside cuts and lengths it has {', '.join(_DEFAULTS)}")
    given = _DEFAULTS | given
    said = hints(*(given.pop(name) for name in CALLED))
    read = given.pop("inputs"), given.pop("tokens")
    alphabet = find_alphabet(model, *read, shown=data, length=length, said=said)
    settings = settings_for(alphabet, **given, said=said)
    whole = whole_sequences(settings.alphabet, length=length, starts=starts, ends=ends, data=data, seed=settings.seed)
    with bars(progress) as report, prepared(model, settings) as versions:
        subject = adapt_to(versions, halved(whole, cuts[0]), settings, length)
        run = _Run(subject, whole, cuts, length, settings)
        what = f"profile of {len(cuts)} cuts, length {length}, {len(whole.starts)} x {len(whole.ends)} halves"
        announce(report, STAGE, what, run.seconds(), shared=executor is not None)
        yield from run.here(report) if executor is None else run.on_workers(model, executor, report)


_DEFAULTS: dict[str, Any] = {
    "inputs": None,
    "tokens": None,
    "readout": "all",
    "dtype": "float64",
    "tolerance": None,
    "seed": 0,
    "memory": None,
    "device": "cpu",
    **dict.fromkeys(CALLED),
}


class _Run:
    """What is measured at the cuts of a profile.

    Args:
        subject: a model that has passed the checks.
        whole: starts and ends of the whole length.
        cuts: ascending.
        length: T.
        settings: of the measurements.
    """

    def __init__(self, subject: Subject, whole: Samples, cuts: Sequence[int], length: int, settings: Settings) -> None:
        self._subject, self._whole, self._cuts = subject, whole, cuts
        self._length, self._settings = length, settings

    def seconds(self) -> float:
        """About how long it will take here, from a try of a few steps and of the figures of one matrix."""
        channels = read_out(self._subject.model, self._settings)[1]
        shape = (len(self._whole.starts), len(self._whole.ends), channels)
        began = time.perf_counter()
        measure_matrix(np.random.default_rng(0).standard_normal(shape), length=self._length, cut=self._cuts[0])
        return self._step() * sum(self._steps(cut) for cut in self._cuts) + len(self._cuts) * (
            time.perf_counter() - began
        )

    def _steps(self, cut: int) -> int:
        """Steps of the model for one matrix, starts not counted."""
        pairs = len(self._whole.starts) * len(self._whole.ends)
        return pairs * (self._length - cut if self._subject.model.splits else self._length)

    def _step(self) -> float:
        """Seconds for one step of one sequence, in a batch."""
        model = self._subject.model
        sequences = self._subject.cast(self._whole.ends).sequences()
        steps = min(_TRIED_STEPS, self._length) if model.splits else self._length
        count = min(block_size(self._subject, halved(self._whole, self._cuts[0]), self._length, self._settings), _TRIED)
        pieces = model.pieces(sequences[:count, :steps])
        began = time.perf_counter()
        model(pieces, None)
        return (time.perf_counter() - began) / (steps * min(count, len(sequences)))

    def here(self, report: Report) -> Iterator[Measurement]:
        """One after the other; the states of the starts are taken along."""
        weights = [self._steps(cut) for cut in self._cuts]
        for place, (cut, states) in enumerate(self._states()):
            told = _Told(report, sum(weights[:place]), weights[place], sum(weights))
            yield measure_at(
                self._subject, halved(self._whole, cut), self._length, cut, self._settings, told, states=states
            )

    def _states(self) -> Iterator[tuple[int, State]]:
        """States of all starts at every cut, run once from each to the next."""
        model = self._subject.model
        sequences = self._subject.cast(self._whole.starts).sequences()
        block = block_size(self._subject, halved(self._whole, self._cuts[0]), self._length, self._settings)
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
        futures = {executor.submit(measure_cut, packed, self._length, cut): cut for cut in self._cuts}
        total, done = sum(self._steps(cut) for cut in self._cuts), 0
        found: dict[int, Measurement] = {}
        try:
            for future in as_completed(futures):
                cut = futures[future]
                found[cut] = future.result()
                done += self._steps(cut)
                report(STAGE, done, total, f"{len(found)} of {len(self._cuts)} cuts")
        finally:
            for future in futures:
                future.cancel()
        yield from (found[cut] for cut in self._cuts)


@dataclass(frozen=True)
class _Told:
    """Progress of one cut as a part of that of all."""

    report: Report
    before: int
    """Steps of the cuts that are done"""
    own: int
    total: int

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        self.report(STAGE, self.before + self.own * done // max(total, 1), self.total, stage)


def measure_cut(packed: bytes, length: int, cut: int) -> Measurement:
    """The measurement at one cut; on a worker, this is all that is called."""
    model, whole, settings = pickle.loads(packed)
    samples = halved(whole, cut)
    with prepared(model, settings) as versions:
        return measure_at(adapt_to(versions, samples, settings, length), samples, length, cut, settings, silent)
