"""Rank profiles and determinants against python-flint, a slow definition, and the laws of ranks."""

from __future__ import annotations

import dataclasses
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from types import ModuleType
from typing import Any
from unittest import mock

import flint
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import det_mod, rank_mod
from seprank.elimination import (
    BlasError,
    RankProfile,
    blas,
    block,
    blocked,
    determinant,
    exact_rank,
    rank,
    rank_profile,
)
from seprank.elimination.crew import crew
from seprank.kernels import residues
from seprank.question import DEFAULT_PRIME

Matrix = np.ndarray[Any, Any]

LOOPS: list[ModuleType] = [residues]
try:
    from seprank.elimination.compiled_block import CompiledBlock
    from seprank.kernels import fused

    LOOPS.append(fused)
    BLOCKS_OF = [block.Block, CompiledBlock]
except ImportError:  # numba is an extra
    BLOCKS_OF = [block.Block]

each_loops = pytest.mark.parametrize("loops", LOOPS, ids=lambda module: module.__name__.rpartition(".")[2])
LARGEST = 2**27 - 39
PRIMES = (3, 5, 97, 65537, 8388593, LARGEST)


@contextmanager
def tiny_blocks() -> Iterator[None]:
    """Slabs, strips and tiles so small that few rows and columns reach every branch."""
    with ExitStack() as stack:
        for where, sizes in [
            (blas, {"SLAB": 7}),
            (residues, {"CACHED": 16}),
            *((kind, {"group": 2}) for kind in BLOCKS_OF),
            (blocked, {"_STRIP": 3, "_TILE": (4, 8), "_SMALL_PRODUCT": 0}),
            (exact_rank, {"CACHED": 16, "_SMALL_MATRIX": 0}),
        ]:
            stack.enter_context(mock.patch.multiple(where, **sizes))
        yield


BLOCKS = {"blocks": nullcontext, "tiny blocks": tiny_blocks}


def flint_matrix(matrix: Matrix, prime: int) -> flint.nmod_mat:
    return flint.nmod_mat(*matrix.shape, [int(entry) % prime for entry in matrix.ravel().tolist()], prime)


def assert_agrees(profile: RankProfile, matrix: Matrix, prime: int) -> None:
    """The rank is python-flint's, and the minor has that size and python-flint's determinant, which is not zero."""
    assert profile.rank == flint_matrix(matrix, prime).rank()
    for chosen, size in ((profile.rows, matrix.shape[0]), (profile.columns, matrix.shape[1])):
        assert len(chosen) == profile.rank
        assert chosen.tolist() == sorted(set(chosen.tolist()) & set(range(size)))
    minor = matrix[np.ix_(profile.rows, profile.columns)]
    assert profile.determinant == (int(flint_matrix(minor, prime).det()) if profile.rank else 1)
    assert 0 < profile.determinant < prime


def check(matrix: Matrix, prime: int = DEFAULT_PRIME, **options: Any) -> RankProfile:
    """The profile, the same by all loops."""
    found, *others = [profile_by(loops, matrix, prime, **options) for loops in LOOPS]
    assert_agrees(found, matrix, prime)
    for other in others:
        assert_equal(other, found)
    return found


def profile_by(loops: ModuleType, *arguments: Any, **options: Any) -> RankProfile:
    with mock.patch.object(exact_rank, "chosen", return_value=loops):
        return rank_profile(*arguments, **options)


# name: matrix from a generator of random numbers and a prime
FAMILIES: dict[str, Callable[[np.random.Generator, int], Matrix]] = {}


def family(function: Callable[[np.random.Generator, int], Matrix]) -> Callable[[np.random.Generator, int], Matrix]:
    FAMILIES[function.__name__] = function
    return function


def uniform(generator: np.random.Generator, prime: int, *shape: int) -> Matrix:
    return generator.integers(prime, size=shape)


def of_rank(generator: np.random.Generator, rows: int, columns: int, rank: int) -> Matrix:
    return generator.integers(1000, size=(rows, rank)) @ generator.integers(1000, size=(rank, columns))


@family
def zero(generator: np.random.Generator, prime: int) -> Matrix:
    return np.zeros((40, 50))


