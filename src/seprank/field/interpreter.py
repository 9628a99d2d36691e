"""Straight-line programs modulo p, step by step in NumPy, on many pairs at once: the definition, which runs everywhere.

`compiled` and `machine_code` have the same two functions. As a balanced residue is unique, all give the same numbers,
and the same as the module that was recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..kernels import residues
from .program import KINDS, Stage
from .symbolic import Linear, Numbers, Products, Registers, Sums

Rows = Registers | slice

LANES = 4096
"""Pairs at once: enough that calls cost little, and few enough that a row is in the cache"""


def run_pairs(stage: Stage, starts: Numbers, ends: Numbers, p: int, out: Numbers) -> None:
    """What a stage gives for each start (rows, starts) with each end (rows, ends)."""
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
    """The steps of a stage on its rows (rows, lanes)."""
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
