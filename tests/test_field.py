"""Operations inside PrimeField against Python integers; what is refused, and what is left as it was."""

import copy
import doctest
import io
import itertools
import math
import pickle
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.modules import module as torch_module
from torch.utils._python_dispatch import _get_current_dispatch_mode

import oracles
from oracles import Integers, balanced, whole_numbers
from seprank import field
from seprank.field import DEFAULT_PRIME, PRIME_LIMIT, NotPolynomial, PrimeField, constant, draw_elements, raw_stream
from seprank.field.arithmetic import ARITHMETICS, Float64, Int64
from seprank.question import check_prime

LARGEST = 134217689
PRIMES = [3, 97, 65537, DEFAULT_PRIME, LARGEST]
by_prime = pytest.mark.parametrize("p", PRIMES)
by_arithmetic = pytest.mark.parametrize("arithmetic", ["float64", "int64"])
# The same examples in every run, and other work on the machine must not fail a test of numbers.
repeatable = settings(deadline=None, derandomize=True)


pytestmark = pytest.mark.usefixtures("one_thread")


# Comparison


def disagreement(result: Any, expected: Any, p: int) -> str | None:
    """What is wrong with a tensor that should hold the balanced residues of whole numbers or fractions."""
    wanted = np.asarray(expected, dtype=object)
    if not isinstance(result, Tensor) or result.dtype != torch.float64:
        return f"not a tensor of float64: {result!r}"
    if tuple(result.shape) != wanted.shape:
        return f"shape {tuple(result.shape)} instead of {wanted.shape}"
    for place, number in np.ndenumerate(field.read(result)):
        if number != balanced(wanted[place], p):
            return f"{number} instead of {balanced(wanted[place], p)} at {place}"
    return None


def check(result: Any, expected: Any, p: int) -> None:
    """Fail if a tensor, or any of several tensors, is not what it should be."""
    several = isinstance(result, list | tuple)
    pairs = list(zip(result, expected, strict=True)) if several else [(result, expected)]
    assert pairs
    assert [d for d in (disagreement(r, e, p) for r, e in pairs) if d] == []


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (torch.tensor([1.0, -48.0], dtype=torch.float64), None),
        (torch.tensor([1.0, 48.0], dtype=torch.float64), "48.0 instead of -48"),
        (torch.tensor([98.0, -48.0], dtype=torch.float64), "98.0 instead of 1"),
        (torch.tensor([1.0, 49.0], dtype=torch.float64), "49.0 instead of -48"),
        (torch.tensor([1.0, -48.5], dtype=torch.float64), "-48.5 instead"),
        (torch.tensor([1.0, -48.0]), "not a tensor of float64"),
        (torch.tensor([[1.0, -48.0]], dtype=torch.float64), "shape"),
        (np.array([1.0, -48.0]), "not a tensor"),
    ],
)
def test_the_comparison_sees_a_wrong_value(result: Any, message: str | None) -> None:
    found = disagreement(result, [1 - 97, Fraction(1, 2) + 97 * 5 - 97], 97)
    assert found is None if message is None else found is not None and message in found


# The table of operations

Draw = Callable[[np.random.Generator, int], np.ndarray[Any, Any]]
"""Draws an argument: values of the network as Python integers, positions as int64, masks as bool."""


