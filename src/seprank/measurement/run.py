"""measure() and profile(): from a model to the figures of its Start-End matrix."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Literal, get_args

from torch import Tensor, nn

from ..adapters import Rescaled, SequenceModel, State
from ..memory import default_budget
from ..progress import Report, bars
from ..question import check_choice, check_cut, check_readout, check_seed, check_whole, is_whole
from ..startend import Halves, StartEndMatrix
from .inputs import Alphabet, Array, DataError, Samples, own_halves, random_halves
from .matrix import (
    DTYPES,
    MakeMatrix,
    Settings,
    adapt_to,
    block_size,
    cast,
    combined,
    make_matrix,
    notes,
    on_workers,
    prepared,
    read_out,
    require_matrix,
)
from .result import Measurement, measure_matrix

SAMPLES = 256
"""Start and end halves drawn by default"""


def measure(  # noqa: PLR0913  (each is a setting a user has)
    model: Any,
    *,
    length: int,
    cut: int | None = None,
    starts: int | Array | Tensor = SAMPLES,
    ends: int | Array | Tensor = SAMPLES,
    data: Array | Tensor | None = None,
    inputs: int | None = None,
    tokens: int | None = None,
    readout: str | int = "all",
    dtype: str = "float64",
    tolerance: float | None = None,
    seed: int = 0,
    memory: int | None = None,
    device: str = "cpu",
    executor: Executor | None = None,
    progress: bool = True,
) -> Measurement:
    """Measure how much the end of a sequence depends on its start, in any sequence model.

    The Start-End matrix is evaluated in floating point on samples of start and end halves, each start with each
    end; the model is copied, put into evaluation mode and converted, and itself not touched.

    Args:
        model: a module or function, see `adapters.adapt` for what is understood.
        length: T, time steps in a sequence.
        cut: c, steps in the start half; by default T // 2.
        starts, ends: how many halves to draw, or the halves themselves, (K, c, features) and (K, T - c, features),
            or integers (K, steps) for a model that reads token ids.
        data: sequences (count, steps, features) or (count, steps); their halves are used in place of random ones.
        inputs: features per step, where the model does not say it itself.
        tokens: number of token ids, for a model that reads them and does not say it itself.
        readout: "all" output channels (columns of the matrix are pairs of end and channel), "random" for one
            random combination, or the number of a channel.
        dtype: "float64", or "float32" to measure the model as it runs.
        tolerance: relative size below which singular values do not count; by default max(K) times the spacing of
            floating-point numbers.
        seed: of samples and read-out.
        memory: bytes this may take; by default half of what is free.
        device: where the model is run. Only "cpu" has been tested.
        executor: evaluates the matrix in blocks of rows on its workers, such as
            `dask.distributed.Client.get_executor()`. Each worker may take the same memory.
        progress: show progress bars on standard error if it is a terminal.

    Returns:
        Singular values and the figures made from them, each with its sampling error.

    Raises:
        ConventionError: the model cannot be called, or its halves do not give the whole.
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
    length, cut = check_cut(length, cut)
    starts, ends = _numbers_or_halves("starts", starts), _numbers_or_halves("ends", ends)
    alphabet = find_alphabet(model, inputs, tokens, shown=data if isinstance(starts, int) else starts)
    settings = _settings(alphabet, readout, dtype, tolerance, seed, memory, device)
    samples = _samples(settings.alphabet, length, cut, starts, ends, data, settings.seed)
    with bars(progress) as report, prepared(model, settings) as ready:
        adapted = adapt_to(ready, samples, settings)
        make = make_matrix if executor is None else on_workers(ready, executor, samples)
        return _measure_at(adapted, samples, length, cut, settings, report, make=make)


Axis = Literal["cut", "length"]


@dataclass(frozen=True)
class Profile:
    """A measurement at every cut, or at every length."""

    over: Axis
    """What is varied"""
    points: list[Measurement]
    """In ascending order of it"""

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return {"over": self.over, "points": [point.to_dict() for point in self.points]}


