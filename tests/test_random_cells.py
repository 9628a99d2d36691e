"""No bound is contradicted by random cells, in the package's own arithmetic and in Python integers at larger primes."""

import functools
import random
from typing import Any

import flint
import pytest

import oracles
from seprank.theory import bounds, for_readout
from studies.random_cells import Asked, check, draw_cells

PRIMES = (2**61 - 1, 2**61 - 31)


@pytest.mark.parametrize("seed", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_a_sample_of_random_cells_contradicts_no_bound(seed: int) -> None:
    found = [check(asked) for asked in draw_cells(12 if seed == 2 else 60, seed=seed, most=60)]
    assert [item for item in found if item.contradicted] == []
    assert sum(item.certificate.exact for item in found) > len(found) // 2
    assert len({item.asked.domain for item in found}) == 2


def test_the_cells_are_as_random_as_they_say() -> None:
    cells = list(draw_cells(300, seed=0))
    assert len(set(cells)) == 300
    for name, most in (("inputs", 6), ("width", 5), ("depth", 5), ("length", 10)):
        assert {getattr(asked, name) for asked in cells} == set(range(1 + (name == "length"), most + 1))
    assert {asked.readout for asked in cells} >= {"random", "all", 0, 1, 2, 3, 4}


def test_the_primes_are_primes() -> None:
    assert all(flint.fmpz(prime).is_prime() for prime in PRIMES)


@functools.cache
def small_cells() -> list[Asked]:
    """Of which Python integers do a matrix in a moment."""
    cells = draw_cells(4000, seed=5, most=24)
    several = [asked for asked in cells if asked.depth > 1 and asked.width > 1 and asked.length < 7]
    return random.Random(0).sample(several, 24)


@pytest.mark.parametrize("number", range(24))
def test_python_integers_at_primes_near_2_to_61_exceed_no_bound(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = small_cells()[number]
    known = for_readout(bounds(**asked.sizes), channels=asked.width, readout=asked.readout)
    least = min(bound.value for bound in known if bound.kind in ("exact", "upper"))
    found = [brute_force(asked, prime, least + 3, monkeypatch) for prime in PRIMES]
    assert max(found) <= least
    lower = [bound.value for bound in known if bound.kind in ("exact", "lower")]
    assert max(found) >= max(lower, default=0)


def brute_force(asked: Asked, prime: int, samples: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """The rank of a Start-End matrix from its definition: of so many halves a side, or of up to 64 words."""
    monkeypatch.setattr(oracles, "PRIME_OF_BOUNDS", prime)
    sizes: dict[str, Any] = {"domain": asked.domain, "readout": asked.readout, "seed": asked.seed}
    count = samples if asked.domain == "functional" else 64
    numbers = (asked.inputs, asked.width, asked.depth, asked.cut, asked.length - asked.cut)
    matrix = oracles.multiplicative_start_end(*numbers, samples=count, **sizes)
    return int(flint.nmod_mat(len(matrix), len(matrix[0]), [n for row in matrix for n in row], prime).rank())
