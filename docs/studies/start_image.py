"""Equations of the states that a short start reaches, modulo a prime, at random weights, and what null states add."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import flint
import numpy as np

from seprank.elimination import rank_profile

from .null_states import Circuit, NullState, Numbers, P, Pattern, exponents, functionals, times

Values = Callable[[list[Numbers]], int]
"""A polynomial in the state a = own h of every layer, homogeneous in each, by its values"""

Polynomial = dict[tuple[int, ...], int]
"""By the exponents of a monomial"""


@dataclass(frozen=True)
class Start:
    """The start of a RAC: its weights, and the states before the first step."""

    of: Circuit
    initial: list[Numbers]

    def reach(self, steps: int, draw: np.random.Generator) -> list[Numbers]:
        """The state a = own h at the cut after random inputs."""
        own, below = self.of.own[0], self.of.below[0]
        states = self.initial
        for _ in range(steps):
            lower: Numbers = np.asarray(draw.integers(0, P, below[0].shape[1]))
            new = []
            for layer, state in enumerate(states):
                lower = times(own[layer], state) * times(below[layer], lower) % P
                new.append(lower)
            states = new
        return [times(own[layer], state) for layer, state in enumerate(states)]

    def before(self, vectors: list[Numbers]) -> list[Numbers]:
        """h from a = own h."""
        return [times(inverse_matrix(own), a) for own, a in zip(self.of.own[0], vectors, strict=True)]

    def first_step(self, layer: int) -> Numbers:
        """The matrix from h^{1,l-1} to h^{1,l}, layers from 0."""
        factors = times(self.of.own[0][layer], self.initial[layer])
        matrix: Numbers = factors[:, None] * self.of.below[0][layer] % P
        return matrix


def start_of(of: Circuit, seed: int) -> Start:
    """With random states before the first step."""
    draw = np.random.default_rng(seed)
    return Start(of, [draw.integers(1, P, of.width) for _ in range(of.layers)])


def inverse_matrix(matrix: Numbers) -> Numbers:
    found = flint.nmod_mat(matrix.tolist(), P).inv()
    return np.array([int(n) for n in found.entries()], dtype=np.int64).reshape(matrix.shape)


def one_equation(start: Start) -> Values:
    """Of L layers of width 2 after L - 1 steps, by going back through all steps but the first."""
    own, below = start.of.own[0], start.of.below[0]
    last = start.of.layers - 1
    first = start.first_step(last)

    def value(vectors: list[Numbers]) -> int:
        states = dict(enumerate(start.before(vectors)))
        for step in range(1, last):
            known = {}
            for layer in range(step, last + 1):
                lower = times(below[layer], states[layer - 1])
                known[layer] = times(inverse_matrix(own[layer]), states[layer] * lower[::-1] % P)
            states = known
        expected = times(first, states[last - 1])
        return int((states[last][0] * expected[1] - states[last][1] * expected[0]) % P)

    return value


def two_step_equations(start: Start) -> list[Values]:
    """Of three layers of width 3 after two steps: three of degree (2, 2, 1) and three of degree (1, 3, 1)."""
    own, below = start.of.own[0], start.of.below[0]
    forth = times(times(own[2], start.first_step(2)), inverse_matrix(own[1]))
    back = inverse_matrix(forth)

    def without(v: Numbers) -> Numbers:
        """Products of all entries but one."""
        return np.array([v[1] * v[2] % P, v[0] * v[2] % P, v[0] * v[1] % P])

    def parts(vectors: list[Numbers]) -> tuple[Numbers, ...]:
        lowest, h, g = start.before(vectors)
        v, lower = times(below[1], lowest), times(below[2], h)
        return v, h, g, times(forth, h * without(v) % P) * lower % P, times(back, g * without(lower) % P)

    def third(i: int, j: int) -> Values:
        def value(vectors: list[Numbers]) -> int:
            _, _, g, f, _ = parts(vectors)
            return int((g[i] * f[j] - g[j] * f[i]) % P)

        return value

    def second(i: int, j: int) -> Values:
        def value(vectors: list[Numbers]) -> int:
            v, h, _, _, s = parts(vectors)
            return int((s[i] * h[j] % P * v[i] - s[j] * h[i] % P * v[j]) % P)

        return value

    return [kind(i, j) for kind in (third, second) for i, j in itertools.combinations(range(3), 2)]


def coefficients(
    value: Values, degrees: list[int], width: int, draw: np.random.Generator
) -> dict[tuple[int, ...], int]:
    """Of a polynomial of these degrees in the layers, from its values at random points, by monomial."""
    monomials = _monomials(width, degrees)
    points = [[draw.integers(1, P, width) for _ in degrees] for _ in monomials]
    rows = [[_value(monomial, np.concatenate(point)) for monomial in monomials] for point in points]
    matrix = flint.nmod_mat(len(rows), len(rows), list(itertools.chain(*rows)), P)
    right = flint.nmod_mat(len(rows), 1, [value(point) for point in points], P)
    found = matrix.solve(right)
    return {monomial: int(found[i, 0]) for i, monomial in enumerate(monomials) if int(found[i, 0])}


def _monomials(width: int, degrees: list[int]) -> list[tuple[int, ...]]:
    """In the order in which `functionals` has them."""
    return [tuple(itertools.chain(*m)) for m in itertools.product(*(list(exponents(width, d)) for d in degrees))]


def _value(monomial: tuple[int, ...], at: Numbers) -> int:
    value = 1
    for power, x in zip(monomial, at.tolist(), strict=True):
        value = value * pow(x, power, P) % P
    return value


def multiples(equation: Polynomial, of: Circuit) -> Iterator[Numbers]:
    """All multiples by monomials that have the degrees of the output, as rows over the monomials of the state."""
    width, (some, *_) = of.width, equation
    column = {monomial: i for i, monomial in enumerate(_monomials(width, of.degrees))}
    lower = [sum(some[width * i : width * (i + 1)]) for i in range(of.layers)]
    rest = [degree - low for degree, low in zip(of.degrees, lower, strict=True)]
    for factor in _monomials(width, rest) if min(rest) >= 0 else ():
        row = np.zeros(len(column), dtype=np.int64)
        for monomial, value in equation.items():
            row[column[tuple(a + b for a, b in zip(monomial, factor, strict=True))]] = value
        yield row


def null_lines(of: Circuit, draw: np.random.Generator) -> list[NullState]:
    """Of three layers: those with one entry of the lowest state, which do not depend on the input."""
    return [
        Pattern(3, 2, {1: (lowest,), 3: (top,)}).state(of, draw)
        for lowest, top in itertools.product(range(of.width), repeat=2)
        for _ in range(of.degrees[1] + 1)
    ]


def rank(rows: Numbers) -> int:
    return rank_profile(rows.astype(np.float64), P, overwrite=True, threads=1).rank


def rank_on(states: list[NullState], ideal: Numbers, of: Circuit) -> tuple[int, int]:
    """How many functionals of null states are independent, and how many are so on an ideal."""
    rows = np.array([row for state in states for row in functionals(state, of)])
    values = sum(
        (rows[:, k : k + 256] @ ideal[:, k : k + 256].T % P for k in range(0, rows.shape[1], 256)),
        start=np.zeros((len(rows), len(ideal)), dtype=np.int64),
    )
    return rank(rows), rank(values % P)