def profile(
    model: Any,
    *,
    length: int,
    over: Axis = "cut",
    at: list[int] | None = None,
    progress: bool = True,
    **settings: Any,
) -> Profile:
    """Measure at every cut of a length, or at the middle of several lengths.

    Over cuts, the same start and end sequences serve all of them: the first c steps of a start and the last T - c
    steps of an end. Every start is run once, its states kept at every cut.

    Args:
        model: as in `measure`.
        length: T; over lengths, the largest.
        over: "cut" or "length".
        at: cuts, by default 1..T-1; or lengths, by default powers of two up to T, and T.
        progress: show progress bars on standard error if it is a terminal.
        settings: of `measure`, but `cut` and halves of one's own; `starts` and `ends` are numbers.

    Returns:
        The measurements.

    Raises:
        As `measure`.

    Example:
        >>> import torch
        >>> from seprank import profile
        >>> points = profile(torch.nn.GRU(2, 3, batch_first=True), length=4, starts=32, ends=32).points
        >>> [point.cut for point in points]
        [1, 2, 3]
    """
    length, _ = check_cut(length)
    if check_choice("over", over, get_args(Axis)) == "length":
        powers = [2**k for k in range(1, length.bit_length()) if 2**k <= length]
        lengths = sorted({check_cut(t)[0] for t in ([*powers, length] if at is None else at)})
        return Profile(over, [measure(model, length=t, progress=progress, **settings) for t in lengths])
    cuts = sorted({check_cut(length, cut)[1] for cut in (range(1, length) if at is None else at)})
    return Profile("cut", list(_over_cuts(model, length, cuts, progress, **settings)))


def _over_cuts(
    model: Any,
    length: int,
    cuts: list[int],
    progress: bool,
    *,
    starts: int = SAMPLES,
    ends: int = SAMPLES,
    data: Array | Tensor | None = None,
    **given: Any,
) -> Iterator[Measurement]:
    given = _DEFAULTS | given
    starts, ends = check_whole("starts", starts, 1), check_whole("ends", ends, 1)
    alphabet = find_alphabet(model, given.pop("inputs"), given.pop("tokens"), shown=data)
    settings = _settings(alphabet, **given)
    longest = _whole_samples(settings.alphabet, length, starts, ends, data, settings.seed)
    with bars(progress) as report, prepared(model, settings) as ready:
        adapted = adapt_to(ready, longest, settings)
        begun = _run_to(adapted, longest.starts, cuts, block_size(adapted, length, settings))
        for cut, states in begun:
            tails = Halves(vectors=longest.ends.sequences()[:, cut - length :])
            samples = Samples(longest.starts, tails, longest.source, longest.origins)
            yield _measure_at(adapted, samples, length, cut, settings, report, states)


_DEFAULTS: dict[str, Any] = {
    "inputs": None,
    "tokens": None,
    "readout": "all",
    "dtype": "float64",
    "tolerance": None,
    "seed": 0,
    "memory": None,
    "device": "cpu",
}


def _settings(
    alphabet: Alphabet,
    readout: str | int,
    dtype: str,
    tolerance: float | None,
    seed: int,
    memory: int | None,
    device: str,
) -> Settings:
    dtype, readout, seed = check_choice("dtype", dtype, [*DTYPES]), check_readout(readout), check_seed(seed)
    if tolerance is not None and not 0 <= tolerance < 1:
        raise ValueError(f"tolerance must be at least 0 and below 1, got {tolerance}")
    budget = default_budget() if memory is None else memory
    return Settings(alphabet, readout, dtype, tolerance, seed, budget, device)


def find_alphabet(
    model: Any, inputs: int | None = None, tokens: int | None = None, shown: Array | Tensor | None = None
) -> Alphabet:
    """What a model reads: as given, as it says by `config.vocab_size`, `input_size` or its first layer, or as shown.

    Args:
        model: the model.
        inputs, tokens: features per step or number of token ids, if given.
        shown: sequences for the model; if they are vectors they show the number of features.

    Raises:
        ValueError: it does not say, and nothing was given.
    """
    inputs = None if inputs is None else check_whole("inputs", inputs, 1)
    tokens = None if tokens is None else check_whole("tokens", tokens, 1)
    if tokens is not None:
        return Alphabet(tokens=tokens)
    if inputs is not None:
        return Alphabet(features=inputs)
    vocabulary = getattr(getattr(model, "config", None), "vocab_size", None)
    if is_whole(vocabulary):
        return Alphabet(tokens=check_whole("vocab_size", vocabulary, 1))
    for member in [model, *(model if isinstance(model, nn.Sequential) else [])]:
        if isinstance(member, nn.Embedding):
            return Alphabet(tokens=member.num_embeddings)
        size = getattr(member, "input_size", getattr(member, "in_features", None))
        if is_whole(size):
            return Alphabet(features=check_whole("input_size", size, 1))
    if shown is not None and shown.ndim == 3:
        return Alphabet(features=shown.shape[2])
    raise ValueError(
        "the model does not say what it reads; give inputs (features per step) or tokens (number of token ids)"
    )


