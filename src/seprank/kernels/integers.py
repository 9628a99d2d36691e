"""Residues computed in 64-bit integers, in NumPy: for rechecks, which are to share no arithmetic with `residues`.

Residues come and go as float64 numbers. They are taken as integers some at a time, so that these stay in the cache, and
quotients are those of integers.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from .residues import Floats

Integers: TypeAlias = npt.NDArray[np.int64]

CACHED = 1 << 15
"""Numbers at a time"""


def balance(values: Integers, p: int) -> None:
    """Replace integers, below 2^63 - p, by their residues nearest to zero."""
    values += p // 2
    values -= np.floor_divide(values, p) * p  # several times as fast as the remainder
    values -= p // 2


def multiply(left: Floats, right: Floats, p: int) -> Floats:
    """Products of numbers, of one shape (n,)."""
    found = np.empty_like(left)
    for first in range(0, len(found), CACHED):
        own = slice(first, first + CACHED)
        values = left[own].astype(np.int64)
        values *= right[own].astype(np.int64)
        balance(values, p)
        found[own] = values
    return found


def matmul(left: Floats, right: Floats, p: int) -> Floats:
    """The product of small `left` (n, k) and `right` (k, m)."""
    factors = left.astype(np.int64)
    found = np.empty((left.shape[0], right.shape[1]))
    step = max(256, CACHED // max(1, *left.shape))
    for first in range(0, right.shape[1], step):
        own = slice(first, first + step)
        values = np.einsum("ij,jk->ik", factors, right[:, own].astype(np.int64))
        balance(values, p)
        found[:, own] = values
    return found
