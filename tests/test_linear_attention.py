"""Bounds that theory adds to those by degrees: linear attention of one and two layers, the delta rule of one."""

from __future__ import annotations

import random
from typing import Any

import pytest

import oracles
from oracles import rank_mod, whole_numbers
from seprank import MODELS, certify, verify
from seprank.certification.known import with_degrees
from seprank.models.linear_attention import LinearAttention
from seprank.theory import MatrixState, matrix_state_bounds

pytestmark = pytest.mark.usefixtures("one_thread")
OTHER = 2**31 - 1
FEW = {
    # inputs, width: rank of a generic network, which the bound gives
    (1, 1): 5,
    (2, 1): 6,
    (2, 2): 18,
    (3, 2): 25,
    (3, 3): 47,
    (4, 3): 63,
}
MORE = {(1, 2): 5, (2, 4): 18, (4, 2): 25, (3, 5): 47, (5, 3): 67}
MORE |= {(4, 4): 98, (5, 4): 124, (6, 4): 134, (7, 4): 139, (5, 5): 177}
RANKS = FEW | MORE


def least(found: Any) -> int:
    return min(bound.value for bound in found.bounds if bound.kind != "lower")


def certified(name: str, inputs: int, width: int, depth: int, length: int, **settings: Any) -> Any:
    module = MODELS[name].build(inputs=inputs, width=width, depth=depth)
    return certify(module, length=length, progress=False, **settings)


@pytest.mark.parametrize(("sizes", "rank"), FEW.items(), ids=str)
def test_two_layers_are_exact(sizes: tuple[int, int], rank: int) -> None:
    found = certified("linear_attention", *sizes, 2, 6)
    assert (found.rank, found.exact) == (rank, True)
    assert verify(found, progress=False)


@pytest.mark.slow
@pytest.mark.parametrize(("sizes", "rank"), MORE.items(), ids=str)
def test_wider_ones_too(sizes: tuple[int, int], rank: int) -> None:
    found = certified("linear_attention", *sizes, 2, 4)
    assert (found.rank, found.exact) == (rank, True)


def test_as_many_inputs_as_units_written_out() -> None:
    for m in range(1, 30):
        for width in (m, m + 3):
            sizes = {"inputs": m, "width": width, "depth": 2, "length": 6}
            assert [bound.value for bound in matrix_state_bounds("linear attention", **sizes)] == [m**3 + 2 * m * m + 2]


@pytest.mark.parametrize(("inputs", "width"), [(2, 2), (3, 2), (2, 3)])
def test_two_layers_in_python_integers(inputs: int, width: int) -> None:
    rank = RANKS.get((inputs, width), 18)  # (2, 3) is not among them
    weights, states = [], []
    draw = random.Random(inputs)

    def drawn(rows: int, columns: int) -> oracles.Integers:
        return whole_numbers([[draw.randrange(OTHER) for _ in range(columns)] for _ in range(rows)])

    for below in (inputs, width):
        shapes = {f"weight_{name}": (width, below) for name in "qkv"}
        weights.append({name: drawn(*shape) for name, shape in shapes.items()})
        states.append([drawn(width, width)])
    samples = {"p": OTHER, "samples": (rank + 2, rank + 2), "seed": 1}
    matrix = oracles.start_end(oracles.linear_attention, weights, states, start=3, end=3, inputs=inputs, **samples)
    assert rank_mod(matrix, OTHER) == rank


@pytest.mark.slow
@pytest.mark.parametrize("cut", [1, 2, 4])
@pytest.mark.parametrize("readout", ["random", "all", 0])
def test_other_cuts_and_readouts_stay_below(cut: int, readout: str | int) -> None:
    found = certified("linear_attention", 2, 2, 2, 5, cut=cut, readout=readout)
    assert found.rank <= least(found)


@pytest.mark.slow
@pytest.mark.parametrize(("inputs", "width"), [(1, 1), (2, 1), (2, 3), (3, 2), (3, 3)])
@pytest.mark.parametrize("name", ["linear_attention", "delta_rule"])
def test_one_layer(name: str, inputs: int, width: int) -> None:
    expected = min(inputs, width) + 1
    found = certified(name, inputs, width, 1, 4)
    assert found.rank == least(found) == expected
    tokens = certified(name, inputs, width, 1, 4, domain="tokens")
    assert tokens.rank <= least(tokens) <= expected


MLSTM = {(1, 1): 2, (1, 2): 4, (2, 2): 5, (2, 3): 7, (3, 2): 5, (3, 3): 9, (1, 3): 4, (2, 4): 7}
"""Inputs and width: u * u - s (s - 1) / 2 + 1 by hand, u = min(width, inputs + 1), s = 2 u - inputs - 1"""


@pytest.mark.parametrize(("sizes", "rank"), MLSTM.items(), ids=str)
def test_one_layer_of_mlstm_is_exact(sizes: tuple[int, int], rank: int) -> None:
    found = certified("mlstm", *sizes, 1, 4)
    assert (found.rank, found.exact) == (rank, True)
    assert least(found) == rank


@pytest.mark.slow
@pytest.mark.parametrize("readout", ["all", 0])
@pytest.mark.parametrize("domain", ["functional", "tokens"])
def test_other_questions_about_mlstm_stay_below(readout: str | int, domain: str) -> None:
    found = certified("mlstm", 3, 3, 1, 5, cut=2, readout=readout, domain=domain)
    assert found.rank <= least(found)


def test_kinds_and_sources() -> None:
    sizes: dict[str, Any] = {"inputs": 3, "width": 2, "length": 4}
    kinds: dict[MatrixState, str] = {"linear attention": "exact", "delta rule": "upper", "mlstm": "upper"}
    for model, kind in kinds.items():
        assert [bound.kind for bound in matrix_state_bounds(model, **sizes, depth=1)] == [kind]
        assert [bound.kind for bound in matrix_state_bounds(model, **sizes, depth=1, domain="tokens")] == ["upper"]
        assert bool(matrix_state_bounds(model, **sizes, depth=2)) == (model == "linear attention")
        assert matrix_state_bounds(model, **sizes, depth=3) == []
    with pytest.raises(ValueError, match="width must be at least 1"):
        matrix_state_bounds("linear attention", **{**sizes, "width": 0}, depth=1)


def test_they_stand_beside_degrees() -> None:
    known = with_degrees(LinearAttention(3, 3, 2), length=8, cut=None, inputs=None, domain="functional")
    assert [(bound.name, bound.value) for bound in known][:2] == [("two layers", 47), ("degrees: state", 1012)]


def test_an_altered_module_has_none() -> None:
    module = LinearAttention(2, 2, 2)
    module.register_forward_hook(lambda module, arguments, output: (output[0] * output[0], output[1]))
    found = certify(module, length=4, samples=60, progress=False)
    assert found.rank > 18
    assert all(bound.name.startswith("degrees") for bound in found.bounds)


def test_more_letters_than_features_span_no_more() -> None:
    found = certify(LinearAttention(2, 3, 1), length=4, inputs=5, domain="tokens", progress=False)
    assert found.rank == least(found) == 3
