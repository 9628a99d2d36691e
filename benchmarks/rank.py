"""Rank modulo 8388593 of n x n matrices: ours against LAPACK's dgetrf (the limit) and python-flint (the peer).

One thread, one process, CPU seconds, methods in turn, median of the repetitions; with compiled loops if numba is
installed. python-flint is timed once, and its conversion from NumPy apart. Nothing is timed before the results agree;
if they do not, the exit code is 1. A missed goal is only printed. Then two threads against one, in seconds of clocks,
beside what a second thread gains dgemm on such tiles (the limit): on a busy machine both gain less.

    python benchmarks/rank.py --sizes 1000 2000 4000 --reps 5 --no-flint-above 4000
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import flint
import numpy as np
from scipy.linalg.lapack import dgetrf
from threadpoolctl import threadpool_limits

from seprank import elimination
from seprank.question import DEFAULT_PRIME as PRIME

# at most so many times the seconds of dgetrf, and at least so many times faster than python-flint
DGETRF_GOALS = {1000: 1.5, 2000: 1.2, 4000: 1.1} if find_spec("numba") else {1000: 2.2, 2000: 1.5, 4000: 1.25}
FLINT_GOALS = {4000: 5.0}
THREADS_GOALS = {4000: 1.7}


def seconds(task: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = task()
    return time.process_time() - start, result


def make(size: int, rank: int, generator: np.random.Generator) -> np.ndarray:
    if rank == size:
        return generator.integers(PRIME, size=(size, size)).astype(np.float64)
    # small enough for the product to be exact
    left, right = generator.integers(1024, size=(size, rank)), generator.integers(1024, size=(rank, size))
    return left.astype(np.float64) @ right.astype(np.float64)


def compare_with_flint(matrix: np.ndarray, expected_rank: int) -> tuple[float, float]:
    """Seconds of python-flint for the conversion and the rank.

    Raises:
        ArithmeticError: it found something else than we.
    """
    profile = elimination.rank_profile(matrix, PRIME, threads=1)
    reduced = np.fmod(matrix, PRIME).astype(np.int64)
    conversion, theirs = seconds(lambda: flint.nmod_mat(*matrix.shape, reduced.ravel().tolist(), PRIME))
    duration, rank = seconds(theirs.rank)
    if not profile.rank == rank == expected_rank:
        raise ArithmeticError(f"rank: ours {profile.rank}, python-flint {rank}, built to be {expected_rank}")
    if rank == len(matrix) and profile.determinant != int(theirs.det()):
        raise ArithmeticError(f"determinant: ours {profile.determinant}, python-flint {int(theirs.det())}")
    return conversion, duration


def in_turn(matrix: np.ndarray, reps: int) -> tuple[float, float]:
    """Median seconds of ours and of dgetrf."""
    # LAPACK wants columns together; the transposition is not counted
    columns = np.asfortranarray(matrix)
    ours, theirs = [], []
    for _ in range(reps):
        ours.append(seconds(lambda: elimination.rank(matrix, PRIME, threads=1))[0])
        theirs.append(seconds(lambda: dgetrf(columns))[0])
    return statistics.median(ours), statistics.median(theirs)


def verdict(value: float, goal: float | None, at_most: bool) -> str:
    if goal is None:
        return ""
    met = value <= goal if at_most else value >= goal
    return f" (goal {'<=' if at_most else '>='} {goal:g}: {'met' if met else 'missed'})"


def report(size: int, rank: int, arguments: argparse.Namespace) -> None:
    matrix = make(size, rank, np.random.default_rng(size + rank))
    with_flint = size <= arguments.no_flint_above
    if with_flint:
        conversion, flint_seconds = compare_with_flint(matrix, rank)
    elif (found := elimination.rank(matrix, PRIME, threads=1)) != rank:
        raise ArithmeticError(f"rank: ours {found}, built to be {rank}")
    ours, lapack = in_turn(matrix, arguments.reps)
    print(f"n = {size}, rank {rank}, {'checked by python-flint' if with_flint else 'rank as built'}")
    print(f"  ours          {ours:8.4f} s")
    ratio = ours / lapack
    print(f"  dgetrf        {lapack:8.4f} s  ours / dgetrf = {ratio:.2f}{verdict(ratio, DGETRF_GOALS.get(size), True)}")
    if with_flint:
        gain = flint_seconds / ours
        goal = verdict(gain, FLINT_GOALS.get(size), False)
        print(f"  python-flint  {flint_seconds:8.4f} s  python-flint / ours = {gain:.1f}{goal}")
        print(f"                {conversion:8.4f} s  more for its conversion from NumPy")


def clock(task: Callable[[], Any]) -> float:
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def products(size: int, threads: int) -> None:
    """Products of BLAS alone, of the tiles of one elimination of that size or more."""
    left, right = np.ones((512, 511)), np.ones((511, 2048))
    count = -(-(size**3) // (3 * 512 * 511 * 2048) // threads)

    def run(number: int) -> None:
        found = np.empty((512, 2048))
        for _ in range(count):
            np.matmul(left, right, out=found)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, range(threads)))


def report_threads(size: int, reps: int) -> None:
    """What a second thread gains, ours and BLAS alone, in turn.

    Raises:
        ArithmeticError: two threads find something else than one.
    """
    matrix = make(size, size, np.random.default_rng(size))
    one, two = (elimination.rank_profile(matrix, PRIME, threads=threads) for threads in (1, 2))
    if not (one.rank == two.rank and one.determinant == two.determinant):
        raise ArithmeticError("two threads find another profile than one")
    took: dict[tuple[str, int], list[float]] = {}
    for _ in range(reps):
        for threads in (1, 2):
            ours = clock(lambda threads=threads: elimination.rank(matrix, PRIME, threads=threads))
            took.setdefault(("ours", threads), []).append(ours)
            took.setdefault(("dgemm", threads), []).append(clock(lambda threads=threads: products(size, threads)))
    gain, limit = (statistics.median(took[who, 1]) / statistics.median(took[who, 2]) for who in ("ours", "dgemm"))
    goal = verdict(gain, THREADS_GOALS.get(size), False)
    print(
        f"n = {size}, two threads: {gain:.2f} times as fast as one{goal}; dgemm {limit:.2f}, ratio {gain / limit:.2f}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 2000, 4000])
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--no-flint-above", type=int, default=4000, metavar="N")
    arguments = parser.parse_args()
    if find_spec("numba"):
        import_module("seprank.kernels.fused")  # which is otherwise loaded only for what takes long
    with threadpool_limits(1):
        # the first call of each library starts it up
        in_turn(make(300, 300, np.random.default_rng(0)), 1)
        for size in arguments.sizes:
            for rank in (size, size // 2):
                try:
                    report(size, rank, arguments)
                    if rank == size:
                        report_threads(size, arguments.reps)
                except ArithmeticError as error:
                    print(f"n = {size}, rank {rank}: no speed without agreement: {error}", file=sys.stderr)
                    return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
