"""Joint bounds with weights: counted by hand, met by gated cells, and never below a rank in Python integers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from torch import nn

from seprank import MODELS, certify
from seprank.degrees import Grading, degree_bounds
from seprank.degrees.propagation import Variables, run_over_degrees
from seprank.degrees.weighted import Weighted, _monomials_by_weight, count_by_weight, weigh_steps
from seprank.models import spec_of

pytestmark = pytest.mark.usefixtures("one_thread")
EXACT = [
    # model, inputs, width, length: rank of one layer, which the bound is
    ("arithmetic_gru", 3, 3, 2, 8),
    ("arithmetic_gru", 3, 3, 4, 79),
    ("arithmetic_gru", 4, 2, 4, 41),
    ("arithmetic_lstm", 3, 3, 2, 11),
    ("arithmetic_lstm", 3, 3, 4, 170),
]
BELOW = [
    ("arithmetic_lstm", 1, 1, 4, 17, 18),
    ("arithmetic_lstm", 1, 1, 6, 133, 136),
    ("arithmetic_lstm", 2, 2, 4, 65, 66),
    ("arithmetic_gru", 4, 4, 4, 159, 160),
]


def weighed(name: str, inputs: int, width: int, steps: int) -> Weighted | None:
    module = MODELS[name].build(inputs=inputs, width=width, depth=1)
    variables = Variables(steps + 1, 1, inputs)
    highest = run_over_degrees(module, variables, lowest=False)
    return weigh_steps(module, variables, of=highest)


@pytest.mark.parametrize("name", ["arithmetic_lstm", "arithmetic_gru"])
def test_weights_of_gated_cells_are_powers_of_three(name: str) -> None:
    for steps in (1, 2, 3, 4):
        found = weighed(name, 2, 3, steps)
        assert found is not None
        assert found.weights == [3**s for s in range(steps)]
        assert set(found.most) == {3.0**steps}


def test_too_high_weights_are_left_out() -> None:
    assert weighed("arithmetic_lstm", 1, 1, 9) is None
    assert weighed("rac", 2, 2, 12) is None
    found = weighed("rac", 2, 2, 5)
    assert found is not None
    assert found.weights == [1, 2, 4, 8, 16]


def monomials(features: int, weights: list[int], most: int) -> Iterator[tuple[int, ...]]:
    """Exponents of all monomials of weighted degree up to the highest, one by one."""
    each = [weight for weight in weights for _ in range(features)]
    for exponents in itertools.product(*(range(most // weight + 1) for weight in each)):
        if sum(w * e for w, e in zip(each, exponents, strict=True)) <= most:
            yield exponents


@pytest.mark.parametrize(
    ("features", "weights", "most"), [(1, [1], 4), (2, [1], 5), (1, [1, 3], 9), (2, [1, 3], 6), (1, [2, 2, 5], 11)]
)
def test_monomials_are_counted(features: int, weights: list[int], most: int) -> None:
    counts = _monomials_by_weight(Weighted(weights, features, np.zeros(0)), most)
    assert sum(counts) == len(list(monomials(features, weights, most)))
    assert counts[0] == 1


def test_the_count_by_hand() -> None:
    """The LSTM of the page: 84 monomials of degree below 4 in six numbers, 86 of weight up to 5 in the end."""
    found = weighed("arithmetic_lstm", 3, 3, 2)
    assert found is not None
    assert len(list(monomials(3, [1, 3], 5))) == 86
    assert count_by_weight(Grading(6, 0, None), found, slice(None), 1) == 84 + 86
    every = [count_by_weight(Grading(6, 0, 9), found, slice(None), copies) for copies in (1, 3)]
    assert every[0] < every[1] < 3 * every[0]  # type: ignore[operator]
    infinite = Weighted([1], 3, np.array([np.inf]))
    assert count_by_weight(Grading(6, 0, 9), infinite, slice(None), 1) is None


@pytest.mark.parametrize(("name", "inputs", "width", "length", "rank"), EXACT)
def test_gated_cells_meet_it(name: str, inputs: int, width: int, length: int, rank: int) -> None:
    found = certify(MODELS[name].build(inputs=inputs, width=width, depth=1), length=length, progress=False)
    assert (found.rank, found.exact) == (rank, True)
    assert found.bounds[0].name == "degrees: joint"


@pytest.mark.slow
def test_a_large_one_meets_it() -> None:
    found = certify(MODELS["arithmetic_gru"].build(inputs=3, width=3, depth=1), length=6, progress=False)
    assert (found.rank, found.exact) == (1723, True)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "inputs", "width", "length", "rank", "upper"), BELOW)
def test_or_nearly(name: str, inputs: int, width: int, length: int, rank: int, upper: int) -> None:
    found = certify(MODELS[name].build(inputs=inputs, width=width, depth=1), length=length, progress=False)
    assert (found.rank, found.upper_bound, found.saturated) == (rank, upper, True)


@pytest.mark.parametrize("readout", ["all", 1])
@pytest.mark.parametrize("domain", ["functional", "tokens"])
def test_other_readouts_and_domains_stay_below(readout: str | int, domain: str) -> None:
    module: nn.Module = MODELS["arithmetic_gru"].build(inputs=2, width=2, depth=1)
    settings: dict[str, Any] = {"length": 4, "readout": readout, "domain": domain}
    assert spec_of(module) is not None
    assert certify(module, **settings, progress=False).rank <= degree_bounds(module, **settings)[0].value
