"""Gauss-Jordan elimination of a block that fits in cache"""

from __future__ import annotations

import numpy as np

from ..kernels.residues import Floats
from .blas import Field


class Block:
    """Gauss-Jordan elimination of a small block, in place, which keeps the transformation.

    Pivot columns are swapped to the front and overwritten by T: the echelon form of the pivot rows is
    T[pivots] @ (old pivot rows), and the other rows are cleared by adding T[others] @ (old pivot rows).
    """

    group = 16
    """Rows that are not halved further"""

    def __init__(self, block: Floats, field: Field) -> None:
        self.block = block
        self.field = field
        self.pivots: list[int] = []
        self.pivot_product = 1
        self.columns = np.arange(block.shape[1])
        self.identity = np.eye(2)
        self.memory = np.empty(block.size)

    def sweep(self, top: int, bottom: int) -> None:
        """Eliminate rows top to bottom from each other."""
        if bottom - top <= self.group:
            self.sweep_group(top, bottom)
            return
        middle, before = (top + bottom) // 2, len(self.pivots)
        self.sweep(top, middle)
        between = len(self.pivots)
        self.clear(middle, bottom, before, self.pivots[before:])
        self.sweep(middle, bottom)
        self.clear(top, middle, between, self.pivots[between:])

    def sweep_group(self, top: int, bottom: int) -> None:
        number = top
        while number < bottom:
            # two rows at a time, because here NumPy's calls take longer than its work
            if number + 2 <= bottom and self.eliminate(slice(number, number + 2), top, bottom):
                number += 2
                continue
            if self.find_pivot(number):
                self.eliminate(slice(number, number + 1), top, bottom)
            number += 1

    def find_pivot(self, number: int) -> bool:
        """Swap the first column where this row is not zero next to the columns with pivots."""
        place = len(self.pivots)
        nonzero = self.block[number, place:].nonzero()[0]
        if not len(nonzero):
            return False
        swap, back = [place, place + nonzero[0]], [place + nonzero[0], place]
        self.block[:, swap] = self.block[:, back]
        self.columns[swap] = self.columns[back]
        return True

    def eliminate(self, pivots: slice, top: int, bottom: int) -> bool:
        """Clear the next columns by one or two pivot rows, in rows top to bottom, if these columns allow it."""
        place, count = len(self.pivots), pivots.stop - pivots.start
        if place + count > self.block.shape[1]:
            return False
        columns = slice(place, place + count)
        old = self.block[pivots].copy()
        inverse, determinant = self.field.inverse(old[:, columns].tolist())
        if not determinant:
            return False
        transform = np.array(inverse, np.float64)
        rows = self.block[top:bottom]
        factors = np.dot(rows[:, columns], transform)
        self.field.reduce(factors)
        # the pivot rows themselves become 0 - (-transform) @ old
        factors[pivots.start - top : pivots.stop - top] = -transform
        self.block[pivots] = 0
        rows[:, columns] = 0
        old[:, columns] = self.identity[:count, :count]
        self.field.subtract(rows, factors, old, self.memory)
        self.pivots += range(pivots.start, pivots.stop)
        self.pivot_product = self.pivot_product * determinant % self.field.prime
        return True

    def clear(self, top: int, bottom: int, place: int, pivots: list[int]) -> None:
        """Clear the columns of pivots, from column place on, in other rows, top to bottom."""
        rows, columns = self.block[top:bottom], slice(place, place + len(pivots))
        factors = rows[:, columns].copy()
        rows[:, columns] = 0
        self.field.subtract(rows, factors, self.block[pivots], self.memory)
