"""The definition, in NumPy: residues of float64 integers below 2^53.

One reduction rounds the quotient of a number by p, and leaves at most (p - 1) / 2 + 2, or exactly the balanced residue
where the number is at most `ONE_PASS`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

ONE_PASS = 2**50
"""Up to this size one reduction leaves the balanced residue, beyond it two do.

The rounding error of the quotient, at most 2^-52 |x| / p, must stay below the distance of an integer from a tie,
1 / (2p).
"""

Law: TypeAlias = tuple[Any, Any]
"""1 / p and p"""

# numbers reduced at a time: they, their quotients and the result should stay in cache
CACHED = 1 << 15


def law(p: int) -> Law:
    """What reducing takes: arrays, as NumPy converts a Python number more slowly than it multiplies a row by it."""
    return np.array(1.0 / p), np.array(float(p))


def reduce(values: Floats, scratch: Floats, law: Law) -> None:
    """Reduce integers in place; scratch, of the same shape, is written over."""
    np.multiply(values, law[0], out=scratch)
    np.rint(scratch, out=scratch)
    np.multiply(scratch, law[1], out=scratch)
    np.subtract(values, scratch, out=values)


def subtract(target: Floats, product: Floats, law: Law) -> None:
    """Subtract a product from a target and reduce that, matrices of one shape; the product is written over."""
    height = max(1, CACHED // max(1, target.shape[1]))
    for start in range(0, len(target), height):
        values, scratch = target[start : start + height], product[start : start + height]
        np.subtract(values, scratch, out=values)
        reduce(values, scratch, law)
