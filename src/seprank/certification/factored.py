"""A determinant modulo a prime, by an elimination that is not trusted.

An elimination in floating point proposes factors of the matrix. That each row and each column is in one diagonal block
is looked up, and that the product is the matrix is checked in 64-bit integers, on random vectors; the determinants of
the diagonal blocks come from FLINT. So a wrong product of BLAS, a wrong compiled loop or a wrong elimination is found
out, whatever it is.

Source: Freivalds, IFIP Congress 1977, 839-842 (the check); Dumas and Kaltofen, ISSAC 2014, arXiv:1401.4567 (an
elimination as a prover).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..elimination import Factor, rank_profile, sign

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_BITS = 80
"""A wrong product passes with a probability of at most 2^-80"""

_CACHED = 2**15
"""Numbers that are converted at a time"""

_WRONG = (
    "an elimination modulo a prime failed its check in integers; run `seprank doctor`, and see "
    "numpy.show_config(): its BLAS may be wrong on this machine"
)


class WrongFactors(ArithmeticError):
    """An elimination in floating point gave factors whose product is another matrix."""


class Determinant:
    """Of a square matrix modulo a prime, whose rows are given some at a time.

    Args:
        size: of the matrix, at least 1.
        prime: odd, below 2^27.
    """

    def __init__(self, size: int, prime: int) -> None:
        self._prime = prime
        self._entries: Floats = np.empty((size, size))
        # From the system, so that nobody can know them beforehand; the right factors pass whatever they are.
        count = math.ceil(_BITS / math.log2(prime))
        self._vectors: Integers = np.random.default_rng().integers(prime, size=(count, size))
        self._left: Integers = np.zeros((count, size), dtype=np.int64)
        """What the factors still have to give for the vectors, a column for each row of the matrix"""
        self._orders: tuple[list[Integers], list[Integers]] = ([], [])
        """Rows and columns of the diagonal blocks"""
        self._rest: tuple[Integers, Integers] = (np.arange(size), np.arange(size))
        """Rows and columns that blocks to come may have"""
        self._value = 1

    def take(self, first: int, rows: Floats) -> None:
        """Rows from number `first` on, of integers smaller than the prime."""
        own = slice(first, first + len(rows))
        self._entries[own] = rows
        self._left[:, own] = _times(self._entries[own], self._vectors, self._prime)

    def value(self, progress: Callable[[int, int], object] | None = None) -> int:
        """The determinant, from 0 to prime - 1, once; the entries are lost."""
        profile = rank_profile(self._entries, self._prime, overwrite=True, progress=progress, watch=self._check)
        if profile.rank < len(self._entries):
            return 0
        rows, columns = (np.concatenate(order) for order in self._orders)
        if not len(rows) == len(columns) == len(self._entries):
            raise WrongFactors(_WRONG)
        return self._value * sign(rows) * sign(columns) % self._prime

    def _check(self, factor: Factor) -> None:
        """Take the factor's part out of what is left, and its determinant into the value."""
        rows, columns = self._rest
        self._rest = (
            _without(rows, factor.rows, factor.below_rows),
            _without(columns, factor.columns, factor.right_columns),
        )
        right = _times(factor.right, self._vectors[:, factor.right_columns], self._prime)
        upper = (self._vectors[:, factor.columns] + right) % self._prime
        if not np.array_equal(_times(factor.diagonal, upper, self._prime), self._left[:, factor.rows]):
            raise WrongFactors(_WRONG)
        below = _times(factor.below, upper, self._prime)
        self._left[:, factor.below_rows] = (self._left[:, factor.below_rows] - below) % self._prime
        for order, new in zip(self._orders, (factor.rows, factor.columns), strict=True):
            order.append(new.copy())
        self._value = self._value * _by_flint(factor.diagonal, self._prime) % self._prime


def _without(rest: Integers, own: Integers, others: Integers) -> Integers:
    """What remains of rows or columns for the blocks after one, which is what makes its factors triangular."""
    every = np.sort(np.concatenate([own, others]))
    if not np.isin(every, rest).all() or (np.diff(every) == 0).any():
        raise WrongFactors(_WRONG)
    return np.array(others)


def _times(matrix: Floats, vectors: Integers, p: int) -> Integers:
    """matrix @ vector for each of the vectors (count, columns), in int64, from 0 to p - 1."""
    found = np.zeros((len(vectors), len(matrix)), dtype=np.int64)
    length = min(matrix.shape[1], 2**62 // p**2, _CACHED) or 1
    height = max(1, _CACHED // length)
    for begin in range(0, matrix.shape[1], length):
        columns = slice(begin, begin + length)
        chosen = np.ascontiguousarray(vectors[:, columns])
        for first in range(0, len(matrix), height):
            part = matrix[first : first + height, columns].astype(np.int64)
            found[:, first : first + height] += np.einsum("mk,vk->vm", part, chosen) % p
    return found % p


def _by_flint(square: Floats, p: int) -> int:
    import flint

    entries = np.remainder(square.astype(np.int64), p).ravel().tolist()
    return int(flint.nmod_mat(len(square), len(square), entries, p).det())
