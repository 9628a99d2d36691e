"""The Start-End matrix of a measurement: the model prepared and adapted, its outputs read out, here or on workers."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from ..adapters import ConventionError, Rescaled, SequenceModel, Whole, adapt
from ..cluster import pack
from ..memory import MemoryBudgetError, show_size
from ..question import check_readout
from ..startend import Halves, Progress, RowBlocks, StartEndMatrix, Values, pairs_per_block
from .inputs import Alphabet, Samples

DTYPES = {"float64": torch.float64, "float32": torch.float32}

MakeMatrix = Callable[[SequenceModel, int, "Settings", Progress | None], StartEndMatrix | RowBlocks]
"""From an adapted model, the length and the settings to an empty matrix"""


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


@contextmanager
def prepared(model: Any, settings: Settings) -> Iterator[Any]:
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


def adapt_to(model: Any, samples: Samples, settings: Settings) -> SequenceModel:
    """The adapter; rescaled for products, whose values overflow; of whole sequences where nothing else fits."""
    halves = [cast(half, settings).sequences(0, 3) for half in (samples.starts, samples.ends)]
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


def cast(halves: Halves, settings: Settings) -> Halves:
    values = halves.sequences()
    return Halves(vectors=values.to(settings.device, DTYPES[settings.dtype] if values.is_floating_point() else None))


def block_size(model: SequenceModel, length: int, settings: Settings) -> int:
    features = settings.alphabet.features or 1
    numbers = length * (features + model.channels) + 4 * model.state_numbers(length)
    return pairs_per_block(model.width, 16 * numbers, settings.memory // 4)


def make_matrix(
    model: SequenceModel, length: int, settings: Settings, progress: Progress | None = None
) -> StartEndMatrix:
    """An empty Start-End matrix of a model."""
    read, channels = read_out(model, settings)
    return StartEndMatrix(model, read, channels=channels, block=block_size(model, length, settings), progress=progress)


def on_workers(model: Any, executor: Executor, samples: Samples) -> MakeMatrix:
    """What makes the matrix of a prepared model on the workers of an executor, which adapt it themselves."""
    packed = pack((model, samples))

    def make(adapted: SequenceModel, length: int, settings: Settings, progress: Progress | None = None) -> RowBlocks:
        evaluate = partial(measure_rows, packed, length, settings)
        return RowBlocks(executor, evaluate, channels=read_out(adapted, settings)[1], progress=progress)

    return make


def measure_rows(
    packed: bytes, length: int, settings: Settings, rows: range, ends: range, counts: tuple[int, int]
) -> Values:
    """Entries of a Start-End matrix: these starts with these ends; on a worker, this is all that is called."""
    model, samples = pickle.loads(packed)
    with prepared(model, settings) as ready:
        adapted = adapt_to(ready, samples, settings)
        first = cast(samples.starts, settings).only(np.asarray(rows))
        second = cast(samples.ends, settings).only(np.asarray(ends))
        matrix = make_matrix(adapted, length, settings)
        return matrix.grow(first, second).reshape(len(rows), len(ends), -1)


def read_out(model: SequenceModel, settings: Settings) -> tuple[Callable[[Tensor], Tensor], int]:
    """From the last output (channels, pairs) to what the matrix holds; of a rescaled model everything is kept."""
    channels = model.channels - isinstance(model, Rescaled)
    readout = check_readout(settings.readout, channels)
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


def combined(values: Values, settings: Settings) -> Values:
    """Outputs of a rescaled model over one common power of two, read out."""
    every = Rescaled.combine(values)
    if settings.readout == "all":
        return every
    read: Values = every @ _readout_weights(every.shape[2], settings).double().cpu().numpy().T
    return read


def notes(model: SequenceModel) -> list[str]:
    notes = []
    if not model.splits:
        notes.append("evaluated on whole sequences: the model keeps no state that could be spread over ends")
    if isinstance(model, Rescaled):
        notes.append("states were rescaled by powers of two, which is exact; outputs are up to one common factor")
    return notes


def require_matrix(starts: int, ends: int, channels: int, budget: int) -> None:
    need = 8 * 4 * starts * ends * channels
    if need > budget:
        raise MemoryBudgetError(
            f"the Start-End matrix of {starts} starts, {ends} ends and {channels} channels takes about "
            f"{show_size(need)}, more than the {show_size(budget)} it may take; use fewer starts or ends, one read-out "
            "(--readout random), or more memory"
        )
