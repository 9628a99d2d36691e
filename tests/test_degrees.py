"""Degree bounds: against expanded polynomials, the growth of functions, theory for the RAC, and certified ranks."""

import itertools
import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from oracles import Polynomial, polynomial_product, polynomial_sum
from seprank import RAC, certify, theory
from seprank.adapters import ConventionError
from seprank.degrees import DegreeField, Grading, count_monomials, degree_bounds, total_degrees
from seprank.degrees.propagation import Variables, run_over_degrees
from seprank.degrees.tropical import RULES
from seprank.field import NotPolynomial
from seprank.field.operations import OPERATIONS
from seprank.question import DOMAINS

pytestmark = pytest.mark.usefixtures("one_thread")


def found(module: nn.Module, **settings: Any) -> dict[str, int]:
    """Values of the bounds by the last words of their names."""
    return {b.name.removeprefix("degrees: "): b.value for b in degree_bounds(module, **settings)}


# Modules, each with its equations for one step over lists of polynomials


class Stepwise(nn.Module):
    """A loop over time; subclasses have `first(batch)` and `step(x, state) -> (output, state)`."""

    def __init__(self, inputs: int, width: int, batch_first: bool = True) -> None:
        super().__init__()
        self.input_size, self.width, self.batch_first = inputs, width, batch_first

    def forward(self, input: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        sequence = input.transpose(0, 1) if self.batch_first else input
        state = self.first(sequence.shape[1]) if state is None else state
        outputs = []
        for x in sequence:
            output, state = self.step(x, state)
            outputs.append(output)
        stacked = torch.stack(outputs)
        return stacked.transpose(0, 1) if self.batch_first else stacked, state


class BilinearCell(Stepwise):
    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(inputs, width)
        self.weight = nn.Parameter(torch.randn(width, width, inputs))
        self.initial = nn.Parameter(torch.randn(width))

    def first(self, batch: int) -> Tensor:
        return self.initial.expand(batch, -1)

    def step(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.einsum("kij,bi,bj->bk", self.weight, h, x)
        return h, h


class AffineCell(BilinearCell):
    """Affine in the state, so of rank at most width + 1; with a linear read-out."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(inputs, width)
        self.decay, self.drive = nn.Linear(inputs, width), nn.Linear(inputs, width)
        self.readout = nn.Linear(width, 2)

    def step(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        h = self.decay(x) * h + self.drive(x)
        return self.readout(h), h


class ProductCell(Stepwise):
    """h' = (Ax + Bh)(Cx + Dh), from a zero state, time first."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(inputs, width, batch_first=False)
        self.left, self.right = (nn.Linear(inputs + width, width, bias=False) for _ in range(2))

    def first(self, batch: int) -> Tensor:
        return torch.zeros(batch, self.width)

    def step(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        both = torch.cat([x, h], 1)
        h = self.left(both) * self.right(both)
        return h, h


class ArithmeticLSTM(Stepwise):
    """Gates without squashing; the state is a tuple."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(inputs, width)
        self.gates = nn.Linear(inputs + width, 4 * width)

    def first(self, batch: int) -> tuple[Tensor, Tensor]:
        return torch.zeros(batch, self.width), torch.zeros(batch, self.width)

    def step(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        h, c = state
        i, f, g, o = self.gates(torch.cat([x, h], 1)).chunk(4, 1)
        c = f * c + i * g
        return o * c, (o * c, c)


class Stack(Stepwise):
    """Two RAC layers written with bmm and pow, the upper one squared; one state tensor (batch, layers, units)."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(inputs, width)
        self.into = nn.ParameterList([nn.Parameter(torch.randn(width, n)) for n in (inputs, width)])
        self.hidden = nn.Parameter(torch.randn(2, width, width))
        self.initial = nn.Parameter(torch.randn(2, width))

    def first(self, batch: int) -> Tensor:
        return self.initial.expand(batch, -1, -1)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        carried = torch.bmm(state.transpose(0, 1), self.hidden)
        lower = carried[0] * (x @ self.into[0].T)
        upper = carried[1] * (lower @ self.into[1].T) ** 2
        return upper, torch.stack([lower, upper], 1)


class Embedded(nn.Module):
    """Takes token numbers."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.input_size = tokens
        self.embedding, self.rac = nn.Embedding(tokens, width), RAC(width, width, 2)

    def forward(self, ids: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        output, state = self.rac(self.embedding(ids), state)
        return output, state


Row = list[Polynomial]


def linear(draw: random.Random, rows: int, values: Row, one: tuple[int, ...], bias: bool = True) -> Row:
    terms = [*values, {one: 1}] if bias else values
    return [
        polynomial_sum([polynomial_product({one: draw.randrange(1, 10**6)}, value) for value in terms])
        for _ in range(rows)
    ]


def times(left: Row, right: Row) -> Row:
    return [polynomial_product(a, b) for a, b in zip(left, right, strict=True)]


def plus(left: Row, right: Row) -> Row:
    return [polynomial_sum([a, b]) for a, b in zip(left, right, strict=True)]


def expand_bilinear(draw: random.Random, x: Row, state: list[Row], one: tuple[int, ...]) -> tuple[Row, list[Row]]:
    products = [polynomial_product(a, b) for a in state[0] for b in x]
    h = linear(draw, len(state[0]), products, one, bias=False)
    return h, [h]


def expand_affine(draw: random.Random, x: Row, state: list[Row], one: tuple[int, ...]) -> tuple[Row, list[Row]]:
    n = len(state[0])
    h = plus(times(linear(draw, n, x, one), state[0]), linear(draw, n, x, one))
    return linear(draw, 2, h, one), [h]


def expand_product(draw: random.Random, x: Row, state: list[Row], one: tuple[int, ...]) -> tuple[Row, list[Row]]:
    left, right = (linear(draw, len(state[0]), x + state[0], one, bias=False) for _ in range(2))
    h = times(left, right)
    return h, [h]


def expand_lstm(draw: random.Random, x: Row, state: list[Row], one: tuple[int, ...]) -> tuple[Row, list[Row]]:
    h, c = state
    i, f, g, o = (linear(draw, len(h), x + h, one) for _ in range(4))
    c = plus(times(f, c), times(i, g))
    return times(o, c), [times(o, c), c]


def expand_stack(draw: random.Random, x: Row, state: list[Row], one: tuple[int, ...]) -> tuple[Row, list[Row]]:
    n = len(state[0])
    lower = times(linear(draw, n, state[0], one, bias=False), linear(draw, n, x, one, bias=False))
    above = linear(draw, n, lower, one, bias=False)
    upper = times(linear(draw, n, state[1], one, bias=False), times(above, above))
    return upper, [lower, upper]


MODULES: dict[str, tuple[type[Stepwise], Callable[..., Any], int, bool]] = {
    "bilinear": (BilinearCell, expand_bilinear, 1, False),
    "affine": (AffineCell, expand_affine, 1, False),
    "product": (ProductCell, expand_product, 1, True),
    "lstm": (ArithmeticLSTM, expand_lstm, 2, True),
    "stack": (Stack, expand_stack, 2, False),
}
"""The module, its equations, groups of the state, and whether it starts from zero."""
by_module = pytest.mark.parametrize("name", MODULES)


def degrees_in(row: Row, variables: Sequence[int]) -> tuple[list[float], list[float]]:
    """Highest and lowest degree of each polynomial in some of the variables."""
    degrees = [
        [sum(monomial[v] for v in variables) for monomial, factor in polynomial.items() if factor] or [-1]
        for polynomial in row
    ]
    return [max(d) for d in degrees], [min(d) for d in degrees]


@pytest.mark.parametrize(("length", "cut"), [(2, 1), (3, 1), (3, 2)])
@by_module
def test_degrees_are_those_of_the_expanded_polynomials(name: str, length: int, cut: int) -> None:
    cls, expand, groups, from_zero = MODULES[name]
    module = cls(1, 2)
    variables = Variables(length, cut, 1, batch_first=module.batch_first)
    highest = run_over_degrees(module, variables, lowest=False)
    lowest = run_over_degrees(module, variables, lowest=True, of=highest)
    count = length + 2 * groups  # the variables: an input per step, then the state at the cut
    one = (0,) * count
    variable = [{tuple(int(i == j) for j in range(count)): 1} for i in range(count)]
    draw = random.Random(length)
    constants = [[{one: 0 if from_zero else 1 + g} for _ in range(2)] for g in range(groups)]
    fresh = [variable[length + 2 * g : length + 2 * g + 2] for g in range(groups)]
    output: Row = []
    for t in range(length):
        output, constants = expand(draw, variable[t : t + 1], constants, one)
    for step, places in enumerate([*([t] for t in range(length)), range(cut), range(cut, length)]):
        assert (list(highest.output[:, step]), list(lowest.output[:, step])) == degrees_in(output, places)
    for t in range(cut, length):
        output, fresh = expand(draw, variable[t : t + 1], fresh, one)
    state = range(length, count)
    for group, places in enumerate([*(state[2 * g : 2 * g + 2] for g in range(groups)), state]):
        assert (list(highest.state[:, group]), list(lowest.state[:, group])) == degrees_in(output, places)
    assert highest.variables == [2] * groups


# Operations: the growth of a function of numbers


def growth(function: Callable[..., Tensor], arrays: list[np.ndarray], sign: int) -> np.ndarray:
    """Highest (sign 1) or lowest (sign -1) degree in z, found by running the function on c z^d for extreme z."""
    generator = torch.Generator().manual_seed(5)
    degrees = [torch.from_numpy(array) for array in arrays]
    factors = [torch.rand(d.shape, generator=generator, dtype=torch.float64) + 0.5 for d in degrees]
    values = []
    for exponent in (30.0, 31.0):
        z = torch.tensor(2.0, dtype=torch.float64) ** (sign * exponent)
        values.append(function(*(torch.where(d < 0, 0.0, c * z**d) for c, d in zip(factors, degrees, strict=True))))
    ratio = torch.where(values[0] == 0, 1.0, values[1] / values[0]).abs()
    return np.where(values[0].numpy() == 0, -1, sign * torch.log2(ratio).round().numpy())


A = np.array([[0, 1, 2], [3, -1, 1]])
B = np.array([[2, 0, -1], [-1, -1, 4]])
MASK = torch.tensor([[True, False, True], [False, True, True]])
INDEX = torch.tensor([1, 0, 1])
PLACES = torch.tensor([[0, 1, 1], [1, 0, 0]])
ONES = torch.ones(2, dtype=torch.float64)
CASES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": lambda a, b: a + b,
    "add zero": lambda a, b: a + 0 * b,
    "alpha": lambda a, b: torch.add(a, b, alpha=3),
    "alpha zero": lambda a, b: torch.add(a, b, alpha=0),
    "sub": lambda a, b: a - 0.3 * b,
    "rsub": lambda a, b: 5 - a,
    "number": lambda a, b: 3 + a * 7,
    "mul": lambda a, b: a * b,
    "neg": lambda a, b: -a,
    "div": lambda a, b: a / 3 + b / torch.tensor([1, 2, 3]),
    "pow": lambda a, b: a**3 + b**0,
    "powers": lambda a, b: a ** torch.tensor([0, 1, 2]),
    "power of a number": lambda a, b: a * 2 ** torch.tensor([0, 1, 2]),
    "matmul": lambda a, b: a @ b.T,
    "bmm": lambda a, b: torch.bmm(a.expand(2, 2, 3), b.T.expand(2, 3, 2)),
    "addmm": lambda a, b: torch.addmm(a[:, :2], a, b.T, beta=0),
    "parameters": lambda a, b: a @ torch.ones(3, 4, dtype=a.dtype) + (torch.ones(4, 2, dtype=a.dtype) @ b)[:2, :1],
    "einsum": lambda a, b: torch.einsum("ij,kj,k->ik", a, b, a[:, 0]),
    "mv": lambda a, b: a @ b[1],
    "addmv": lambda a, b: torch.addmv(a[:, 0], a, b[1]),
    "dot": lambda a, b: a[0] @ b[1],
    "outer": lambda a, b: torch.outer(a[0], b[1]),
    "addcmul": lambda a, b: torch.addcmul(a, b, b, value=2),
    "lerp": lambda a, b: torch.lerp(a, b, 0.3),
    "sum": lambda a, b: a.sum(1) + b.sum(),
    "sum of nothing": lambda a, b: a[:, :0].sum(1) + 1,
    "mean": lambda a, b: b.mean(0, keepdim=True),
    "cumsum": lambda a, b: b.cumsum(1),
    "prod": lambda a, b: a.prod(1),
    "cumprod": lambda a, b: b.cumprod(1),
    "trace": lambda a, b: a[:, :2].trace(),
    "where": lambda a, b: torch.where(MASK, a, b) + torch.where(MASK, 0.0, a),
    "masked_fill": lambda a, b: a.masked_fill(MASK, 0) + b.masked_fill(MASK, 2.0),
    "mask": lambda a, b: a * MASK,
    "integers": lambda a, b: a * torch.tensor([0, 1, 2]) + b * torch.tensor([2.0, 0.0, 0.5]),
    "zeros": lambda a, b: torch.zeros_like(a) + torch.zeros(3) * b,
    "ones": lambda a, b: torch.ones_like(a) + a.new_full((2, 3), 2.0),
    "identity": lambda a, b: torch.eye(2, dtype=a.dtype) @ a,
    "tril": lambda a, b: a.tril() + b.triu(1),
    "diag_embed": lambda a, b: torch.diag_embed(a)[0] @ b.T,
    "block_diag": lambda a, b: torch.block_diag(a, b),
    "cat": lambda a, b: torch.cat([a, b, torch.zeros(2, 1)], 1),
    "stack": lambda a, b: torch.stack([a, b]).permute(1, 2, 0).reshape(2, 6),
    "pad": lambda a, b: F.pad(a, (1, 2)) + F.pad(a, (2, 1), value=3.0),
    "index": lambda a, b: a[:, INDEX] + b[PLACES, INDEX],
    "index_add": lambda a, b: a.index_add(1, INDEX, b),
    "scatter_add": lambda a, b: a.scatter_add(1, PLACES, b),
    "scatter": lambda a, b: a.scatter(1, PLACES, b) + b.scatter(1, PLACES, 0.0),
    "index_put": lambda a, b: a.index_put((torch.tensor([0, 0]), torch.tensor([1, 1])), b[0, :2], accumulate=True),
    "index_fill": lambda a, b: b.index_fill(1, torch.tensor([1]), 0.0),
    "conv1d": lambda a, b: F.conv1d(a[None], b[:, None, :2], padding=1, groups=2),
    "bilinear": lambda a, b: F.bilinear(a, b, torch.ones(2, 3, 3, dtype=a.dtype), ONES),
    "linear": lambda a, b: F.linear(a, b, ONES),
    "flip": lambda a, b: a.flip(0).roll(1, 1).repeat(1, 2),
    "unfold": lambda a, b: a.unfold(1, 2, 1).sum(-1),
}


@pytest.mark.parametrize("case", CASES)
def test_an_operation_has_the_degrees_by_which_it_grows(case: str) -> None:
    for lowest in (False, True):
        with DegreeField(lowest=lowest) as field:
            result = CASES[case](field.degrees(A), field.degrees(B))
        expected = growth(CASES[case], [A, B], -1 if lowest else 1)
        assert np.array_equal(field.read(result), expected), (field.read(result), expected)


def test_in_place_operations_and_buffers_of_the_run() -> None:
    def function(a: Tensor, b: Tensor) -> Tensor:
        memory = torch.zeros(3, 3, dtype=a.dtype)
        memory[0] = a[1]
        memory[1:] += b
        memory[2].mul_(a[0])
        return memory

    with DegreeField() as field:
        result = function(field.degrees(A), field.degrees(B))
    assert np.array_equal(field.read(result), growth(function, [A, B], 1))


def test_large_matrix_products_are_split() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(-1, 5, (100, 150)), rng.integers(-1, 5, (150, 400))
    with DegreeField() as field:
        result = field.degrees(a) @ field.degrees(b)
    sums = a[:, :, None] + b[None]
    sums[(a < 0)[:, :, None] | (b < 0)[None]] = -1
    assert np.array_equal(field.read(result), sums.max(1))


def test_every_operation_of_the_prime_field_has_a_rule() -> None:
    assert OPERATIONS.keys() == RULES.keys()


def test_cancellation_is_not_seen() -> None:
    with DegreeField() as field:
        x = field.degrees([3])
        assert field.read(x - x + 1) == [3]


def test_degrees_beyond_float64_are_infinite_above_and_stay_below() -> None:
    for lowest, expected in [(False, math.inf), (True, 2.0**53 - 1)]:
        with DegreeField(lowest=lowest) as field:
            x = field.degrees([1])
            for _ in range(60):
                x = x * x
            assert field.read(x) == [expected]


# Counting


@pytest.mark.parametrize("points", [None, 1, 3])
def test_count_is_a_count(points: int | None) -> None:
    draw = random.Random(1)
    for _ in range(60):
        sizes = [draw.randint(1, 3) for _ in range(draw.randint(1, 3))]
        ranges = [sorted(draw.choices(range(4), k=2)) for _ in sizes]
        least, most = sorted(draw.choices(range(7), k=2))
        gradings = [Grading(n, *r, points=points) for n, r in zip(sizes, ranges, strict=True)]

        def dimension(n: int, d: int) -> int:
            count = math.comb(n + d - 1, d)
            return count if points is None else min(count, points)

        inside = 0
        for degrees in itertools.product(*(range(low, high + 1) for low, high in ranges)):
            if least <= sum(degrees) <= most:
                inside += math.prod(map(dimension, sizes, degrees))
        each = [
            sum(dimension(n, d) for d in range(low, high + 1)) for n, (low, high) in zip(sizes, ranges, strict=True)
        ]
        product = math.prod(each if points is None else [min(e, points) for e in each])
        total = sum(math.comb(sum(sizes) + d - 1, d) for d in range(least, most + 1))
        assert count_monomials(gradings, Grading(sum(sizes), least, most)) == min(inside, product, total)


def test_counts_too_long_are_left_out() -> None:
    long = Grading(10**6, 0, 10**6)
    assert count_monomials([long], long) is None
    assert count_monomials([Grading(2, 0, None)], Grading(2, 0, None)) is None
    assert count_monomials([Grading(2, 0, None)], Grading(2, 0, 3)) == 10
    assert count_monomials([Grading(2, 0, None, points=4)], Grading(2, 0, None)) == 4
    assert count_monomials([Grading(2, 0, -1)], Grading(2, 0, -1)) == 0


# Bounds


def random_cells(count: int) -> list[dict[str, Any]]:
    draw = random.Random(7)
    cells = []
    for _ in range(count):
        length = draw.randint(2, 5)
        cells.append(
            {
                "sizes": (draw.randint(1, 4), draw.randint(1, 4), draw.randint(1, 3)),
                "length": length,
                "cut": draw.randint(1, length - 1),
                "domain": draw.choice(DOMAINS),
            }
        )
    return cells


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_rac_has_the_bounds_of_theory(part: int) -> None:
    for cell in random_cells(100)[part::4]:
        inputs, width, depth = cell.pop("sizes")
        known = theory.bounds(inputs=inputs, width=width, depth=depth, **cell)
        expected = {b.name: b.value for b in known}
        bounds = found(RAC(inputs, width, depth), **cell)
        assert bounds["state"] == expected["state"]
        for side in ("start inputs", "end inputs"):
            assert bounds[side] >= expected[side]
            assert bounds[side] == expected[side] or inputs > width


@pytest.mark.slow
@pytest.mark.parametrize(("length", "cut"), [(3, 1), (4, 2), (5, 3)])
@by_module
def test_no_certified_rank_exceeds_a_bound(name: str, length: int, cut: int) -> None:
    module = MODULES[name][0](2, 2)
    for domain, readout in [("functional", "random"), ("functional", "all"), ("tokens", 0)]:
        settings: dict[str, Any] = {"length": length, "cut": cut, "domain": domain, "readout": readout}
        certified = certify(module, samples=60, progress=False, **settings).rank
        assert certified <= min(found(module, **settings).values())


@pytest.mark.parametrize("length", [2, 4, 9])
def test_affine_cells_have_rank_width_plus_one(length: int) -> None:
    module = AffineCell(3, 4)
    assert found(module, length=length)["state"] == 5
    assert certify(module, length=length, progress=False, samples=20).rank == min(
        5, found(module, length=length)["end inputs"]
    )


def test_bilinear_and_product_cells_count_by_hand() -> None:
    assert found(BilinearCell(2, 3), length=6, cut=3) == {"state": 3, "start inputs": 8, "end inputs": 8}
    # In the state at the cut: degree up to 2^b, and from degree 0 on, as the inputs are added.
    assert found(ProductCell(2, 3), length=4)["state"] == math.comb(3 + 4, 3)
    # Degree up to 2 in the last input, up to 4 in the one before, up to 4 in both together.
    counts = [(last + 1) * (before + 1) for last in range(3) for before in range(5 - last)]
    assert found(ProductCell(2, 3), length=4)["end inputs"] == sum(counts) == 53


def test_what_the_start_does_not_reach_is_no_variable() -> None:
    class Padded(BilinearCell):
        def first(self, batch: int) -> tuple[Tensor, Tensor, int]:
            return super().first(batch), torch.ones(batch, 5), 0

        def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
            h, constant, step = state
            h = super().step(x, h)[0] + constant.sum(1, keepdim=True) ** step
            return h, (h, constant, step + 1)

    assert found(Padded(2, 3), length=6)["state"] == 4


def test_a_module_that_forgets_has_rank_one_and_zero_has_none() -> None:
    class Forgetful(BilinearCell):
        def step(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
            return x @ self.weight[0].T, super().step(x, h)[1]

    assert found(Forgetful(2, 3), length=4)["state"] == 1
    assert found(Forgetful(2, 3), length=4)["start inputs"] == 1

    class Zero(BilinearCell):
        def first(self, batch: int) -> Tensor:
            return torch.zeros(batch, self.width)

    assert set(found(Zero(2, 3), length=4).values()) == {0}


def test_readouts() -> None:
    module = RAC(2, 2, 2)
    one, every, first = (found(module, length=6, readout=r) for r in ("random", "all", 1))
    assert one == first
    assert every == one | {"end inputs": 2 * one["end inputs"]}


def test_tokens_and_their_templates() -> None:
    rac = RAC(3, 3, 2)
    expected = found(rac, length=4, domain="tokens")
    assert found(rac, length=4, domain="tokens", templates=[[1, 0, 0], [0, 1, 0], [0, 0, 1]]) == expected
    assert found(rac, length=4, domain="tokens", inputs=2)["end inputs"] == 4
    ids = found(Embedded(4, 2), length=4, domain="tokens", templates="ids")
    assert ids == {"state": found(RAC(2, 2, 2), length=4)["state"], "start inputs": 16, "end inputs": 16}
    rank = certify(Embedded(4, 2), length=4, domain="tokens", templates="ids", progress=False).rank
    assert rank <= min(ids.values())


def test_token_numbers_decide_nothing_unseen() -> None:
    class Deciding(Embedded):
        def forward(self, ids: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
            output, state = super().forward(ids, state)
            return torch.where(ids.unsqueeze(-1) == 0, output, output * output), state

    class Weighing(Embedded):
        def forward(self, ids: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
            output, state = self.rac(self.embedding.weight[ids] * (ids + 1).double().unsqueeze(-1), state)
            return output, state

    class Remembering(Embedded):
        def forward(self, ids: Tensor, state: Any = None) -> tuple[Tensor, Any]:
            output, state = super().forward(ids, None if state is None else state[0])
            return output, (state, ids[:, -1])

    with pytest.raises(NotPolynomial, match="looked up in an embedding"):
        degree_bounds(Deciding(4, 2), length=4, domain="tokens", templates="ids")
    weighing = found(Weighing(4, 2), length=4, domain="tokens", templates="ids")
    assert weighing == found(Embedded(4, 2), length=4, domain="tokens", templates="ids")
    assert found(Remembering(4, 2), length=4, domain="tokens", templates="ids") == {
        "start inputs": 16,
        "end inputs": 16,
    }


def test_degrees_too_high_leave_bounds_out() -> None:
    class Steep(BilinearCell):
        def step(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
            h = (super().step(x, h)[0] + 1) ** 64
            return h, h

    module = Steep(2, 1)
    assert set(found(module, length=12, cut=10)) == {"state", "end inputs"}
    assert set(found(module, length=12, cut=2)) == set()
    assert found(module, length=12, cut=2, domain="tokens") == {"start inputs": 4, "end inputs": 2**10}


def test_many_slices_are_taken_together() -> None:
    class Matrix(Stepwise):
        def first(self, batch: int) -> Tensor:
            return torch.zeros(batch, 130, 2)

        def step(self, x: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
            s = s + x.unsqueeze(1)
            return s.sum(2), s

    assert found(Matrix(2, 2), length=3)["state"] == 261


def test_the_module_is_left_as_it_was() -> None:
    module = nn.Sequential(RAC(2, 2)).train()[0]
    before = {name: p.clone() for name, p in module.named_parameters()}
    degree_bounds(module, length=4)
    assert module.training
    assert all(torch.equal(p, before[name]) for name, p in module.named_parameters())


def test_the_source_is_named() -> None:
    for bound in degree_bounds(RAC(2, 2), length=4):
        assert bound.kind == "upper"
        assert bound.source.startswith("proved in docs/degrees.md: ")


def test_what_is_not_polynomial_is_refused() -> None:
    with pytest.raises(NotPolynomial, match=r"lstm|tanh|sigmoid"):
        degree_bounds(nn.LSTM(2, 2, batch_first=True), length=4)

    class Dividing(BilinearCell):
        def step(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
            h = h + x.sum(1, keepdim=True)
            return h / h.sum(1, keepdim=True), h

    with pytest.raises(NotPolynomial, match="divides by what depends on the sequence"):
        degree_bounds(Dividing(2, 2), length=4)


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"length": 1}, ValueError, "at least 2"),
        ({"length": True}, TypeError, "length must be a whole number"),
        ({"length": 4, "cut": 4}, ValueError, "between 1 and length - 1 = 3, got 4"),
        ({"length": 4, "cut": True}, TypeError, "cut must be a whole number"),
        ({"length": 4, "domain": "words"}, ValueError, "got 'words'"),
        ({"length": 4, "templates": "ids"}, ValueError, "tokens domain"),
        ({"length": 4, "templates": [[1, 0]]}, ValueError, "tokens domain"),
        ({"length": 4, "templates": "cold", "domain": "tokens"}, ValueError, "got 'cold'"),
        ({"length": 4, "inputs": 0}, ValueError, "at least 1, got 0"),
        ({"length": 4, "readout": 2}, ValueError, "below the 2 output channels of the model, got 2"),
        ({"length": 4, "readout": "last"}, ValueError, "got 'last'"),
        ({"length": 4, "inputs": 3}, ConventionError, "inputs per step"),
    ],
)
def test_wrong_arguments_are_named(settings: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        degree_bounds(RAC(2, 2), **settings)


def test_a_module_of_unknown_inputs_needs_them() -> None:
    class Bare(nn.Module):
        def forward(self, input: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
            before = 0 if state is None else state.unsqueeze(1)
            sums = before + input.cumsum(1)
            return sums, sums[:, -1]

    with pytest.raises(ValueError, match=r"give inputs \(features per step\)"):
        degree_bounds(Bare(), length=4)
    assert found(Bare(), length=4, inputs=3)["state"] == 4


def test_templates_that_are_drawn_count_with_the_weights_and_others_do_not() -> None:
    """A shallow circuit is a product with a factor W_I x for each of its four steps."""
    module, asked = RAC(2, 2, 1), {"length": 4, "cut": 2, "inputs": 2}
    weights = total_degrees(module, **asked).weights
    for templates, more in (("generic", 4), (None, 4), ("one-hot", 0), (((1, 2), (3, 5)), 0)):
        assert total_degrees(module, **asked, domain="tokens", templates=templates).weights == weights + more
