"""Running straight-line programs modulo p on many pairs at once.

`run_steps` and `run_pairs` here are the definition, in NumPy, and what runs where numba is not installed. `compiled` has
both for numba, on so few pairs at once that their numbers stay in the processor's cache. As a balanced residue is unique,
both give the same numbers, and the same as the module that was recorded.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from types import ModuleType

import numpy as np

from .program import KINDS, Stage, Stages
from .symbolic import Linear, Numbers, Products, Registers

LANES = 4096
"""Pairs at once in NumPy: enough that calls cost little, and few enough that a row is in the cache"""

ONE_PASS = 2**50
"""Up to this size one rounding leaves a balanced residue, beyond it two do; see `Float64`."""

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
        executor: the module that runs it, by default the fastest there is.
    """
    chosen = executor or fastest()
    on_starts, on_ends = (_run_stage(chosen, *given, p) for given in ((stages.starts, starts), (stages.ends, ends)))
    step = max(1, _BLOCK_PAIRS // max(1, out.shape[1]))
    for first in range(0, len(out), step):
        block = out[first : first + step]
        chosen.run_pairs(stages.pairs, on_starts[:, first : first + step], on_ends, p, block)
        done(block.shape[0] * block.shape[1])


@cache
def fastest() -> ModuleType:
    """The compiled executor where numba is installed, else this one."""
    name = "compiled" if find_spec("numba") else "evaluation"
    return importlib.import_module(f".{name}", __package__)


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
    for first in range(0, len(out), copies):
        block = out[first : first + copies]
        rows = np.ones((stage.rows, len(block), width))
        rows[1 : 1 + many] = starts[:, first : first + copies, None]
        rows[1 + many : 1 + stage.given] = ends[:, None, :]
        flat = rows.reshape(stage.rows, -1)
        run_steps(stage, flat, p)
        for channel, row in enumerate(stage.results):
            block[:, :, channel] = flat[row].reshape(block.shape[:2])


def run_steps(stage: Stage, rows: Numbers, p: int) -> None:
    """The definition: the steps of a stage on its rows (rows, lanes)."""
    for kind, count, terms, at, by in stage.heads:
        places = stage.places[at:]
        outs = _rows(places[:count])
        if kind == KINDS[Linear]:
            matrix = stage.factors[by : by + count * terms].reshape(count, terms)
            total = matrix @ rows[_rows(places[count : count + terms])]
        elif kind == KINDS[Products]:
            left, right = places[count : count + 2 * count * terms].reshape(2, count, terms)
            total = _total([rows[_rows(a)] * rows[_rows(b)] for a, b in zip(left.T, right.T, strict=True)])
        else:
            chosen = places[count : count + count * terms].reshape(count, terms)
            factors = stage.factors[by : by + count * terms].reshape(count, terms)
            total = _total([f[:, None] * rows[_rows(a)] for a, f in zip(chosen.T, factors.T, strict=True)])
        rows[outs] = _reduced(total, p, terms)


def _rows(places: Registers) -> Registers | slice:
    """Rows that are next to each other as a slice, which is not copied."""
    first, count = int(places[0]), len(places)
    return slice(first, first + count) if (np.diff(places) == 1).all() else places


def _total(parts: list[Numbers]) -> Numbers:
    total = parts[0]
    for part in parts[1:]:
        total += part
    return total


def _reduced(total: Numbers, p: int, terms: int) -> Numbers:
    """Balanced residues of sums of so many products."""
    quotient = np.empty_like(total)
    for _ in range(1 if terms * (p // 2) ** 2 <= ONE_PASS else 2):
        np.multiply(total, 1.0 / p, out=quotient)
        np.rint(quotient, out=quotient)
        quotient *= p
        total -= quotient
    return total
