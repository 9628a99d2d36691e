"""remember(): from a model to its memory curve."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from ..adapters.alphabet import find_alphabet
from ..measurement.inputs import Data
from ..measurement.measured_model import Subject, adapt_to, prepared
from ..settings.entries import given
from ..settings.hints import FirstState
from ..settings.lags import bracket
from ..settings.remember_settings import RememberSettings
from ..system.memory import default_budget
from ..system.progress import Report, announce, bars
from .collection import STAGE, Collection, SentCollection
from .columns import Figures, figures, nothing_left
from .curve import MemoryCurve, Series
from .readout import Readout, choose_readout
from .terms import Terms, join_lags
from .windows import Pairs, make_pairs


def remember(  # noqa: PLR0913  (each is a setting a user has)
    model: Any,
    *,
    length: int,
    samples: int = 256,
    lags: Iterable[int] | str | None = None,
    readout: str | int | None = None,
    data: Data | None = None,
    threshold: float = 0.01,
    past: str = "resampled",
    influence: bool = False,
    inputs: int | tuple[int, ...] | None = None,
    tokens: int | None = None,
    dtype: str = "float64",
    seed: int = 0,
    memory: int | None = None,
    device: str = "cpu",
    batch_first: bool | None = None,
    output: str | int | None = None,
    state: str | FirstState | None = None,
    call: Mapping[str, Any] | None = None,
    executor: Executor | None = None,
    progress: bool | Report = True,
) -> MemoryCurve:
    """How many steps back a model remembers: how much of its output depends on inputs before the last k steps.

    memory(k) is the share of the output's variance that is left when the last k inputs are known. It is estimated from
    pairs of independent sequences whose pasts are exchanged, with a relative error of about sqrt(2 / samples) however
    small it is. The pasts are run once for all k. A copy of the model is run, in evaluation mode and in `dtype`.

    Args:
        model: a module or function, see `adapters.adapt` for what is understood.
        length: T, time steps in a sequence.
        samples: N, pairs of sequences, at least 32.
        lags: numbers of last steps k, from 1 to T - 1, or "all". By default 1 to 8, then ever wider apart, and finer
            where memory falls through the threshold and through a half.
        readout: "all" output channels (variances summed), "random" for one random combination, the number of a
            channel, or "probabilities" (square roots of the softmax), which is the default for a model of token ids
            that has an output for each of them.
        data: sequences (count, steps, features) or (count, steps), or one of token ids (steps,): windows of them are
            used in place of random sequences.
        threshold: share of the variance that counts as remembered, for `reach` and `sentence`.
        past: "dropped" also runs the last k inputs alone, for `MemoryCurve.truncation`.
        influence: also resample single steps, for `MemoryCurve.influence`; about doubles the work.
        inputs: features per step, or the sizes of their axes, if neither the model nor a layer inside says it.
        tokens: number of token ids, for a model that reads them and does not say it itself.
        dtype: "float64", or "float32" to run the model as it is trained; that raises the rounding floor.
        seed: of samples and read-out.
        memory: bytes this may take; by default half of what is free.
        device: where the model is run: "cpu", "cuda" or "auto", see docs/speed.md.
        batch_first, output, state, call: how the model is called, where that cannot be found out, see `adapters.adapt`.
        executor: runs blocks of pairs on its workers, such as `dask.distributed.Client.get_executor()`.
        progress: show progress bars on standard error if it is a terminal.

    Returns:
        The curve. After Ctrl-C it has the lags (or the pairs) that were finished, and a note that says so.

    Raises:
        ConventionError: the model cannot be called, or fails one of the checks that every model must pass.
        DataError: the data do not fit the model, or give fewer than 32 pairs of windows.
        MemoryBudgetError: the work does not fit the memory.
        ConstantOutput: the output does not vary.
        ValueError: an argument is out of range, or an output is not finite.

    Source: docs/remember.md; Homma & Saltelli 1996 (total effect), Jansen 1999 (estimator).

    Example:
        >>> from seprank import remember
        >>> curve = remember(lambda x: x[:, -4, 0], length=10, inputs=1)
        >>> curve.reach(), curve.half, curve.mean
        (3, 3, 3.0)
    """
    asked = locals() | {"data": None, "lags": lags if lags is None or isinstance(lags, str) else tuple(lags)}
    settings = given(RememberSettings, asked | {"memory": default_budget() if memory is None else memory})
    alphabet = find_alphabet(model, inputs, tokens, shown=data, length=settings.length, said=settings.hints)
    pairs = make_pairs(data, alphabet, settings)
    began = time.perf_counter()
    with bars(progress) as report, prepared(model, settings) as versions:
        subject = adapt_to(versions, pairs.halves(), settings, settings.length)
        read = choose_readout(settings, subject, alphabet.tokens)
        here = Collection(subject, read, pairs, settings, report)
        run = here if executor is None else SentCollection(executor, model, pairs, settings, report)
        what = f"memory curve of {samples} pairs, length {length}"
        announce(report, STAGE, what, here.seconds(settings.wanted), shared=executor is not None)
        terms, ended = _collected(run, settings, pairs)
    return _curve(settings, pairs, subject, read, terms, ended=ended, interrupted=run.interrupted, began=began)


def _curve(
    settings: RememberSettings,
    pairs: Pairs,
    subject: Subject,
    read: Readout,
    terms: Terms,
    *,
    ended: bool,
    interrupted: bool,
    began: float,
) -> MemoryCurve:
    """The record of a run; lags beyond one at which memory `ended` have none."""
    found = figures(terms, threshold=settings.threshold)
    further = tuple(lag for lag in settings.wanted if ended and lag > found.lags[-1])
    notes = [*pairs.notes, *subject.notes, *found.notes]
    if further:
        notes.append(
            f"lags beyond {found.lags[-1]} were not run: steps are independent, so memory that has fallen to the "
            "rounding floor cannot rise again"
        )
    if interrupted:
        notes.append(
            f"interrupted: {len(terms)} of {len(pairs)} pairs, lags up to {terms.lags[-1]} of {settings.length - 1}"
        )
    found = found.followed_by(further)
    shares = {"memory": found.memory, "joint": found.joint, "carried": found.carried}
    return MemoryCurve(
        lags=found.lags,
        memory=found.memory.values,
        joint=found.joint.values,
        carried=found.carried.values,
        intervals={name: column.intervals for name, column in shares.items()},
        floor=found.floor,
        mean=found.mean,
        mean_interval=found.mean_interval,
        threshold=settings.threshold,
        length=settings.length,
        samples=len(terms),
        channels=read.channels,
        readout=read.kind,
        dtype=subject.version.name,
        seed=settings.seed,
        seconds=time.perf_counter() - began,
        source=pairs.source,
        complete=not interrupted,
        notes=tuple(notes),
        influences=_influences(found, settings.length),
        truncations=found.short,
        divergences=found.divergence,
    )


def _collected(run: Collection | SentCollection, settings: RememberSettings, pairs: Pairs) -> tuple[Terms, bool]:
    """Terms at the lags wanted and at those that locate the reach; and whether memory ended before the last lag."""
    wanted = settings.wanted
    ends = pairs.independent and not settings.dropped
    terms = run.terms(wanted, partial(nothing_left, threshold=settings.threshold) if ends else None)
    ended = terms.lags[-1] < wanted[-1] and not run.interrupted
    if settings.lags is None:
        with suppress(KeyboardInterrupt):
            for threshold in (settings.threshold, 0.5):
                terms = _refined(run, terms, settings.threshold, threshold)
    return terms, ended


def _refined(run: Collection | SentCollection, terms: Terms, useful: float, threshold: float) -> Terms:
    """Terms at further lags, which halve the gap where memory falls through a threshold until errors reach it."""
    while not run.interrupted:
        found = figures(terms, threshold=useful)
        place = bracket(found.lags, found.memory.values, threshold)
        if place is None:
            return terms
        above = found.lags[place[0]] if place[0] >= 0 else 0
        below = found.lags[place[1]]
        if below - above < 2 or _indistinct(found, place, threshold):
            return terms
        part = run.terms([(above + below) // 2])
        if len(part) < len(terms):  # interrupted: this lag is not complete
            return terms
        terms = join_lags([terms, part])
    return terms


def _indistinct(found: Figures, place: tuple[int, int], threshold: float) -> bool:
    """Whether the errors at both sides of the gap reach the threshold."""
    intervals = found.memory.intervals
    return place[0] >= 0 and intervals[place[0]][0] <= threshold <= intervals[place[1]][1]


def _influences(found: Figures, length: int) -> Series | None:
    """Of the oldest of the last k steps; that of the very first step is memory at the last lag, as its whole past."""
    if found.single is None:
        return None
    oldest, memory = replace(found.single, steps=tuple(lag - 1 for lag in found.lags)), found.memory
    if found.lags[-1] < length - 1:
        return oldest
    return oldest + Series((length - 1,), memory.values[-1:], memory.intervals[-1:])
