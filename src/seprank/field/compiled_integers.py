"""Programs run for rechecks, compiled by numba: sums, products and quotients are those of integers.

It shares no loop and no arithmetic with `compiled`. Rows hold residues in 32 bits, whose products processors have
instructions for, and sums have 64.

Source: Barrett, CRYPTO 1986, LNCS 263, 311-323 (the quotient).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..kernels.fused import compiled
from .program import Stage
from .symbolic import Numbers

_LANES = 1024
"""Pairs at once: their rows are in the cache"""


def run_steps(stage: Stage, rows: Numbers, p: int) -> None:
    """As `interpreter.run_steps`."""
    own = rows.astype(np.int32)
    _steps(_program(stage), own, np.empty(own.shape[1], np.int64), _law(p))
    rows[:] = own


def run_pairs(stage: Stage, starts: Numbers, ends: Numbers, p: int, out: Numbers) -> None:
    """As `interpreter.run_pairs`."""
    given = np.ascontiguousarray(starts.T).astype(np.int32), ends.astype(np.int32)
    lanes = max(1, -(-out.shape[1] // max(1, -(-out.shape[1] // _LANES))))
    memory = np.ones((stage.rows, lanes), np.int32), np.empty(lanes, np.int64)
    own = out if out.flags.c_contiguous else np.empty_like(out, order="C")  # for which there is one compiled form
    _pairs(_program(stage), stage.results, given, memory, own, _law(p))
    if own is not out:
        out[:] = own


@lru_cache(maxsize=4)
def _program(stage: Stage) -> Any:
    return stage.heads, stage.places, stage.factors.astype(np.int32)


def _law(p: int) -> Any:
    """What reducing takes, for sums smaller than 2^(31 + s) - 2p where 2^s is the power of two below p.

    A multiple of p that makes them positive, s, the quotient 2^(32 + s) / p, p, its half, and how many products
    such a sum may have.
    """
    s, half = p.bit_length() - 1, p // 2
    limit = 1 << (31 + s)
    shift = np.int64(-(-limit // p) * p)
    return shift, np.uint64(s), np.uint64((2 * limit) // p), np.uint32(p), np.int32(half), (limit - 2 * p) // half**2


@compiled
def _reduce(sums: Any, out: Any, law: Any) -> None:
    """Balanced residues of sums: the quotient is guessed too small by two at most, by its upper bits."""
    p, half = law[3], law[4]
    for lane in range(len(out)):
        value = np.uint64(sums[lane] + law[0])
        quotient = (np.uint64(np.uint32(value >> law[1])) * law[2]) >> np.uint64(32)
        rest = np.uint32(value) - np.uint32(np.uint32(quotient) * p)
        rest = min(np.uint32(rest), np.uint32(rest - p))  # which is large where the rest is smaller than p
        rest = min(np.uint32(rest), np.uint32(rest - p))
        residue = np.int32(rest)
        out[lane] = residue - np.int32(p) if residue > half else residue


@compiled
def _pairs(program: Any, results: Any, given: Any, memory: Any, out: Any, law: Any) -> None:
    starts, ends = given
    rows, sums = memory
    many = starts.shape[1]
    for begin in range(0, out.shape[1], len(sums)):
        lanes = min(len(sums), out.shape[1] - begin)  # what is beyond them is computed in vain
        for number in range(len(ends)):
            for lane in range(lanes):
                rows[1 + many + number, lane] = ends[number, begin + lane]
        for start in range(len(out)):
            for number in range(many):
                for lane in range(len(sums)):
                    rows[1 + number, lane] = starts[start, number]
            _steps(program, rows, sums, law)
            for channel in range(out.shape[2]):
                found = rows[results[channel]]
                for lane in range(lanes):
                    out[start, begin + lane, channel] = found[lane]


@compiled
def _steps(program: Any, rows: Any, sums: Any, law: Any) -> None:
    heads, places, factors = program
    for step in range(len(heads)):
        kind, count, terms, at, by = heads[step]
        for number in range(count):
            out, own = rows[places[at + number]], number * terms
            first = at + count + (0 if kind == 2 else own)
            for begin in range(0, terms, law[5]):
                end = min(terms, begin + law[5])
                left = places[first + begin : first + end]
                if kind == 1:
                    right = first + count * terms
                    _add_products(rows, sums, left, places[right + begin : right + end])
                else:
                    _add_multiples(rows, sums, left, factors[by + own + begin : by + own + end])
                if begin > 0:
                    for lane in range(len(out)):
                        sums[lane] += out[lane]
                _reduce(sums, out, law)


@compiled
def _add_products(rows: Any, sums: Any, left: Any, right: Any) -> None:
    sums[:] = 0
    for term in range(len(left)):
        a, b = rows[left[term]], rows[right[term]]
        for lane in range(len(sums)):
            sums[lane] += np.int64(a[lane]) * np.int64(b[lane])


@compiled
def _add_multiples(rows: Any, sums: Any, terms: Any, by: Any) -> None:
    """Multiples of rows, four in one pass over the sums."""
    alone = len(terms) % 4
    sums[:] = 0
    for term in range(alone):
        a, f = rows[terms[term]], np.int64(by[term])
        for lane in range(len(sums)):
            sums[lane] += np.int64(a[lane]) * f
    for term in range(alone, len(terms), 4):
        a, b, c, d = rows[terms[term]], rows[terms[term + 1]], rows[terms[term + 2]], rows[terms[term + 3]]
        f, g, h, i = np.int64(by[term]), np.int64(by[term + 1]), np.int64(by[term + 2]), np.int64(by[term + 3])
        for lane in range(len(sums)):
            two = np.int64(a[lane]) * f + np.int64(b[lane]) * g
            sums[lane] += two + np.int64(c[lane]) * h + np.int64(d[lane]) * i
