"""Null states of a Recurrent Arithmetic Circuit: states at the cut after which every end gives 0, and what that costs.

Modulo a prime, at random weights. A null state is one in which a layer dies, whatever the inputs are: its state is zero
after one or two steps. The output then vanishes there to an order that docs/theory.md computes, so that its Taylor
coefficients up to that order are linear functionals that vanish on all ends. The rank of a set of them at any weights,
modulo any prime, is at most their generic rank, so what is computed here bounds separation ranks.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import flint
import numpy as np
import numpy.typing as npt

from seprank.elimination import rank_profile
from seprank.question import DEFAULT_PRIME
from seprank.theory import multichoose

Numbers = npt.NDArray[np.int64]
"""Residues modulo the prime"""

P = DEFAULT_PRIME


def times(left: Numbers, right: Numbers) -> Numbers:
    """A product of matrices or vectors modulo the prime; their shared side is short."""
    product: Numbers = left @ right % P
    return product


def inverse(numbers: Numbers) -> Numbers:
    """Entry by entry."""
    return np.array([pow(int(n), -1, P) for n in numbers], dtype=np.int64)


def solutions(rows: Numbers) -> Numbers:
    """A basis of the vectors that all rows are orthogonal to, one a row."""
    matrix = flint.nmod_mat(rows.tolist(), P)
    basis, count = matrix.nullspace()
    found = [[int(basis[i, j]) for i in range(rows.shape[1])] for j in range(count)]
    return np.array(found, dtype=np.int64).reshape(count, rows.shape[1])


@dataclass(frozen=True)
class Circuit:
    """The end of a RAC: a grid of layers and steps, h^{s,l} = (own h^{s-1,l}) * (below h^{s,l-1}).

    Matrices are numbered [step][layer], from 0. In the circuit itself they do not depend on the step, in the one with
    time and depth exchanged not on the layer.
    """

    own: Sequence[Sequence[Numbers]]
    """What a state is multiplied with from step to step; that of the first step is taken as done"""
    below: Sequence[Sequence[Numbers]]
    """What comes from below; in the first layer the inputs, (width, inputs)"""

    @property
    def steps(self) -> int:
        return len(self.own)

    @property
    def layers(self) -> int:
        return len(self.own[0])

    @property
    def width(self) -> int:
        return len(self.own[0][0])

    @property
    def degrees(self) -> list[int]:
        """Of the output in the state of each layer."""
        return [multichoose(self.steps, self.layers - 1 - layer) for layer in range(self.layers)]

    @property
    def monomials(self) -> int:
        """How many there are in the state."""
        return math.prod(multichoose(self.width, degree) for degree in self.degrees)


def circuit(*, inputs: int, width: int, depth: int, steps: int, seed: int) -> Circuit:
    """With random weights, the same at each step."""
    draw = np.random.default_rng(seed)
    own = [draw.integers(1, P, (width, width)) for _ in range(depth)]
    below = [draw.integers(1, P, (width, width if layer else inputs)) for layer in range(depth)]
    return Circuit([own] * steps, [below] * steps)


def exchanged(*, width: int, depth: int, steps: int, seed: int) -> Circuit:
    """The end of a RAC of at least as many inputs as units, with time and depth exchanged.

    Its layers are the steps of the end and its steps the layers, its states the inputs and its inputs the states at the
    cut. So its weights are those of a step of it for all its layers.
    """
    turned = circuit(inputs=width, width=width, depth=depth, steps=1, seed=seed)
    own, below = turned.below[0], turned.own[0]
    return Circuit([[matrix] * steps for matrix in own], [[matrix] * steps for matrix in below])


@dataclass(frozen=True)
class NullState:
    """A state at the cut, a = own h, that kills a layer at a step."""

    vectors: tuple[Numbers, ...]
    """One for each layer"""
    layer: int
    """That dies, from 1"""
    step: int
    """At which it dies, from 1"""

    def order(self, of: Circuit) -> int:
        """To which order the output vanishes there: ((b - s + 1; L - l))."""
        return multichoose(of.steps - self.step + 1, of.layers - self.layer)


@dataclass(frozen=True)
class Pattern:
    """A family of null states: which layer dies, at which step, and which entries of the state are zero."""

    layer: int
    """That dies, from 1"""
    solved: int
    """The layer whose state is solved for, the other ones being free"""
    support: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """By layer, the entries that are not zero; all where none are given. Those of `layer` must die."""
    unit: int | None = None
    """If given, it dies one step later: only this entry of the lowest state is not zero now, so that what the first
    step leaves does not depend on the input, up to a factor; the rest is about that."""

    def state(self, of: Circuit, draw: np.random.Generator) -> NullState:
        """One of the family, at random."""
        if self.unit is None:
            return NullState(tuple(self._dying(of, 0, None, draw)), self.layer, 1)
        one = _unit_vector(of.width, self.unit)
        after = self._dying(of, 1, times(of.own[1][0], one), draw)
        # Back to the state before: h = own^-1 after, and h^l = a^l * (below h^{l-1}).
        left = [_solve(of.own[1][layer], after[layer]) for layer in range(of.layers)]
        lower = [times(of.below[0][layer], left[layer - 1]) for layer in range(1, of.layers)]
        vectors = [left[layer] * inverse(lower[layer - 1]) % P for layer in range(1, of.layers)]
        return NullState((one, *vectors), self.layer, 2)

    def _dying(self, of: Circuit, step: int, lowest: Numbers | None, draw: np.random.Generator) -> list[Numbers]:
        """A state that kills the layer in this step, with a given lowest layer if there is one."""
        vectors = []
        for layer in range(1, of.layers + 1):
            vector = np.zeros(of.width, dtype=np.int64)
            kept = list(self.support.get(layer, range(of.width)))
            vector[kept] = draw.integers(1, P, len(kept))
            vectors.append(vector)
        if lowest is not None:
            vectors[0] = lowest
        kept = list(self.support.get(self.solved, range(of.width)))
        basis = solutions(self._equations(of, step, vectors)[:, kept])
        vectors[self.solved - 1][kept] = times(draw.integers(1, P, len(basis)), basis)
        return vectors

    def _equations(self, of: Circuit, step: int, vectors: list[Numbers]) -> Numbers:
        """What the solved vector is orthogonal to: for each input and each entry of the layer that is not zero."""
        below = of.below[step]
        inner = below[0].T
        for layer in range(1, self.solved):
            inner = times(inner * vectors[layer - 1] % P, below[layer].T)
        outer = np.eye(of.width, dtype=np.int64)
        for layer in range(self.solved, self.layer):
            outer = times(below[layer], outer * vectors[layer - 1][:, None] % P if layer > self.solved else outer)
        entries = list(self.support.get(self.layer, range(of.width)))
        rows: Numbers = (inner[:, None, :] * outer[entries][None] % P).reshape(-1, of.width)
        return rows


def _unit_vector(width: int, entry: int) -> Numbers:
    vector = np.zeros(width, dtype=np.int64)
    vector[entry] = 1
    return vector


def _solve(matrix: Numbers, right: Numbers) -> Numbers:
    known = flint.nmod_mat(matrix.tolist(), P)
    found = known.solve(flint.nmod_mat(len(right), 1, [int(n) for n in right], P))
    return np.array([int(found[i, 0]) for i in range(len(right))], dtype=np.int64)


def functionals(state: NullState, of: Circuit) -> Iterator[Numbers]:
    """The Taylor coefficients at a null state that vanish for all ends, as rows over the monomials of the state.

    In each layer one entry that is not zero stays fixed, as the output is homogeneous.
    """
    order = state.order(of)
    axes = []
    for vector in state.vectors:
        fixed = int(np.flatnonzero(vector)[-1])
        axes.append([entry for entry in range(of.width) if entry != fixed])
    # Of degree 1 in the last layer: it is linear there, and its states are taken one by one.
    axes[-1] = []
    free = [(layer, entry) for layer, entries in enumerate(axes) for entry in entries]
    known: dict[tuple[int, tuple[int, ...]], Numbers] = {}

    def part(layer: int, powers: tuple[int, ...]) -> Numbers:
        if (layer, powers) not in known:
            known[layer, powers] = _coefficient(state.vectors[layer], of.degrees[layer], powers)
        return known[layer, powers]

    for total in range(order):
        for chosen in itertools.combinations_with_replacement(free, total):
            powers = [[0] * of.width for _ in range(of.layers)]
            for layer, entry in chosen:
                powers[layer][entry] += 1
            row = np.ones(1, dtype=np.int64)
            for layer in range(of.layers):
                row = np.outer(row, part(layer, tuple(powers[layer]))).ravel() % P
            yield row


def exponents(width: int, degree: int) -> Iterator[tuple[int, ...]]:
    """Of all monomials of a degree."""
    if width == 1:
        yield (degree,)
        return
    for first in range(degree + 1):
        yield from ((first, *rest) for rest in exponents(width - 1, degree - first))


def _coefficient(at: Numbers, degree: int, powers: tuple[int, ...]) -> Numbers:
    """The Taylor coefficient at a point of each monomial of a degree, for these powers of the differences."""
    table = [[pow(int(x), k, P) for k in range(degree + 1)] for x in at]
    row = []
    for monomial in exponents(len(at), degree):
        value = 1
        for entry, (high, low) in enumerate(zip(monomial, powers, strict=True)):
            value = value * math.comb(high, low) * table[entry][high - low] % P if high >= low else 0
        row.append(value)
    return np.array(row, dtype=np.int64)


def rank_of(states: Iterable[NullState], of: Circuit) -> int:
    """How many independent functionals they give."""
    rows = [row for state in states for row in functionals(state, of)]
    return rank_profile(np.array(rows, dtype=np.float64), P, overwrite=True, threads=1).rank


def vanishing_order(state: NullState, of: Circuit, draw: np.random.Generator, most: int) -> int:
    """To which order, up to `most`, a random end vanishes along a random line through a state, by running it."""
    width, inputs = of.width, of.below[0][0].shape[1]
    states = []
    for vector in state.vectors:
        series = np.zeros((most, width), dtype=np.int64)
        series[0] = vector
        if most > 1:
            series[1] = draw.integers(0, P, width)
        states.append(series)
    for step in range(of.steps):
        series = np.zeros((most, inputs), dtype=np.int64)
        series[0] = draw.integers(0, P, inputs)
        for layer in range(of.layers):
            own = states[layer] if step == 0 else times(states[layer], of.own[step][layer].T)
            series = _series_product(own, times(series, of.below[step][layer].T))
            states[layer] = series
    output = times(states[-1], draw.integers(1, P, width))
    return next((power for power, value in enumerate(output.tolist()) if value), most)


def _series_product(left: Numbers, right: Numbers) -> Numbers:
    """Of power series, entry by entry, cut off."""
    product = np.zeros_like(left)
    for power in range(len(left)):
        product[power:] = (product[power:] + left[power] * right[: len(left) - power]) % P
    return product


def four_layers(of: Circuit, draw: np.random.Generator) -> list[NullState]:
    """Those of four layers of width 2, as many of each family as there are independent ones."""
    low, second, third, _ = of.degrees
    found = []
    for top, other in itertools.product(range(2), repeat=2):
        curve = Pattern(4, 2, {1: (other,), 4: (top,)})
        line = Pattern(4, 3, {2: (other,), 4: (top,)})
        found += [curve.state(of, draw) for _ in range(second + third + 1)]
        found += [line.state(of, draw) for _ in range(low + 1)]
    for top, third_unit, lowest in itertools.product(range(2), repeat=3):
        fat = Pattern(3, 2, {1: (lowest,), 3: (third_unit,), 4: (top,)})
        later = Pattern(4, 3, {2: (third_unit,), 4: (top,)}, unit=lowest)
        found += [fat.state(of, draw), later.state(of, draw)]
    return found


def three_layers(of: Circuit, draw: np.random.Generator, surface: int) -> list[NullState]:
    """Those of three layers with one input less than units, `surface` of the family that the layered bound counts."""
    found = []
    for top in range(of.width):
        found += [Pattern(3, 2, {3: (top,)}).state(of, draw) for _ in range(surface)]
        for unit in range(of.width):
            found.append(Pattern(2, 1, {2: (unit,), 3: (top,)}).state(of, draw))
            found.append(Pattern(3, 2, {3: (top,)}, unit=unit).state(of, draw))
    return found