def values(*shape: int) -> Draw:
    return lambda rng, p: rng.integers(-(p // 2), p // 2 + 1, shape).astype(object)


def integers(*shape: int, low: int = -(2**62), high: int = 2**62) -> Draw:
    return lambda rng, p: rng.integers(low, high, shape)


def positions(*shape: int, below: int) -> Draw:
    return integers(*shape, low=0, high=below)


def permutation(length: int) -> Draw:
    return lambda rng, p: rng.permutation(length)


def units(*shape: int) -> Draw:
    """Integers that p does not divide."""
    return lambda rng, p: rng.integers(1, p, shape) + p * rng.integers(-5, 5, shape)


def divisors(*shape: int) -> Draw:
    """Values of the network of which none is 0 modulo p."""
    return lambda rng, p: units(*shape)(rng, p).astype(object)


def mask(*shape: int) -> Draw:
    return lambda rng, p: rng.integers(0, 2, shape).astype(bool)


@dataclass(frozen=True)
class Case:
    name: str
    function: Callable[..., Any]
    arguments: tuple[Draw, ...]
    oracle: Callable[..., Any] | None
    """On arrays of Python integers; None: what torch does with the same numbers in int64, outside of the field"""


def case(name: str, function: Callable[..., Any], oracle: Callable[..., Any], *arguments: Draw) -> Case:
    return Case(name, function, arguments, oracle)


def same(name: str, function: Callable[..., Any], *arguments: Draw) -> Case:
    """The very same expression, on tensors and on arrays of Python integers."""
    return Case(name, function, arguments, function)


def moves(name: str, function: Callable[..., Any], *arguments: Draw) -> Case:
    """An operation that only moves entries."""
    return Case(name, function, arguments, None)


def as_tensor(argument: np.ndarray[Any, Any], dtype: torch.dtype = torch.float64) -> Tensor:
    if argument.dtype == object:
        return torch.tensor(argument.tolist(), dtype=dtype).reshape(argument.shape)
    return torch.from_numpy(argument.copy())


def expectation(case: Case, drawn: Sequence[np.ndarray[Any, Any]]) -> Any:
    if case.oracle is not None:
        return case.oracle(*(argument.astype(object) for argument in drawn))
    moved = case.function(*(as_tensor(argument, torch.int64) for argument in drawn))
    several = isinstance(moved, list | tuple)
    return [whole_numbers(tensor) for tensor in moved] if several else whole_numbers(moved)


def sampled(case: Case, p: int) -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(p)
    return [draw(rng, p) for draw in case.arguments]


half, tenth = Fraction(1, 2), Fraction(1, 10)


def fractions(numbers: Integers) -> Integers:
    return np.vectorize(Fraction, otypes=[object])(numbers)


def int_indices(*indices: Integers) -> tuple[Any, ...]:
    return tuple(index.astype(np.int64) for index in indices)


def added_at(target: Integers, places: Any, source: Integers) -> Integers:
    result = target.copy()
    np.add.at(result, places, source)
    return result


def index_added(a: Integers, i: Integers, b: Integers, alpha: Any = 1) -> Integers:
    return added_at(a, int_indices(i), alpha * b)


PRODUCTS = [
    same("mm", lambda a, b: a @ b, values(3, 4), values(4, 5)),
    same("mm, stored by columns", lambda a, b: a.T @ b, values(4, 3), values(4, 5)),
    same("mm, both by columns", lambda a, b: a.T @ b.T, values(4, 3), values(5, 4)),
    same("mm, one row", lambda a, b: a.T @ b, values(4, 1), values(4, 5)),
    same("mm, no inner dimension", lambda a, b: a @ b, values(3, 0), values(0, 5)),
    same("mm, no rows", lambda a, b: a @ b, values(0, 3), values(3, 5)),
    *(
        same(f"matmul {left} {right}", lambda a, b: a @ b, values(*left), values(*right))
        for left, right in [
            ((4,), (4,)),
            ((3, 4), (4,)),
            ((4,), (4, 5)),
            ((2, 3, 4), (4,)),
            ((4,), (2, 4, 5)),
            ((2, 3, 4), (4, 5)),
            ((3, 4), (2, 4, 5)),
            ((2, 3, 4), (2, 4, 5)),
            ((1, 3, 4), (2, 4, 5)),
            ((2, 1, 3, 4), (5, 4, 2)),
        ]
    ),
    case(
        "addmm",
        lambda c, a, b: torch.addmm(c, a, b, beta=-3, alpha=0.5),
        lambda c, a, b: -3 * c + half * (a @ b),
        values(3, 5),
        values(3, 4),
        values(4, 5),
    ),
    case(
        "addmm, row added to all", torch.addmm, lambda c, a, b: c + a @ b, values(5), values(3, 4), values(4, 5)
    ),
    case("bmm", torch.bmm, lambda a, b: a @ b, values(2, 3, 4), values(2, 4, 5)),
    case(
        "baddbmm",
        lambda c, a, b: torch.baddbmm(c, a, b, beta=0.1, alpha=2),
        lambda c, a, b: tenth * c + 2 * (a @ b),
        values(2, 3, 5),
        values(2, 3, 4),
        values(2, 4, 5),
    ),
    case(
        "addbmm",
        lambda c, a, b: torch.addbmm(c, a, b, beta=2, alpha=-1),
        lambda c, a, b: 2 * c - (a @ b).sum(axis=0),
        values(3, 5),
        values(2, 3, 4),
        values(2, 4, 5),
    ),
    case("bmm, batch last", lambda a, b: torch.bmm(a.permute(2, 0, 1), b),
         lambda a, b: np.moveaxis(a, 2, 0) @ b, values(3, 4, 2), values(2, 4, 5)),
    case("mv", torch.mv, lambda a, x: a @ x, values(3, 4), values(4)),
    case(
        "addmv",
        lambda c, a, x: torch.addmv(c, a, x, beta=5, alpha=7),
        lambda c, a, x: 5 * c + 7 * (a @ x),
        values(3),
        values(3, 4),
        values(4),
    ),
    case(
        "addr",
        lambda c, a, b: torch.addr(c, a, b, beta=5, alpha=7),
        lambda c, a, b: 5 * c + 7 * np.multiply.outer(a, b),
        values(3, 4),
        values(3),
        values(4),
    ),
    case("dot", torch.dot, np.dot, values(6), values(6)),
    case("vdot", torch.vdot, np.dot, values(6), values(6)),
    case("inner", torch.inner, np.inner, values(2, 3), values(4, 3)),
    case("outer", torch.outer, np.multiply.outer, values(3), values(4)),
    case("kron", torch.kron, np.kron, values(2, 3), values(3, 2)),
    case(
        "tensordot",
        lambda a, b: torch.tensordot(a, b, dims=([1, 2], [0, 2])),
        lambda a, b: np.tensordot(a, b, axes=([1, 2], [0, 2])),
        values(2, 3, 4),
        values(3, 5, 4),
    ),
    *(
        case(
            f"matrix_power {n}",
            lambda a, n=n: torch.linalg.matrix_power(a, n),
            lambda a, n=n: np.linalg.matrix_power(a, n),
            values(3, 3),
        )
        for n in (0, 1, 2, 3, 7)
    ),
    case(
        "multi_dot",
        lambda *m: torch.linalg.multi_dot(m),
        lambda a, b, c, d: a @ b @ c @ d,
        values(2, 5),
        values(5, 3),
        values(3, 4),
        values(4, 2),
    ),
    case("linear", F.linear, lambda x, w: x @ w.T, values(3, 4), values(5, 4)),
    case("linear with bias", F.linear, lambda x, w, b: x @ w.T + b, values(3, 4), values(5, 4), values(5)),
    case("linear of sequences", F.linear, lambda x, w: x @ w.T, values(2, 3, 4), values(5, 4)),
    case(
        "linear of sequences with bias", F.linear, lambda x, w, b: x @ w.T + b, values(2, 3, 4), values(5, 4), values(5)
    ),
    case("linear of a vector", F.linear, lambda x, w, b: w @ x + b, values(4), values(5, 4), values(5)),
    case(
        "bilinear",
        F.bilinear,
        lambda x, y, w, b: np.einsum("...i,oij,...j->...o", x, w, y) + b,
        values(2, 3, 4),
        values(2, 3, 5),
        values(6, 4, 5),
        values(6),
    ),
    *(
        case(
            f"einsum {equation}",
            lambda *t, equation=equation: torch.einsum(equation, *t),
            lambda *t, equation=equation: np.einsum(equation, *t),
            *(values(*shape) for shape in shapes),
        )
        for equation, shapes in [
            ("ij,jk->ik", [(3, 4), (4, 5)]),
            ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
            ("bi,bj->bij", [(2, 3), (2, 4)]),
            ("bi,ijk,bj->bk", [(2, 3), (3, 4, 5), (2, 4)]),
            ("ij,ij->", [(3, 4), (3, 4)]),
            ("ii->", [(4, 4)]),
            ("...i,i->...", [(2, 3, 4), (4,)]),
            ("tbi,oi->bto", [(2, 3, 4), (5, 4)]),
        ]
    ),
    *(
        case(
            f"conv1d {name}",
            lambda x, w, b, how=how: F.conv1d(x, w, b, **how),
            lambda x, w, b, how=how, same=same: oracles.convolution(
                x, w, b, **{k: n for k, n in how.items() if k != "padding"}, left=same, right=same
            ),
            values(2, 4, 9),
            values(6, 4 // how.get("groups", 1), 3),
            values(6),
        )
        for name, how, same in [
            ("with bias", {}, 0),
            ("stride", {"stride": 2}, 0),
            ("padding", {"padding": 2}, 2),
            ("dilation", {"dilation": 3}, 0),
            ("groups", {"groups": 2}, 0),
            ("all", {"stride": 2, "padding": 3, "dilation": 2, "groups": 2}, 3),
            ("same", {"padding": "same"}, 1),
            ("same, dilated", {"padding": "same", "dilation": 2}, 2),
            ("valid", {"padding": "valid"}, 0),
        ]
    ),
    case("conv1d", F.conv1d, oracles.convolution, values(2, 4, 5), values(3, 4, 2)),
    case("conv1d, causal", lambda x, w: F.conv1d(F.pad(x, (2, 0)), w),
         lambda x, w: oracles.convolution(x, w, left=2), values(2, 4, 5), values(3, 4, 3)),
    case("conv1d of one sequence", F.conv1d, lambda x, w: oracles.convolution(x[None], w)[0],
         values(4, 5), values(3, 4, 2)),
]  # fmt: skip


ENTRYWISE = [
    same("add", lambda a, b: a + b, values(3, 4), values(4)),
    same("add a number", lambda a: a + 123456789012345678, values(3)),
    same("add to a number", lambda a: -7 + a, values(3)),
    case("add alpha", lambda a, b: torch.add(a, b, alpha=-5), lambda a, b: a - 5 * b, values(3), values(2, 1)),
    case("add alpha 0.1", lambda a, b: torch.add(a, b, alpha=0.1), lambda a, b: a + tenth * b, values(3), values(3)),
    same("sub", lambda a, b: a - b, values(3, 1), values(4)),
    same("sub a number", lambda a: a - 5, values(3)),
    case("sub alpha", lambda a, b: torch.sub(a, b, alpha=3), lambda a, b: a - 3 * b, values(3), values(3)),
    same("rsub", lambda a: 5 - a, values(3)),
    case("rsub of tensors", lambda a, b: torch.rsub(a, b, alpha=2), lambda a, b: b - 2 * a, values(3), values(3)),
    case("rsub 0.1", lambda a: 0.1 - a, lambda a: tenth - a, values(3)),
    same("neg", lambda a: -a, values(3, 4)),
    same("mul", lambda a, b: a * b, values(3, 1), values(4)),
    same("mul by a number", lambda a: a * -(10**17) + 3 * a, values(3)),
    case("mul by 0.1", lambda a: a * 0.1, lambda a: a * tenth, values(3)),
    case("mul by -2.5e-3", lambda a: -2.5e-3 * a, lambda a: a * Fraction(-25, 10000), values(3)),
    case("mul by 1e20", lambda a: a * 1e20, lambda a: a * 10**20, values(3)),
    same("mul by a 0-dimensional tensor", lambda a, b: a * b, values(), values(4)),
    case(
        "addcmul",
        lambda c, a, b: torch.addcmul(c, a, b, value=-4),
        lambda c, a, b: c - 4 * a * b,
        values(3, 4),
        values(3, 1),
        values(4),
    ),
    case("square", torch.square, lambda a: a * a, values(3)),
    *(same(f"power {n}", lambda a, n=n: a**n, values(5)) for n in (0, 1, 2, 3, 8, 13)),
    case("power 3.0", lambda a: a**3.0, lambda a: a**3, values(5)),
    same("tensor of powers", lambda a, n: a**n, values(3, 1), integers(4, low=0, high=9)),
    case("powers of 2.5", lambda n: 2.5**n, lambda n: fractions(n * 0 + 5) ** n / 2**n, integers(4, low=0, high=9)),
    case("float_power", lambda n: n**2.0, lambda n: n**2, integers(4)),
    case("powers of nothing", lambda a, n: a**n, lambda a, n: a * n, values(3, 1), integers(0, low=0, high=9)),
    same("power by masks", lambda a, n: a**n, values(2, 1), mask(5)),
    case("div by 4", lambda a: a / 4, lambda a: a / Fraction(4), values(3)),
    case("div by -0.1", lambda a: a / -0.1, lambda a: a * -10, values(3)),
    case("div by integers", lambda a, n: a / n, lambda a, n: a / fractions(n), values(2, 3), units(3)),
    case("div of integers", lambda n, m: n / m, lambda n, m: fractions(n) / fractions(m), integers(3), units(3)),
    case("div of integers by 7.5", lambda n: n / 7, lambda n: fractions(n) / 7, integers(3)),
    case("reciprocal of integers", lambda n: 1 / n, lambda n: 1 / fractions(n), units(3)),
    case("div by values", lambda a, b: a / b, lambda a, b: a / fractions(b), values(2, 3), divisors(3)),
    case("div of integers by values", lambda n, b: n / b, lambda n, b: n / fractions(b), integers(3), divisors(2, 1)),
    case("reciprocal of values", lambda b: 1 / b, lambda b: 1 / fractions(b), divisors(4)),
    case("power -3", lambda b: b**-3, lambda b: 1 / fractions(b) ** 3, divisors(4)),
    case("lerp", lambda a, b: torch.lerp(a, b, 0.1), lambda a, b: a + tenth * (b - a), values(3), values(3)),
    case(
        "lerp by a tensor", torch.lerp, lambda a, b, w: a + w * (b - a), values(2, 3), values(2, 3), values(3)
    ),
    case("where", torch.where, lambda m, a, b: np.where(m.astype(bool), a, b), mask(2, 3), values(3), values(2, 1)),
    case("where, a number", lambda m, a: torch.where(m, a, 0.1),
         lambda m, a: np.where(m.astype(bool), a, tenth), mask(2, 3), values(3)),
    case("where, two numbers", lambda m: torch.where(m, 0.1, -3.0),
         lambda m: np.where(m.astype(bool), tenth, -3), mask(2, 3)),
    case("where, integers", torch.where, lambda m, a, b: np.where(m.astype(bool), a, b),
         mask(2, 3), integers(3), values(2, 1)),
    case("masked_fill", lambda a, m: a.masked_fill(m, -0.1),
         lambda a, m: np.where(m.astype(bool), -tenth, a), values(2, 3), mask(3)),
    case("masked_fill with a value", lambda a, m, v: a.masked_fill(m, v),
         lambda a, m, v: np.where(m.astype(bool), v, a), values(2, 3), mask(2, 3), values()),
    case("fill", lambda a: torch.fill(a, 0.1), lambda a: a * 0 + tenth, values(2, 3)),
    case("copy", torch.ops.aten.copy.default, lambda a, b: a * 0 + b, values(2, 3), values(3)),
]  # fmt: skip

REDUCTIONS = [
    same("sum", lambda a: a.sum(), values(3, 4)),
    case("sum of a 0-dimensional tensor", lambda a: a.sum(0), lambda a: a, values()),
    case("sum over one", lambda a: a.sum(1), lambda a: a.sum(axis=1), values(2, 3, 4)),
    case("sum over two", lambda a: a.sum((0, -1)), lambda a: a.sum(axis=(0, 2)), values(2, 3, 4)),
    case("sum over none", lambda a: a.sum(()), lambda a: a.sum(), values(2, 3)),
    case("sum keepdim", lambda a: a.sum(1, keepdim=True), lambda a: a.sum(axis=1, keepdims=True), values(2, 3, 4)),
    case("sum all keepdim", lambda a: a.sum(None, keepdim=True), lambda a: a.sum(keepdims=True), values(2, 3)),
    case("sum of nothing", lambda a: a.sum(1), lambda a: a.sum(axis=1), values(2, 0)),
    case("sum of integers", lambda n: n.sum(0, dtype=torch.float32), lambda n: n.sum(axis=0),
         integers(3, 2, low=-(2**52), high=2**52)),
    case("mean", lambda a: a.mean(), lambda a: a.sum() * Fraction(1, 20), values(5, 4)),
    case("mean over one", lambda a: a.mean(0), lambda a: a.sum(axis=0) * Fraction(1, 5), values(5, 4)),
    case("mean over two", lambda a: a.mean((0, 1), keepdim=True),
         lambda a: a.sum(axis=(0, 1), keepdims=True) * Fraction(1, 10), values(5, 2, 3)),
    case("mean of a 0-dimensional tensor", lambda a: a.mean(0), lambda a: a, values()),
    case("mean of integers", lambda n: n.mean(0, dtype=torch.float32), lambda n: n.sum(axis=0) * Fraction(1, 4),
         integers(4, 2)),
    case("cumsum", lambda a: a.cumsum(1), lambda a: np.cumsum(a, axis=1), values(2, 5)),
    case("cumsum of a 0-dimensional tensor", lambda a: a.cumsum(0), lambda a: a, values()),
    case("cumsum of integers", lambda n: n.cumsum(0, dtype=torch.float64), lambda n: np.cumsum(n, axis=0),
         integers(5, low=-(2**52), high=2**52)),
    *(
        case(f"prod of {n}", lambda a: a.prod(0), lambda a: a.prod(axis=0), values(n, 2)) for n in (0, 1, 2, 3, 5, 8)
    ),
    same("prod of all", lambda a: a.prod(), values(2, 3)),
    case("prod keepdim", lambda a: a.prod(-1, keepdim=True), lambda a: a.prod(axis=-1, keepdims=True), values(2, 5)),
    case("prod of one keepdim", lambda a: a.prod(1, keepdim=True), lambda a: a, values(2, 1)),
    case("prod of a 0-dimensional tensor", lambda a: a.prod(0), lambda a: a, values()),
    case("prod of integers", lambda n: n.prod(dtype=torch.float64), lambda n: n.prod(),
         integers(3, low=-(2**20), high=2**20)),
    case("cumprod", lambda a: a.cumprod(0), lambda a: np.multiply.accumulate(a, axis=0), values(6, 2)),
    case("cumprod of nothing", lambda a: a.cumprod(0), lambda a: a, values(0, 2)),
    case("cumprod of a 0-dimensional tensor", lambda a: a.cumprod(0), lambda a: a, values()),
    same("trace", lambda a: a.trace(), values(3, 4)),
    case("diff", torch.diff, np.diff, values(2, 5)),
]  # fmt: skip

BY_POSITION = [
    case("embedding", F.embedding, lambda i, w: w[int_indices(i)], positions(2, 3, below=5), values(5, 4)),
    moves("gather", lambda a, i: a.gather(1, i), values(3, 4), positions(3, 2, below=4)),
    moves("take", torch.take, values(3, 4), positions(5, below=12)),
    moves("take_along_dim", lambda a, i: torch.take_along_dim(a, i, 0), values(3, 4), positions(2, 4, below=3)),
    moves("index_select", lambda a, i: a.index_select(-1, i), values(3, 4), positions(6, below=4)),
    moves("index", lambda a, i: a[i], values(5, 4), positions(2, 3, below=5)),
    moves("index by two", lambda a, i, j: a[i, j], values(5, 4), positions(3, below=5), positions(3, below=4)),
    moves("index around a slice", lambda a, i, j: a[i, :, j], values(5, 2, 4), positions(3, below=5),
          positions(3, below=4)),
    moves("index by a mask", lambda a, m: a[m], values(5, 4), mask(5)),
    moves("masked_select", torch.masked_select, values(5, 4), mask(5, 4)),
    moves("masked_scatter", torch.masked_scatter, values(5, 4), mask(5, 4), values(20)),
    moves("index_copy", lambda a, i, b: a.index_copy(0, i, b), values(5, 4), permutation(5), values(5, 4)),
    case("index_fill", lambda a, i: a.index_fill(0, i, 0.1),
         lambda a, i: np.where(np.isin(np.arange(5), i.astype(int))[:, None], tenth, a), values(5, 2),
         positions(3, below=5)),
    moves("scatter", lambda a, i, b: a.scatter(0, i[:, None].expand(5, 4), b), values(5, 4), permutation(5),
          values(5, 4)),
    case("scatter a number", lambda a, i: a.scatter(1, i, 0.1),
         lambda a, i: oracles.scattered(a, 1, i, np.full(i.shape, tenth, dtype=object), add=False),
         values(3, 4), positions(3, 2, below=4)),
    case("scatter_add", lambda a, i, b: a.scatter_add(1, i, b),
         lambda a, i, b: oracles.scattered(a, 1, i, b, add=True), values(3, 4), positions(3, 7, below=4), values(3, 7)),
    case("index_add", lambda a, i, b: a.index_add(0, i, b), index_added, values(3, 4), positions(9, below=3),
         values(9, 4)),
    case("index_add alpha", lambda a, i, b: a.index_add(0, i, b, alpha=0.1),
         lambda a, i, b: index_added(a, i, b, tenth), values(3, 4), positions(9, below=3), values(9, 4)),
    case("index_put", lambda a, b: a.index_put((torch.tensor([2, 0]),), b),
         lambda a, b: np.stack([b[1], a[1], b[0]]), values(3, 4), values(2, 4)),
    case("index_put accumulate", lambda a, i, j, b: a.index_put((i, j), b, accumulate=True),
         lambda a, i, j, b: added_at(a, int_indices(i, j), b), values(3, 4), positions(9, below=3),
         positions(9, below=4), values(9)),
    moves("repeat_interleave by a tensor", lambda a, n: a.repeat_interleave(n, 0), values(4, 2),
          positions(4, below=3)),
]  # fmt: skip

MOVED = [
    moves("view", lambda a: a.view(4, 6), values(2, 3, 4)),
    moves("view -1", lambda a: a.view(2, -1), values(2, 3, 4)),
    moves("reshape of a view", lambda a: a.transpose(0, 2).reshape(6, 4), values(2, 3, 4)),
    moves("flatten", lambda a: a.flatten(1), values(2, 3, 4)),
    moves("unflatten", lambda a: a.unflatten(1, (2, 3)), values(2, 6)),
    moves("t", lambda a: a.t(), values(2, 3)),
    moves("T and mT", lambda a: [a.T, a.mT], values(2, 3)),
    moves("transpose", lambda a: a.transpose(0, -1), values(2, 3, 4)),
    moves("permute", lambda a: a.permute(2, 0, 1), values(2, 3, 4)),
    moves("movedim", lambda a: a.movedim((0, 1), (-1, 0)), values(2, 3, 4)),
    moves("swapaxes", lambda a: a.swapaxes(0, 2), values(2, 3, 4)),
    moves("expand", lambda a: a.expand(4, 3, -1), values(3, 2)),
    moves("expand_as", lambda a, b: a.expand_as(b), values(1, 3), values(2, 3)),
    moves("broadcast_to", lambda a: torch.broadcast_to(a, (4, 3)), values(3)),
    moves("broadcast_tensors", torch.broadcast_tensors, values(3), values(2, 1)),
    moves("meshgrid", lambda a, b: torch.meshgrid(a, b, indexing="ij"), values(3), values(2)),
    moves("slice", lambda a: a[1:, ::2, -3:-1], values(3, 5, 4)),
    moves("select", lambda a: [a[1], a[:, -1], a.select(2, 0), a[..., 0], a[0, 1, 2]], values(3, 5, 4)),
    moves("narrow", lambda a: a.narrow(1, 1, 2), values(2, 4)),
    moves("new axis", lambda a: a[:, None, ..., None], values(2, 3)),
    moves("cat", lambda a, b: torch.cat([a, b, a], 1), values(2, 3), values(2, 1)),
    moves("stack", lambda a, b: torch.stack([a, b], -1), values(2, 3), values(2, 3)),
    moves("hstack, vstack, dstack", lambda a, b: [torch.hstack([a, b]), torch.vstack([a, b]), torch.dstack([a, b])],
          values(2, 3), values(2, 3)),
    moves("block_diag", torch.block_diag, values(2, 3), values(1, 2)),
    moves("split", lambda a: a.split(2, 1), values(2, 5)),
    moves("split with sizes", lambda a: a.split([1, 4], 1), values(2, 5)),
    moves("tensor_split", lambda a: a.tensor_split(3, 1), values(2, 5)),
    moves("chunk", lambda a: a.chunk(3, 1), values(2, 5)),
    moves("unbind", lambda a: a.unbind(1), values(2, 3)),
    moves("iteration", lambda a: list(a), values(2, 3)),
    moves("pad", lambda a: F.pad(a, (1, 2, 0, 3)), values(2, 3)),
    moves("pad with a number", lambda a: F.pad(a, (1, 2), value=-1), values(2, 3)),
    moves("pad away", lambda a: F.pad(a, (-1, 1)), values(2, 3)),
    moves("pad in a circle", lambda a: F.pad(a, (2, 1), mode="circular"), values(2, 3, 4)),
    moves("flip", lambda a: a.flip(0, 2), values(2, 3, 4)),
    moves("fliplr", torch.fliplr, values(2, 3)),
    moves("roll", lambda a: a.roll((1, -2), (0, 1)), values(2, 5)),
    moves("roll all", lambda a: a.roll(4), values(2, 5)),
    moves("rot90", lambda a: a.rot90(3), values(2, 3)),
    moves("repeat", lambda a: a.repeat(2, 1, 3), values(2, 3)),
    moves("tile", lambda a: a.tile(2, 2), values(2, 3)),
    moves("repeat_interleave", lambda a: [a.repeat_interleave(3), a.repeat_interleave(2, 1)], values(2, 3)),
    moves("tril", lambda a: [a.tril(), a.tril(1), a.tril(-1)], values(3, 4)),
    moves("triu", lambda a: [a.triu(), a.triu(1), a.triu(-1)], values(3, 4)),
    moves("diagonal", lambda a: [a.diagonal(), a.diagonal(1, 0, 2)], values(3, 4, 3)),
    moves("diag", lambda a, b: [torch.diag(a), torch.diag(b)], values(3), values(3, 3)),
    moves("diag_embed", lambda a: a.diag_embed(1), values(2, 3)),
    moves("einsum that only moves", lambda a: [torch.einsum("ii->i", a), torch.einsum("ij->ji", a)], values(3, 3)),
    moves("unfold", lambda a: a.unfold(1, 3, 2), values(2, 8)),
    moves("squeeze", lambda a: [a.squeeze(), a.squeeze(1), a.squeeze((0, 2))], values(1, 3, 1)),
    moves("unsqueeze", lambda a: a.unsqueeze(-1), values(2, 3)),
    moves("atleast_3d", torch.atleast_3d, values(3)),
    moves("clone", lambda a: a.clone(), values(2, 3)),
    moves("contiguous", lambda a: a.t().contiguous(), values(2, 3)),
    moves("detach", lambda a: a.detach(), values(2, 3)),
    moves("select_scatter", lambda a, b: a.select_scatter(b, 0, 1), values(2, 3), values(3)),
    moves("slice_scatter", lambda a, b: a.slice_scatter(b, 1, 1, 3), values(2, 4), values(2, 2)),
    moves("diagonal_scatter", lambda a, b: a.diagonal_scatter(b), values(3, 3), values(3)),
    moves("identity modules", nn.Sequential(nn.Identity(), nn.Flatten(), nn.Unflatten(1, (3, 2))), values(2, 2, 3)),
    moves("dropout in evaluation", lambda a: F.dropout(a, 0.5, training=False), values(2, 3)),
]  # fmt: skip


def in_place(name: str, change: Callable[..., Any], *arguments: Draw) -> Case:
    """A statement that changes its first argument, a value of the run, on both sides the same."""

    def function(a: Any, *others: Any) -> Any:
        target = a.clone() if isinstance(a, Tensor) else a.copy()
        change(target, *others)
        return target

    return Case(name, function, arguments, function)


def changed(name: str, change: Callable[..., Any], oracle: Callable[..., Any], *arguments: Draw) -> Case:
    """A statement that changes its first argument, and what it should have become."""
    return Case(name, in_place(name, change, *arguments).function, arguments, oracle)


def statement(text: str) -> Callable[..., None]:
    """`text`, a statement about a, b and c, as a function."""
    code = compile(text, text, "exec")

    def run(*arguments: Any) -> None:
        exec(code, {}, dict(zip("abc", arguments, strict=False)))

    return run


IN_PLACE = [
    *(
        in_place(text, statement(text), values(3, 4), values(3))
        for text in [
            "a += 5",
            "a *= -3",
            "a -= a",
            "a **= 3",
            "a[:, 0] += b",
            "a[:, 1] *= b",
            "a[1:, ::2] -= 7",
            "a[2] = a[0] * a[1]",
            "a[:, -1] = b",
            "a[:] = 4",
            "a[0, 0] = 10**12",
            "row = a[1]; row *= 2; row += a[0]",
            "v = a.T; v += b; a *= v.T",
            "v = a[:, 1:3]; w = v[1]; w += 1; a[1] += w.sum()",
            "v = a[2:]; a *= 2; v += a[:1]",
        ]
    ),
    *(
        in_place(text, statement(text), values(4), positions(4, below=4))
        for text in ["a += b", "a *= b", "a[:] = b"]
    ),
    changed("add_", lambda a, b: a.add_(b, alpha=0.1), lambda a, b: a + tenth * b, values(2, 3), values(3)),
    changed("sub_", lambda a, b: a.sub_(b, alpha=2), lambda a, b: a - 2 * b, values(2, 3), values(3)),
    changed("mul_", lambda a: a.mul_(0.1), lambda a: a * tenth, values(2, 3)),
    changed("div_", lambda a: a.div_(4), lambda a: a / Fraction(4), values(2, 3)),
    changed("neg_", lambda a: a.neg_(), lambda a: -a, values(2, 3)),
    changed("pow_", lambda a: a.pow_(2), lambda a: a * a, values(2, 3)),
    changed("addcmul_", lambda a, b, c: a.addcmul_(b, c, value=3), lambda a, b, c: a + 3 * b * c, values(2, 3),
            values(3), values(2, 1)),
    changed("addmm_", lambda a, b, c: a.addmm_(b, c), lambda a, b, c: a + b @ c, values(2, 3), values(2, 4),
            values(4, 3)),
    changed("lerp_", lambda a, b: a.lerp_(b, 0.5), lambda a, b: a + half * (b - a), values(2, 3), values(2, 3)),
    changed("cumsum_", lambda a: a.cumsum_(1), lambda a: np.cumsum(a, axis=1), values(2, 3)),
    changed("copy_", lambda a, b: a.copy_(b), lambda a, b: np.broadcast_to(b, a.shape), values(2, 3), values(3)),
    changed("copy_ of integers", lambda a, b: a.copy_(b), lambda a, b: b, values(3), integers(3)),
    changed("fill_", lambda a: a.fill_(0.1), lambda a: a * 0 + tenth, values(2, 3)),
    changed("fill_ with a value", lambda a, b: a.fill_(b), lambda a, b: a * 0 + b, values(2, 3), values()),
    changed("zero_", lambda a: a[0].zero_(), lambda a: np.stack([a[0] * 0, a[1]]), values(2, 3)),
    changed("diagonal().zero_", lambda a: a.diagonal().zero_(), lambda a: a - np.diag(np.diag(a)), values(3, 3)),
    changed("tril_", lambda a: a.tril_(), np.tril, values(3, 3)),
    changed("masked_fill_", lambda a, m: a.masked_fill_(m, 0.1), lambda a, m: np.where(m.astype(bool), tenth, a),
            values(2, 3), mask(3)),
    changed("a[mask] = 0.1", lambda a, m: a.__setitem__(m, 0.1), lambda a, m: np.where(m.astype(bool), tenth, a),
            values(2, 3), mask(2, 3)),
    changed("index_put_", lambda a, i, b: a.index_put_((i,), b, accumulate=True), index_added, values(3),
            positions(7, below=3), values(7)),
    changed("index_add_", lambda a, i, b: a.index_add_(0, i, b), index_added, values(3), positions(7, below=3),
            values(7)),
    changed("index_fill_", lambda a, i: a.index_fill_(0, i, 2),
            lambda a, i: np.where(np.isin(np.arange(5), i.astype(int)), 2, a), values(5), positions(2, below=5)),
    changed("index_copy_", lambda a, i, b: a.index_copy_(0, i, b), lambda a, i, b: b[np.argsort(i)], values(4),
            permutation(4), values(4)),
    changed("scatter_", lambda a, i, b: a.scatter_(0, i, b), lambda a, i, b: b[np.argsort(i)], values(4),
            permutation(4), values(4)),
    changed("scatter_add_", lambda a, i, b: a.scatter_add_(0, i, b), index_added, values(3), positions(7, below=3),
            values(7)),
    changed("squeeze_ and t_", lambda a: a.unsqueeze_(0).squeeze_(0).t_().mul_(2), lambda a: 2 * a.T, values(2, 3)),
    changed("add out", lambda a, b: torch.add(a, b, out=a), lambda a, b: a + b, values(3), values(3)),
    changed("mm out", lambda a, b, c: torch.mm(b, c, out=a), lambda a, b, c: b @ c, values(2, 3), values(2, 4),
            values(4, 3)),
    changed("mul out into a view", lambda a, b: torch.mul(a[0], b, out=a[1]),
            lambda a, b: np.stack([a[0], a[0] * b]), values(2, 3), values(3)),
    changed("stack out", lambda a, b: torch.stack([b, b], out=a), lambda a, b: np.stack([b, b]), values(2, 3),
            values(3)),
    changed("sum of integers out", lambda a, n: torch.sum(n, 0, out=a), lambda a, n: n.sum(axis=0), values(3),
            integers(2, 3, low=-(2**40), high=2**40)),
    case("through a view of a view", lambda a: _written_through(a), lambda a: a + np.array([[0, 0], [0, 5]]),
         values(2, 2)),
]  # fmt: skip


def _written_through(a: Tensor) -> Tensor:
    own = a * 1
    own.view(4)[2:].reshape(1, 2)[0, 1] += 5
    return own


MIXED = [
    same("integers plus values", lambda n, a: n + a, integers(3), values(2, 3)),
    same("integers times values", lambda n, a: n * a - a * n + n * a, integers(3), values(3)),
    same("integers minus values", lambda n, a: n - a, integers(3), values(3)),
    case("mask times values", lambda m, a: m * a, lambda m, a: m.astype(int) * a, mask(2, 3), values(3)),
    case("mask as numbers", lambda m: m.float() * 2 - 1, lambda m: 2 * m.astype(int) - 1, mask(7)),
    case("integers times 0.1", lambda n: n * 0.1, lambda n: n * tenth, integers(20)),
    case("integers plus 0.1", lambda n: n + 0.1, lambda n: n + tenth, integers(20)),
    case("integers minus 0.1", lambda n: n - 0.1, lambda n: n - tenth, integers(20)),
    case("0.1 minus integers", lambda n: 0.1 - n, lambda n: tenth - n, integers(20)),
    case("integers as floats", lambda n: [n.float(), n.double(), n.half(), n.to(torch.bfloat16)], lambda n: [n] * 4,
         integers(5)),
    case("addcmul of integers", lambda a, n: torch.addcmul(a, n, a), lambda a, n: a + n * a, values(3), integers(3)),
    case("cat of integers and values", lambda n, a: torch.cat([n, a, n]), lambda n, a: np.concatenate([n, a, n]),
         integers(3), values(2)),
    case("stack of integers and values", lambda n, a: torch.stack([n, a]), lambda n, a: np.stack([n, a]), integers(3),
         values(3)),
    case("one_hot", lambda i: F.one_hot(i, 4).float() * 3, lambda i: 3 * np.eye(4, dtype=int)[i.astype(int)],
         positions(5, below=4)),
    moves("positions computed", lambda a: a[(torch.arange(4) * 3 + 1) % 5], values(5)),
    moves("causal mask", lambda a: a.masked_fill(torch.arange(3)[:, None] < torch.arange(3), 0), values(3, 3)),
    moves("position of the end", lambda a, n: a[torch.arange(3), n.cumsum(0).clamp(max=4)], values(3, 5),
          positions(3, below=3)),
]  # fmt: skip

CREATED = [
    case("zeros", lambda: torch.zeros(2, 3), lambda: np.zeros((2, 3), dtype=int)),
    case("ones", lambda: torch.ones(2, 3, dtype=torch.float32), lambda: np.ones((2, 3), dtype=int)),
    case("full", lambda: torch.full((2,), 0.1), lambda: [tenth, tenth]),
    case("full with a large number", lambda: torch.full((2,), -1e20), lambda: [-(10**20)] * 2),
    case("arange", lambda: torch.arange(2.0, 7.0), lambda: range(2, 7)),
    case("arange of integers", lambda: torch.arange(5) * 0.5, lambda: [half * n for n in range(5)]),
    case("linspace", lambda: torch.linspace(-1, 1, 5), lambda: [half * n for n in (-2, -1, 0, 1, 2)]),
    case("eye", lambda: torch.eye(3, 2), lambda: np.eye(3, 2, dtype=int)),
    case("tensor", lambda: torch.tensor([0.1, -2.0, 3e30]), lambda: [tenth, -2, 3 * 10**30]),
    case("tensor of doubles", lambda: torch.tensor([[0.7]], dtype=torch.float64), lambda: [[7 * tenth]]),
    case("tensor, changed", lambda: torch.tensor([0.1, 2.0]).mul_(10), lambda: [1, 20]),
    case("empty", lambda: [torch.empty(2), torch.empty_strided((2,), (1,))], lambda: [[0, 0]] * 2),
    case("like", lambda a: [torch.zeros_like(a), torch.ones_like(a), torch.full_like(a, 0.1), torch.empty_like(a)],
         lambda a: [a * 0, a * 0 + 1, a * 0 + tenth, a * 0], values(2, 3)),
    case("new", lambda a: [a.new_zeros(2), a.new_ones(2), a.new_full((2,), 0.1), a.new_empty(2), a.new_tensor([0.1])],
         lambda a: [[0, 0], [1, 1], [tenth, tenth], [0, 0], [tenth]], values(2, 3)),
    case("like integers", lambda n: [torch.full_like(n, 0.1, dtype=torch.float32), n.new_zeros(2, dtype=torch.half)],
         lambda n: [[tenth] * 3, [0, 0]], integers(3)),
    case("created and written into", lambda a: _collected(a), lambda a: a * a, values(3, 2)),
    case("tri", lambda: torch.ones(3, 3).tril(), lambda: np.tri(3, dtype=int)),
    case("conversions", lambda a: [a.float(), a.double(), a.to("cpu"), a.to(torch.float16), a.type(torch.float32)],
         lambda a: [a] * 5, values(3)),
]  # fmt: skip


def _collected(a: Tensor) -> Tensor:
    result = torch.empty(3, 2)
    for row in range(3):
        result[row] = a[row] * a[row]
    return result


CASES = [*PRODUCTS, *ENTRYWISE, *REDUCTIONS, *BY_POSITION, *MOVED, *IN_PLACE, *MIXED, *CREATED]


def test_no_two_rows_have_one_name() -> None:
    names = [case.name for case in CASES]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@by_arithmetic
def test_operation(case: Case, arithmetic: str) -> None:
    for p in PRIMES:
        drawn = sampled(case, p)
        tensors = [as_tensor(argument) for argument in drawn]
        with PrimeField(p, arithmetic=arithmetic):
            result = case.function(*tensors)
        check(result, expectation(case, drawn), p)
        for argument, tensor in zip(drawn, tensors, strict=True):
            assert torch.equal(tensor, as_tensor(argument)), f"an argument has changed modulo {p}"
            assert not vars(tensor)


# Exactness


@by_arithmetic
def test_products_of_many_summands_are_exact(arithmetic: str) -> None:
    rng = np.random.default_rng(1)
    a = (LARGEST // 2 - rng.integers(0, 2, (2, 5000))) * rng.choice([-1, 1], (2, 5000))
    b = (LARGEST // 2 - rng.integers(0, 2, (5000, 2))) * rng.choice([-1, 1], (5000, 2))
    exact = a.astype(object) @ b.astype(object)
    left, right = torch.from_numpy(a).double(), torch.from_numpy(b).double()
    with PrimeField(LARGEST, arithmetic=arithmetic):
        product = left @ right
    check(product, exact, LARGEST)
    in_floats = [[balanced(int(entry), LARGEST) for entry in row] for row in (left @ right).tolist()]
    assert in_floats != product.tolist(), "floating-point numbers were exact, so that this test shows nothing"


@pytest.mark.parametrize(
    ("p", "arithmetic", "longest"), [(DEFAULT_PRIME, "float64", 512), (LARGEST, "float64", 1), (LARGEST, "int64", 2048)]
)
def test_longest_sum_in_one_piece_and_one_more(p: int, arithmetic: str, longest: int) -> None:
    largest = p // 2
    assert abs(ARITHMETICS[arithmetic](p).longest_sum - longest) <= 1
    for length in (longest - 1, longest, longest + 1, 2 * longest + 1):
        x, y = torch.full((1, length), largest).double(), torch.full((length, 1), -largest).double()
        with PrimeField(p, arithmetic=arithmetic):
            product = x @ y
        check(product, [[-length * largest**2]], p)


@repeatable
@given(st.sampled_from(PRIMES), st.sampled_from([(Float64, torch.float64), (Int64, torch.int64)]), st.data())
def test_one_reduction_is_right_up_to_its_bound(p: int, kind: tuple[Any, torch.dtype], data: st.DataObject) -> None:
    arithmetic, dtype = kind[0](p), kind[1]
    bound = arithmetic.exact_limit - p - 1
    most = bound // p - 2
    near_a_tie = st.tuples(st.integers(-most, most), st.integers(-3, 3)).map(
        lambda pair: pair[0] * p + p // 2 + pair[1]
    )
    large = [number * p + p // 2 + above for number in range(most - 99, most + 1) for above in (0, 1)]
    numbers = [bound, -bound, *large, *data.draw(st.lists(st.one_of(st.integers(-bound, bound), near_a_tie)))]
    check(arithmetic.apply(lambda t: t, torch.tensor(numbers, dtype=dtype), bound=bound), numbers, p)
    small = [number % 2**50 for number in numbers]
    check(arithmetic.apply(lambda t: t, torch.tensor(small, dtype=dtype), bound=2**50), small, p)
    with pytest.raises(OverflowError, match=r"does not fit (float|int)64; use a smaller prime"):
        arithmetic.apply(lambda t: t, torch.tensor(numbers, dtype=dtype), bound=bound + 1)


@repeatable
@given(st.sampled_from(PRIMES), st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_integers_of_any_size_are_reduced(p: int, numbers: list[int]) -> None:
    for arithmetic in ARITHMETICS.values():
        check(arithmetic(p).residues(torch.tensor(numbers)), numbers, p)


@pytest.mark.parametrize(
    ("operation", "function"),
    [
        ("sum", lambda a, i: a.sum()),
        ("cumsum", lambda a, i: a.cumsum(0)),
        ("index_add", lambda a, i: torch.ones(3).index_add(0, i, a)),
        ("scatter_add", lambda a, i: torch.ones(3).scatter_add(0, i, a)),
        ("index_put", lambda a, i: torch.ones(3).index_put((i,), a, accumulate=True)),
    ],
)
def test_a_sum_too_long_is_refused(operation: str, function: Callable[..., Any]) -> None:
    message = rf"does not fit float64; use a smaller prime \(in `{operation}` of code outside"
    with PrimeField(LARGEST), pytest.raises(OverflowError, match=message):
        function(torch.ones(1).expand(2**28), torch.zeros(1, dtype=torch.int64).expand(2**28))


STEPS: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "matmul": lambda a, b: a @ b,
    "square": lambda a, b: a**2 * 3,
    "sums": lambda a, b: a - b.sum(),
    "transpose": lambda a, b: a.T - 1,
    "rows": lambda a, b: a[[1, 0]] * b[1],
}


@repeatable
@given(
    st.sampled_from(PRIMES),
    st.sampled_from(sorted(ARITHMETICS)),
    st.integers(0, 2**32),
    st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 20), st.integers(0, 20)), max_size=12),
)
def test_any_program_stays_balanced_and_exact(
    p: int, arithmetic: str, seed: int, program: list[tuple[str, int, int]]
) -> None:
    rng = np.random.default_rng(seed)
    exact = [values(2, 2)(rng, p) for _ in range(3)]
    results = [as_tensor(a) for a in exact]
    with PrimeField(p, arithmetic=arithmetic):
        for name, i, j in program:
            results.append(STEPS[name](results[i % len(results)], results[j % len(results)]))
    for name, i, j in program:
        following = STEPS[name](exact[i % len(exact)], exact[j % len(exact)])
        exact.append(np.vectorize(lambda x: balanced(x, p), otypes=[object])(following))
    check(results, exact, p)


@pytest.mark.parametrize("case", [*PRODUCTS, *ENTRYWISE, *REDUCTIONS], ids=lambda case: case.name)
def test_a_computed_result_is_a_tensor_of_its_own(case: Case) -> None:
    drawn = sampled(case, 97)
    with PrimeField(97):
        tensors = [tensor.clone() for tensor in map(as_tensor, drawn)]
        before = [tensor.clone() for tensor in tensors]
        result = case.function(*tensors)
        twice = result * 2
        result *= 2
    assert torch.equal(result, twice)
    assert all(torch.equal(tensor, old) for tensor, old in zip(tensors, before, strict=True))


# Constants


@by_prime
@pytest.mark.parametrize(
    ("number", "fraction"),
    [
        (0.1, Fraction(1, 10)),
        (-2.5, Fraction(-5, 2)),
        (1e20, Fraction(10**20)),
        (-1e-7, Fraction(-1, 10**7)),
        (0.0, Fraction(0)),
        (1 / 3, Fraction(3333333333333333, 10**16)),
        (np.float64(0.1), Fraction(1, 10)),
        (2**100, Fraction(2**100)),
        (True, Fraction(1)),
        (Fraction(-3, 7), Fraction(-3, 7)),
    ],
)
def test_a_constant_is_the_decimal_it_prints_as(p: int, number: Any, fraction: Fraction) -> None:
    assert constant(number, p) == balanced(fraction, p)


@repeatable
@given(st.sampled_from(PRIMES), st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_the_decimal_it_prints_as(p: int, number: float) -> None:
    assert constant(number, p) == balanced(Fraction(repr(number)), p)
    with PrimeField(p):
        tensor = 1 * torch.tensor([number, 0.5], dtype=torch.float64)
    check(tensor, [Fraction(repr(number)), half], p)


@repeatable
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_single_is_the_shortest_decimal_that_is_read_back(number: float) -> None:
    shortest = next(t for t in (f"{number:.{digits}e}" for digits in range(9)) if np.float32(t) == np.float32(number))
    whole = number.is_integer() and abs(number) < 2**53
    with PrimeField(97):
        tensor = torch.tensor([number, 0.5]) * 1
    check(tensor, [Fraction(number if whole else shortest), half], 97)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_what_a_number_is_read_as_does_not_depend_on_its_neighbours(dtype: torch.dtype) -> None:
    large = torch.tensor([2.0**30, -(2.0**52), 2.0**53], dtype=dtype)
    both = torch.cat([large, torch.tensor([0.5], dtype=dtype)])
    with PrimeField(LARGEST):
        alone, beside, added = [1 * n for n in large], 1 * both, 0 + large[:2]
    check(added, [2**30, -(2**52)], LARGEST)
    assert [n.item() for n in alone] == beside[:-1].tolist()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_tenth_is_a_tenth_in_every_floating_point_type(dtype: torch.dtype) -> None:
    weights = torch.tensor([0.1, -0.7, 2.5, 3.0, 1e-4], dtype=dtype)
    with PrimeField(DEFAULT_PRIME):
        read, whole = weights * 1, weights[2:4] * 2
    check(read, [tenth, -7 * tenth, 5 * half, 3, Fraction(1, 10**4)], DEFAULT_PRIME)
    check(whole, [5, 6], DEFAULT_PRIME)


@by_arithmetic
def test_a_prime_that_divides_the_denominator(arithmetic: str) -> None:
    with pytest.raises(ZeroDivisionError, match=r"^the prime 5 divides the denominator of the constant 0.1; use anoth"):
        constant(0.1, 5)
    weight = torch.tensor([0.1])
    with PrimeField(5, arithmetic=arithmetic):
        for other in (0.1, weight):
            with pytest.raises(ZeroDivisionError, match=r"constant 0.1; use another prime \(in `mul` of code outside"):
                torch.ones(2) * other
        check(torch.ones(2) / 4 * 0.5, [Fraction(1, 8)] * 2, 5)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda a: a * math.inf, r"`mul` in .*must be finite to be read modulo 97, got inf; if it hides"),
        (lambda a: a + math.nan, "must be finite"),
        (lambda a: a.masked_fill(torch.tensor([True, False]), -math.inf), "must be finite|infinite or undefined"),
        (lambda a: a + torch.tensor([math.nan, 1.0]), r"tensor of shape \(2,\) has an infinite or undefined entry"),
        (lambda a: torch.full((3,), math.inf), "infinite or undefined"),
        (lambda a: F.pad(a, (1, 1), value=math.inf), "must be finite"),
    ],
)
def test_infinite_and_undefined_constants(function: Callable[..., Any], message: str) -> None:
    with PrimeField(97), pytest.raises(NotPolynomial, match=message):
        function(torch.ones(2))


@by_arithmetic
@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda a: a / 97, r"division by 97, which is 0 modulo 97; use another prime \(in `div` of"),
        (lambda a: a / 0, "division by 0, which is 0"),
        (lambda a: a / 19.4, "division by 19.4, which is 0"),
        (lambda a: a / torch.tensor([1, -194]), "an entry that is 0 modulo 97"),
        (lambda a: 1 / torch.tensor([97, 1]), "an entry that is 0 modulo 97"),
        (lambda a: torch.ones(97).mean(), "division by 97"),
        (lambda a: torch.ones(0).mean(), "division by 0"),
    ],
)
def test_division_by_zero_modulo_the_prime(function: Callable[..., Any], message: str, arithmetic: str) -> None:
    with PrimeField(97, arithmetic=arithmetic), pytest.raises(ZeroDivisionError, match=message):
        function(torch.ones(2))