@family
def zero_only_modulo_the_prime(generator: np.random.Generator, prime: int) -> Matrix:
    return prime * generator.integers(-9, 9, size=(20, 30))


@family
def identity(generator: np.random.Generator, prime: int) -> Matrix:
    return np.eye(60)


@family
def permutation(generator: np.random.Generator, prime: int) -> Matrix:
    return np.eye(100)[generator.permutation(100)]


@family
def antidiagonal(generator: np.random.Generator, prime: int) -> Matrix:
    return np.eye(61)[::-1]


@family
def one_row(generator: np.random.Generator, prime: int) -> Matrix:
    return np.array([[0, 0, prime, 2, 1]])


@family
def one_column(generator: np.random.Generator, prime: int) -> Matrix:
    return np.array([[0], [prime], [2], [1]])


@family
def square(generator: np.random.Generator, prime: int) -> Matrix:
    return uniform(generator, prime, 100, 100)


@family
def wide(generator: np.random.Generator, prime: int) -> Matrix:
    return uniform(generator, prime, 20, 300)


@family
def tall(generator: np.random.Generator, prime: int) -> Matrix:
    return uniform(generator, prime, 300, 20)


@family
def rank_one(generator: np.random.Generator, prime: int) -> Matrix:
    return of_rank(generator, 50, 40, 1)


@family
def half_rank(generator: np.random.Generator, prime: int) -> Matrix:
    return of_rank(generator, 130, 140, 65)


@family
def largest_entries(generator: np.random.Generator, prime: int) -> Matrix:
    return generator.choice([prime // 2, prime // 2 + 1], size=(100, 100))


@family
def kronecker(generator: np.random.Generator, prime: int) -> Matrix:
    return np.kron(of_rank(generator, 12, 11, 7), of_rank(generator, 11, 12, 5)) % prime


@family
def kronecker_with_identity(generator: np.random.Generator, prime: int) -> Matrix:
    return np.kron(np.eye(12, dtype=np.int64), of_rank(generator, 11, 11, 5))


@family
def vandermonde(generator: np.random.Generator, prime: int) -> Matrix:
    powers = [[pow(base, exponent, prime) for exponent in range(80)] for base in range(1, 101)]
    return np.array(powers)


@family
def lower_triangular(generator: np.random.Generator, prime: int) -> Matrix:
    return np.tril(uniform(generator, prime, 90, 90))


@family
def upper_triangular_reversed(generator: np.random.Generator, prime: int) -> Matrix:
    return np.triu(uniform(generator, prime, 90, 90))[:, ::-1]


@family
def rows_twice(generator: np.random.Generator, prime: int) -> Matrix:
    return np.repeat(uniform(generator, prime, 60, 130), 2, axis=0)


@family
def columns_thrice(generator: np.random.Generator, prime: int) -> Matrix:
    return np.repeat(uniform(generator, prime, 100, 30), 3, axis=1)


@family
def leading_zero_columns(generator: np.random.Generator, prime: int) -> Matrix:
    return np.hstack([np.zeros((100, 90), dtype=np.int64), uniform(generator, prime, 100, 60)])


@family
def sparse(generator: np.random.Generator, prime: int) -> Matrix:
    return uniform(generator, prime, 100, 110) * (generator.random((100, 110)) < 0.015)


@family
def blocks_of_low_rank(generator: np.random.Generator, prime: int) -> Matrix:
    return np.block([[of_rank(generator, 70, 70, 3), np.zeros((70, 60))], [np.ones((70, 70)), np.eye(70, 60)]])


@pytest.mark.parametrize("prime", PRIMES)
@pytest.mark.parametrize("name", FAMILIES)
def test_agrees_with_flint(name: str, prime: int) -> None:
    check(FAMILIES[name](np.random.default_rng(prime), prime), prime)


@pytest.mark.parametrize("prime", [3, 8388593])
@pytest.mark.parametrize("name", FAMILIES)
def test_tiny_blocks_agree_with_flint(name: str, prime: int) -> None:
    with tiny_blocks():
        check(FAMILIES[name](np.random.default_rng(prime), prime), prime, threads=1)


@pytest.mark.parametrize("prime", [97, 8388593])
@pytest.mark.parametrize("shape", [(530, 520), (1030, 100), (540, 600), (20, 4200)])
def test_more_than_one_slab_or_tile(shape: tuple[int, int], prime: int) -> None:
    check(uniform(np.random.default_rng(1), prime, *shape), prime)


@pytest.mark.parametrize("rank_", [1, 300, 511, 512])
def test_rank_deficient_over_several_slabs(rank_: int) -> None:
    generator = np.random.default_rng(rank_)
    # many rows of zeros, so that no slab is full and pivot rows are moved
    matrix = of_rank(generator, 1200, 520, rank_) * generator.integers(2, size=(1200, 1))
    assert check(matrix).rank == rank_


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0)])
def test_empty(shape: tuple[int, int]) -> None:
    profile = rank_profile(np.zeros(shape))
    assert (profile.rank, profile.determinant) == (0, 1)
    assert profile.rows.shape == profile.columns.shape == (0,)
    assert determinant(np.zeros((0, 0))) == 1


