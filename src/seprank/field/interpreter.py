"""Running straight-line programs modulo p on many pairs at once.

`run_steps` and `run_pairs` here are the definition, in NumPy, and run if numba is not installed. `compiled`
has both for numba, on so few pairs at once that their numbers stay in the processor's cache. As a balanced residue is
unique, both give the same numbers, and the same as the module that was recorded.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType

import numpy as np

from ..kernels import is_worth_compiling, residues
from ..system.cores import available_cores
from .program import KINDS, Stage, Stages
from .symbolic import Linear, Numbers, Products, Registers, Sums

Rows = Registers | slice

LANES = 4096
"""Pairs at once in NumPy: enough that calls cost little, and few enough that a row is in the cache"""

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
    threads = min(len(blocks), 1 if chosen is sys.modules[__name__] else _threads())
    with ThreadPoolExecutor(threads) if threads > 1 else nullcontext() as pool:
        for pairs in pool.map(run, blocks) if pool else map(run, blocks):
            done(pairs)


def _threads() -> int:
    """One for each core, or as many as OpenMP is told to use."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdecimal() and int(told) else available_cores()


def fastest(stage: Stage, pairs: int) -> ModuleType:
    """The executor for so many pairs: a compiled one if that is installed, and compiling or loading is worth while."""
    machine_code = importlib.import_module(f"{__package__}.machine_code")
    if machine_code.is_worth_compiling(stage, pairs):
        return machine_code
    return importlib.import_module(f"{__package__}.compiled" if is_worth_compiling(stage.work * pairs) else __name__)


def for_rechecks() -> ModuleType:
    """The executor in integers, for which numba has to be installed; without it, modules run as they are."""
    return importlib.import_module(f"{__package__}.compiled_integers")


def _run_stage(executor: ModuleType, stage: Stage, given: Numbers, p: int) -> Numbers:
    """The results of a stage (results, lanes) from what is given to it (numbers, lanes)."""
    results = np.empty((len(stage.results), given.shape[1]))
    for first in range(0, given.shape[1], LANES):
        part = given[:, first : first + LANES]
        rows = np.ones((stage.rows, part.shape[1]))
        rows[1 : 1 + stage.given] = part
        executor.run_steps(stage, rows, p)
        results[:, first : first + LANES] = rows[stage.results]
    return results


def run_pairs(stage: Stage, starts: Numbers, ends: Numbers, p: int, out: Numbers) -> None:
    """The definition: what a stage gives for each start (rows, starts) with each end (rows, ends)."""
    many, width = len(starts), out.shape[1]
    copies = max(1, LANES // max(1, width))
    memory = np.ones((stage.rows, copies * width))
    for first in range(0, len(out), copies):
        block = out[first : first + copies]
        rows = memory[:, : len(block) * width]
        pairs = rows.reshape(stage.rows, len(block), width)
        pairs[1 : 1 + many] = starts[:, first : first + copies, None]
        pairs[1 + many : 1 + stage.given] = ends[:, None, :]
        run_steps(stage, rows, p)
        for channel, row in enumerate(stage.results):
            block[:, :, channel] = pairs[row]


def run_steps(stage: Stage, rows: Numbers, p: int) -> None:
    """The definition: the steps of a stage on its rows (rows, lanes)."""
    widest = int(stage.heads[:, 1].max(initial=0))
    scratch = np.empty((2, widest, rows.shape[1]))
    for step in _plan(stage):
        own, spare = scratch[:, : step.count]
        total = rows[step.outs] if isinstance(step.outs, slice) else own
        if step.kind == KINDS[Linear]:
            np.matmul(step.factors, rows[step.terms[0]], out=total)
        else:
            others = step.factors.T[:, :, None] if step.kind == KINDS[Sums] else (rows[right] for right in step.rights)
            for k, (terms, other) in enumerate(zip(step.terms, others, strict=True)):
                _multiply_and_add(rows[terms], other, total, spare, first=k == 0)
        _reduce(total, spare, p, step.length)
        if total is own:
            rows[step.outs] = own


@dataclass(frozen=True)
class _Planned:
    """A step of a stage, with rows as they are read fastest."""

    kind: int
    count: int
    length: int
    outs: Rows
    terms: list[Rows]
    """The first terms of all results, the second, and so on; for a matrix product, all terms"""
    rights: list[Rows]
    """What they are multiplied by, in a sum of products"""
    factors: Numbers


@lru_cache(maxsize=4)
def _plan(stage: Stage) -> list[_Planned]:
    plan = []
    for kind, count, length, at, by in stage.heads.tolist():
        outs, places = stage.places[at : at + count], stage.places[at + count :]
        factors = stage.factors[by : by + count * length] if kind != KINDS[Products] else stage.factors[:0]
        terms = places[None, :length] if kind == KINDS[Linear] else places[: count * length].reshape(count, length).T
        rights = places[count * length : 2 * count * length] if kind == KINDS[Products] else places[:0]
        lefts, others = [_rows(t) for t in terms], [_rows(r) for r in rights.reshape(count, -1).T]
        plan.append(_Planned(kind, count, length, _rows(outs), lefts, others, factors.reshape(-1, length)))
    return plan


def _rows(places: Registers) -> Rows:
    """Rows that are next to each other as a slice, which is not copied."""
    first, count = int(places[0]), len(places)
    return slice(first, first + count) if (np.diff(places) == 1).all() else places


def _multiply_and_add(a: Numbers, b: Numbers, total: Numbers, spare: Numbers, *, first: bool) -> None:
    np.multiply(a, b, out=total if first else spare)
    if not first:
        np.add(total, spare, out=total)


def _reduce(total: Numbers, spare: Numbers, p: int, terms: int) -> None:
    """Sums of so many products become balanced residues."""
    law = residues.law(p)
    for _ in range(1 if terms * (p // 2) ** 2 <= residues.ONE_PASS else 2):
        residues.reduce(total, spare, law)
