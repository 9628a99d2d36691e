"""Elimination of a whole matrix, slab by slab.

While the rows below are cleared by one slab, the next slab is brought to its form: it is cleared first, and the other
rows follow its exchanges of columns when they are done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..kernels import residues
from ..kernels.residues import Floats
from .blas import Field, Indices, Numbers
from .block import Block
from .crew import crew
from .factor import Factor, sign

# rows inverted on their leading square block, and rows of that block taken two by two without recursion
_STRIP = 128

# rows and columns of the largest result of one BLAS call; several threads share these columns
_TILE = (512, 4096)

_SMALL_PRODUCT = 1 << 22


@dataclass(frozen=True, eq=False)
class RankProfile:
    """Rank of a matrix modulo a prime, and a minor that proves the rank to be at least that large.

    The minor is one of many, not the first in any order.

    Example:
        >>> import numpy as np
        >>> from seprank.elimination import rank_profile
        >>> matrix = np.array([[0, 2, 1], [0, 4, 2], [5, 0, 0]])
        >>> profile = rank_profile(matrix, 97)
        >>> matrix[np.ix_(profile.rows, profile.columns)].tolist()
        [[0, 2], [5, 0]]
        >>> profile.determinant == -10 % 97
        True
    """

    rank: int
    """Rank modulo the prime, hence a lower bound on the rank over the integers."""
    rows: Indices
    """Rows of the minor, ascending, shape (rank,)."""
    columns: Indices
    """Columns of the minor, ascending, shape (rank,)."""
    determinant: int
    """Determinant of the minor modulo the prime, from 1 to prime - 1; 1 for the empty minor."""


class Elimination:
    """One run over one workspace. `rank` counts the pivots so far; their columns are swapped to the front."""

    def __init__(self, work: Numbers, field: Field, threads: int) -> None:
        self.work = work
        self.field = field
        self.threads = threads
        self.block = blocks(field)
        self.memory = threading.local()
        self.rows = np.arange(work.shape[0])
        self.columns = np.arange(work.shape[1])
        self.pivot_rows = self.rows[:0]
        self.pivot_product = 1
        self.rank = 0
        # the slab: rows above are never read again, rows below follow its exchanges of columns afterwards
        self.top = self.bottom = 0
        # length of the sums in the last product that was checked
        self.checked = 0

    def run(self, progress: Callable[[int, int], object], watch: Callable[[Factor], object] | None = None) -> None:
        with crew(self.threads) as self.crew:
            while self.top < len(self.work) and self.rank < self.work.shape[1]:
                self.step(watch)
                total = len(self.work)
                progress(total if self.rank == self.work.shape[1] else self.top, total)

    def step(self, watch: Callable[[Factor], object] | None) -> None:
        """One slab."""
        top, left, total = self.top, self.rank, len(self.work)
        bottom = self.bottom = min(top + self.field.terms, total)
        order, slab = self.columns.copy(), None if watch is None else self.work[top:bottom].copy()
        found = self.echelon(top, bottom, left)
        self.crew.catch_up()
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        self.follow(place[self.columns])
        right, following = left + found, min(bottom + self.field.terms, total)
        self.clear(slice(bottom, following), top, left, found)
        self.crew.put_off(self.tiles(*self.to_clear(slice(following, total), top, left, found)))
        if watch is not None and slab is not None:
            watch(self.factor(slab, place, found))
        self.pivot_rows = np.append(self.pivot_rows, self.rows[top : top + found])
        self.rank, self.top = right, bottom

    def follow(self, order: Indices) -> None:
        """Put the columns of the rows below the slab into its order."""
        moved = np.flatnonzero(order != np.arange(len(order)))
        if not len(moved):
            return

        def move(rows: Numbers) -> None:
            self.move_columns(rows, moved, order[moved])

        starts = range(self.bottom, len(self.work), _TILE[0])
        self.crew.do(partial(move, self.work[row : row + _TILE[0]]) for row in starts)

    def factor(self, slab: Floats, place: Indices, found: int) -> Factor:
        """What is known after a slab, of its rows as they were before and where its columns were."""
        top, left, right = self.top, self.rank, self.rank + found
        rows, columns = self.rows[top : top + found], self.columns[left:right]
        return Factor(
            rows=rows,
            columns=columns,
            diagonal=slab[np.ix_(rows - top, place[columns])],
            below_rows=self.rows[self.bottom :],
            below=self.work[self.bottom :, left:right],
            right_columns=self.columns[right:],
            right=self.work[top : top + found, right:],
        )

    def profile(self) -> RankProfile:
        rows, columns = self.pivot_rows, self.columns[: self.rank]
        value = self.pivot_product * sign(rows) * sign(columns) % self.field.prime
        return RankProfile(self.rank, np.sort(rows), np.sort(columns), value)

    def echelon(self, top: int, bottom: int, left: int) -> int:
        """Bring rows top to bottom to the form [I | V], I from column left on but not written; returns its size."""
        if bottom - top <= _STRIP:
            return self.strip(top, bottom, left, bottom - top)
        middle = (top + bottom) // 2
        upper = self.echelon(top, middle, left)
        self.clear(slice(middle, bottom), top, left, upper)
        lower = self.echelon(middle, bottom, left + upper)
        self.join(top, upper, middle, lower, left)
        return upper + lower

    def strip(self, top: int, bottom: int, left: int, size: int) -> int:
        """The same for few rows: by the next `size` columns, then by others for rows that found no pivot there."""
        upper = self.invert(top, bottom, left, size)
        middle = top + upper
        filled = self.bring_forward(middle, bottom, left + upper)
        if not filled:
            return upper
        lower = self.strip(middle, bottom, left + upper, filled)
        self.join(top, upper, middle, lower, left)
        return upper + lower

    def join(self, top: int, upper: int, middle: int, lower: int, left: int) -> None:
        """Make one echelon form of two: `upper` rows from top on and `lower` rows from middle on."""
        self.clear(slice(top, top + upper), middle, left + upper, lower)
        if top + upper < middle:
            new, old = slice(top + upper, top + upper + lower), slice(middle, middle + lower)
            right = left + upper + lower
            self.move_rows(new, old, right)

    def clear(self, rows: slice, top: int, left: int, count: int) -> None:
        """Clear the columns of `count` rows in echelon form, from (top, left) on, in other rows."""
        self.subtract(*self.to_clear(rows, top, left, count))

    def to_clear(self, rows: slice, top: int, left: int, count: int) -> tuple[Numbers, Numbers, Numbers]:
        """What to subtract the product of the two others from; the columns themselves are not written."""
        work, right = self.work, left + count
        return work[rows, right:], work[rows, left:right], work[top : top + count, right:]

    def invert(self, top: int, bottom: int, left: int, size: int) -> int:
        """Bring the rows with pivots in the next `size` columns to [I | V], before the others; returns their number."""
        block = self.block(self.copied(slice(top, bottom), slice(left, left + size)))
        block.sweep(0, bottom - top)
        self.pivot_product = self.pivot_product * block.pivot_product % self.field.prime
        self.permute_columns(left, block.columns)
        found = len(block.pivots)
        right = left + found
        order = block.pivots + sorted(set(range(bottom - top)).difference(block.pivots))
        if order != sorted(order):
            self.move_rows(slice(top, bottom), top + np.array(order), right)
        # pivot rows become T @ rows, others rows + T @ rows: (1 - T) @ rows and -T @ rows are subtracted
        rest = np.eye(bottom - top, found) - block.block[order, :found]
        self.subtract(self.work[top:bottom, right:], self.field.placed(rest), self.work[top : top + found, right:])
        return found

    def bring_forward(self, top: int, bottom: int, left: int) -> int:
        """Swap columns in which rows top to bottom are not all zero to column left; returns how many."""
        used = self.used_columns(top, bottom, left)
        if not len(used):
            return 0
        # spread evenly, as columns side by side may be alike
        chosen = np.unique(used[np.linspace(0, len(used) - 1, bottom - top).astype(np.int64)])
        order = np.arange(chosen[-1] + 1)
        for place, column in enumerate(chosen):
            order[[place, column]] = order[[column, place]]
        self.permute_columns(left, order)
        return len(chosen)

    def permute_columns(self, left: int, order: Indices) -> None:
        moved = np.flatnonzero(order != np.arange(len(order)))
        if len(moved):
            self.move_columns(self.work[self.top : self.bottom], left + moved, left + order[moved])
            self.columns[left + moved] = self.columns[left + order[moved]]

    def copied(self, rows: slice, columns: slice) -> Floats:
        """Some numbers, where NumPy may write into them."""
        found: Floats = self.work[rows, columns].copy()
        return found

    def move_rows(self, rows: slice, source: slice | Indices, right: int) -> None:
        """Put other rows into the place of some, from column `right` on."""
        self.work[rows, right:] = self.work[source, right:]
        self.rows[rows] = self.rows[source]

    def move_columns(self, rows: Numbers, columns: Indices, source: Indices) -> None:
        """Put other columns into the place of some."""
        rows[:, columns] = rows[:, source]

    def used_columns(self, top: int, bottom: int, left: int) -> Indices:
        """Numbers, from column `left` on, of the columns in which rows top to bottom are not all zero."""
        return np.flatnonzero((self.work[top:bottom, left:] != 0).any(axis=0))

    def subtract(self, target: Numbers, left: Numbers, right: Numbers) -> None:
        """Subtract left @ right from target, tile by tile.

        The right factor may be rows of the target, if these are so few that every tile holds all of them.
        """
        tasks = self.tiles(target, left, right)
        if len(left) * len(right) * target.shape[1] > _SMALL_PRODUCT:
            self.crew.do(tasks)
            return
        for task in tasks:
            task()

    def tiles(self, target: Numbers, left: Numbers, right: Numbers) -> list[partial[None]]:
        """Tasks that subtract left @ right from target; the first of longer products than before is checked."""
        if 0 in target.shape or not len(right):
            return []
        height, width = self.tile(target.shape[1])
        starts = ((row, column) for row in range(0, len(target), height) for column in range(0, target.shape[1], width))
        tiles = [(slice(row, row + height), slice(column, column + width)) for row, column in starts]
        tasks = [partial(self.subtract_tile, target[tile], left[tile[0]], right[:, tile[1]]) for tile in tiles]
        if len(right) >= 2 * self.checked:
            # sums of another length may take another way through BLAS
            self.checked = len(right)
            tasks[0] = partial(self.checked_tile, *tasks[0].args)
        return tasks

    def checked_tile(self, target: Numbers, left: Numbers, right: Numbers) -> None:
        with self.field.checked(target, left, right):
            self.subtract_tile(target, left, right)

    def tile(self, columns: int) -> tuple[int, int]:
        """Rows of a tile, at least those of a strip; and columns.

        All threads have as many tiles of a few rows, if these are not too narrow.
        """
        most = max(_TILE[0], _TILE[1] // self.threads)
        count = -(-columns // most)
        even = -(-count // self.threads) * self.threads
        return _TILE[0], max(min(most, _TILE[0] // 2), -(-columns // even))

    def subtract_tile(self, target: Numbers, left: Numbers, right: Numbers) -> None:
        product = self.buffer(target.size).reshape(target.shape)
        np.matmul(left, right, out=product)
        self.field.loops.subtract(target, product, self.field.law)

    def buffer(self, size: int) -> Floats:
        """Memory of this thread, kept, because fresh memory is slow to write to."""
        kept: Floats | None = getattr(self.memory, "product", None)
        if kept is None or len(kept) < size:
            kept = self.memory.product = np.empty(size)
        return kept[:size]


def blocks(field: Field) -> Callable[[Floats], Block]:
    """What eliminates small blocks."""
    if field.loops is residues:
        return partial(Block, field=field)
    from .compiled_block import CompiledBlock

    return partial(CompiledBlock, field=field)