@pytest.mark.parametrize(
    ("matrix", "rounds"),
    [
        # 4 strips, and for some a second or third choice of columns
        (np.repeat(uniform(np.random.default_rng(1), 97, 400, 50), 64, axis=1), 8),
        (np.tile(uniform(np.random.default_rng(2), 97, 400, 50), 8), 8),
        (np.eye(400)[np.random.default_rng(3).permutation(400)], 8),
        (np.hstack([np.zeros((400, 200)), uniform(np.random.default_rng(4), 97, 400, 200)]), 8),
        (np.random.default_rng(5).random((400, 400)) < 0.01, 20),
    ],
)
def test_few_rounds_find_the_pivots(matrix: Matrix, rounds: int) -> None:
    """Speed: columns that are repeated or sparse must not be tried one by one."""
    invert = blocked.Elimination.invert
    with mock.patch.object(blocked.Elimination, "invert", autospec=True, side_effect=invert) as counted:
        rank(matrix.astype(np.int64), 97)
    assert counted.call_count <= rounds


# Against the definition, and the laws of ranks


@st.composite
def matrices(draw: st.DrawFn, prime: int, *, square: bool = False) -> Matrix:
    rows = draw(st.integers(1, 9))
    columns = rows if square else draw(st.integers(1, 9))
    # many zeros, and often all rows from a few
    entries = st.one_of(st.just(0), st.integers(-prime, prime))
    base = draw(st.lists(st.lists(entries, min_size=columns, max_size=columns), min_size=1, max_size=rows))
    return np.array([base[draw(st.integers(0, len(base) - 1))] if i >= len(base) else base[i] for i in range(rows)])


primes_and_matrices = st.sampled_from([3, 5, 7, 97]).flatmap(lambda prime: st.tuples(st.just(prime), matrices(prime)))
primes_and_squares = st.sampled_from([3, 5, 7, 97]).flatmap(
    lambda prime: st.integers(1, 8).flatmap(
        lambda size: st.tuples(
            st.just(prime),
            *2 * [st.lists(st.integers(0, prime - 1), min_size=size**2, max_size=size**2).map(to_square)],
        )
    )
)


def to_square(entries: list[int]) -> Matrix:
    size = int(len(entries) ** 0.5)
    return np.array(entries).reshape(size, size)


@pytest.mark.parametrize("blocks", BLOCKS.values(), ids=BLOCKS.keys())
@given(drawn=primes_and_matrices, data=st.data())
@settings(max_examples=60, deadline=None)
def test_laws_of_ranks(
    drawn: tuple[int, Matrix], data: st.DataObject, blocks: Callable[[], AbstractContextManager[Any]]
) -> None:
    prime, matrix = drawn
    with blocks():
        profile = check(matrix, prime, threads=1)
        assert profile.rank == rank_mod(matrix.tolist(), prime)
        assert profile.rank == rank(matrix.T, prime)
        rows, columns = (data.draw(st.permutations(range(size))) for size in matrix.shape)
        assert profile.rank == rank(matrix[np.ix_(rows, columns)], prime)


