"""A Start-End matrix modulo a prime whose rows are evaluated by workers."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial

import numpy as np
from torch import nn

from ..adapters.copies import copy_module
from ..startend import Progress, RowBlocks, Values
from ..startend.workers import pack
from .asked import Question
from .prepared import Run, enter

MakeMatrix = Callable[[Run, int, Progress | None], RowBlocks]


def on_workers(module: nn.Module, executor: Executor, *, device: str) -> MakeMatrix:
    """What makes the matrix of a run on the workers of an executor; each draws weights and samples from the seed again.

    Args:
        module: is sent to the workers.
        executor: such as `dask.distributed.Client.get_executor()`.
        device: of the workers.

    Raises:
        ValueError: the module cannot be sent.
    """
    packed = sendable(module)

    def make(run: Run, budget: int, progress: Progress | None) -> RowBlocks:
        evaluate = partial(evaluate_rows, packed, run.question, budget, device, "float64")
        return RowBlocks(executor, evaluate, channels=run.channels, progress=progress)

    return make


def sendable(module: nn.Module) -> bytes:
    """A module for workers; to be asked for before a field is entered, inside which no tensor can be read.

    Raises:
        ValueError: it cannot be sent.
    """
    return pack(copy_module(module))


def evaluate_rows(
    packed: bytes,
    question: Question,
    budget: int,
    device: str,
    arithmetic: str,
    rows: Sequence[int],
    ends: Sequence[int],
    samples: tuple[int, int],
) -> Values:
    """Entries of the Start-End matrix of a question: these starts with these ends, out of so many of both."""
    with enter(pickle.loads(packed), question, arithmetic=arithmetic, device=device) as run:
        run.load_loops(len(rows) * len(ends))
        first = run.samples("starts", samples[0]).only(np.asarray(rows))
        second = run.samples("ends", samples[1]).only(np.asarray(ends))
        return run.matrix(budget).grow(first, second).reshape(len(rows), len(ends), run.channels)
