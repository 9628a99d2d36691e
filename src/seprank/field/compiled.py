"""Programs run by numba: every row stays in the processor's cache from step to step."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels.fused import compiled, law, residue
from ..kernels.residues import ONE_PASS
from .program import Stage
from .symbolic import Numbers

_CACHE = 3 * 2**17
"""Bytes of all rows, of which a processor's second cache has 512 KiB or more"""


def run_steps(stage: Stage, rows: Numbers, p: int) -> None:
    """As `interpreter.run_steps`."""
    _steps((stage.heads, stage.places, stage.factors), rows, _law(p))


def run_pairs(stage: Stage, starts: Numbers, ends: Numbers, p: int, out: Numbers) -> None:
    """As `interpreter.run_pairs`."""
    lanes = min(512, max(64, _CACHE // (8 * stage.rows)))  # below 256, the calls for a row cost more than its numbers
    batches = max(1, -(-out.shape[1] // lanes))
    rows = np.ones((stage.rows, max(1, -(-out.shape[1] // batches))))
    own = out if out.flags.c_contiguous else np.empty_like(out, order="C")  # for which there is one compiled form
    program = (stage.heads, stage.places, stage.factors)
    _pairs(program, stage.results, np.ascontiguousarray(starts.T), np.ascontiguousarray(ends), rows, own, _law(p))
    if own is not out:
        out[:] = own


def _law(p: int) -> tuple[float, float, int]:
    """What reducing takes: 1 / p, p, and how many products one rounding reduces the sum of."""
    return *law(p), int(ONE_PASS // (p // 2) ** 2)


@compiled
def _pairs(program: Any, results: Any, starts: Any, ends: Any, rows: Any, out: Any, law: Any) -> None:
    # Loops rather than slices: they compile in a quarter of the time.
    many, width = starts.shape[1], rows.shape[1]
    for begin in range(0, out.shape[1], width):
        lanes = min(width, out.shape[1] - begin)  # what is beyond them is computed in vain
        for number in range(ends.shape[0]):
            for lane in range(lanes):
                rows[1 + many + number, lane] = ends[number, begin + lane]
        for start in range(out.shape[0]):
            for number in range(many):
                for lane in range(width):
                    rows[1 + number, lane] = starts[start, number]
            _steps(program, rows, law)
            for channel in range(out.shape[2]):
                for lane in range(lanes):
                    out[start, begin + lane, channel] = rows[results[channel], lane]


@compiled
def _steps(program: Any, rows: Any, law: Any) -> None:
    heads, places, factors = program
    for step in range(heads.shape[0]):
        kind, count, terms, at, by = heads[step]
        for number in range(count):
            out, own = rows[places[at + number]], number * terms
            first = at + count + (0 if kind == 2 else own)
            chosen = places[first : first + terms]
            if kind == 1:
                right = first + count * terms
                _multiply(rows, out, chosen, places[right : right + terms], law)
            else:
                _combine(rows, out, chosen, factors[by + own : by + own + terms], law)


@compiled
def _combine(rows: Any, out: Any, terms: Any, by: Any, law: Any) -> None:
    """The sum of factors times rows."""
    count = len(terms)
    if count == 8 and law[2] >= count:
        _eight(rows, out, terms, by, law)
    elif count == 4 and law[2] >= count:
        _four(rows, out, terms, by, law)
    elif count == 2 and law[2] >= count:
        _two(rows, out, terms, by, law)
    else:
        _many(rows, out, terms, by, law)


@compiled
def _two(rows: Any, out: Any, terms: Any, by: Any, law: Any) -> None:
    a, b = rows[terms[0]], rows[terms[1]]
    f, g = by[0], by[1]
    for lane in range(len(out)):
        x = f * a[lane] + g * b[lane]
        out[lane] = residue(x, law)


@compiled
def _four(rows: Any, out: Any, terms: Any, by: Any, law: Any) -> None:
    a, b, c, d = rows[terms[0]], rows[terms[1]], rows[terms[2]], rows[terms[3]]
    f, g, h, i = by[0], by[1], by[2], by[3]
    for lane in range(len(out)):
        x = f * a[lane] + g * b[lane] + h * c[lane] + i * d[lane]
        out[lane] = residue(x, law)


@compiled
def _eight(rows: Any, out: Any, terms: Any, by: Any, law: Any) -> None:
    a, b, c, d = rows[terms[0]], rows[terms[1]], rows[terms[2]], rows[terms[3]]
    e, q, r, s = rows[terms[4]], rows[terms[5]], rows[terms[6]], rows[terms[7]]
    f, g, h, i = by[0], by[1], by[2], by[3]
    j, k, m, n = by[4], by[5], by[6], by[7]
    for lane in range(len(out)):
        x = f * a[lane] + g * b[lane] + h * c[lane] + i * d[lane]
        x += j * e[lane] + k * q[lane] + m * r[lane] + n * s[lane]
        out[lane] = residue(x, law)


@compiled
def _many(rows: Any, out: Any, terms: Any, by: Any, law: Any) -> None:
    """Any number, four in one pass over memory."""
    count = len(terms)
    alone = count % 4
    for lane in range(len(out)):
        out[lane] = 0.0
    for number in range(alone):
        a, f = rows[terms[number]], by[number]
        for lane in range(len(out)):
            out[lane] += f * a[lane]
    for first in range(alone, count, 4):
        a, b, c, d = rows[terms[first]], rows[terms[first + 1]], rows[terms[first + 2]], rows[terms[first + 3]]
        f, g, h, i = by[first], by[first + 1], by[first + 2], by[first + 3]
        for lane in range(len(out)):
            out[lane] += f * a[lane] + g * b[lane] + h * c[lane] + i * d[lane]
    _reduce(out, law, count > law[2])


@compiled
def _multiply(rows: Any, out: Any, left: Any, right: Any, law: Any) -> None:
    """The sum of products of rows."""
    a, b = rows[left[0]], rows[right[0]]
    if len(left) == 1 and law[2] >= 1:
        for lane in range(len(out)):
            x = a[lane] * b[lane]
            out[lane] = residue(x, law)
        return
    for lane in range(len(out)):
        out[lane] = a[lane] * b[lane]
    for number in range(1, len(left)):
        a, b = rows[left[number]], rows[right[number]]
        for lane in range(len(out)):
            out[lane] += a[lane] * b[lane]
    _reduce(out, law, len(left) > law[2])


@compiled
def _reduce(out: Any, law: Any, twice: bool) -> None:
    for lane in range(len(out)):
        out[lane] = residue(out[lane], law)
    if twice:
        for lane in range(len(out)):
            out[lane] = residue(out[lane], law)