@pytest.mark.parametrize("blocks", BLOCKS.values(), ids=BLOCKS.keys())
@given(drawn=primes_and_squares)
@settings(max_examples=60, deadline=None)
def test_determinant(drawn: tuple[int, Matrix, Matrix], blocks: Callable[[], AbstractContextManager[Any]]) -> None:
    prime, left, right = drawn
    with blocks():
        first, second = determinant(left, prime), determinant(right, prime)
        assert (first, second) == (det_mod(left.tolist(), prime), det_mod(right.tolist(), prime))
        assert determinant(left @ right, prime) == first * second % prime


def test_oracle() -> None:
    """The definition itself, on numbers done by hand."""
    assert rank_mod([[0, 2, 1], [0, 4, 2], [5, 0, 0]], 97) == 2
    assert rank_mod([[1, 2], [2, 1]], 3) == 1
    assert det_mod([[0, 2], [5, 0]], 97) == 87
    assert det_mod([], 97) == 1


@pytest.mark.parametrize("name", ["square", "permutation"])
def test_determinant_agrees_with_flint(name: str) -> None:
    matrix = FAMILIES[name](np.random.default_rng(2), 8388593)
    assert determinant(matrix) == int(flint_matrix(matrix, 8388593).det())


@pytest.mark.parametrize(
    "change",
    [
        lambda profile: {"rank": profile.rank - 1, "rows": profile.rows[1:], "columns": profile.columns[1:]},
        lambda profile: {"determinant": profile.determinant % 96 + 1},
        lambda profile: {"rows": profile.rows[::-1]},
        lambda profile: {"columns": profile.columns + 1},
        lambda profile: {"rows": profile.rows[1:]},
    ],
)
def test_the_comparison_fails_on_a_wrong_value(change: Callable[[RankProfile], dict[str, Any]]) -> None:
    matrix = of_rank(np.random.default_rng(3), 20, 25, 10)
    profile = check(matrix, 97)
    with pytest.raises(AssertionError):
        assert_agrees(dataclasses.replace(profile, **change(profile)), matrix, 97)


# Exactness


@pytest.mark.parametrize("prime", [*PRIMES, 2**22 - 3, 2**22 + 15, 2**24 - 3, 2**25 - 39, 2**26 - 5])
def test_longest_sums_are_reduced_exactly(prime: int) -> None:
    field = blas.Field(prime)
    # what `reduce` may leave; the left factor 1 - T may have 1 more
    largest = prime // 2 + 2
    bound = field.terms * largest * (largest + 1) + largest
    assert bound <= 2**53
    values = [sign * (bound - step) for sign in (1, -1) for step in range(2000)]
    values += [
        quotient * prime + offset for quotient in (0, bound // prime - 1) for offset in (prime // 2, prime // 2 + 1)
    ]
    reduced = np.array(values, np.float64)
    field.reduce(reduced)
    assert np.abs(reduced).max() <= largest
    assert [int(entry) % prime for entry in reduced] == [value % prime for value in values]


@pytest.mark.parametrize("prime", PRIMES)
@pytest.mark.parametrize("dtype", [*np.typecodes["AllInteger"], "d"])
def test_every_dtype_and_its_largest_numbers(dtype: str, prime: int) -> None:
    generator = np.random.default_rng(4)
    limits = (-(2**53), 2**53) if dtype == "d" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    matrix = generator.integers(*limits, size=(30, 31), dtype="q" if dtype == "d" else dtype, endpoint=True)
    matrix.flat[:40:2], matrix.flat[1:40:2] = limits
    check(matrix.astype(dtype), prime)


# The arguments


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.int64])
@pytest.mark.parametrize(
    "view",
    [
        lambda matrix: matrix,
        lambda matrix: matrix[3:40, 5:90],
        lambda matrix: matrix[::2],
        lambda matrix: matrix[::-1],
        lambda matrix: matrix[:, ::2],
        lambda matrix: matrix[:, ::-1],
        lambda matrix: matrix.T,
        lambda matrix: matrix[:, :1],
        lambda matrix: np.broadcast_to(matrix[0], matrix.shape),
    ],
)
def test_views_of_larger_memory(view: Callable[[Matrix], Matrix], dtype: type, overwrite: bool) -> None:
    generator = np.random.default_rng(5)
    memory = uniform(generator, 10**7, 60, 100).astype(dtype)
    matrix, before = view(memory), memory.copy()
    expected = rank_profile(matrix.copy())
    profile = rank_profile(matrix, overwrite=overwrite)
    assert_equal(profile, expected)
    outside = np.ones(memory.shape, dtype=bool)
    if overwrite and matrix.flags.writeable:
        view(outside)[:] = False
    assert np.array_equal(memory[outside], before[outside])


