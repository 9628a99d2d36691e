"""The functions of `residues` for numba, each in one pass over memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.lib.stride_tricks import as_strided

from .residues import Floats, Law

# A product and a sum may be computed without rounding between them: all are integers below 2^53.
_options: Any = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
compiled: Callable[[Callable[..., Any]], Callable[..., Any]] = njit(**_options)
"""For functions without types, as numba finds these, and a checker of types in between would hide the source from it"""


def law(p: int) -> Law:
    """What reducing takes."""
    return 1.0 / p, float(p)


@compiled
def residue(x: Any, law: Any) -> Any:
    """One number, reduced once."""
    return x - np.rint(x * law[0]) * law[1]


def subtract(target: Floats, product: Floats, law: Law) -> None:
    """As `residues.subtract`, of row-major matrices, the target perhaps with gaps between its rows."""
    (height, width), each = target.shape, target.strides[0] // target.itemsize
    if target.size:
        # all from the first number to the last, for which there is one compiled form
        memory = as_strided(target, ((height - 1) * each + width,), (target.itemsize,))
        _subtract(memory, each, product, law)


@compiled
def _subtract(memory: Any, each: Any, product: Any, law: Any) -> None:
    for row in range(product.shape[0]):
        other = product[row]
        own = memory[row * each : row * each + len(other)]
        for column in range(len(other)):
            own[column] = residue(own[column] - other[column], law)
