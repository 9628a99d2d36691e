"""measure() and profile(): from a model to the figures of its Start-End matrix."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from ..adapters import ConventionError, Rescaled, SequenceModel, State, Whole, adapt
from ..memory import MemoryBudgetError, default_budget, show_size
from ..progress import Report, bars
from ..startend import Halves, StartEndMatrix, Values, check_cut, pairs_per_block
from .inputs import Alphabet, Array, DataError, Samples, own_halves, random_halves
from .result import Measurement, measure_matrix

SAMPLES = 256
"""Start and end halves drawn by default"""

DTYPES = {"float64": torch.float64, "float32": torch.float32}


@dataclass(frozen=True)
class Settings:
    """What is measured, beside the model and the cut."""

    alphabet: Alphabet
    readout: str | int
    """"all" output channels, "random" for one random combination of them, or the number of one"""
    dtype: str
    """Arithmetic of the model, "float64" or "float32" """
    tolerance: float | None
    seed: int
    memory: int
    device: str


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
    alphabet = find_alphabet(model, inputs, tokens, shown=data if isinstance(starts, int) else starts)
    settings = _settings(alphabet, readout, dtype, tolerance, seed, memory, device)
    cut = check_cut(length, cut)
    samples = _samples(settings.alphabet, length, cut, starts, ends, data, seed)
    with bars(progress) as report, _prepared(model, settings) as ready:
        adapted = _adapt(ready, samples, settings)
        return _measure_at(adapted, samples, length, cut, settings, report)


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
    if over == "length":
        lengths = sorted(set(at or [2**k for k in range(1, length.bit_length()) if 2**k <= length] + [length]))
        return Profile(over, [measure(model, length=t, progress=progress, **settings) for t in lengths])
    if over != "cut":
        raise ValueError(f"over must be 'cut' or 'length', got {over!r}")
    cuts = sorted({check_cut(length, cut) for cut in at or range(1, length)})
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
    alphabet = find_alphabet(model, given.pop("inputs"), given.pop("tokens"), shown=data)
    settings = _settings(alphabet, **given)
    longest = _whole_samples(settings.alphabet, length, starts, ends, data, settings.seed)
    with bars(progress) as report, _prepared(model, settings) as ready:
        adapted = _adapt(ready, longest, settings)
        begun = _run_to(adapted, longest.starts, cuts, _block(adapted, length, settings))
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
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, got {dtype!r}")
    if readout not in ("all", "random") and not (isinstance(readout, int) and readout >= 0):
        raise ValueError(f"readout must be 'all', 'random' or the number of an output channel, got {readout!r}")
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
    for name, value in (("inputs", inputs), ("tokens", tokens)):
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if tokens is not None:
        return Alphabet(tokens=tokens)
    if inputs is not None:
        return Alphabet(features=inputs)
    vocabulary = getattr(getattr(model, "config", None), "vocab_size", None)
    if isinstance(vocabulary, int):
        return Alphabet(tokens=vocabulary)
    for member in [model, *(model if isinstance(model, nn.Sequential) else [])]:
        if isinstance(member, nn.Embedding):
            return Alphabet(tokens=member.num_embeddings)
        size = getattr(member, "input_size", getattr(member, "in_features", None))
        if isinstance(size, int):
            return Alphabet(features=size)
    if shown is not None and shown.ndim == 3:
        return Alphabet(features=shown.shape[2])
    raise ValueError(
        "the model does not say what it reads; give inputs (features per step) or tokens (number of token ids)"
    )


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


@contextmanager
def _prepared(model: Any, settings: Settings) -> Iterator[Any]:
    """A copy of the model in evaluation mode and in the arithmetic asked for, without gradients."""
    if isinstance(model, nn.Module):
        model = copy.deepcopy(model).to(device=settings.device, dtype=DTYPES[settings.dtype]).eval()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in `certify`: small operations do not gain by a second
    try:
        with torch.no_grad(), threadpool_limits(limits=1):
            yield model
    finally:
        torch.set_num_threads(threads)


def _adapt(model: Any, samples: Samples, settings: Settings) -> SequenceModel:
    """The adapter; rescaled for products, whose values overflow; of whole sequences where nothing else fits."""
    halves = [_cast(half, settings).sequences(0, 3) for half in (samples.starts, samples.ends)]
    try:
        adapted = adapt(model, halves[0])
    except ConventionError:
        count = min(len(half) for half in halves)
        whole = _fixed_length(model, torch.cat([half[:count] for half in halves], 1))
        if whole is None:
            raise
        return whole
    if isinstance(model, nn.Module) and settings.dtype == "float64":
        with suppress(ValueError, RuntimeError, TypeError, IndexError):  # most are not homogeneous
            return Rescaled(model, halves[0], batch_first=getattr(model, "batch_first", True))
    return adapted


def _fixed_length(model: Any, sequences: Tensor) -> Whole | None:
    """A function that takes sequences of this length only, None if it does not take these either."""
    try:
        return Whole(model, sequences, length=sequences.shape[1])
    except Exception:
        return None


def _cast(halves: Halves, settings: Settings) -> Halves:
    values = halves.sequences()
    return Halves(vectors=values.to(settings.device, DTYPES[settings.dtype] if values.is_floating_point() else None))


def _block(model: SequenceModel, length: int, settings: Settings) -> int:
    features = settings.alphabet.features or 1
    numbers = length * (features + model.channels) + 4 * model.state_numbers(length)
    return pairs_per_block(model.width, 16 * numbers, settings.memory // 4)


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
) -> Measurement:
    """One measurement; `states` of the starts, where they have been run already."""
    began = time.perf_counter()
    read, channels = _readout(model, settings)
    starts, ends = _cast(samples.starts, settings), _cast(samples.ends, settings)
    _require_matrix(len(starts), len(ends), channels, settings.memory)
    matrix = StartEndMatrix(
        model,
        read,
        channels=channels,
        block=_block(model, length, settings),
        progress=lambda done, total: report(f"Start-End matrix, cut {cut}", done, total),
    )
    values = matrix.grow(starts, ends, states=states).reshape(len(starts), len(ends), channels)
    if isinstance(model, Rescaled):
        values = _combined(values, settings)
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
        notes=_notes(model),
        seconds=time.perf_counter() - began,
    )


def _readout(model: SequenceModel, settings: Settings) -> tuple[Callable[[Tensor], Tensor], int]:
    """From the last output (channels, pairs) to what the matrix holds; of a rescaled model everything is kept."""
    channels = model.channels - isinstance(model, Rescaled)
    readout = settings.readout
    if isinstance(readout, int) and readout >= channels:
        raise ValueError(f"readout must be below the {channels} output channels of the model, got {readout}")
    if isinstance(model, Rescaled) or readout == "all":
        return (lambda output: output), model.channels
    weights = _readout_weights(channels, settings)
    return (lambda output: weights.to(output.dtype) @ output), 1


def _readout_weights(channels: int, settings: Settings) -> Tensor:
    """(1, channels): a unit vector, or a random direction."""
    if isinstance(settings.readout, int):
        return torch.eye(channels, device=settings.device)[settings.readout : settings.readout + 1]
    direction = np.random.default_rng((settings.seed, 2)).standard_normal((1, channels))
    return torch.from_numpy(direction / np.linalg.norm(direction)).to(settings.device)


def _combined(values: Values, settings: Settings) -> Values:
    """Outputs of a rescaled model over one common power of two, read out."""
    every = Rescaled.combine(values)
    if settings.readout == "all":
        return every
    read: Values = every @ _readout_weights(every.shape[2], settings).double().cpu().numpy().T
    return read


def _notes(model: SequenceModel) -> list[str]:
    notes = []
    if not model.splits:
        notes.append("evaluated on whole sequences: the model keeps no state that could be spread over ends")
    if isinstance(model, Rescaled):
        notes.append("states were rescaled by powers of two, which is exact; outputs are up to one common factor")
    return notes


def _require_matrix(starts: int, ends: int, channels: int, budget: int) -> None:
    need = 8 * 4 * starts * ends * channels
    if need > budget:
        raise MemoryBudgetError(
            f"the Start-End matrix of {starts} starts, {ends} ends and {channels} channels takes about "
            f"{show_size(need)}, more than the {show_size(budget)} it may take; use fewer starts or ends, one read-out "
            "(--readout random), or more memory"
        )
