"""The Start-End matrix of a measurement: outputs of a checked model, read out, here or on workers; and once more."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..adapters import Checked, Rescaled
from ..question import check_readout
from ..settings.measure_settings import MeasureSettings
from ..startend import Progress, RowBlocks, StartEndMatrix, Values, pairs_per_block
from ..startend.workers import pack
from ..system.memory import MemoryBudgetError, show_size
from .allocation import footprint
from .inputs import Samples
from .measured_model import Subject, adapt_to, prepared

MakeMatrix = Callable[[Subject, Samples, int, MeasureSettings, int, Progress | None], StartEndMatrix | RowBlocks]
"""From a checked model, the samples, the length, the settings and the pairs of a block to an empty matrix"""


def block_size(subject: Subject, samples: Samples, length: int, settings: MeasureSettings) -> int:
    """Pairs that are run at once: as many as fit a quarter of the memory, as a probe of a few pairs says."""
    model = subject.model
    numbers = length * (samples.features + model.channels) + 4 * model.state_numbers(length)
    found = footprint(model, subject.cast(samples.starts), subject.cast(samples.ends))
    return pairs_per_block(model.width, max(16 * numbers, found.per_pair), settings.budget // 4 - found.fixed)


def make_matrix(
    subject: Subject,
    samples: Samples,
    length: int,
    settings: MeasureSettings,
    block: int,
    progress: Progress | None = None,
) -> StartEndMatrix:
    """An empty Start-End matrix of a model that has passed the checks."""
    read, channels = read_out(subject.model, settings)
    return StartEndMatrix(subject.model, read, channels=channels, block=block, progress=progress)


def on_workers(model: Any, executor: Executor) -> MakeMatrix:
    """What makes the matrix of a model on the workers of an executor, which adapt and check it themselves."""

    def make(
        subject: Subject,
        samples: Samples,
        length: int,
        settings: MeasureSettings,
        block: int,
        progress: Progress | None = None,
    ) -> RowBlocks:
        evaluate = partial(measure_rows, pack((model, samples)), length, settings)
        return RowBlocks(executor, evaluate, channels=read_out(subject.model, settings)[1], progress=progress)

    return make


def measure_rows(
    packed: bytes, length: int, settings: MeasureSettings, rows: range, ends: range, counts: tuple[int, int]
) -> Values:
    """Entries of a Start-End matrix: these starts with these ends; on a worker, this is all that is called."""
    model, samples = pickle.loads(packed)
    with prepared(model, settings) as versions:
        subject = adapt_to(versions, samples, settings, length)
        first = subject.cast(samples.starts).only(np.asarray(rows))
        second = subject.cast(samples.ends).only(np.asarray(ends))
        matrix = make_matrix(subject, samples, length, settings, block_size(subject, samples, length, settings))
        return matrix.grow(first, second).reshape(len(rows), len(ends), -1)


def read_out(model: Checked, settings: MeasureSettings) -> tuple[Callable[[Tensor], Tensor], int]:
    """From the last output (channels, pairs) to what the matrix holds; of a rescaled model everything is kept."""
    if not isinstance(model, Checked):
        raise TypeError(f"only a model that has passed the checks is measured, got {type(model).__name__}")
    rescaled = isinstance(model.model, Rescaled)
    channels = model.channels - rescaled
    readout = check_readout(settings.readout, channels)
    if rescaled or readout == "all":
        return _widened, model.channels
    weights = _readout_weights(channels, settings)
    return (lambda output: weights.to(_widened(output).dtype) @ _widened(output)), 1


def _widened(output: Tensor) -> Tensor:
    """Outputs in a type that NumPy has and that holds them: whole numbers as float64, short floats as float32."""
    if not output.is_floating_point():
        return output.to(torch.float64)
    return output.float() if output.dtype.itemsize < 4 else output


def _readout_weights(channels: int, settings: MeasureSettings) -> Tensor:
    """(1, channels): a unit vector, or a random direction."""
    if isinstance(settings.readout, int):
        return torch.eye(channels, device=settings.device)[settings.readout : settings.readout + 1]
    direction = np.random.default_rng((settings.seed, 2)).standard_normal((1, channels))
    return torch.from_numpy(direction / np.linalg.norm(direction)).to(settings.device)


def combined(values: Values, settings: MeasureSettings) -> Values:
    """Outputs of a rescaled model over one common power of two, read out."""
    every = Rescaled.combine(values)
    if settings.readout == "all":
        return every
    read: Values = every @ _readout_weights(every.shape[2], settings).double().cpu().numpy().T
    return read


def require_matrix(starts: int, ends: int, channels: int, budget: int) -> None:
    need = 8 * 4 * starts * ends * channels
    if need > budget:
        raise MemoryBudgetError(
            f"the Start-End matrix of {starts} starts, {ends} ends and {channels} channels takes about "
            f"{show_size(need)}, more than the {show_size(budget)} it may take; use fewer starts or ends, one read-out "
            "(--readout random), or more memory"
        )