# Refusals

elsewhere = torch.zeros(2, 3)
counts = torch.arange(3)
phases = torch.ones(3, dtype=torch.complex64)
REFUSED: list[tuple[str, str, Callable[[Tensor], Any], str]] = [
    ("tanh", "tanh", torch.tanh, "activation: leave it out with squash='identity'"),
    ("sigmoid", "sigmoid", torch.sigmoid, "activation"),
    ("relu", "relu", torch.relu, "activation"),
    ("gelu", "gelu", F.gelu, "activation"),
    ("abs", "abs", abs, "activation"),
    ("exp", "exp", torch.exp, "activation"),
    ("softmax", "_softmax", lambda x: x.softmax(-1), "activation"),
    ("log_softmax", "_log_softmax", lambda x: x.log_softmax(-1), "activation"),
    ("layer_norm", "native_layer_norm", lambda x: F.layer_norm(x, (3,)), "normalisation"),
    ("sqrt", "sqrt", torch.sqrt, "normalisation"),
    ("sqrt of integers", "sqrt", lambda x: x * counts.sqrt(), "normalisation"),
    ("sin of integers", "sin", lambda x: x * counts.sin(), "activation"),
    ("comparison", "gt", lambda x: x > 0, "decide by position"),
    ("equality", "eq", lambda x: x == 3, "decide by position"),
    ("max", "max", lambda x: x.max(), "decide by position"),
    ("argmax", "argmax", lambda x: x.argmax(-1), "decide by position"),
    ("sort", "sort", lambda x: x.sort(), "decide by position"),
    ("clamp", "clamp", lambda x: x.clamp(min=0), "activation"),
    ("item", "_local_scalar_dense", lambda x: x.sum().item(), "decide by position"),
    ("if", "_local_scalar_dense", lambda x: 1 if x[0, 0] else 0, "decide by position"),
    ("float", "_local_scalar_dense", lambda x: float(x[0, 0]), "decide by position"),
    ("isnan", "isnan", torch.isnan, "decide by position"),
    ("floor", "floor", torch.floor, "decide by position"),
    ("remainder", "remainder", lambda x: x % 2, "decide by position"),
    ("nonzero", "nonzero", torch.nonzero, "only sums, products and rearrangements"),
    ("floor division", "floor_divide", lambda x: x // 2, "only sums"),
    ("division with rounding", "div", lambda x: torch.div(x, 2, rounding_mode="floor"), "divide without rounding_mode"),
    ("division of integers with rounding", "div", lambda x: torch.div(counts, 2.5, rounding_mode="floor"), "rounding"),
    ("addcdiv", "addcdiv", lambda x: torch.addcdiv(x, x, x), "only sums"),
    ("float exponent", "pow", lambda x: x**0.5, "must be an integer, got 0.5"),
    ("infinite exponent", "pow", lambda x: x**math.inf, "must be an integer, got inf"),
    ("exponent that is a value", "pow", lambda x: 2**x, "non-negative integer or a tensor of such"),
    ("negative exponents", "pow", lambda x: x ** (counts - 1), "non-negative integer or a tensor of such"),
    ("inverse", "linalg_inv_ex", torch.linalg.inv, "only sums"),
    ("dropout", "native_dropout|bernoulli", lambda x: F.dropout(x, 0.5, training=True), "evaluation mode"),
    ("random", "rand", lambda x: torch.rand(3), "draw numbers outside of forward"),
    ("random integers", "randint", lambda x: torch.randint(5, (2,)), "draw numbers outside"),
    ("random like", "randn_like", torch.randn_like, "draw numbers outside"),
    ("to integers", "_to_copy", lambda x: x.long(), "became torch.int64; only floating-point types"),
    ("to masks", "_to_copy", lambda x: x.bool(), "became torch.bool"),
    ("as other numbers", "view", lambda x: (x * 1).view(torch.int64), "only sums"),
    ("as complex", "_to_copy", lambda x: x.to(torch.complex64), "became torch.complex64"),
    ("complex constant", "mul", lambda x: x * 1j, "real and imaginary part as two channels"),
    ("complex exponent", "pow", lambda x: x**1j, "real and imaginary part"),
    ("complex tensor", "add", lambda x: x + phases, "real and imaginary part"),
    ("new complex tensor", "zeros", lambda x: torch.zeros(2, dtype=torch.complex64), "real and imaginary part"),
    ("transposed", "convolution", lambda x: F.conv_transpose1d(x[None], x[:, None]), "put zeros between the steps"),
    ("scatter with reduce", "scatter", lambda x: x.scatter(0, counts[None] * 0, 2.0, reduce="multiply"), "scatter_add"),
    ("as_strided", "as_strided", lambda x: x.as_strided((2,), (3,)), "take it by view, unfold, or an index"),
    ("writing into an argument", "add", lambda x: x.add_(1), "write `a = a \\+ b` instead"),
    ("writing into another tensor", "mul", lambda x: elsewhere.mul_(x), "not a value of this run"),
    ("writing into a view of another", "copy", lambda x: elsewhere[0].copy_(x[0]), "not a value of this run"),
    ("writing into a slice of another", "fill", lambda x: elsewhere.__setitem__((slice(None), 0), 5.0), "not a value"),
    ("writing into a part of an argument", "copy", lambda x: x.unbind(0)[0].copy_(x[1]), "not a value"),
    ("writing into a row of a transposed argument", "add", lambda x: x.T.detach()[0].add_(1), "not a value"),
    ("zeroing another tensor", "zero", lambda x: elsewhere.zero_(), "not a value of this run"),
    ("writing into integers", "copy", lambda x: counts.copy_(x[0]), "not a value of this run"),
    ("out another tensor", "add", lambda x: torch.add(x, x, out=elsewhere), "not a value of this run"),
    ("out integers", "add", lambda x: torch.add(x[0], 1, out=torch.arange(3)), "not a value of this run"),
    ("out of another shape", "sum", lambda x: torch.sum(x, 0, out=torch.zeros(2, 3)), r"result \(3,\) does not fit"),
]  # fmt: skip


class Calls(nn.Module):
    """Applies a function of x, somewhere deep in a module."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


@by_arithmetic
@pytest.mark.parametrize(("operation", "function", "reason"), [row[1:] for row in REFUSED], ids=[r[0] for r in REFUSED])
def test_refused(operation: str, function: Callable[[Tensor], Any], reason: str, arithmetic: str) -> None:
    module = nn.Sequential(nn.Identity(), nn.Sequential(Calls(lambda x: x), Calls(function)))
    x = torch.arange(6.0).reshape(2, 3)
    message = rf"^`({operation})` in 1\.1 \(Calls\) is not polynomial: .*{reason}"
    with PrimeField(97, arithmetic=arithmetic), pytest.raises(NotPolynomial, match=message) as info:
        module(x)
    assert info.value.operation in operation.split("|")
    assert info.value.module == "1.1 (Calls)"
    assert torch.equal(x, torch.arange(6.0).reshape(2, 3))
    assert not elsewhere.any()
    assert counts.tolist() == [0, 1, 2]


def test_what_torch_refuses_stays_refused() -> None:
    with PrimeField(97):
        with pytest.raises(RuntimeError, match="can't be cast"):
            torch.arange(3).div_(2)
        with pytest.raises(RuntimeError, match="shape"):
            torch.ones(2, 3) @ torch.ones(2, 3)


def test_the_submodule_is_named() -> None:
    layers = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    twice = nn.Sequential(layers, layers)
    for module, where in [
        (layers, "1 (Tanh)"),
        (nn.Tanh(), "Tanh"),
        (nn.Sequential(nn.Identity(), layers), "1.1 (Tanh)"),
        (nn.ModuleDict({"act": nn.ReLU()})["act"], "ReLU"),
        (nn.LayerNorm(2), "LayerNorm"),
        (twice, "0.1 (Tanh)"),
    ]:
        with PrimeField(97), pytest.raises(NotPolynomial) as info:
            module(torch.ones(1, 2))
        assert info.value.module in (where, "1.1 (Tanh)" if module is twice else where)
        assert f"in {info.value.module} is not" in str(info.value)
    with PrimeField(97), pytest.raises(NotPolynomial, match="`tanh` in code outside of any module is not polynomial"):
        torch.tanh(torch.ones(2))


def test_the_submodule_is_right_after_a_refusal_was_caught() -> None:
    class Tries(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.Identity(), nn.Tanh())

        def forward(self, x: Tensor) -> Tensor:
            with pytest.raises(NotPolynomial, match=r"0\.inner\.1 \(Tanh\)"):
                self.inner(x)
            return torch.relu(x)

    with PrimeField(97), pytest.raises(NotPolynomial) as info:
        nn.Sequential(Tries())(torch.ones(2))
    assert (info.value.operation, info.value.module) == ("relu", "0 (Tries)")


def test_a_refusal_is_an_arithmetic_error_that_can_be_sent_to_another_process() -> None:
    refusal = NotPolynomial("tanh", "1 (Tanh)", "because")
    assert isinstance(refusal, ArithmeticError)
    received = pickle.loads(pickle.dumps(refusal))
    assert str(received) == str(refusal) == "`tanh` in 1 (Tanh) is not polynomial: because"
    assert (received.operation, received.module, received.reason) == ("tanh", "1 (Tanh)", "because")


# Integers and masks


def test_integers_and_masks_pass_through() -> None:
    ids = torch.arange(6).reshape(2, 3)
    with PrimeField(5):
        results = [ids * 7 - 3, ids // 2, ids % 4, ids > 2, ids.cumsum(0), ids.max()]
        assert ids.max().item() == 5
        assert (ids == torch.arange(6).reshape(2, 3)).all()
        ids[0, 0] = 100
        ids += 1
    assert ids.tolist() == [[101, 2, 3], [4, 5, 6]]
    assert results[0].tolist() == [[-3, 4, 11], [18, 25, 32]]
    assert results[1].tolist() == [[0, 0, 1], [1, 2, 2]]
    assert results[2].tolist() == [[0, 1, 2], [3, 0, 1]]
    assert results[3].tolist() == [[False] * 3, [True] * 3]
    assert results[4].tolist() == [[0, 1, 2], [3, 5, 7]]
    assert results[5].tolist() == 5
    assert [r.dtype for r in results[:5]] == [torch.int64] * 3 + [torch.bool, torch.int64]


# Entering, leaving and the user's tensors


def state_of_torch() -> tuple[Any, ...]:
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        len(torch_module._global_forward_hooks),
        len(torch_module._global_forward_pre_hooks),
        len(torch_module._global_forward_hooks_always_called),
        _get_current_dispatch_mode(),
    )


@pytest.mark.parametrize("grad", [True, False])
def test_everything_is_restored(grad: bool) -> None:
    prime_field = PrimeField(97)
    with torch.set_grad_enabled(grad):
        before = state_of_torch()
        assert before == (grad, False, 0, 0, 0, None)
        for outcome in (nullcontext(), pytest.raises(KeyError), pytest.raises(KeyError)):
            with outcome, prime_field as entered:
                assert entered is prime_field
                assert not torch.is_grad_enabled()
                assert _get_current_dispatch_mode() is prime_field
                check(torch.ones(2) * 96, [-1, -1], 97)
                if not isinstance(outcome, nullcontext):
                    raise KeyError
            assert state_of_torch() == before
        with pytest.raises(NotPolynomial), prime_field:
            nn.Sequential(nn.Tanh())(torch.ones(2))
        assert state_of_torch() == before
        assert (torch.full((2,), 96.0) * 2).tolist() == [192, 192]


def test_entering_twice() -> None:
    first = PrimeField(97)
    with first:
        for second in (first, PrimeField(101)):
            with pytest.raises(RuntimeError, match=r"already inside PrimeField\(97\); leave it before"), second:
                pass
        check(torch.ones(2) * 98, [1, 1], 97)
        with pytest.raises(NotPolynomial):
            torch.tanh(torch.ones(2))
    with PrimeField(101):
        check(torch.ones(2) * 98, [-3, -3], 101)


@pytest.mark.parametrize(
    ("prime", "error", "message"),
    [
        (1, ValueError, r"prime must be odd and below 2\^27 = 134217728, got 1; the default is 8388593"),
        (2, ValueError, "must be odd and below"),
        (0, ValueError, "must be odd and below"),
        (-97, ValueError, "must be odd and below"),
        (4, ValueError, r"prime must be a prime number, got 4 = 2 \* 2; the default"),
        (91, ValueError, r"got 91 = 7 \* 13"),
        (11587 * 11579, ValueError, r"got 134165873 = 11579 \* 11587"),
        (PRIME_LIMIT, ValueError, "got 134217728"),
        (134217757, ValueError, "below"),
        (2**61 - 1, ValueError, "below"),
        (True, TypeError, "prime must be a whole number, got True"),
        (97.0, TypeError, "prime must be a whole number, got 97.0"),
        ("97", TypeError, "prime must be a whole number, got '97'"),
        (None, TypeError, "prime must be a whole number"),
    ],
)
def test_not_a_prime(prime: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        check_prime(prime)
    with pytest.raises(error):
        PrimeField(prime)


def test_primes() -> None:
    small = [n for n in range(3, 2000) if all(n % d for d in range(2, n))]
    accepted = []
    for n in range(3, 2000):
        try:
            accepted.append(check_prime(n))
        except ValueError:
            continue
    assert accepted == small
    assert [check_prime(p) for p in PRIMES] == PRIMES
    assert DEFAULT_PRIME == 2**23 - 15
    for n in range(LARGEST + 1, PRIME_LIMIT):
        with pytest.raises(ValueError, match="must be"):
            check_prime(n)


def test_unknown_arithmetic() -> None:
    with pytest.raises(ValueError, match="arithmetic must be one of float64, int64, got 'float32'"):
        PrimeField(97, arithmetic="float32")


def test_parameters_are_neither_changed_nor_marked() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.Flatten(), nn.Linear(4, 2)).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_((parameter * 100).round())
    x = torch.arange(6.0).reshape(2, 3)
    tensors = [x, *module.parameters()]
    before = [(t.clone(), t._version) for t in tensors]
    with PrimeField(97):
        output = module(x)
    first, second = module[0], module[2]
    w, b, v, c = (whole_numbers(t.detach()) for t in (first.weight, first.bias, second.weight, second.bias))
    check(output, (whole_numbers(x) @ w.T + b) @ v.T + c, 97)
    for tensor, (copy_, version) in zip(tensors, before, strict=True):
        assert torch.equal(tensor, copy_)
        assert tensor._version == version
        assert not vars(tensor)
    assert all(p.requires_grad and p.grad is None for p in module.parameters())
    assert not output.requires_grad
    saved = io.BytesIO()
    torch.save({"weights": module.state_dict(), "output": output}, saved)
    saved.seek(0)
    loaded = torch.load(saved, weights_only=True)
    assert torch.equal(loaded["output"], output)
    assert torch.equal(loaded["weights"]["0.weight"], first.weight)


def test_values_changed_after_leaving_are_read_anew() -> None:
    prime_field = PrimeField(LARGEST)
    with prime_field:
        kept = torch.ones(3) * 5
    duplicate = copy.deepcopy(kept)
    for tensor in (kept, duplicate):
        tensor.mul_(10**12)
    with prime_field:
        products = [kept * kept, duplicate * kept]
    check(products, [[25 * 10**24] * 3] * 2, LARGEST)


def test_values_of_another_field_are_read_anew() -> None:
    with PrimeField(101):
        value = torch.ones(2) * 50
    with PrimeField(3, arithmetic="int64"):
        check(value + 0, [50, 50], 3)


def test_a_field_is_left_for_a_while() -> None:
    with PrimeField(97) as field:
        outside, inside = field.admit(torch.tensor([50.0])), torch.tensor([1.0]) * 2
        with field.left():
            assert torch.tanh(torch.zeros(1)).item() == 0  # as it is outside of any field
            with PrimeField(7) as other:
                check(other.admit(torch.tensor([8.0])), [1], 7)
        inside += 1
        check([outside * 2, inside], [[100], [3]], 97)
        with pytest.raises(NotPolynomial, match="writes into a tensor"):
            outside += 1
        with pytest.raises(NotPolynomial, match="tanh"):
            torch.tanh(inside)
    with pytest.raises(ValueError, match="stop"), PrimeField(97) as field, field.left():
        raise ValueError("stop")
    with PrimeField(7):
        pass


def test_admitted_tensors() -> None:
    weights, ids = torch.tensor([0.1, 500.0]), torch.tensor([500, 2])
    with PrimeField(97) as prime_field:
        admitted = prime_field.admit(weights)
        check([admitted, admitted * 2], [[tenth, 500], [2 * tenth, 1000]], 97)
        assert prime_field.admit(admitted) is admitted
        assert prime_field.admit(ids) is ids
        for view in (admitted, admitted[0:1], admitted.view(2, 1).T):
            with pytest.raises(NotPolynomial, match="not a value of this run"):
                view.add_(1)
        computed = prime_field.admit(admitted * 3)
        with pytest.raises(NotPolynomial, match="not a value of this run"):
            computed.zero_()
        changed = computed.clone()
        changed += 1
        check([computed, changed], [[3 * tenth, 1500], [3 * tenth + 1, 1501]], 97)
        with pytest.raises(NotPolynomial, match="infinite or undefined"):
            prime_field.admit(torch.tensor([math.nan]))
        with pytest.raises(NotPolynomial, match=r"`admit` in code outside of any module .* complex numbers"):
            prime_field.admit(phases)
    with pytest.raises(ZeroDivisionError, match="the prime 5 divides the denominator"):
        PrimeField(5).admit(weights)
    assert weights.tolist() == torch.tensor([0.1, 500.0]).tolist()


COMPOSITE: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "linear": F.linear,
    "matmul by columns": lambda a, b: a.T.contiguous().T @ torch.stack([b, b]).mT,
    "einsum": lambda a, b: torch.einsum("ij,kj->ik", a, b),
    "square, chunk and reshape": lambda a, b: a.square().chunk(2)[1].reshape(-1),
    "type": lambda a, b: a.to(torch.float32) + b.sum().type_as(a),
    "tensor": lambda a, b: torch.tensor([1.0, 2.0, 3.0]).mul_(2) * a,
    "outer": lambda a, b: torch.outer(a[0], b[0]).flatten(),
    "conv1d": lambda a, b: F.conv1d(a, b[:, :, None].expand(-1, -1, 1)[:, :2], padding="same"),
}


@pytest.mark.parametrize("name", COMPOSITE)
def test_inference_mode_makes_no_difference(name: str) -> None:
    rng = np.random.default_rng(2)
    a, b = (as_tensor(values(2, 3)(rng, 97)) for _ in range(2))
    function = COMPOSITE[name]
    with PrimeField(97):
        plain = function(a, b)
    with torch.inference_mode(), PrimeField(97):
        around = function(a, b)
    with PrimeField(97):
        inside = torch.inference_mode()(function)(a, b)
    with torch.inference_mode(), PrimeField(97), pytest.raises(NotPolynomial, match="`tanh` in Tanh is not"):
        nn.Tanh()(function(a, b))
    check([plain, around, inside], [whole_numbers(plain)] * 3, 97)


def test_gradients_switched_on_inside_make_no_difference() -> None:
    weight = nn.Parameter(torch.full((2, 2), 0.1))
    with PrimeField(97), torch.enable_grad():
        product = (weight @ weight + weight[0]) * 3
    check(product.detach(), [[3 * (2 * tenth**2 + tenth)] * 2] * 2, 97)
    assert weight.grad is None


# Random numbers


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        (0, 0, [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B]),
        (
            2**256 - 1,
            2**128 - 1,
            [0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0],
        ),
    ],
)
def test_the_oracle_gives_the_published_words_of_philox(counter: int, key: int, words: list[int]) -> None:
    assert oracles.philox_block(counter, key) == words


@pytest.mark.parametrize(("seed", "name"), [(0, "w"), (7, "parameter/weight_hh_l0"), (-1, "ends"), (2**70, "")])
def test_the_stream_is_philox_keyed_by_seed_and_name(seed: int, name: str) -> None:
    assert raw_stream(seed, name, 11).tolist() == oracles.stream(seed, name, 11)


@repeatable
@given(st.integers(0, 30), st.integers(0, 30))
def test_a_stream_can_be_entered_anywhere(skip: int, count: int) -> None:
    assert raw_stream(3, "x", count, skip=skip).tolist() == raw_stream(3, "x", 60)[skip : skip + count].tolist()
    drawn = draw_elements(3, "x", count, 97, skip=skip)
    assert drawn.tolist() == draw_elements(3, "x", 60, 97)[skip : skip + count].tolist()


def test_streams_differ_by_seed_and_name() -> None:
    streams = [tuple(raw_stream(seed, name, 4).tolist()) for seed, name in itertools.product((0, 1), ("a", "b"))]
    assert len(set(streams)) == 4


@by_prime
def test_elements_are_balanced_residues_of_the_stream(p: int) -> None:
    drawn = draw_elements(5, "w", 500, p)
    assert drawn.dtype == np.float64
    assert drawn.tolist() == [balanced(word, p) for word in oracles.stream(5, "w", 500)]
    if p == 3:
        assert set(drawn.tolist()) == {-1, 0, 1}


@pytest.mark.parametrize("name", ["arithmetic", "prime", "random"])
def test_examples_in_docstrings(name: str) -> None:
    failed, tried = doctest.testmod(getattr(field, name))
    assert failed == 0
    assert tried > 0
