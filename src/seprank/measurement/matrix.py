"""The entries of a measurement's Start-End matrix: a checked model on pairs of halves, evaluated here or on workers."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import Executor
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..adapters import Checked, Rescaled, State, Values
from ..question import check_readout
from ..settings.measure_settings import MeasureSettings
from ..startend import Progress, RowBlocks, StartEndMatrix, pairs_per_block
from ..startend.workers import pack
from ..system.memory import MemoryBudgetError, show_size
from .allocation import footprint
from .directions import directions
from .inputs import Samples
from .measured_model import Subject, adapt_to, prepared


class Entries:
    """What the entries of a matrix are made of: a model that has passed the checks, its halves, and its read-out."""

    def __init__(self, subject: Subject, samples: Samples, settings: MeasureSettings) -> None:
        if not isinstance(subject.model, Checked):
            raise TypeError(f"only a model that has passed the checks is measured, got {type(subject.model).__name__}")
        self.subject, self.samples, self.settings = subject, samples, settings
        self.starts, self.ends = subject.cast(samples.starts), subject.cast(samples.ends)
        channels = subject.model.channels - subject.rescaled
        readout = check_readout(settings.readout, channels)
        self._weights = None if readout == "all" else directions(readout, channels, settings.seed)
        self.channels = subject.model.channels if subject.rescaled or self._weights is None else 1
        """Columns of the matrix for each end; of a rescaled model all of them, and one for the exponent"""

    @cached_property
    def block(self) -> int:
        """Pairs that are run at once: as many as fit a quarter of the memory, by a probe of a few pairs."""
        model, length = self.subject.model, self.settings.length
        numbers = length * (self.samples.features + model.channels) + 4 * model.state_numbers(length)
        found = footprint(model, self.starts, self.ends)
        each, budget = max(16 * numbers, found.per_pair), self.settings.budget // 4 - found.fixed
        return pairs_per_block(model.width, each, budget, self.settings.device)

    def read(self, output: Tensor) -> Tensor:
        """Columns (channels, pairs) of the last output; of a rescaled model everything is kept."""
        output = _widened(output)
        if self.subject.rescaled or self._weights is None:
            return output
        return torch.from_numpy(self._weights).to(output) @ output

    def matrix(self, block: int, progress: Progress | None = None) -> StartEndMatrix:
        """An empty matrix, to be evaluated in blocks of this many pairs."""
        return StartEndMatrix(self.subject.model, self.read, channels=self.channels, block=block, progress=progress)

    def require_memory(self) -> None:
        """Refuse a matrix that does not fit the memory."""
        starts, ends, budget = len(self.starts), len(self.ends), self.settings.budget
        need = 8 * 4 * starts * ends * self.channels
        if need > budget:
            raise MemoryBudgetError(
                f"the Start-End matrix of {starts} starts, {ends} ends and {self.channels} channels takes about "
                f"{show_size(need)}, more than the {show_size(budget)} it may take; use fewer starts or ends, one "
                "read-out (--readout random), or more memory"
            )

    def combined(self, values: Values) -> Values:
        """Outputs read out; those of a rescaled model are first put over one common power of two."""
        if not self.subject.rescaled:
            return values
        every = Rescaled.combine(values)
        read: Values = every if self._weights is None else every @ self._weights.T
        return read


Evaluate = Callable[[Entries, Progress, State | None], Values]
"""Takes the entries, the progress to call, and the states of the starts if they are known; gives all values"""


def evaluated(entries: Entries, progress: Progress, states: State | None = None) -> Values:
    """All entries, evaluated here."""
    grown = entries.matrix(entries.block, progress).grow(entries.starts, entries.ends, states=states)
    return grown.reshape(len(entries.starts), len(entries.ends), entries.channels)


def on_workers(model: Any, executor: Executor) -> Evaluate:
    """A function that evaluates all entries on workers, each of which adapts and checks the model itself."""

    def evaluate(entries: Entries, progress: Progress, states: State | None = None) -> Values:
        rows = partial(evaluate_rows, pack((model, entries.samples, entries.settings)))
        grown = RowBlocks(executor, rows, channels=entries.channels, progress=progress)
        return grown.grow(entries.starts, entries.ends).reshape(len(entries.starts), len(entries.ends), -1)

    return evaluate


def evaluate_rows(packed: bytes, rows: range, ends: range, counts: tuple[int, int]) -> Values:
    """Entries of a Start-End matrix, these starts with these ends: the one function that workers call."""
    model, samples, settings = pickle.loads(packed)
    with prepared(model, settings) as versions:
        entries = Entries(adapt_to(versions, samples, settings, settings.length), samples, settings)
        first, second = entries.starts.only(np.asarray(rows)), entries.ends.only(np.asarray(ends))
        return entries.matrix(entries.block).grow(first, second).reshape(len(rows), len(ends), -1)


def _widened(output: Tensor) -> Tensor:
    """Outputs in a type that NumPy has and that holds them: whole numbers as float64, short floats as float32."""
    if not output.is_floating_point():
        return output.to(torch.float64)
    return output.float() if output.dtype.itemsize < 4 else output