def _numbers_or_halves(name: str, given: Any) -> Any:
    """How many halves there are to be, as an integer, or the halves themselves."""
    return given if getattr(given, "ndim", 0) else check_whole(name, given, 1)


def _samples(
    alphabet: Alphabet,
    length: int,
    cut: int,
    starts: int | Array | Tensor,
    ends: int | Array | Tensor,
    data: Array | Tensor | None,
    seed: int,
) -> Samples:
    if isinstance(starts, int) and isinstance(ends, int):
        if data is None:
            return random_halves(alphabet, length=length, cut=cut, starts=starts, ends=ends, seed=seed)
        return own_halves(data, alphabet, length=length, cut=cut, starts=starts, ends=ends, seed=seed)
    if isinstance(starts, int) or isinstance(ends, int) or data is not None:
        raise DataError("give both starts and ends as halves, without data; or numbers of halves to draw")
    return given_halves(starts, ends, alphabet, length=length, cut=cut)


def given_halves(starts: Array | Tensor, ends: Array | Tensor, alphabet: Alphabet, *, length: int, cut: int) -> Samples:
    """Halves as the user has them, checked.

    Raises:
        DataError: they have other numbers of steps or features than needed, or are not finite.
    """
    halves = []
    for name, given, steps in (("starts", starts, cut), ("ends", ends, length - cut)):
        shape = tuple(given.shape)
        if len(shape) < 2 or shape[1] != steps:
            raise DataError(f"{name} must be (count, {steps}, ...) for length {length} and cut {cut}, got {shape}")
        own = own_halves(given, alphabet, length=steps, cut=steps, seed=0)
        halves.append(own.starts)
    return Samples(halves[0], halves[1], source="halves given")


def _whole_samples(
    alphabet: Alphabet, length: int, starts: int, ends: int, data: Array | Tensor | None, seed: int
) -> Samples:
    """Sequences of full length for both sides, from which the halves of every cut are taken."""
    if data is None:
        samples = random_halves(alphabet, length=2 * length, cut=length, starts=starts, ends=ends, seed=seed)
        return Samples(samples.starts, samples.ends, samples.source)
    whole = own_halves(data, alphabet, length=length, cut=length, seed=seed)
    chosen = own_halves(data, alphabet, length=length, cut=1, starts=starts, ends=ends, seed=seed)
    assert chosen.origins is not None
    starts_of, ends_of = (whole.starts.only(numbers) for numbers in chosen.origins)
    return Samples(starts_of, ends_of, chosen.source, chosen.origins)


def _run_to(model: SequenceModel, starts: Halves, cuts: list[int], block: int) -> Iterator[tuple[int, State]]:
    """States of all starts at every cut, run once from each to the next."""
    sequences = starts.sequences()
    pieces = [slice(first, first + block) for first in range(0, len(sequences), block)]
    states: list[State | None] = [None] * len(pieces)
    done = 0
    for cut in cuts:
        states = [
            model(model.pieces(sequences[rows, done:cut]), state)[1] for rows, state in zip(pieces, states, strict=True)
        ]
        done = cut
        yield cut, model.join([state for state in states if state is not None])


def _measure_at(
    model: SequenceModel,
    samples: Samples,
    length: int,
    cut: int,
    settings: Settings,
    report: Report,
    states: State | None = None,
    make: MakeMatrix | None = None,
) -> Measurement:
    """One measurement; `states` of the starts, where they have been run already."""
    began = time.perf_counter()
    channels = read_out(model, settings)[1]
    starts, ends = cast(samples.starts, settings), cast(samples.ends, settings)
    require_matrix(len(starts), len(ends), channels, settings.memory)
    matrix = (make or make_matrix)(
        model, length, settings, lambda done, total: report(f"Start-End matrix, cut {cut}", done, total)
    )
    if isinstance(matrix, StartEndMatrix):
        grown = matrix.grow(starts, ends, states=states)
    else:
        grown = matrix.grow(starts, ends)
    values = grown.reshape(len(starts), len(ends), channels)
    if isinstance(model, Rescaled):
        values = combined(values, settings)
    return measure_matrix(
        values,
        length=length,
        cut=cut,
        dtype=settings.dtype,
        seed=settings.seed,
        tolerance=settings.tolerance,
        source=samples.source,
        origins=samples.origins,
        floor=model.floor or None,
        notes=notes(model),
        seconds=time.perf_counter() - began,
    )
