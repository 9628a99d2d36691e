"""Running straight-line programs modulo p on all pairs, by the executor that is fastest for so many.

An executor is a module with `run_steps` and `run_pairs`: `interpreter`, the definition, in NumPy; `compiled`, by numba,
on so few pairs at once that their numbers stay in the processor's cache; `machine_code`, for which LLVM compiles the
program itself; and `compiled_integers`, for rechecks.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from types import ModuleType

import numpy as np

from ..kernels import is_worth_compiling
from ..system.cores import available_cores
from . import interpreter, machine_code
from .program import Stage, Stages
from .symbolic import Numbers

_BLOCK_PAIRS = 2**16
"""Pairs between two reports of progress"""


def evaluate(
    stages: Stages,
    starts: Numbers,
    ends: Numbers,
    p: int,
    out: Numbers,
    *,
    done: Callable[[int], None] = lambda pairs: None,
    executor: ModuleType | None = None,
) -> None:
    """Each start with each end.

    Args:
        stages: a program.
        starts: what the starts left, (numbers, starts).
        ends: the numbers in the ends, (numbers, ends).
        p: the prime.
        out: written over, (starts, ends, channels).
        done: called with the pairs done since the last call.
        executor: the module that runs it, by default the fastest for this work.
    """
    chosen = executor or fastest(stages.pairs, out.shape[0] * out.shape[1])
    on_starts, on_ends = (_run_stage(chosen, *given, p) for given in ((stages.starts, starts), (stages.ends, ends)))
    step = max(1, _BLOCK_PAIRS // max(1, out.shape[1]))
    blocks = [slice(first, first + step) for first in range(0, len(out), step)]

    def run(block: slice) -> int:
        chosen.run_pairs(stages.pairs, on_starts[:, block], on_ends, p, out[block])
        return len(out[block]) * int(out.shape[1])

    # Compiled loops let other threads run; NumPy's calls are too short for that.
    threads = min(len(blocks), 1 if chosen is interpreter else _threads())
    with ThreadPoolExecutor(threads) if threads > 1 else nullcontext() as pool:
        for pairs in pool.map(run, blocks) if pool else map(run, blocks):
            done(pairs)


def _threads() -> int:
    """One for each core, or as many as OpenMP is told to use."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdecimal() and int(told) else available_cores()


def fastest(stage: Stage, pairs: int) -> ModuleType:
    """The executor for so many pairs: a compiled one if that is installed, and compiling or loading is worth while."""
    if machine_code.is_worth_it(stage, pairs):
        return machine_code
    return importlib.import_module(f"{__package__}.compiled") if is_worth_compiling(stage.work * pairs) else interpreter


def for_rechecks() -> ModuleType:
    """The executor in integers, for which numba has to be installed; without it, modules run as they are."""
    return importlib.import_module(f"{__package__}.compiled_integers")


def _run_stage(executor: ModuleType, stage: Stage, given: Numbers, p: int) -> Numbers:
    """The results of a stage (results, lanes) from what is given to it (numbers, lanes)."""
    results = np.empty((len(stage.results), given.shape[1]))
    for first in range(0, given.shape[1], interpreter.LANES):
        part = given[:, first : first + interpreter.LANES]
        rows = np.ones((stage.rows, part.shape[1]))
        rows[1 : 1 + stage.given] = part
        executor.run_steps(stage, rows, p)
        results[:, first : first + interpreter.LANES] = rows[stage.results]
    return results