def assert_equal(left: RankProfile, right: RankProfile) -> None:
    assert (left.rank, left.determinant) == (right.rank, right.determinant)
    assert left.rows.tolist() == right.rows.tolist()
    assert left.columns.tolist() == right.columns.tolist()


def test_overwrite_saves_the_copy() -> None:
    matrix = uniform(np.random.default_rng(6), 97, 50, 50).astype(np.float64)
    before = matrix.copy()
    rank_profile(matrix, 5, overwrite=True)
    assert not np.array_equal(matrix, before)


@pytest.mark.parametrize("rank_", [300, 540])
def test_threads_do_not_change_the_result(rank_: int) -> None:
    matrix = of_rank(np.random.default_rng(7), 1030, 540, rank_)
    expected = check(matrix, threads=1)
    for threads in (2, 3, None):
        assert_equal(rank_profile(matrix, threads=threads), expected)
    with tiny_blocks():
        for threads in (1, 2, 3):
            assert rank(matrix[:40, :30], threads=threads) == 30


@pytest.mark.parametrize("threads", [1, 2])
def test_work_is_done_in_threads(threads: int) -> None:
    used: set[int] = set()
    helped, own = threading.Event(), threading.get_ident()

    def note(*arguments: Any) -> None:
        used.add(threading.get_ident())
        if threads > 1 and own != threading.get_ident():
            helped.set()
        elif threads > 1:
            helped.wait(0.2)  # else it may be faster than the helper comes
        subtract_tile(*arguments)

    subtract_tile = blocked.Elimination.subtract_tile
    with mock.patch.object(blocked.Elimination, "subtract_tile", note):
        rank(uniform(np.random.default_rng(12), 97, 1300, 1300), 97, threads=threads)
    assert (used - {threading.get_ident()} == set()) == (threads == 1)


def test_a_crew_works_together() -> None:
    both, done = threading.Barrier(2), []
    with crew(2) as found:
        found.do([partial(both.wait, 30), partial(both.wait, 30)])  # needs two threads at once
        found.put_off([partial(both.wait, 30)])  # needs a helper while this thread goes on
        both.wait(30)
        found.catch_up()
    with crew(1) as found:
        found.put_off(partial(done.append, number) for number in range(3))
        found.do(partial(done.append, number) for number in (7, 8))
        assert done == [7, 8]
        found.catch_up()
        assert done == [7, 8, 0, 1, 2]
        found.catch_up()
        found.do([])
    assert done == [7, 8, 0, 1, 2]


@pytest.mark.parametrize("threads", [1, 2])
def test_what_fails_in_a_crew_is_raised_where_it_is_waited_for(threads: int) -> None:
    done: list[int] = []
    with crew(threads) as found, pytest.raises(ZeroDivisionError):
        found.do([partial(divmod, 1, 0), partial(done.append, 1)])
    with crew(threads) as found:
        found.put_off([partial(divmod, 1, 0), partial(done.append, 2)])
        with pytest.raises(ZeroDivisionError):
            found.catch_up()
    assert done == [1, 2]
    with crew(1) as found:
        found.put_off([partial(done.append, 3)])
    assert done == [1, 2]  # what is not waited for is dropped


