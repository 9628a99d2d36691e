"""What an elimination knows of its matrix after each slab of rows, for whoever wants to check it by other arithmetic.

A square matrix of full rank is, up to the order of its rows and columns, the product of a lower block triangular
matrix, with the blocks `diagonal` and `below`, and an upper one with ones on its diagonal and the blocks `right`. So
its determinant is that of the diagonal blocks, with the signs of both orders.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..kernels.residues import Floats

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Factor:
    """One block column of the lower factor, and one block row of the upper one: views, valid until the next slab."""

    rows: Indices
    """Of the matrix, in the order of the diagonal block, shape (k,)"""
    columns: Indices
    """Likewise"""
    diagonal: Floats
    """(k, k)"""
    below_rows: Indices
    below: Floats
    """(rows below, k)"""
    right_columns: Indices
    right: Floats
    """(k, columns to the right)"""


def sign(order: Indices) -> int:
    """Sign of the permutation that sorts distinct numbers."""
    places, found = np.argsort(order).tolist(), 1
    for start in range(len(places)):
        while (place := places[start]) != start:
            places[start], places[place] = places[place], place
            found = -found
    return found
