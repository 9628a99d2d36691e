"""measure(): from a model to the figures of its Start-End matrix."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

from ..adapters import State
from ..adapters.alphabet import Alphabet, find_alphabet
from ..settings.entries import given
from ..settings.hints import FirstState
from ..settings.measure_settings import MeasureSettings
from ..system.progress import Report, bars
from .inputs import Data, DataError, Samples, given_halves, halved, whole_sequences
from .matrix import Entries, Evaluate, evaluated, on_workers
from .measured_model import adapt_to, prepared
from .measurement import Measurement, measure_matrix
from .recheck import recheck


def measure(  # noqa: PLR0913  (each is a setting a user has)
    model: Any,
    *,
    length: int,
    cut: int | None = None,
    starts: int | Data | None = None,
    ends: int | Data | None = None,
    data: Data | None = None,
    inputs: int | tuple[int, ...] | None = None,
    tokens: int | None = None,
    readout: str | int = "all",
    dtype: str = "float64",
    tolerance: float | None = None,
    seed: int = 0,
    memory: int | None = None,
    device: str = "cpu",
    batch_first: bool | None = None,
    output: str | int | None = None,
    state: str | FirstState | None = None,
    call: Mapping[str, Any] | None = None,
    executor: Executor | None = None,
    progress: bool = True,
) -> Measurement:
    """Measure how much the end of a sequence depends on its start, in any sequence model.

    The Start-End matrix is evaluated in floating point on samples of start and end halves, each start with each
    end; the model is copied, put into evaluation mode and converted, and itself not touched. Before it is measured it
    must pass the checks of docs/adapters.md, and afterwards entries of the matrix are evaluated again.

    Args:
        model: a module or function, see `adapters.adapt` for what is understood.
        length: T, time steps in a sequence.
        cut: c, steps in the start half; by default T // 2.
        starts, ends: how many halves to draw, 256 by default, or the halves themselves, (K, c, features) and
            (K, T - c, features), or integers (K, steps) for a model that reads token ids.
        data: sequences (count, steps, features) or (count, steps); their halves are used in place of random ones.
        inputs: features per step, or sizes of their axes, (channels, height, width), if neither the model nor a layer
            inside says it.
        tokens: number of token ids, for a model that reads them and does not say it itself.
        readout: "all" output channels (columns of the matrix are pairs of end and channel), "random" for one
            random combination, or the number of a channel.
        dtype: "float64", or "float32" to measure the model as it runs. A model that does not run in it is measured in
            its own arithmetic, and the result says so.
        tolerance: relative size below which singular values do not count; by default what rounding
            can make, see `measurement.measurement.default_tolerance`.
        seed: of samples and read-out; the weights are those of the model given.
        memory: bytes this may take; by default half of what is free.
        device: where the model is run: "cpu", "cuda" or "auto", see docs/speed.md.
        batch_first, output, state, call: how the model is called, where that cannot be found out, see `adapters.adapt`.
        executor: evaluates the matrix in blocks of rows on its workers, such as
            `dask.distributed.Client.get_executor()`. Each worker may take the same memory.
        progress: show progress bars on standard error if it is a terminal.

    Returns:
        Singular values and the figures made from them, each with its sampling error.

    Raises:
        ConventionError: the model cannot be called, or fails one of the checks, which the message names.
        DataError: data or halves do not fit the model.
        MemoryBudgetError: the work does not fit the memory.
        ValueError: an argument is out of range, or outputs are constant or not finite.

    Source: docs/errors-of-measurement.md has the definitions and what the errors mean.

    Example:
        >>> import torch
        >>> from seprank import measure
        >>> adding = lambda x: x.sum((1, 2), keepdim=False)
        >>> m = measure(adding, length=6, inputs=1, starts=32, ends=32)
        >>> m.numerical_rank, round(m.shares.interaction, 6)
        (2, 0.0)
    """
    asked = locals()
    halves = _given(starts, ends, data)
    # Arrays are not settings, and are not sent to workers with them.
    asked |= {"data": None} | ({"starts": None, "ends": None} if halves else {})
    settings = given(MeasureSettings, asked)
    return measured(model, settings, inputs=inputs, data=data, halves=halves, executor=executor, progress=progress)


def measured(
    model: Any,
    settings: MeasureSettings,
    *,
    inputs: int | tuple[int, ...] | None = None,
    data: Data | None = None,
    halves: tuple[Data, Data] | None = None,
    executor: Executor | None = None,
    progress: bool = True,
) -> Measurement:
    """As `measure`, with its settings in one object."""
    settings = replace(settings, data=None, memory=settings.budget)
    shown = halves[0] if halves else data
    alphabet = find_alphabet(model, inputs, settings.tokens, shown=shown, length=settings.length, said=settings.hints)
    cut = settings.shown
    if halves:
        samples = given_halves(*halves, alphabet, length=settings.length, cut=cut)
    else:
        samples = halved(drawn(alphabet, settings, data), cut)
    with bars(progress) as report, prepared(model, settings) as versions:
        subject = adapt_to(versions, samples, settings, settings.length)
        evaluate = evaluated if executor is None else on_workers(model, executor)
        return measure_at(Entries(subject, samples, settings), cut, report, evaluate=evaluate)


def _given(starts: Any, ends: Any, data: Any) -> tuple[Data, Data] | None:
    """The halves, if they are arrays and not how many to draw."""
    arrays = [half for half in (starts, ends) if getattr(half, "ndim", 0)]
    if not arrays:
        return None
    if len(arrays) == 1 or data is not None:
        raise DataError("give both starts and ends as halves, without data; or numbers of halves to draw")
    return starts, ends


def drawn(alphabet: Alphabet, settings: MeasureSettings, data: Data | None = None) -> Samples:
    """Sequences of the whole length of which the halves are taken."""
    starts, ends = settings.halves
    return whole_sequences(alphabet, length=settings.length, starts=starts, ends=ends, data=data, seed=settings.seed)


def measure_at(
    entries: Entries, cut: int, report: Report, *, states: State | None = None, evaluate: Evaluate = evaluated
) -> Measurement:
    """One measurement; `states` of the starts, where they have been run already."""
    began = time.perf_counter()
    entries.require_memory()
    outputs = evaluate(entries, lambda done, total: report(f"Start-End matrix, cut {cut}", done, total), states)
    values, seen = recheck(entries, outputs)
    subject, samples, settings = entries.subject, entries.samples, entries.settings
    return measure_matrix(
        values,
        length=settings.length,
        cut=cut,
        dtype=subject.version.name,
        seed=settings.seed,
        tolerance=settings.tolerance,
        source=samples.source,
        origins=samples.origins,
        floor=max(subject.model.floor, 4 * seen),
        notes=subject.notes,
        seconds=time.perf_counter() - began,
    )
