"""The block of `block` with its innermost loops compiled by numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels.fused import compiled, residue
from .block import Block


class CompiledBlock(Block):
    """Finds the same pivots, though columns of these may be in another order."""

    group = 32

    def sweep_group(self, top: int, bottom: int) -> None:
        place, found = len(self.pivots), np.empty(bottom - top, np.int64)
        law = (*self.field.law, self.field.prime)
        count, product = _sweep(self.block, (top, bottom, place), self.columns, found, law)
        self.pivots += found[:count].tolist()
        self.pivot_product = self.pivot_product * product % self.field.prime


@compiled
def _sweep(block: Any, where: Any, columns: Any, found: Any, law: Any) -> Any:
    """Eliminate rows from each other, (first, end, columns with pivots); returns the number and product of pivots."""
    top, bottom, place = where
    count, product = 0, 1
    for row in range(top, bottom):
        if not _bring_forward(block, row, place, columns):
            continue
        pivot = np.int64(block[row, place]) % law[2]
        inverse = _inverse(pivot, law[2])
        old = block[row].copy()
        old[place] = 1.0
        for other in range(top, bottom):
            own = block[other]
            factor = residue(own[place] * inverse, law)
            if other == row:
                factor = -inverse
                own[:] = 0.0
            own[place] = 0.0
            for column in range(len(own)):
                own[column] = residue(own[column] - factor * old[column], law)
        found[count] = row
        place, count, product = place + 1, count + 1, product * pivot % law[2]
    return count, product


@compiled
def _bring_forward(block: Any, row: Any, place: Any, columns: Any) -> Any:
    """Swap the first column from `place` on where a row is not zero to that place; False if there is none."""
    for column in range(place, block.shape[1]):
        if block[row, column] != 0.0:
            if column != place:
                for other in range(block.shape[0]):
                    block[other, place], block[other, column] = block[other, column], block[other, place]
                columns[place], columns[column] = columns[column], columns[place]
            return True
    return False


@compiled
def _inverse(value: Any, p: Any) -> Any:
    """The balanced inverse of a number from 1 to p - 1, by Euclid."""
    last, rest, before, factor = p, value, 0, 1
    while rest != 0:
        quotient = last // rest
        last, rest, before, factor = rest, last - quotient * rest, factor, before - quotient * factor
    return float(before if 2 * abs(before) < p else before - p if before > 0 else before + p)
