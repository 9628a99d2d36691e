"""Rank and determinant of an integer matrix modulo an odd prime, with the minor that proves them, in NumPy alone.

Numbers modulo p are float64 integers of absolute value about p / 2 at most. A product of matrices of such numbers
is exact while no sum reaches 2^53, in whatever order BLAS adds, and it is reduced modulo p once, at its end.

Slabs of rows are brought to the reduced echelon form [I | V] and subtracted from all rows below, by one product each.
A slab is halved until few rows are left; these are inverted on their leading square block, and the inverse is
applied to the rest of them, again by one product. So there is no triangular solve and no tall panel. Columns with
pivots are swapped to the front. Rows without a pivot have become zero and are dropped.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .question import DEFAULT_PRIME, check_prime, check_whole

Floats: TypeAlias = npt.NDArray[np.float64]
Indices: TypeAlias = npt.NDArray[np.int64]
Tile: TypeAlias = tuple[slice, slice]
ForEach: TypeAlias = Callable[[Callable[[Tile], None], Iterable[Tile]], Iterable[None]]

# float64 holds every integer up to here
_EXACT = 1 << 53
# rows of a slab, if sums of that many products stay below: longer sums mean fewer reductions
_SLAB = 511
# rows inverted on their leading square block, and rows of that block taken two by two without recursion
_STRIP = 128
_GROUP = 16
# rows and columns of the largest result of one BLAS call; several threads share these columns
_TILE = (512, 4096)
# numbers reduced at a time: they, their quotients and the result should stay in cache
_CACHED = 1 << 15
# matrices of fewer numbers and products of fewer multiplications are not worth a second thread
_SMALL_MATRIX = 1 << 18
_SMALL_PRODUCT = 1 << 22


class BlasError(ArithmeticError):
    """The BLAS behind NumPy returned a wrong product, although all its sums are exact in float64."""


@dataclass(frozen=True, eq=False)
class RankProfile:
    """Rank of a matrix modulo a prime, and a minor that proves the rank to be at least that large.

    The minor is one of many, not the first in any order.

    Example:
        >>> import numpy as np
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


