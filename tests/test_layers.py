"""Operations that layers of networks bring: each against Python integers, over degrees, and as a recorded program."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from oracles import Integers, rank_mod
from seprank import certify, verify
from seprank.degrees.mode import DegreeField
from seprank.field import DEFAULT_PRIME, NotPolynomial, PrimeField, Program, evaluate, read
from seprank.field.arithmetic import ARITHMETICS
from test_degrees import growth
from test_field import (
    PRIMES,
    Case,
    as_tensor,
    case,
    check,
    expectation,
    moves,
    sampled,
    values,
)

pytestmark = pytest.mark.usefixtures("one_thread")


# Definitions in Python integers


def windows(
    x: Integers, size: tuple[int, ...], stride: tuple[int, ...], margin: tuple[int, ...], count: tuple[int, ...]
) -> list[tuple[tuple[int, ...], list[tuple[tuple[int, ...], tuple[int, ...]]]]]:
    """For each of so many windows its number, and the places inside of x, each as (place in the window, place in x)."""
    inside = x.shape[-len(size) :]
    found = []
    for number in itertools.product(*map(range, count)):
        begin = [n * s - m for n, s, m in zip(number, stride, margin, strict=True)]
        places = []
        for tap in itertools.product(*map(range, size)):
            at = tuple(b + t for b, t in zip(begin, tap, strict=True))
            if all(0 <= a < n for a, n in zip(at, inside, strict=True)):
                places.append((tap, at))
        found.append((number, places))
    return found


def convolved(x: Integers, w: Integers, b: Integers, stride: Any, margin: Any, dilation: Any, groups: int) -> Integers:
    """(batch, channels, *places) and (outputs, channels / groups, *taps), by the sum."""
    taps = w.shape[2:]
    stride, margin, dilation = ((n,) * len(taps) if isinstance(n, int) else n for n in (stride, margin, dilation))
    wide = tuple(d * (k - 1) + 1 for d, k in zip(dilation, taps, strict=True))
    count = tuple((n + 2 * m - k) // s + 1 for n, m, k, s in zip(x.shape[2:], margin, wide, stride, strict=True))
    found = np.zeros((len(x), len(w), *count), dtype=object)
    for number, places in windows(x, wide, stride, margin, count):
        for tap, at in places:
            if any(t % d for t, d in zip(tap, dilation, strict=True)):
                continue
            k = tuple(t // d for t, d in zip(tap, dilation, strict=True))
            for n, o, c in itertools.product(range(len(x)), range(len(w)), range(w.shape[1])):
                channel = o // (len(w) // groups) * w.shape[1] + c
                found[(n, o, *number)] += w[(o, c, *k)] * x[(n, channel, *at)]
    return found + b.reshape(-1, *[1] * len(taps))


def averaged(
    x: Integers, size: Any, stride: Any, margin: Any, *, more: bool = False, counted: bool = True, by: int = 0
) -> Integers:
    """Means over windows; `more` if those that begin inside count, `counted` if padding does, or divided `by`."""
    axes = len(size)
    edge = x.shape[-axes:]
    count = []
    for n, k, s, m in zip(edge, size, stride, margin, strict=True):
        begins = [i * s - m for i in range(n + 2 * m) if more or i * s - m + k <= n + m]
        count.append(len([b for b in begins if b < n + m and (not more or b - s + k < n + m)]))
    found = np.zeros((*x.shape[:-axes], *count), dtype=object)
    for number, places in windows(x, size, stride, margin, tuple(count)):
        total = sum((x[(..., *at)] for _, at in places), np.zeros(x.shape[:-axes], dtype=object))
        padded = 1
        for i, k, s, m, n in zip(number, size, stride, margin, edge, strict=True):
            padded *= min(i * s - m + k, n + m) - (i * s - m)
        found[(..., *number)] = total * Fraction(1, by or (padded if counted else len(places)))
    return found


def in_equal_parts(x: Integers, counts: tuple[int, ...]) -> Integers:
    """Means over windows from floor(i n / count) to ceil((i + 1) n / count)."""
    for axis, count in zip(range(-len(counts), 0), counts, strict=True):
        n = x.shape[axis]
        spans = [(i * n // count, math.ceil(Fraction((i + 1) * n, count))) for i in range(count)]
        parts = [x.take(range(a, b), axis).sum(axis=axis) * Fraction(1, b - a) for a, b in spans]
        x = np.stack(parts, axis)
    return x


def leibniz(a: Integers) -> Integers:
    """Determinants (..., n, n) as sums over permutations."""
    n = a.shape[-1]
    total = np.zeros(a.shape[:-2], dtype=object)
    for order in itertools.permutations(range(n)):
        sign = (-1) ** sum(order[i] > order[j] for i in range(n) for j in range(i + 1, n))
        product = np.full(a.shape[:-2], sign, dtype=object)
        for row, column in enumerate(order):
            product = product * a[..., row, column]
        total = total + product
    return total


def bags(w: Integers, ids: Any, starts: Any, weights: Any = None, *, mean: bool = False, padding: int = -1) -> Integers:
    """Sums, or means, of rows of a table from one start to the next."""
    found = np.zeros((len(starts), w.shape[1]), dtype=object)
    for bag, (first, last) in enumerate(itertools.pairwise([*starts, len(ids)])):
        kept = [i for i in range(int(first), int(last)) if ids[i] != padding]
        for i in kept:
            found[bag] += w[int(ids[i])] * (1 if weights is None else weights[i])
        if mean and kept:
            found[bag] = found[bag] * Fraction(1, len(kept))
    return found


def reduced(a: Integers, index: Any, source: Integers, *, with_self: bool = True) -> Integers:
    """a.scatter_reduce(1, index, source, "sum") of matrices."""
    found = a.copy()
    for i, j in np.ndindex(*index.shape):
        if not with_self:
            found[i, int(index[i, j])] = 0
    for i, j in np.ndindex(*index.shape):
        found[i, int(index[i, j])] += source[i, j]
    return found


# The table

CONVOLUTIONS = [
    case(
        f"conv{len(places)}d {name}",
        lambda x, w, b, f=function, s=stride, m=margin, d=dilation, g=groups: f(x, w, b, s, m, d, g),
        lambda x, w, b, s=stride, m=margin, d=dilation, g=groups: convolved(x, w, b, s, m, d, g),
        values(2, 2 * groups, *places),
        values(2 * groups, 2, *taps),
        values(2 * groups),
    )
    for function, name, places, taps, stride, margin, dilation, groups in [
        (F.conv1d, "wide", (5,), (3,), 2, 1, 1, 1),
        (F.conv2d, "plain", (4, 3), (2, 2), 1, 0, 1, 1),
        (F.conv2d, "one tap", (3, 3), (1, 1), 1, 0, 1, 1),
        (F.conv2d, "stride", (5, 4), (2, 3), (2, 1), 0, 1, 1),
        (F.conv2d, "padding", (3, 2), (3, 2), 1, (1, 2), 1, 1),
        (F.conv2d, "dilation", (5, 4), (2, 2), 1, 0, (3, 2), 1),
        (F.conv2d, "groups and all", (4, 5), (2, 3), (1, 2), (1, 1), (2, 1), 2),
        (F.conv3d, "plain", (3, 2, 2), (2, 2, 1), 1, 0, 1, 1),
        (F.conv3d, "all", (3, 3, 2), (2, 1, 2), (1, 2, 1), (1, 0, 1), (2, 1, 1), 2),
    ]
]

POOLS = [
    *(
        case(
            f"avg_pool{len(size)}d {name}",
            lambda x, f=function, k=size, how=how: f(x, k, **{"stride": k, **how}),
            lambda x, k=size, how=how: averaged(
                x, k, how.get("stride", k), how.get("padding", (0,) * len(k)), more=how.get("ceil_mode", False),
                counted=how.get("count_include_pad", True), by=how.get("divisor_override") or 0,
            ),
            values(*shape),
        )
        for function, name, shape, size, how in [
            (F.avg_pool1d, "plain", (2, 3, 6), (2,), {}),
            (F.avg_pool1d, "stride", (2, 1, 7), (4,), {"stride": (3,)}),
            (F.avg_pool1d, "padding", (2, 1, 5), (4,), {"stride": (2,), "padding": (2,)}),
            (F.avg_pool1d, "padding not counted", (2, 1, 4), (2,), {"padding": (1,), "count_include_pad": False}),
            (F.avg_pool1d, "what is left", (2, 1, 7), (2,), {"ceil_mode": True}),
            (F.avg_pool1d, "what is left, padded", (1, 2, 6), (4,),
             {"ceil_mode": True, "padding": (1,), "stride": (2,)}),
            (F.avg_pool1d, "of one sequence", (2, 4), (2,), {}),
            (F.avg_pool2d, "plain", (2, 2, 4, 5), (2, 2), {}),
            (F.avg_pool2d, "all", (1, 2, 4, 5), (2, 4), {"stride": (2, 1), "padding": (1, 2), "ceil_mode": True}),
            (F.avg_pool2d, "divisor", (1, 2, 4, 4), (3, 2), {"divisor_override": 7, "padding": (1, 1)}),
            (F.avg_pool2d, "not counted", (1, 1, 3, 3), (2, 2), {"padding": (1, 1), "count_include_pad": False}),
            (F.avg_pool3d, "plain", (1, 2, 2, 4, 3), (2, 2, 1), {}),
        ]
    ),
    case("adaptive_avg_pool1d", lambda x: F.adaptive_avg_pool1d(x, 4), lambda x: in_equal_parts(x, (4,)),
         values(2, 2, 6)),
    case("adaptive_avg_pool1d of all", lambda x: F.adaptive_avg_pool1d(x, 1), lambda x: in_equal_parts(x, (1,)),
         values(2, 2, 4)),
    case("adaptive_avg_pool2d", lambda x: F.adaptive_avg_pool2d(x, (2, 3)), lambda x: in_equal_parts(x, (2, 3)),
         values(1, 2, 4, 4)),
    case("adaptive_avg_pool3d", lambda x: F.adaptive_avg_pool3d(x, (1, 2, 2)), lambda x: in_equal_parts(x, (1, 2, 2)),
         values(1, 1, 2, 3, 4)),
]  # fmt: skip

MATRICES = [
    *(case(f"det {n}", torch.linalg.det, leibniz, values(2, n, n)) for n in range(1, 7)),
    case("det of one matrix", torch.det, leibniz, values(4, 4)),
    case("det of products", lambda a, b: torch.det(a @ b), lambda a, b: leibniz(a) * leibniz(b), values(3, 3),
         values(3, 3)),
    case("linalg.cross", torch.linalg.cross, lambda a, b: np.cross(a, b), values(4, 3), values(4, 3)),
    case("cross along the first, broadcast", lambda a, b: torch.linalg.cross(a, b, dim=0),
         lambda a, b: np.cross(a, np.broadcast_to(b, (3, 2)), axis=0), values(3, 2), values(3, 1)),
]  # fmt: skip

IDS = np.array([3, 0, 1, 1, 4, 2])
STARTS = np.array([0, 2, 2])
AT = np.array([[1, 0, 1, 3], [2, 2, 0, 2]])

PLACED = [
    case("embedding_bag of rows of ids", lambda w: F.embedding_bag(torch.tensor(IDS).reshape(2, 3), w, mode="sum"),
         lambda w: bags(w, IDS, [0, 3]), values(5, 3)),
    case("embedding_bag with offsets, one bag empty",
         lambda w: F.embedding_bag(torch.tensor(IDS), w, torch.tensor(STARTS), mode="sum"),
         lambda w: bags(w, IDS, STARTS), values(5, 3)),
    case("embedding_bag with weights",
         lambda w, b: F.embedding_bag(torch.tensor(IDS), w, torch.tensor(STARTS), mode="sum", per_sample_weights=b),
         lambda w, b: bags(w, IDS, STARTS, b), values(5, 3), values(6)),
    case("embedding_bag with padding",
         lambda w: F.embedding_bag(torch.tensor(IDS), w, torch.tensor(STARTS), mode="sum", padding_idx=1),
         lambda w: bags(w, IDS, STARTS, padding=1), values(5, 3)),
    case("embedding_bag of means",
         lambda w: F.embedding_bag(torch.tensor(IDS), w, torch.tensor(STARTS), mode="mean", padding_idx=-5),
         lambda w: bags(w, IDS, STARTS, mean=True, padding=0), values(5, 3)),
    case("embedding_bag with the last offset",
         lambda w: F.embedding_bag(torch.tensor(IDS), w, torch.tensor([0, 4, 6]), mode="sum", include_last_offset=True),
         lambda w: bags(w, IDS, [0, 4]), values(5, 3)),
    case("scatter_reduce", lambda a, b: a.scatter_reduce(1, torch.tensor(AT), b, "sum"),
         lambda a, b: reduced(a, AT, b), values(2, 4), values(2, 4)),
    case("scatter_reduce of a longer source", lambda a, b: a.scatter_reduce(1, torch.tensor(AT[:, :2]), b, "sum"),
         lambda a, b: reduced(a, AT[:, :2], b), values(3, 4), values(3, 4)),
    case("scatter_reduce without itself",
         lambda a, b: a.scatter_reduce(1, torch.tensor(AT), b, "sum", include_self=False),
         lambda a, b: reduced(a, AT, b, with_self=False), values(2, 4), values(2, 4)),
    case("scatter_add of a longer source", lambda a, b: a.scatter_add(1, torch.tensor(AT[:, :2]), b),
         lambda a, b: reduced(a, AT[:, :2], b), values(2, 4), values(2, 4)),
    case("index_put of one value at many places",
         lambda a, b: a.index_put((torch.tensor([1, 1, 0]), torch.tensor([2, 2, 3])), b, accumulate=True),
         lambda a, b: reduced(a, np.array([[3], [2]]), np.array([b, 2 * b])), values(2, 4), values(1)),
    case("index_put by a mask",
         lambda a, b: a.index_put((torch.tensor([True, False]),), b, accumulate=True),
         lambda a, b: np.stack([a[0] + b, a[1]]), values(2, 4), values(4)),
]  # fmt: skip

PADS = [
    moves(f"{mode} {len(pad) // 2}d {shape}", lambda a, m=mode, pad=pad: F.pad(a, pad, mode=m), values(*shape))
    for mode in ("reflect", "replicate")
    for shape, pad in [
        ((2, 3, 4), (2, 1)),
        ((3, 4), (0, 3)),
        ((2, 2, 3, 4), (1, 2, 2, 0)),
        ((1, 2, 2, 3, 2), (1, 0, 2, 1, 0, 1)),
        ((2, 3, 4), (-1, 2)),
    ]
]


def mirrored(a: Integers, left: int, right: int, *, edge: bool) -> Integers:
    places = range(-left, a.shape[-1] + right)
    last = a.shape[-1] - 1
    return a.take([min(max(i, 0), last) if edge else last - abs(last - abs(i)) for i in places], -1)


PADS += [
    case(f"pad {mode} by its definition", lambda a, m=mode: F.pad(a, (2, 3), mode=m),
         lambda a, m=mode: mirrored(a, 2, 3, edge=m == "replicate"), values(1, 2, 4))
    for mode in ("reflect", "replicate")
]  # fmt: skip

LAYERS = [*CONVOLUTIONS, *POOLS, *MATRICES, *PLACED, *PADS]
each_layer = pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)


@each_layer
def test_an_operation_is_that_of_python_integers(layer: Case) -> None:
    for p in PRIMES:
        drawn = sampled(layer, p)
        expected = expectation(layer, drawn)
        for arithmetic in ARITHMETICS:
            with PrimeField(p, arithmetic=arithmetic):
                result = layer.function(*map(as_tensor, drawn))
            check(result, expected, p)


@each_layer
@pytest.mark.parametrize("lowest", [False, True])
def test_an_operation_has_the_degrees_by_which_it_grows(layer: Case, lowest: bool) -> None:
    """Determinants of many rows, or of products, may be given more than they have, or less than their lowest."""
    rng = np.random.default_rng(1)
    degrees = [rng.integers(-1, 3, argument.shape) for argument in sampled(layer, 97)]
    with DegreeField(lowest=lowest) as field:
        found = field.read(layer.function(*(field.degrees(d) for d in degrees)))
    grown = growth(layer.function, degrees, -1 if lowest else 1)
    if layer.name in ("det 6", "det of products"):
        assert ((found <= grown) if lowest else (found >= grown))[grown >= 0].all()
    else:
        np.testing.assert_array_equal(found, grown)


@each_layer
def test_an_operation_is_the_same_when_it_is_recorded(layer: Case) -> None:
    p = DEFAULT_PRIME
    rng = np.random.default_rng(2)
    shapes = [argument.shape for argument in sampled(layer, p)]
    given = [[as_tensor(values(*shape)(rng, p)) for shape in shapes] for _ in range(3)]
    with PrimeField(p) as field:
        expected = [read(layer.function(*tensors)).reshape(-1) for tensors in given]
        with field.recording() as symbolic:
            names = [field.unknown(*shape) for shape in shapes]
            unused = symbolic.registers_of(field.unknown(1))
            outputs = symbolic.registers_of(layer.function(*names)).reshape(-1)
            registers = np.concatenate([symbolic.registers_of(name).reshape(-1) for name in names])
    program = Program.of(symbolic.steps, symbolic.registers, registers, unused, outputs)
    starts = np.stack([np.concatenate([read(t).reshape(-1) for t in tensors]) for tensors in given], 1)
    found = np.empty((len(given), 1, len(outputs)))
    evaluate(program.stages(), starts, np.zeros((1, 1)), p, found)
    np.testing.assert_array_equal(found[:, 0], np.stack(expected))


REFUSED: list[tuple[str, Callable[[Tensor], Any], str]] = [
    ("_embedding_bag_forward_only", lambda x: F.embedding_bag(torch.tensor([[0, 1]]), x, mode="max"), "mode='sum'"),
    ("scatter_reduce", lambda x: x.scatter_reduce(0, torch.tensor([[0]]), x, "amax"), "'amax' of what is scattered"),
    ("scatter_reduce", lambda x: x.scatter_reduce(0, torch.tensor([[0]]), x, "prod"), "only 'sum'"),
    ("_linalg_slogdet", lambda x: torch.linalg.slogdet(x), "only sums, products"),
    ("linalg_inv_ex", lambda x: torch.linalg.inv(x), "only sums, products"),
    ("max_pool2d_with_indices", lambda x: F.max_pool2d(x[None], 2), "only sums, products"),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "function", "reason"), REFUSED)
def test_what_is_no_polynomial_stays_refused(operation: str, function: Callable[[Tensor], Any], reason: str) -> None:
    with PrimeField(97), pytest.raises(NotPolynomial, match=f"^`{operation}` in code .*{reason}"):
        function(torch.ones(2, 2))


def test_means_over_as_many_numbers_as_the_prime_are_refused() -> None:
    with PrimeField(3), pytest.raises(ZeroDivisionError, match="an entry that is 0 modulo 3"):
        F.avg_pool1d(torch.ones(1, 1, 6), 3)


def test_an_operation_of_another_library_is_not_taken_for_torchs_of_the_same_name() -> None:
    with torch.library._scoped_library("seprank_tests", "DEF") as library:
        library.define("mul(Tensor a, Tensor b) -> Tensor")
        library.impl("mul", lambda a, b: a * b + 1, "CompositeExplicitAutograd")
        one = torch.ones(2)
        assert torch.ops.seprank_tests.mul(one, one).tolist() == [2, 2]
        with PrimeField(97), pytest.raises(NotPolynomial, match="`seprank_tests::mul` in code"):
            torch.ops.seprank_tests.mul(one, one)


class Bag(nn.Module):
    """A product of two linear functions of the sum of the rows of a word's letters"""

    def __init__(self, weighted: bool = False) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(3, 2, mode="sum", padding_idx=None if weighted else 0)
        self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 2)
        self.weights = nn.Parameter(torch.ones(4)) if weighted else None

    def forward(self, ids: Tensor) -> Tensor:
        weights = None if self.weights is None else self.weights.expand(ids.shape)
        found = self.bag(ids, per_sample_weights=weights)
        return self.a(found) * self.b(found)


def bag_rank(weighted: bool, prime: int) -> int:
    """Of all words of four letters, halved, in Python integers with random weights."""
    rng = np.random.default_rng(3)
    table, a, b = (rng.integers(0, prime, shape).astype(object) for shape in ((3, 2), (2, 3), (2, 3)))
    by = rng.integers(0, prime, 4).astype(object) if weighted else np.ones(4, dtype=object)
    table[0] = table[0] if weighted else 0
    readout = rng.integers(0, prime, 2).astype(object)

    def output(word: tuple[int, ...]) -> int:
        total = np.append(sum(w * table[letter] for w, letter in zip(by, word, strict=True)), 1)
        return int(readout @ ((a @ total % prime) * (b @ total % prime)) % prime)

    halves = list(itertools.product(range(3), repeat=2))
    return rank_mod([[output(start + end) for end in halves] for start in halves], prime)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_bag_of_words_is_certified_as_in_python_integers(weighted: bool) -> None:
    module = Bag(weighted)
    found = certify(module, length=4, domain="tokens", templates="ids", inputs=3, progress=False)
    assert found.rank == bag_rank(weighted, 2**31 - 1)
    assert found.bounds
    assert verify(found, module, progress=False)
