"""The executor of `evaluation` for numba: every row stays in the processor's cache from step to step."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .evaluation import ONE_PASS
from .program import Stage
from .symbolic import Numbers

_CACHE = 3 * 2**17
"""Bytes of all rows, of which a processor's second cache has 512 KiB or more"""

_compile: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
"""Products may be added without rounding between: all are integers below 2^53, so that it is the same."""


def run_steps(stage: Stage, rows: Numbers, p: int) -> None:
    """As `evaluation.run_steps`."""
    _steps(stage.heads, stage.places, stage.factors, rows, 1.0 / p, float(p), _longest(p))


def run_pairs(stage: Stage, starts: Numbers, ends: Numbers, p: int, out: Numbers) -> None:
    """As `evaluation.run_pairs`."""
    lanes = min(512, max(64, _CACHE // (8 * stage.rows)))  # below 256, the calls for a row cost more than its numbers
    batches = max(1, -(-out.shape[1] // lanes))
    rows = np.ones((stage.rows, max(1, -(-out.shape[1] // batches))))
    own = out if out.flags.c_contiguous else np.empty_like(out, order="C")  # for which there is one compiled form
    steps, given = (stage.heads, stage.places, stage.factors), (np.ascontiguousarray(starts.T), ends)
    _pairs(*steps, stage.results, *given, rows, own, 1.0 / p, float(p), _longest(p))
    if own is not out:
        out[:] = own


def _longest(p: int) -> int:
    """Terms in a sum that one rounding reduces."""
    return int(ONE_PASS // (p // 2) ** 2)


@_compile
def _pairs(
    heads: Any,
    places: Any,
    factors: Any,
    results: Any,
    starts: Any,
    ends: Any,
    rows: Any,
    out: Any,
    inverse: float,
    p: float,
    longest: int,
) -> None:
    many, width = starts.shape[1], rows.shape[1]
    for begin in range(0, out.shape[1], width):
        lanes = min(width, out.shape[1] - begin)  # what is beyond them is computed in vain
        rows[1 + many : 1 + many + ends.shape[0], :lanes] = ends[:, begin : begin + lanes]
        for start in range(out.shape[0]):
            for number in range(many):
                rows[1 + number] = starts[start, number]
            _steps(heads, places, factors, rows, inverse, p, longest)
            for channel in range(out.shape[2]):
                found = rows[results[channel]]
                for lane in range(lanes):
                    out[start, begin + lane, channel] = found[lane]


@_compile
def _steps(heads: Any, places: Any, factors: Any, rows: Any, inverse: float, p: float, longest: int) -> None:
    for step in range(heads.shape[0]):
        kind, count, terms, at, by = heads[step]
        for number in range(count):
            out = rows[places[at + number]]
            if kind == 0:
                chosen = at + count + number * terms
                _combine(rows, out, places[chosen : chosen + terms], factors[by + number * terms :], inverse, p, longest)
            elif kind == 1:
                left = at + count + number * terms
                right = left + count * terms
                _multiply(
                    rows, out, places[left : left + terms], places[right : right + terms], inverse, p, longest
                )
            else:
                chosen = at + count
                _combine(rows, out, places[chosen : chosen + terms], factors[by + number * terms :], inverse, p, longest)


@_compile
def _combine(rows: Any, out: Any, terms: Any, by: Any, inverse: float, p: float, longest: int) -> None:
    """The sum of factors times rows, eight of them in one pass over memory; the last pass reduces."""
    count = len(terms)
    short = count <= longest
    if short and count == 1:
        a, f = rows[terms[0]], by[0]
        for lane in range(len(out)):
            x = f * a[lane]
            out[lane] = x - np.rint(x * inverse) * p
        return
    if short and count == 2:
        a, b, f, g = rows[terms[0]], rows[terms[1]], by[0], by[1]
        for lane in range(len(out)):
            x = f * a[lane] + g * b[lane]
            out[lane] = x - np.rint(x * inverse) * p
        return
    if short and count == 4:
        a, b, c, d = rows[terms[0]], rows[terms[1]], rows[terms[2]], rows[terms[3]]
        f, g, h, i = by[0], by[1], by[2], by[3]
        for lane in range(len(out)):
            x = f * a[lane] + g * b[lane] + h * c[lane] + i * d[lane]
            out[lane] = x - np.rint(x * inverse) * p
        return
    done = 0
    while count - done >= 8:
        a, b, c, d = rows[terms[done]], rows[terms[done + 1]], rows[terms[done + 2]], rows[terms[done + 3]]
        e, q, r, s = rows[terms[done + 4]], rows[terms[done + 5]], rows[terms[done + 6]], rows[terms[done + 7]]
        f, g, h, i = by[done], by[done + 1], by[done + 2], by[done + 3]
        j, k, m, n = by[done + 4], by[done + 5], by[done + 6], by[done + 7]
        if short and done == 0 and count == 8:
            for lane in range(len(out)):
                x = f * a[lane] + g * b[lane] + h * c[lane] + i * d[lane]
                x += j * e[lane] + k * q[lane] + m * r[lane] + n * s[lane]
                out[lane] = x - np.rint(x * inverse) * p
            return
        for lane in range(len(out)):
            x = f * a[lane] + g * b[lane] + h * c[lane] + i * d[lane]
            x += j * e[lane] + k * q[lane] + m * r[lane] + n * s[lane]
            out[lane] = x if done == 0 else out[lane] + x
        done += 8
    for number in range(done, count):
        a, f = rows[terms[number]], by[number]
        for lane in range(len(out)):
            out[lane] = f * a[lane] if number == 0 else out[lane] + f * a[lane]
    _reduce(out, inverse, p, not short)


@_compile
def _multiply(rows: Any, out: Any, left: Any, right: Any, inverse: float, p: float, longest: int) -> None:
    """The sum of products of rows."""
    a, b = rows[left[0]], rows[right[0]]
    if len(left) == 1 and longest >= 1:
        for lane in range(len(out)):
            x = a[lane] * b[lane]
            out[lane] = x - np.rint(x * inverse) * p
        return
    for lane in range(len(out)):
        out[lane] = a[lane] * b[lane]
    for number in range(1, len(left)):
        a, b = rows[left[number]], rows[right[number]]
        for lane in range(len(out)):
            out[lane] += a[lane] * b[lane]
    _reduce(out, inverse, p, len(left) > longest)


@_compile
def _reduce(out: Any, inverse: float, p: float, twice: bool) -> None:
    for lane in range(len(out)):
        out[lane] -= np.rint(out[lane] * inverse) * p
    if twice:
        for lane in range(len(out)):
            out[lane] -= np.rint(out[lane] * inverse) * p
