"""Determinants by factors that are not believed: against python-flint, and with wrong factors."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import flint
import numpy as np
import pytest

from seprank.certification import factored
from seprank.certification.factored import Determinant, WrongFactors
from seprank.certification.footprint import minor_bytes
from seprank.elimination import Factor, rank_profile
from seprank.question import DEFAULT_PRIME

Matrix = np.ndarray[Any, Any]


def by_flint(matrix: Matrix, prime: int) -> int:
    return int(flint.nmod_mat(*matrix.shape, [int(entry) % prime for entry in matrix.ravel()], prime).det())


def ours(matrix: Matrix, prime: int, step: int = 7) -> int:
    found = Determinant(len(matrix), prime)
    for first in range(0, len(matrix), step):
        found.take(first, matrix[first : first + step].astype(np.float64))
    return found.value()


def shapes(generator: np.random.Generator, prime: int, size: int) -> dict[str, Matrix]:
    matrix = generator.integers(-(prime // 2), prime // 2 + 1, size=(size, size))
    singular = matrix.copy()
    singular[-1] = singular[0] * (size > 1)
    return {
        "random": matrix,
        "sparse": matrix[generator.permutation(size)] * (generator.random((size, size)) < 0.3),
        "antitriangular": np.tril(matrix)[::-1],
        "permutation": np.eye(size, dtype=np.int64)[generator.permutation(size)],
        "largest": generator.choice([-(prime // 2), prime // 2], size=(size, size)),
        "singular": singular,
    }


@pytest.mark.parametrize("prime", [3, 97, DEFAULT_PRIME, 2**27 - 39])
@pytest.mark.parametrize("size", [1, 2, 30, 140])
def test_determinants_are_those_of_flint(size: int, prime: int) -> None:
    for name, matrix in shapes(np.random.default_rng(size), prime, size).items():
        assert ours(matrix, prime) == by_flint(matrix, prime), name


def test_over_several_slabs() -> None:
    matrix = np.random.default_rng(0).integers(1000, size=(1100, 1100))
    matrix[:600, :700] = 0  # the first slab has its pivots far to the right
    matrix[:400, 700:] += 1
    assert rank_profile(matrix).rank < 1100
    assert ours(matrix, DEFAULT_PRIME, step=512) == 0
    matrix = np.random.default_rng(1).integers(1000, size=(1100, 1100))
    matrix[:300, :700] = 0
    assert ours(matrix, DEFAULT_PRIME, step=512) == by_flint(matrix, DEFAULT_PRIME) != 0


@pytest.mark.parametrize("part", ["diagonal", "below", "right"])
@pytest.mark.parametrize("slab", [0, 1])
def test_a_wrong_entry_of_a_factor_is_found_out(part: str, slab: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = 0

    def wrong(self: Determinant, factor: Factor) -> None:
        nonlocal seen
        if seen == slab:
            changed = getattr(factor, part).copy()
            changed[-1, 0] += 1
            factor = replace(factor, **{part: changed})
        seen += 1
        check(self, factor)

    check = Determinant._check
    monkeypatch.setattr(Determinant, "_check", wrong)
    matrix = np.random.default_rng(2).integers(1000, size=(1100, 1100))
    with pytest.raises(WrongFactors, match="failed its check in integers; run `seprank doctor`"):
        ours(matrix, DEFAULT_PRIME, step=512)


def test_a_wrong_block_determinant_is_another_determinant(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = np.random.default_rng(3).integers(1000, size=(30, 30))
    right = ours(matrix, DEFAULT_PRIME)
    monkeypatch.setattr(factored, "_by_flint", lambda square, p: 2 * by_flint(square, p) % p)
    assert ours(matrix, DEFAULT_PRIME) == 2 * right % DEFAULT_PRIME


@pytest.mark.parametrize("size", [100, 1000])
def test_it_takes_no_more_memory_than_is_estimated(size: int) -> None:
    generator = np.random.default_rng(4)
    ours(generator.integers(1000, size=(40, 40)), DEFAULT_PRIME)  # what is loaded once
    tracemalloc.start()
    found = Determinant(size, DEFAULT_PRIME)
    for first in range(0, size, 50):
        found.take(first, generator.integers(1000, size=(50, size)).astype(np.float64))
    assert found.value()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 8 * size**2 < most < minor_bytes(size, size)


def test_products_in_integers_are_exact_at_the_largest_numbers() -> None:
    prime = 2**27 - 39
    matrix = np.full((3, 40_000), float(prime - 1))
    vectors = np.full((2, 40_000), prime - 1, dtype=np.int64)
    found = factored._times(matrix, vectors, prime)
    assert found.tolist() == [[40_000 * (prime - 1) ** 2 % prime] * 3] * 2