def test_a_wrong_product_in_a_helper_stops_the_elimination(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise BlasError("of a helper")
        helped.wait(0.2)
        subtract_tile(*arguments)

    helped, subtract_tile = threading.Event(), blocked.Elimination.subtract_tile
    monkeypatch.setattr(blocked.Elimination, "subtract_tile", fail)
    with pytest.raises(BlasError, match="of a helper"):
        rank(uniform(np.random.default_rng(12), 97, 1300, 1300), 97, threads=2)


def test_without_threadpoolctl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert blas.blas.__wrapped__() is None
    for module in (blas, exact_rank):
        monkeypatch.setattr(module, "blas", lambda: None)
    assert exact_rank._thread_count(2, 10**6) == 1
    check(uniform(np.random.default_rng(8), 97, 140, 150), 97, threads=2)


@pytest.mark.parametrize(("shape", "steps"), [((1100, 700), [511, 1100]), ((600, 20), [600]), ((0, 3), [])])
def test_progress(shape: tuple[int, int], steps: list[int]) -> None:
    calls: list[tuple[int, int]] = []
    rank_profile(uniform(np.random.default_rng(9), 97, *shape), 97, progress=lambda *call: calls.append(call))
    assert calls == [(step, shape[0]) for step in steps]


def with_entry(value: float) -> Matrix:
    matrix = np.ones((300, 500))
    matrix[250, 3] = value
    return matrix


@pytest.mark.parametrize("value", [0.5, -1e-300, np.nan, np.inf, -np.inf, 2.0**53 + 2, -1e300])
def test_names_the_first_entry_that_is_no_integer(value: float) -> None:
    matrix = with_entry(value)
    with pytest.raises(ValueError, match=r"must hold integers .* got (\S+) in row 250, column 3; round it") as error:
        rank_profile(matrix)
    assert f"got {value} in" in str(error.value)
    matrix[250, 4] = matrix[251, 0] = 0.25
    with pytest.raises(ValueError, match="in row 250, column 3; round it"):
        rank_profile(matrix)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: rank_profile(np.ones(3)), ValueError, r"2 dimensions, got shape \(3,\); use matrix.reshape"),
        (lambda: rank_profile(np.ones((1, 2, 3))), ValueError, r"2 dimensions, got shape \(1, 2, 3\)"),
        (lambda: rank_profile(np.ones((2, 2), np.float32)), TypeError, r"got float32; use astype\(np.int64\)"),
        (lambda: rank_profile(np.ones((2, 2), bool)), TypeError, "float64 or an integer dtype, got bool"),
        (lambda: rank_profile(np.ones((2, 2), object)), TypeError, "float64 or an integer dtype, got object"),
        (lambda: rank_profile(np.ones((2, 2)), threads=0), ValueError, "at least 1, got 0; leave it out"),
        (lambda: determinant(np.ones((2, 3))), ValueError, r"square matrix, got shape \(2, 3\); use rank_profile"),
        (lambda: determinant(np.ones(4)), ValueError, r"square matrix, got shape \(4,\)"),
    ],
)
def test_bad_arguments(call: Callable[[], object], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize("prime", [-7, 0, 1, 2, 9, 8388591, 11503**2, 2**27 - 1, 2**27 + 29, 2**31 - 1])
def test_bad_primes(prime: int) -> None:
    with pytest.raises(ValueError, match=rf"^prime must be .*, got {prime}\b.*; the default is 8388593$"):
        rank_profile(np.eye(2), prime)


@pytest.mark.parametrize("size", [1, 20, 600])
@pytest.mark.parametrize("place", [(0, 0), (-1, -1)])
def test_a_wrong_product_is_noticed(place: tuple[int, int], size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    right = np.matmul

    def wrong(left: Matrix, other: Matrix, out: Matrix) -> None:
        right(left, other, out=out)
        out[place] += 1

    monkeypatch.setattr(np, "matmul", wrong)
    with pytest.raises(BlasError, match="do not use this NumPy"):
        rank_profile(uniform(np.random.default_rng(10), 97, size, size + 1) + np.eye(size, size + 1, dtype=np.int64))


def test_a_product_wrong_for_long_sums_only_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = np.matmul

    def wrong(left: Matrix, other: Matrix, out: Matrix) -> None:
        right(left, other, out=out)
        out[0, 0] += left.shape[1] > 500

    monkeypatch.setattr(np, "matmul", wrong)
    with pytest.raises(BlasError, match="do not use this NumPy"):
        rank_profile(uniform(np.random.default_rng(11), 97, 600, 600))
