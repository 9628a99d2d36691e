"""The functions of `integers` for numba, each in one pass over memory, where sums are below 2^31 times the prime.

A quotient is guessed in floating point, and what is subtracted is an integer times the prime: a residue is right
whatever was guessed, and nearest to zero if that was right to within one, as it is for such sums. Factors and quotients
have 32 bits, whose products processors have instructions for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .fused import compiled
from .residues import Floats

_LANES = 1024
"""Sums that are kept at a time"""


def multiply(left: Floats, right: Floats, p: int) -> Floats:
    """As `integers.multiply`, of numbers that are next to each other."""
    found = np.empty_like(left)
    _multiply(left, right, found, _law(p))
    return found


def matmul(left: Floats, right: Floats, p: int) -> Floats:
    """As `integers.matmul`."""
    found = np.empty((left.shape[0], right.shape[1]))
    own, sums = np.empty((len(right), _LANES), np.int32), np.empty(_LANES, np.int64)
    _matmul(left.astype(np.int32), np.ascontiguousarray(right), found, own, sums, _law(p))
    return found


def _law(p: int) -> Any:
    """1 / p, p in 32 bits, and as a float p and the largest residue."""
    return 1.0 / p, np.int32(p), float(p), float(p // 2)


@compiled
def _balanced(value: Any, law: Any) -> Any:
    guessed = np.int32(np.float64(value) * law[0])
    rest = np.float64(np.int32(value - np.int64(guessed) * np.int64(law[1])))
    rest = rest - law[2] if rest > law[3] else rest
    return rest + law[2] if rest < -law[3] else rest


@compiled
def _multiply(left: Any, right: Any, found: Any, law: Any) -> None:
    for lane in range(len(found)):
        found[lane] = _balanced(np.int64(np.int32(left[lane])) * np.int64(np.int32(right[lane])), law)


@compiled
def _matmul(left: Any, right: Any, found: Any, own: Any, sums: Any, law: Any) -> None:
    for first in range(0, right.shape[1], len(sums)):
        lanes = min(len(sums), right.shape[1] - first)
        for term in range(len(own)):
            integers, given = own[term], right[term, first : first + lanes]
            for lane in range(lanes):
                integers[lane] = np.int32(given[lane])
        for row in range(len(left)):
            for lane in range(lanes):
                sums[lane] = 0
            for term in range(len(own)):
                factor, integers = left[row, term], own[term]
                for lane in range(lanes):
                    sums[lane] += np.int64(factor) * np.int64(integers[lane])
            out = found[row, first : first + lanes]
            for lane in range(lanes):
                out[lane] = _balanced(sums[lane], law)