def rank_profile(
    matrix: npt.NDArray[Any],
    prime: int = DEFAULT_PRIME,
    *,
    overwrite: bool = False,
    threads: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> RankProfile:
    """Rank modulo a prime, with the rows, columns and determinant of a non-singular minor of that size.

    Args:
        matrix: integers, shape (m, n), of any integer dtype, or of float64 up to 2^53 in absolute value; an array, a
            tensor of torch in the processor's memory, or lists.
        prime: odd, below 2^27. Slabs have 2^53 / (prime / 2)^2 rows, at most 511: primes above the default, the
            largest below 2^23, are slower, two times at 2^25 and six times at 2^26.
        overwrite: allow a row-major float64 matrix to serve as workspace. Its numbers are lost, also on an error.
        threads: Python threads, each with a single-threaded BLAS; by default one per available core, or one for
            small matrices. Without the package threadpoolctl it is one, with as many threads as BLAS likes.
        progress: called with (rows done, m) after every slab.

    Returns:
        the same profile for any number of threads.

    Raises:
        TypeError: matrix of another dtype, masked, or no array.
        ValueError: matrix not of two dimensions or not of integers, or prime or threads out of range.
        BlasError: a product failed its check. The first one is checked, then each first one of twice its length.

    Source: Dumas, Giorgi, Pernet, arXiv:cs/0601133 (exact products by BLAS); Dumas, Gautier, Pernet, Sultan,
        arXiv:1402.3501 (slabs); Freivalds, IFIP Congress 1977, 839-842 (the check).

    Example:
        >>> import numpy as np
        >>> rank_profile(np.array([[1, 2], [2, 4]])).rank
        1
    """
    field = _Field(check_prime(prime))
    matrix = _as_array(matrix)
    threads = _thread_count(threads, matrix.size)
    elimination = _Elimination(_workspace(matrix, field, overwrite), field, threads)
    elimination.run(progress or (lambda done, total: None))
    return elimination.profile()


def rank(matrix: npt.NDArray[Any], prime: int = DEFAULT_PRIME, **options: Any) -> int:
    """Rank modulo a prime; arguments and errors are those of `rank_profile`.

    Example:
        >>> import numpy as np
        >>> rank(np.eye(3)), rank(np.full((2, 5), 97), 97)
        (3, 0)
    """
    return rank_profile(matrix, prime, **options).rank


def determinant(matrix: npt.NDArray[Any], prime: int = DEFAULT_PRIME, **options: Any) -> int:
    """Determinant modulo a prime, from 0 to prime - 1; arguments are those of `rank_profile`.

    Raises:
        ValueError: matrix not square; and the errors of `rank_profile`.

    Example:
        >>> import numpy as np
        >>> determinant(np.array([[1, 2], [3, 4]]), 97)
        95
    """
    matrix = _as_array(matrix)
    shape = matrix.shape
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(f"a determinant needs a square matrix, got shape {shape}; use rank_profile for a minor")
    profile = rank_profile(matrix, prime, **options)
    return profile.determinant if profile.rank == shape[0] else 0


def _as_array(matrix: Any) -> npt.NDArray[Any]:
    """What NumPy makes of a matrix: of its own kind, a tensor of torch, or lists."""
    if np.ma.is_masked(matrix):
        raise TypeError("matrix must have a number in every place, got a masked array; fill or drop what is masked")
    try:
        return np.asarray(matrix)
    except (ValueError, TypeError, RuntimeError) as error:
        raise TypeError(f"matrix must be an array of numbers, got {type(matrix).__name__}: {error}") from None


def _workspace(source: npt.NDArray[Any], field: _Field, overwrite: bool) -> Floats:
    """The numbers modulo the prime, in the memory of the matrix if allowed, else in new memory."""
    if source.ndim != 2:
        raise ValueError(f"matrix must have 2 dimensions, got shape {source.shape}; use matrix.reshape(rows, -1)")
    if source.dtype != np.float64 and source.dtype.kind not in "iu":
        raise TypeError(f"matrix must be of float64 or an integer dtype, got {source.dtype}; use astype(np.int64)")
    # into rows with gaps BLAS cannot write, and NumPy would copy every product
    row_major = source.dtype == np.float64 and source.strides[1] == source.itemsize
    work = source if overwrite and row_major and source.flags.writeable else np.empty(source.shape)
    height = max(1, _CACHED // max(1, source.shape[1]))
    for start in range(0, len(work) if work.size else 0, height):
        _load(source[start : start + height], work[start : start + height], field, start)
    return work


def _load(rows: npt.NDArray[Any], work: Floats, field: _Field, start: int) -> None:
    """Copy rows, modulo the prime; start is the number of the first, for the error."""
    smallest, largest = rows.min(), rows.max()
    # written so that a NaN fails
    in_range = smallest >= -_EXACT and largest <= _EXACT
    if rows.dtype.kind == "f" and not (in_range and np.array_equal(np.rint(rows), rows)):
        raise _not_integers(rows, start)
    bound = max(-int(smallest), int(largest))
    if bound > _EXACT // 2:
        # slow, but `reduce` rounds the quotient of such a number to a neighbour
        rows = np.fmod(rows, np.array(field.prime, rows.dtype))
    if bound > field.prime // 2:
        field.reduce(rows.astype(np.float64, copy=False), np.empty(rows.shape), work)
    else:
        np.copyto(work, rows, casting="unsafe")


def _not_integers(rows: Floats, start: int) -> ValueError:
    row, column = np.argwhere(~((np.rint(rows) == rows) & (np.abs(rows) <= _EXACT)))[0]
    return ValueError(
        f"matrix must hold integers of at most 2^53, got {rows[row, column]} in row {start + row}, column {column}; "
        "round it, or reduce it modulo the prime before it becomes a float"
    )


def _thread_count(threads: int | None, size: int) -> int:
    if threads is not None:
        threads = check_whole("threads", threads, 1, remedy="leave it out for one per core")
    if _blas() is None or (threads is None and size < _SMALL_MATRIX):
        return 1
    # a container or a cluster's job may own fewer cores than the machine has
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return threads or cores or 1


@contextmanager
def _workers(threads: int) -> Iterator[ForEach]:
    """A loop over independent tiles, in several threads, each with BLAS limited to one thread of its own."""
    blas = _blas()
    limit = blas.limit(limits=1, user_api="blas") if blas else nullcontext()
    with limit, ThreadPoolExecutor(threads) as pool:
        yield pool.map if threads > 1 else map


@cache
def _blas() -> Any:
    """What limits the threads of BLAS, if there is anything; kept, because it reads the list of loaded libraries."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()


class _Field:
    """Exact arithmetic modulo a prime on float64 integers."""

    def __init__(self, prime: int) -> None:
        self.prime = prime
        # one product fewer than fits, because `reduce` rounds the quotient: it may leave (prime - 1) / 2 + 2
        self.terms = min(_SLAB, _EXACT // (prime // 2) ** 2 - 1)
        # arrays, because NumPy converts a Python number more slowly than it multiplies a row by it
        self._prime = np.array(float(prime))
        self._inverse = np.array(1 / prime)

    def reduce(self, values: Floats, scratch: Floats, out: Floats) -> None:
        """Reduce integers below 2^53; arrays of one shape, out may be values."""
        np.multiply(values, self._inverse, out=scratch)
        np.rint(scratch, out=scratch)
        np.multiply(scratch, self._prime, out=scratch)
        np.subtract(values, scratch, out=out)

    def subtract(self, target: Floats, left: Floats, right: Floats) -> None:
        """Subtract left @ right from a small target."""
        product = np.dot(left, right)
        np.subtract(target, product, out=target)
        self.reduce(target, product, target)

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
            self.reduce(total, np.empty_like(total), total)
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
        self.reduce(difference, expected, difference)
        if difference.any():
            raise BlasError(
                f"BLAS computed a wrong product of integer matrices of shapes {left.shape} and {right.shape}, though "
                "float64 holds every sum; do not use this NumPy: see numpy.show_config() and install another build"
            )


class _Block:
    """Gauss-Jordan elimination of a small block, in place, which keeps the transformation.

    Pivot columns are swapped to the front and overwritten by T: the echelon form of the pivot rows is
    T[pivots] @ (old pivot rows), and the other rows are cleared by adding T[others] @ (old pivot rows).
    """

    def __init__(self, block: Floats, field: _Field) -> None:
        self.block = block
        self.field = field
        self.pivots: list[int] = []
        self.pivot_product = 1
        self.columns = np.arange(block.shape[1])
        self.identity = np.eye(2)

    def sweep(self, top: int, bottom: int) -> None:
        """Eliminate rows top to bottom from each other."""
        if bottom - top <= _GROUP:
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
        self.field.reduce(factors, np.empty_like(factors), factors)
        # the pivot rows themselves become 0 - (-transform) @ old
        factors[pivots.start - top : pivots.stop - top] = -transform
        self.block[pivots] = 0
        rows[:, columns] = 0
        old[:, columns] = self.identity[:count, :count]
        self.field.subtract(rows, factors, old)
        self.pivots += range(pivots.start, pivots.stop)
        self.pivot_product = self.pivot_product * determinant % self.field.prime
        return True

    def clear(self, top: int, bottom: int, place: int, pivots: list[int]) -> None:
        """Clear the columns of pivots, from column place on, in other rows, top to bottom."""
        rows, columns = self.block[top:bottom], slice(place, place + len(pivots))
        factors = rows[:, columns].copy()
        rows[:, columns] = 0
        self.field.subtract(rows, factors, self.block[pivots])


class _Elimination:
    """One run over one workspace. `rank` counts the pivots so far; their columns are swapped to the front."""

    def __init__(self, work: Floats, field: _Field, threads: int) -> None:
        self.work = work
        self.field = field
        self.threads = threads
        self.for_each: ForEach = map
        self.memory = threading.local()
        self.rows = np.arange(work.shape[0])
        self.columns = np.arange(work.shape[1])
        self.pivot_rows = self.rows[:0]
        self.pivot_product = 1
        self.rank = 0
        # first row of the slab: rows above are never read again
        self.top = 0
        # length of the sums in the last product that was checked
        self.checked = 0

    def run(self, progress: Callable[[int, int], object]) -> None:
        total, width = self.work.shape
        with _workers(self.threads) as self.for_each:
            while self.top < total and self.rank < width:
                bottom = min(self.top + self.field.terms, total)
                found = self.echelon(self.top, bottom, self.rank)
                self.clear(slice(bottom, total), self.top, self.rank, found)
                self.pivot_rows = np.append(self.pivot_rows, self.rows[self.top : self.top + found])
                self.rank += found
                self.top = bottom
                progress(total if self.rank == width else bottom, total)

    def profile(self) -> RankProfile:
        rows, columns = self.pivot_rows, self.columns[: self.rank]
        value = self.pivot_product * _sign(rows) * _sign(columns) % self.field.prime
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
            self.work[new, right:] = self.work[old, right:]
            self.rows[new] = self.rows[old]

    def clear(self, rows: slice, top: int, left: int, count: int) -> None:
        """Clear the columns of `count` rows in echelon form, from (top, left) on, in other rows."""
        work, right = self.work, left + count
        self.subtract(work[rows, right:], work[rows, left:right], work[top : top + count, right:])

    def invert(self, top: int, bottom: int, left: int, size: int) -> int:
        """Bring the rows with pivots in the next `size` columns to [I | V], before the others; returns their number."""
        block = _Block(self.work[top:bottom, left : left + size].copy(), self.field)
        block.sweep(0, bottom - top)
        self.pivot_product = self.pivot_product * block.pivot_product % self.field.prime
        self.permute_columns(left, block.columns)
        found = len(block.pivots)
        right = left + found
        order = block.pivots + sorted(set(range(bottom - top)).difference(block.pivots))
        if order != sorted(order):
            source = top + np.array(order)
            self.work[top:bottom, right:] = self.work[source, right:]
            self.rows[top:bottom] = self.rows[source]
        # pivot rows become T @ rows, others rows + T @ rows: (1 - T) @ rows and -T @ rows are subtracted
        rest = np.eye(bottom - top, found) - block.block[order, :found]
        self.subtract(self.work[top:bottom, right:], rest, self.work[top : top + found, right:])
        return found

    def bring_forward(self, top: int, bottom: int, left: int) -> int:
        """Swap columns in which rows top to bottom are not all zero to column left; returns how many."""
        used = np.flatnonzero((self.work[top:bottom, left:] != 0).any(axis=0))
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
            self.work[self.top :, left + moved] = self.work[self.top :, left + order[moved]]
            self.columns[left + moved] = self.columns[left + order[moved]]

    def subtract(self, target: Floats, left: Floats, right: Floats) -> None:
        """Subtract left @ right from target, tile by tile.

        The right factor may be rows of the target, if these are so few that every tile holds all of them.
        """
        if not (target.size and right.size):
            return
        height, width = _TILE[0], max(_TILE[0], _TILE[1] // self.threads)
        starts = ((row, column) for row in range(0, len(target), height) for column in range(0, target.shape[1], width))
        tiles = [(slice(row, row + height), slice(column, column + width)) for row, column in starts]
        if len(right) >= 2 * self.checked:
            # sums of another length may take another way through BLAS
            self.checked = len(right)
            rows, columns = tiles[0]
            with self.field.checked(target[rows, columns], left[rows], right[:, columns]):
                self.subtract_tile(target[rows, columns], left[rows], right[:, columns])
            del tiles[0]
        for_each = self.for_each if left.size * target.shape[1] > _SMALL_PRODUCT else map
        list(for_each(lambda tile: self.subtract_tile(target[tile], left[tile[0]], right[:, tile[1]]), tiles))

    def subtract_tile(self, target: Floats, left: Floats, right: Floats) -> None:
        product = self.buffer("product", len(target), target.shape[1])
        np.matmul(left, right, out=product)
        height = max(1, _CACHED // target.shape[1])
        scratch = self.buffer("scratch", height, target.shape[1])
        for start in range(0, len(target), height):
            part, values = target[start : start + height], product[start : start + height]
            np.subtract(part, values, out=values)
            self.field.reduce(values, scratch[: len(values)], part)

    def buffer(self, name: str, rows: int, columns: int) -> Floats:
        """Memory of this thread, kept, because fresh memory is slow to write to."""
        kept = self.memory.__dict__
        if len(kept.get(name, ())) < rows * columns:
            kept[name] = np.empty(rows * columns)
        memory: Floats = kept[name]
        return memory[: rows * columns].reshape(rows, columns)


def _sign(order: Indices) -> int:
    """Sign of the permutation that sorts distinct numbers."""
    places, sign = np.argsort(order).tolist(), 1
    for start in range(len(places)):
        while (place := places[start]) != start:
            places[start], places[place] = places[place], place
            sign = -sign
    return sign
