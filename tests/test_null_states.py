"""Bounds by null states and by the states a short start reaches: their conditions hold, and as many are independent."""

import itertools
import math
import random

import numpy as np
import pytest

from seprank import RAC, certify
from seprank.theory import bounds, null_states, upper_bound
from studies import null_states as conditions
from studies.null_states import (
    Circuit,
    Pattern,
    circuit,
    exchanged,
    four_layers,
    rank_of,
    three_layers,
    vanishing_order,
)
from studies.start_image import (
    coefficients,
    multiples,
    null_lines,
    one_equation,
    rank,
    rank_on,
    start_of,
    two_step_equations,
)

SLOW = pytest.mark.slow


def draw(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def four(end: int) -> Circuit:
    return circuit(inputs=2, width=2, depth=4, steps=end, seed=1)


def few_inputs(width: int, end: int) -> Circuit:
    return circuit(inputs=width - 1, width=width, depth=3, steps=end, seed=1)


@pytest.mark.parametrize("end", [2, 3, 4, 5, pytest.param(6, marks=SLOW)])
def test_conditions_of_four_layers_of_width_2_are_independent(end: int) -> None:
    assert end in null_states.FOUR_LAYERS or end < 4
    assert rank_of(four_layers(four(end), draw()), four(end)) == null_states._four_layers(end)


@pytest.mark.parametrize("depth", [5, pytest.param(6, marks=SLOW)])
def test_they_are_with_time_and_depth_exchanged(depth: int) -> None:
    assert depth in null_states.FOUR_LAYERS
    turned = exchanged(width=2, depth=depth, steps=4, seed=1)
    assert (turned.layers, turned.steps) == (4, depth)
    assert rank_of(four_layers(turned, draw()), turned) == null_states._four_layers(depth)


def test_every_size_of_a_closed_form_is_one_of_these() -> None:
    assert range(4, 7) == null_states.FOUR_LAYERS
    assert null_states.THREE_LAYERS == {3: (5,)}
    assert null_states.TWO_STEP_EQUATIONS.keys() == {3, 4}
    assert null_states.FOUR_LAYERS_ON_IMAGE.keys() == {4, 5}


@pytest.mark.parametrize(
    ("width", "end", "sampled"),
    [(2, 3, 40), (3, 2, 40), (3, 3, 120), (4, 2, 80), pytest.param(3, 5, 320, marks=SLOW)],
)
def test_conditions_of_three_layers_with_few_inputs_are_independent(width: int, end: int, sampled: int) -> None:
    of = few_inputs(width, end)
    left = of.monomials - rank_of(three_layers(of, draw(), sampled), of)
    assert left == null_states._three_layers(width, end)


PATTERNS = {
    "four layers": [(of, state) for of in (four(4), four(5)) for state in four_layers(of, draw(1))],
    "exchanged": [
        (of, state) for of in [exchanged(width=2, depth=5, steps=4, seed=2)] for state in four_layers(of, draw(2))
    ],
    "three layers": [(of, state) for of in [few_inputs(3, 5)] for state in three_layers(of, draw(3), 5)],
    "four inputs for two units": [
        (of, state)
        for of in [circuit(inputs=4, width=2, depth=4, steps=4, seed=3)]
        for state in four_layers(of, draw(4))
    ],
}


@pytest.mark.parametrize("family", PATTERNS)
def test_ends_vanish_at_null_states_to_just_the_order_that_is_claimed(family: str) -> None:
    """By running the circuit on power series: the states are those of the proof, and the order is no higher."""
    orders = set()
    for of, state in PATTERNS[family]:
        order = state.order(of)
        assert vanishing_order(state, of, draw(5), order + 1) == order
        orders.add((state.layer, state.step, order))
    assert len(orders) >= 3


def test_a_state_at_random_is_no_null_state() -> None:
    of = four(4)
    vectors = tuple(draw(6).integers(1, conditions.P, 2) for _ in range(4))
    assert vanishing_order(conditions.NullState(vectors, 4, 1), of, draw(7), 2) == 0


@pytest.mark.parametrize("layer", [2, 3, 4])
def test_the_order_is_that_of_any_layer_and_step(layer: int) -> None:
    """Layers of width 3, of which any dies; in the second step that cannot be the second, whose input is given."""
    of = circuit(inputs=1, width=3, depth=4, steps=3, seed=8)
    for unit in (None, 1) if layer > 2 else (None,):
        state = Pattern(layer, layer - 1, {layer: (0,)}, unit=unit).state(of, draw(9))
        expected = conditions.multichoose(3 - (unit is not None), 4 - layer)
        assert vanishing_order(state, of, draw(10), expected + 1) == state.order(of) == expected


@pytest.mark.parametrize("depth", [2, 3, 4, 5])
def test_states_after_fewer_steps_than_layers_solve_one_equation(depth: int) -> None:
    start = start_of(circuit(inputs=3, width=2, depth=depth, steps=2, seed=depth), seed=1)
    equation = one_equation(start)
    assert [equation(start.reach(depth - 1, draw(n))) for n in range(5)] == [0] * 5
    assert equation(start.reach(depth, draw(6))) != 0
    at = [draw(7 + layer).integers(1, conditions.P, 2) for layer in range(depth)]
    value = equation(at)
    for layer in range(depth):
        scaled = [5 * vector % conditions.P if n == layer else vector for n, vector in enumerate(at)]
        degree = math.comb(depth - 1, layer)
        assert equation(scaled) == value * 5**degree % conditions.P != 0


@SLOW
def test_four_layers_after_three_steps() -> None:
    """Multiples of the equation, and how many conditions are independent on them: at most as many as the proof says."""
    of = four(4)
    start = start_of(of, seed=2)
    ideal = np.array(list(multiples(coefficients(one_equation(start), [1, 3, 3, 1], 2, draw()), of)))
    assert rank(ideal) == len(ideal) == 320
    assert rank_on(four_layers(of, draw()), ideal, of) == (272, null_states.FOUR_LAYERS_ON_IMAGE[4])
    assert null_states.start_image(width=2, channels=2, depth=4, start=3, end=4) == 2310 - 320 - (272 - 140)


@pytest.mark.parametrize(("end", "null"), [(3, (36, 27)), pytest.param(4, (45, 42), marks=SLOW)])
def test_three_layers_of_width_3_after_two_steps(end: int, null: tuple[int, int]) -> None:
    of = circuit(inputs=3, width=3, depth=3, steps=end, seed=2)
    start = start_of(of, seed=3)
    equations = two_step_equations(start)
    assert [equation(start.reach(2, draw())) for equation in equations] == [0] * 6
    assert 0 not in [equation(start.reach(3, draw())) for equation in equations]
    degrees = [[2, 2, 1]] * 3 + [[1, 3, 1]] * 3
    found = [coefficients(*pair, 3, draw(1)) for pair in zip(equations, degrees, strict=True)]
    ideal = np.array([row for equation in found for row in multiples(equation, of)])
    assert rank(ideal) == null_states.TWO_STEP_EQUATIONS[end]
    assert rank_on(null_lines(of, draw(2)), ideal, of) == null
    left = of.monomials - rank(ideal) - (null[0] - null[1])
    assert left == null_states.start_image(width=3, channels=3, depth=3, start=2, end=end)


@pytest.mark.parametrize("degree", range(9))
def test_forms_modulo_three_cubics(degree: int) -> None:
    """As many as are left of x³, y³ and z³, which are as good as any."""
    left = [m for m in conditions.exponents(3, degree) if max(m) < 3]
    assert null_states._left_of_three_cubics(degree) == len(left)


EXACT = [
    ((2, 2, 4, 8, 4), 2038, "null states"),
    ((6, 2, 4, 16, 12), 2038, "null states"),
    ((2, 2, 5, 8, 4), 6444, "null states by steps"),
    ((2, 2, 4, 10, 5), 6444, "null states"),
    ((2, 3, 3, 10, 5), 7146, "null states"),
    ((3, 3, 3, 6, 2), 2122, "start image"),
    ((4, 3, 3, 5, 2), 678, "start image"),
    ((2, 2, 4, 7, 3), 1858, "start image"),
    ((2, 2, 4, 8, 3), 5359, "start image"),
]


@pytest.mark.parametrize(("sizes", "rank", "name"), EXACT)
def test_the_least_bound(sizes: tuple[int, ...], rank: int, name: str) -> None:
    asked = dict(zip(("inputs", "width", "depth", "length", "cut"), sizes, strict=True))
    least = upper_bound(**asked)
    assert (least.name, least.value) == (name, rank)
    tokens = {bound.name: bound for bound in bounds(**asked, domain="tokens")}
    assert (name in tokens) == (name != "null states by steps")


@pytest.mark.parametrize(
    ("sizes", "rank"),
    [
        pytest.param((3, 3, 3, 5, 2), 678, marks=SLOW),
        pytest.param((5, 2, 4, 8, 4), 2038, marks=SLOW),
    ],
)
def test_certified_ranks_meet_it(sizes: tuple[int, ...], rank: int) -> None:
    inputs, width, depth, length, cut = sizes
    found = certify(RAC(inputs, width, depth), length=length, cut=cut, progress=False)
    assert (found.rank, found.exact, found.error) == (rank, True, 0.0)


def test_the_start_image_is_about_two_units_and_one_step_less_than_layers() -> None:
    """The general form: all monomials, less the multiples of an equation of degree C(L-1, j-1) in layer j."""
    for depth, end in itertools.product(range(3, 7), range(1, 7)):
        degrees = [conditions.multichoose(end, depth - layer) for layer in range(1, depth + 1)]
        of_equation = [len(list(itertools.combinations(range(depth - 1), layer))) for layer in range(depth)]
        every = np.prod([d + 1 for d in degrees])
        less = np.prod([max(0, d - e + 1) for d, e in zip(degrees, of_equation, strict=True)])
        found = null_states.start_image(width=2, channels=2, depth=depth, start=depth - 1, end=end)
        more = {(4, 4): 132, (4, 5): 188}.get((depth, end), 0)
        assert found == every - less - more
        for start in {1, 2, 3, 4, 5, 6} - {depth - 1}:
            assert null_states.start_image(width=2, channels=2, depth=depth, start=start, end=end) is None


def test_sizes_without_a_computation_get_no_bound() -> None:
    chosen = random.Random(0)
    for _ in range(200):
        width, depth, end = chosen.randint(1, 6), chosen.randint(1, 7), chosen.randint(1, 9)
        channels = chosen.randint(1, width)
        found = null_states.null_states(width=width, channels=channels, depth=depth, end=end)
        known = (width, channels, depth) == (2, 2, 4) and end in range(4, 7)
        assert (found is not None) == (known or (width, channels, depth, end) == (3, 2, 3, 5))
