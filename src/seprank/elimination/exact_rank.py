"""Rank and determinant of an integer matrix modulo an odd prime, with the minor that proves them, in NumPy alone.

Numbers modulo p are float64 integers of absolute value about p / 2 at most. A product of matrices of such numbers
is exact while no sum reaches 2^53, in whatever order BLAS adds, and it is reduced modulo p once, at its end.

Slabs of rows are brought to the reduced echelon form [I | V] and subtracted from all rows below, by one product each.
A slab is halved until few rows are left; these are inverted on their leading square block, and the inverse is
applied to the rest of them, again by one product. So there is no triangular solve and no tall panel. Columns with
pivots are swapped to the front. Rows without a pivot have become zero and are dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..kernels import chosen
from ..kernels.residues import CACHED, Floats
from ..question import DEFAULT_PRIME, check_prime, check_whole
from ..system.cores import available_cores
from .blas import EXACT, SLAB, Field, blas
from .blocked import Elimination, RankProfile
from .factor import Factor

# matrices of fewer numbers and products of fewer multiplications are not worth a second thread
_SMALL_MATRIX = 1 << 18


def rank_profile(
    matrix: npt.NDArray[Any],
    prime: int = DEFAULT_PRIME,
    *,
    overwrite: bool = False,
    threads: int | None = None,
    device: str = "cpu",
    progress: Callable[[int, int], object] | None = None,
    watch: Callable[[Factor], object] | None = None,
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
        device: of torch, such as "cuda", in whose memory and by which the products are computed, in float64; threads
            are then without meaning, and 8 bytes for each number must be free there.
        progress: called with (rows done, m) after every slab.
        watch: called with the factor of every slab, by which the result can be checked; see `Factor`. On the
            processor only.

    Returns:
        the same profile for any number of threads and on any device.

    Raises:
        TypeError: matrix of another dtype, masked, or no array.
        ValueError: matrix not of two dimensions or not of integers, or prime or threads out of range.
        MemoryBudgetError: the matrix does not fit the device's memory.
        BlasError: a product failed its check. The first one is checked, then each first one of twice its length.

    Source: Dumas, Giorgi, Pernet, arXiv:cs/0601133 (exact products by BLAS); Dumas, Gautier, Pernet, Sultan,
        arXiv:1402.3501 (slabs); Freivalds, IFIP Congress 1977, 839-842 (the check).

    Example:
        >>> import numpy as np
        >>> rank_profile(np.array([[1, 2], [2, 4]])).rank
        1
    """
    prime, matrix = check_prime(prime), _as_array(matrix)
    field = Field(prime, chosen(_reductions(matrix.shape)))
    threads = _thread_count(threads, matrix.size)
    if device == "cpu":
        elimination = Elimination(_workspace(matrix, field, overwrite), field, threads)
    else:
        elimination = _on_device(matrix, field, overwrite, device, watch)
    elimination.run(progress or (lambda done, total: None), watch)
    return elimination.profile()


def _on_device(matrix: npt.NDArray[Any], field: Field, overwrite: bool, device: str, watch: object) -> Elimination:
    from .on_device import DeviceElimination, loaded, sent

    if watch is not None:
        raise ValueError(f"factors are watched on the processor only, got device {device!r}; leave device or watch out")
    work = loaded(matrix, field, device) if matrix.ndim == 2 and matrix.dtype == np.float64 else None
    return DeviceElimination(sent(_workspace(matrix, field, overwrite), device) if work is None else work, field)


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


def _reductions(shape: tuple[int, ...]) -> int:
    """What NumPy reads and writes to reduce after products, about."""
    return 8 * math.prod(shape) * min(shape, default=0) // (3 * SLAB)


def _as_array(matrix: Any) -> npt.NDArray[Any]:
    """What NumPy makes of a matrix: of its own kind, a tensor of torch, or lists."""
    if np.ma.is_masked(matrix):
        raise TypeError("matrix must have a number in every place, got a masked array; fill or drop what is masked")
    try:
        return np.asarray(matrix)
    except (ValueError, TypeError, RuntimeError) as error:
        raise TypeError(f"matrix must be an array of numbers, got {type(matrix).__name__}: {error}") from None


def _workspace(source: npt.NDArray[Any], field: Field, overwrite: bool) -> Floats:
    """The numbers modulo the prime, in the memory of the matrix if allowed, else in new memory."""
    if source.ndim != 2:
        raise ValueError(f"matrix must have 2 dimensions, got shape {source.shape}; use matrix.reshape(rows, -1)")
    if source.dtype != np.float64 and source.dtype.kind not in "iu":
        raise TypeError(f"matrix must be of float64 or an integer dtype, got {source.dtype}; use astype(np.int64)")
    # into rows with gaps BLAS cannot write, and NumPy would copy every product
    row_major = source.dtype == np.float64 and source.strides[1] == source.itemsize
    row_major = row_major and source.strides[0] >= source.shape[1] * source.itemsize
    work = source if overwrite and row_major and source.flags.writeable else np.empty(source.shape)
    height = max(1, CACHED // max(1, source.shape[1]))
    for start in range(0, len(work) if work.size else 0, height):
        _load(source[start : start + height], work[start : start + height], field, start)
    return work


def _load(rows: npt.NDArray[Any], work: Floats, field: Field, start: int) -> None:
    """Copy rows, modulo the prime; start is the number of the first, for the error."""
    smallest, largest = rows.min(), rows.max()
    # written so that a NaN fails
    in_range = smallest >= -EXACT and largest <= EXACT
    if rows.dtype.kind == "f" and not (in_range and np.array_equal(np.rint(rows), rows)):
        raise _not_integers(rows, start)
    bound = max(-int(smallest), int(largest))
    if bound > EXACT // 2:
        # slow, but `reduce` rounds the quotient of such a number to a neighbour
        rows = np.fmod(rows, np.array(field.prime, rows.dtype))
    np.copyto(work, rows, casting="unsafe")
    if bound > field.prime // 2:
        field.reduce(work)


def _not_integers(rows: Floats, start: int) -> ValueError:
    row, column = np.argwhere(~((np.rint(rows) == rows) & (np.abs(rows) <= EXACT)))[0]
    return ValueError(
        f"matrix must hold integers of at most 2^53, got {rows[row, column]} in row {start + row}, column {column}; "
        "round it, or reduce it modulo the prime before it becomes a float"
    )


def _thread_count(threads: int | None, size: int) -> int:
    if threads is not None:
        threads = check_whole("threads", threads, 1, remedy="leave it out for one per core")
    if blas() is None or (threads is None and size < _SMALL_MATRIX):
        return 1
    return threads or available_cores()
