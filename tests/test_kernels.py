"""Loops over residues: compiled ones give what NumPy's give, bit for bit, and both what Python's integers give."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from seprank import kernels
from seprank.field import arithmetic
from seprank.field.arithmetic import Far, Int64
from seprank.kernels import choice, integers, residues

LOOPS: list[ModuleType] = [residues]
try:
    from seprank.kernels import fused

    LOOPS.append(fused)
except ImportError:  # numba is an extra
    pass

PRIMES = [3, 97, 8388593, 2**27 - 39]
Matrix = np.ndarray[Any, Any]


def balanced(values: list[int], p: int) -> list[int]:
    return [(value + p // 2) % p - p // 2 for value in values]


@pytest.mark.parametrize("p", PRIMES)
@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (50, 1000), (0, 4)])
def test_subtracting_and_reducing_is_the_same_by_all_loops(shape: tuple[int, int], p: int) -> None:
    generator = np.random.default_rng(p)
    most = 2**53 - p
    product = generator.integers(-most, most, size=shape).astype(np.float64)
    product.flat[:2] = [most - 1, -most][: product.size]
    memory = generator.integers(-(p // 2), p // 2 + 1, size=(shape[0], shape[1] + 5)).astype(np.float64)
    expected = [int(a) - int(b) for a, b in zip(memory[:, 2:-3].flat, product.flat, strict=True)]
    found = []
    for loops in LOOPS:
        own = memory.copy()
        loops.subtract(own[:, 2:-3], product.copy(), loops.law(p))  # with gaps between its rows
        assert np.array_equal(own[:, :2], memory[:, :2])
        assert np.array_equal(own[:, -3:], memory[:, -3:])
        found.append(own[:, 2:-3])
        assert np.abs(own[:, 2:-3]).max(initial=0) <= p // 2 + 2
        assert all((int(a) - b) % p == 0 for a, b in zip(own[:, 2:-3].flat, expected, strict=True))
    assert all(np.array_equal(found[0], other) for other in found)


@pytest.mark.parametrize("p", PRIMES)
@pytest.mark.parametrize("largest", ["balanced", "far"])
def test_integer_loops_give_what_integers_give(p: int, largest: str) -> None:
    most = p // 2 if largest == "balanced" else p + p // 2
    generator = np.random.default_rng(p)
    left, right = (generator.integers(-most, most + 1, size=40_000).astype(np.float64) for _ in range(2))
    left[:4], right[:4] = [most, most, -most, -most], [most, -most, most, -most]
    products = [int(a) * int(b) for a, b in zip(left, right, strict=True)]
    assert integers.multiply(left, right, p).tolist() == balanced(products, p)
    terms = 4
    a, b = left[: 3 * terms].reshape(3, terms), right[: terms * 2500].reshape(terms, 2500)
    a[0], b[:, 0] = most, most
    sums = [sum(int(a[i, k]) * int(b[k, j]) for k in range(terms)) for i in range(3) for j in range(2500)]
    assert integers.matmul(a, b, p).ravel().tolist() == balanced(sums, p)


def layouts(a: Tensor) -> list[Tensor]:
    """One matrix in several layouts in memory."""
    gaps = torch.zeros(len(a), a.shape[1] * 2, dtype=a.dtype)
    gaps[:, ::2] = a
    return [a, a.t().contiguous().t(), gaps[:, ::2], torch.cat([a, a])[: len(a)]]


@pytest.mark.parametrize("kind", [Int64, Far])
@pytest.mark.parametrize("shape", [(3000, 4), (4, 3000), (70, 70), (1, 5000), (5000, 1)])
def test_the_recheck_gives_what_its_definition_gives(
    kind: type[Int64], shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    field = kind(8388593)
    generator = torch.Generator().manual_seed(0)
    a, b, c = (field.residues(torch.randint(2**40, shape, generator=generator)) for _ in range(3))
    wide = c[:5].t().contiguous()  # (columns, up to 5)
    cases = [(field.mul, x, y) for x in layouts(a) for y in layouts(b)]
    cases += [(field.matmul, x, y) for x in layouts(a) for y in layouts(wide)]
    monkeypatch.setattr(arithmetic, "_LARGE", 1)
    found = [operation(x, y) for operation, x, y in cases]
    monkeypatch.setattr(arithmetic, "_LARGE", 2**62)
    assert all(torch.equal(own, operation(x, y)) for own, (operation, x, y) in zip(found, cases, strict=True))


def test_sums_that_are_too_long_for_integers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    field = Int64(3)
    a = field.residues(torch.ones(20_000, 3, dtype=torch.int64))
    monkeypatch.setattr(arithmetic, "_LARGE", 1)
    monkeypatch.setattr(field, "half", 2**40)
    with pytest.raises(OverflowError):
        field.mul(a, a)
    monkeypatch.setattr(field, "half", 2**18)
    assert torch.equal(field.mul(a, a), a)


def test_loops_are_compiled_where_it_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "_is_loaded", lambda: False)
    monkeypatch.setattr(choice, "_worked", [])
    assert kernels.chosen(choice.COMPILED // 2) is residues
    monkeypatch.setattr(choice, "find_spec", lambda name: None)
    assert kernels.chosen(choice.COMPILED) is residues  # numba is not installed
    if len(LOOPS) > 1:
        monkeypatch.undo()
        monkeypatch.setattr(choice, "_worked", [])
        assert kernels.chosen(1) is LOOPS[1]  # it is loaded
