"""Exact arithmetic modulo a prime on float64 integers, with products by BLAS"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..kernels import residues
from ..kernels.residues import Floats

Indices: TypeAlias = npt.NDArray[np.int64]

# float64 holds every integer up to here
EXACT = 1 << 53

# rows of a slab, if sums of that many products stay below: longer sums mean fewer reductions
SLAB = 511


class BlasError(ArithmeticError):
    """The BLAS behind NumPy returned a wrong product, although all its sums are exact in float64."""


@cache
def blas() -> Any:
    """What limits the threads of BLAS, if there is anything; kept, because it reads the list of loaded libraries."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()


class Field:
    """Exact arithmetic modulo a prime on float64 integers.

    Args:
        prime: odd, below 2^27.
        loops: `kernels.residues` or `kernels.fused`, which give the same numbers.
    """

    def __init__(self, prime: int, loops: ModuleType = residues) -> None:
        self.prime = prime
        self.loops = loops
        self.law: Any = loops.law(prime)
        # one product fewer than fits, because a reduction rounds the quotient: it may leave (prime - 1) / 2 + 2
        self.terms = min(SLAB, EXACT // (prime // 2) ** 2 - 1)

    def reduce(self, values: Floats) -> None:
        """Reduce integers below 2^53 in place, so few that they are in the cache."""
        residues.reduce(values, np.empty_like(values), self.law)

    def subtract(self, target: Floats, left: Floats, right: Floats, memory: Floats) -> None:
        """Subtract left @ right from a small row-major target; memory, (n,), is written over."""
        product = memory[: target.size].reshape(target.shape)
        np.dot(left, right, out=product)
        self.loops.subtract(target, product, self.law)

    def inverse(self, square: list[list[float]]) -> tuple[list[list[int]], int]:
        """Balanced inverse and determinant of 1 x 1 or 2 x 2 numbers; without an inverse, nothing and 0."""
        if len(square) == 1:
            adjugate, determinant = [[1]], int(square[0][0])
        else:
            (a, b), (c, d) = ((int(left), int(right)) for left, right in square)
            adjugate, determinant = [[d, -b], [-c, a]], (a * d - b * c) % self.prime
        if not determinant:
            return [], 0
        inverse, half = pow(determinant, -1, self.prime), self.prime // 2
        return [[(entry * inverse + half) % self.prime - half for entry in row] for row in adjugate], determinant

    def times(self, matrix: Floats, vector: Floats) -> Floats:
        total = np.zeros(len(matrix))
        for start in range(0, len(vector), self.terms):
            part = slice(start, start + self.terms)
            total += matrix[:, part] @ vector[part]
            self.reduce(total)
        return total

    @contextmanager
    def checked(self, target: Floats, left: Floats, right: Floats) -> Iterator[None]:
        """Check by a random vector that the body subtracts left @ right from target."""
        # the same in every run: a wrong BLAS is no adversary
        draws = np.random.default_rng(self.prime).integers(self.prime, size=(right.shape[1],))
        vector = draws.astype(np.float64) - self.prime // 2
        expected = self.times(target, vector) - self.times(left, self.times(right, vector))
        yield
        difference = self.times(target, vector) - expected
        self.reduce(difference)
        if difference.any():
            raise BlasError(
                f"BLAS computed a wrong product of integer matrices of shapes {left.shape} and {right.shape}, though "
                "float64 holds every sum; do not use this NumPy: see numpy.show_config() and install another build"
            )
