"""Running straight-line programs modulo p on many pairs at once.

`run_steps` and `run_pairs` here are the definition, in NumPy, and what runs where numba is not installed. `compiled`
has both for numba, on so few pairs at once that their numbers stay in the processor's cache. As a balanced residue is
unique, both give the same numbers, and the same as the module that was recorded.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from importlib.util import find_spec
from types import ModuleType

import numpy as np

from .program import KINDS, Stage, Stages
from .symbolic import Linear, Numbers, Products, Registers

LANES = 4096
"""Pairs at once in NumPy: enough that calls cost little, and few enough that a row is in the cache"""

ONE_PASS = 2**50
"""Up to this size one rounding leaves a balanced residue, beyond it two do; see `Float64`."""

COMPILED = 2**31
"""Products from which on numba is loaded: NumPy takes seconds for them, loading one, and compiling ten, once"""

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
    chosen = executor or fastest(stages.pairs.products * out.shape[0] * out.shape[1])
    on_starts, on_ends = (_run_stage(chosen, *given, p) for given in ((stages.starts, starts), (stages.ends, ends)))
    step = max(1, _BLOCK_PAIRS // max(1, out.shape[1]))
    for first in range(0, len(out), step):
        block = out[first : first + step]
        chosen.run_pairs(stages.pairs, on_starts[:, first : first + step], on_ends, p, block)
        done(block.shape[0] * block.shape[1])


def fastest(work: int) -> ModuleType:
    """The executor for so many products: the compiled one if numba is installed, and loading it is worth while."""
    name = f"{__package__}.compiled"
    worth = name in sys.modules or (work >= COMPILED and find_spec("numba") is not None)
    return importlib.import_module(name if worth else __name__)


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
    for kind, count, terms, at, by in stage.heads:
        outs, places = _rows(stage.places[at : at + count]), stage.places[at + count :]
        own, spare = scratch[:, :count]
        total = rows[outs] if isinstance(outs, slice) else own
        if kind == KINDS[Linear]:
            matrix = stage.factors[by : by + count * terms].reshape(count, terms)
            np.matmul(matrix, rows[_rows(places[:terms])], out=total)
        elif kind == KINDS[Products]:
            left, right = places[: 2 * count * terms].reshape(2, count, terms)
            for k in range(terms):
                _multiply_and_add(rows[_rows(left[:, k])], rows[_rows(right[:, k])], total, spare, first=k == 0)
        else:
            chosen = places[: count * terms].reshape(count, terms)
            factors = stage.factors[by : by + count * terms].reshape(count, terms)
            for k in range(terms):
                _multiply_and_add(rows[_rows(chosen[:, k])], factors[:, k, None], total, spare, first=k == 0)
        _reduce(total, spare, p, terms)
        if total is own:
            rows[outs] = own


def _rows(places: Registers) -> Registers | slice:
    """Rows that are next to each other as a slice, which is not copied."""
    first, count = int(places[0]), len(places)
    return slice(first, first + count) if (np.diff(places) == 1).all() else places


def _multiply_and_add(a: Numbers, b: Numbers, total: Numbers, spare: Numbers, *, first: bool) -> None:
    np.multiply(a, b, out=total if first else spare)
    if not first:
        np.add(total, spare, out=total)


def _reduce(total: Numbers, spare: Numbers, p: int, terms: int) -> None:
    """Sums of so many products become balanced residues."""
    for _ in range(1 if terms * (p // 2) ** 2 <= ONE_PASS else 2):
        np.multiply(total, 1.0 / p, out=spare)
        np.rint(spare, out=spare)
        np.multiply(spare, p, out=spare)
        np.subtract(total, spare, out=total)
