"""Tensor networks of a RAC against the module, Python integers, certified ranks, and cuts found another way."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
import time
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

import oracles
import seprank as sr
from seprank import tensornet
from seprank.models.rac import RAC
from seprank.system import extras
from seprank.system.memory import MemoryBudgetError
from seprank.tensornet import libraries, minimal_cut, mps, network, schmidt_values
from seprank.tensornet.cut import cheapest, state_bonds
from seprank.tensornet.unrolling import Bond, Node, unroll

# inputs, width, depth, length
SMALL = [(2, 3, 1, 4), (3, 2, 1, 5), (2, 2, 2, 5), (3, 2, 2, 4), (2, 3, 2, 4), (2, 2, 3, 4), (2, 2, 3, 5), (3, 2, 3, 3)]
by_size = pytest.mark.parametrize(("inputs", "width", "depth", "length"), SMALL)


def rac(inputs: int, width: int, depth: int, seed: int, *, whole: bool = False) -> RAC:
    """A RAC with normal weights, or with integers."""
    rng = np.random.default_rng(seed)
    module = RAC(inputs, width, depth, dtype=torch.float64)
    with torch.no_grad():
        for parameter in module.parameters():
            shape = tuple(parameter.shape)
            drawn = rng.integers(-9, 10, shape) if whole else rng.normal(size=shape)
            parameter.copy_(torch.from_numpy(drawn))
    return module


def words(inputs: int, length: int) -> list[tuple[int, ...]]:
    return list(itertools.product(range(inputs), repeat=length))


def module_outputs(module: RAC, sequences: np.ndarray[Any, Any], readout: np.ndarray[Any, Any]) -> Any:
    """The read-out of the last output of each sequence, as the module computes it."""
    with torch.no_grad():
        return module(torch.from_numpy(sequences))[0][:, -1].numpy() @ readout


def integer_output(module: RAC, sequence: Any, readout: Any) -> int:
    """The same in Python integers, by the equations."""
    whole = {name: oracles.whole_numbers(p.detach().numpy()) for name, p in module.named_parameters()}
    weights = [(whole[f"weight_ih_l{n}"], whole[f"weight_hh_l{n}"]) for n in range(module.num_layers)]
    states = oracles.rac_states(weights, oracles.whole_numbers(sequence), whole["initial_state"])
    return int(sum(w * h for w, h in zip(readout, states[-1, -1], strict=True)))


# Contraction


@by_size
def test_the_network_is_the_module_on_all_token_sequences(inputs: int, width: int, depth: int, length: int) -> None:
    module = rac(inputs, width, depth, seed=length)
    readout = np.random.default_rng(1).normal(size=width)
    every = words(inputs, length)
    expected = module_outputs(module, np.eye(inputs)[np.array(every)], readout)
    scale = np.abs(expected).max()
    found = network(module, length, readout=readout)
    np.testing.assert_allclose(found.grid().reshape(-1) / scale, expected / scale, rtol=0, atol=1e-12)
    one_by_one = [found.contract(np.eye(inputs)[list(word)]) for word in every]
    np.testing.assert_allclose(np.array(one_by_one) / scale, expected / scale, rtol=0, atol=1e-12)


@by_size
def test_the_network_is_exact_over_the_integers(inputs: int, width: int, depth: int, length: int) -> None:
    module = rac(inputs, width, depth, seed=length, whole=True)
    readout = [3, -2, 5][:width]
    found = network(module, length, readout=readout, exact=True)
    grid = found.grid()
    assert grid.dtype == object
    for word in words(inputs, length):
        sequence = np.eye(inputs)[list(word)]
        expected = integer_output(module, sequence, readout)
        assert grid[word] == expected
        assert isinstance(grid[word], int)
        assert found.contract(sequence.astype(int)) == expected


def test_integers_that_no_float_can_hold() -> None:
    module = rac(2, 2, 3, seed=0, whole=True)
    sequence = np.array([[7, -5], [3, 8], [6, 11], [9, 2], [-4, 13]])
    found = network(module, 5, exact=True).contract(sequence)
    assert found == integer_output(module, sequence, [1, 1])
    assert float(found) != found


def test_inputs_that_are_no_tokens() -> None:
    """Every copy of an input gets the vector, which is another thing than a copy of a token."""
    module = rac(3, 3, 3, seed=4)
    sequences = np.random.default_rng(2).normal(size=(5, 4, 3))
    found = network(module, 4)
    for sequence, expected in zip(sequences, module_outputs(module, sequences, np.ones(3)), strict=True):
        assert found.contract(sequence) == pytest.approx(expected, rel=1e-12)


@by_size
def test_copies_are_ways_to_the_last_state(inputs: int, width: int, depth: int, length: int) -> None:
    @cache
    def ways(time: int, layer: int) -> int:
        if time > length or layer > depth:
            return 0
        return int((time, layer) == (length, depth)) + ways(time + 1, layer) + ways(time, layer + 1)

    found = network(rac(inputs, width, depth, seed=0), length, cut=2).tensors
    for layer, step in itertools.product(range(1, depth + 1), range(1, length + 1)):
        states = found.select(["delta", f"layer{layer}", f"time{step}"], "all")
        assert states.num_tensors == ways(step, layer)
        copies = [f"copy{number + 1}" for number in range(ways(step, layer))]
        assert sorted(tag for s in states for tag in s.tags if tag.startswith("copy")) == sorted(copies)
        assert {tag for s in states for tag in s.tags if tag in ("start", "end")} == {"start" if step <= 2 else "end"}


@by_size
def test_copies_that_cross_the_cut_are_multisets(inputs: int, width: int, depth: int, length: int) -> None:
    """((b; j)) of layer L - j, and as many inputs of the end's first step as its layer 1 has states there."""
    for cut in range(1, length):
        found = network(rac(inputs, width, depth, seed=0), length, cut=cut).tensors
        for j in range(depth):
            crossing = [
                index
                for index, places in found.ind_map.items()
                if {tag for place in places for tag in found.tensor_map[place].tags} >= {"start", "end"}
                and all(f"layer{depth - j}" in found.tensor_map[place].tags for place in places)
            ]
            assert len(crossing) == math.comb(length - cut + j - 1, j)
            assert {found.ind_size(index) for index in crossing} == {width}


def test_a_contraction_that_is_too_wide_is_refused_with_its_width() -> None:
    found = network(rac(2, 2, 2, seed=0), 12, memory=2**10)
    with pytest.raises(
        MemoryBudgetError, match=r"contraction width is at least 12\.0: 3 tensors of 2\^12\.0 .* 1 KiB"
    ) as refused:
        found.grid()
    assert "smaller length" in str(refused.value)
    assert network(rac(2, 2, 2, seed=0), 12, memory=2**22).grid().shape == (2,) * 12
    with pytest.raises(MemoryBudgetError, match=r"contraction width is [5-9]\.0: 3 tensors of 2\^[5-9]\.0 numbers"):
        network(rac(1, 4, 2, seed=0), 6, memory=2**9).grid()


def test_a_contraction_of_any_width_is_refused_in_good_time() -> None:
    began = time.monotonic()
    with pytest.raises(MemoryBudgetError, match=r"contraction width is at least 4000\.0"):
        network(RAC(4, 2, 1), 2000).grid()
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(("length", "depth"), [(100, 3), (10**6, 2), (50, 60)])
def test_a_network_of_too_many_tensors_is_refused(length: int, depth: int) -> None:
    for make in (network, minimal_cut):
        with pytest.raises(MemoryBudgetError, match=r"tensors.*use a smaller length or depth"):
            make(RAC(2, 2, depth), length)
    with pytest.raises(MemoryBudgetError, match="copy tensor of width 400"):
        network(RAC(2, 400), 4, memory=2**20)


# The shallow network


@pytest.mark.parametrize(
    ("inputs", "width", "length"), [(2, 3, 6), (3, 4, 5), (2, 5, 7), (3, 2, 4), (1, 3, 4), (4, 1, 3), (2, 3, 2)]
)
def test_the_matrix_product_state_is_the_module(inputs: int, width: int, length: int) -> None:
    module = rac(inputs, width, 1, seed=width)
    readout = np.random.default_rng(1).normal(size=width)
    expected = module_outputs(module, np.eye(inputs)[np.array(words(inputs, length))], readout)
    state = mps(module, length, readout=readout)
    np.testing.assert_allclose(state.to_dense().ravel(), expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("inputs", "width", "length"), [(2, 3, 6), (3, 4, 5), (2, 5, 7), (3, 2, 4), (4, 1, 3), (2, 3, 2)]
)
def test_schmidt_ranks_are_certified_token_ranks(inputs: int, width: int, length: int) -> None:
    module = rac(inputs, width, 1, seed=3)
    state = mps(module, length)
    dense = state.to_dense().ravel()
    found = schmidt_values(state)
    assert len(found) == length - 1
    for cut, values in enumerate(found, start=1):
        certificate = sr.certify(module, length=length, cut=cut, domain="tokens")
        assert np.count_nonzero(values > 1e-9 * values[0]) == certificate.rank
        expected = np.linalg.svd(dense.reshape(inputs**cut, -1), compute_uv=False)[: len(values)]
        np.testing.assert_allclose(values[: len(expected)], expected, rtol=0, atol=1e-10 * expected[0])


def test_the_matrix_product_state_is_exact_over_the_integers() -> None:
    module = rac(2, 3, 1, seed=5, whole=True)
    state = mps(module, 7, exact=True)
    expected = [integer_output(module, np.eye(2)[list(word)], [1, 1, 1]) for word in words(2, 7)]
    assert state.to_dense().ravel().tolist() == expected
    with pytest.raises(TypeError, match="floating point"):
        schmidt_values(state)


# Cuts


def cheapest_product(inputs: int, width: int, depth: int, length: int, cut: int, domain: str) -> int:
    """The least product by going through the tree: no flow, no graph, no logarithm."""
    sides = tuple(step > cut for step in range(1, length + 1))

    def least(leaves: tuple[bool, ...]) -> int:
        @cache
        def best(layer: int, step: int, side: bool) -> int:
            own = 1 if step == 1 else min(best(layer, step - 1, side), width * best(layer, step - 1, not side))
            if layer > 1:
                below = min(best(layer - 1, step, side), width * best(layer - 1, step, not side))
            else:
                below = 1 if leaves[step - 1] == side else min(inputs, width)
            return own * below

        return min(best(depth, length, side) for side in (False, True))

    if domain == "functional":
        return least(sides)
    # The tensor that joins the copies of an input may be on either side of its own leg.
    choices = itertools.product((False, True), repeat=length)
    return min(inputs ** sum(map(bool.__ne__, chosen, sides)) * least(chosen) for chosen in choices)


@pytest.mark.slow
@pytest.mark.parametrize("domain", ["functional", "tokens"])
def test_minimal_cuts_are_minimal(domain: str) -> None:
    sizes = itertools.product((1, 2, 3, 4, 9), (1, 2, 3, 7), (1, 2, 3), (2, 3, 5))
    for inputs, width, depth, length in sizes:
        for cut in range(1, length):
            found = minimal_cut(RAC(inputs, width, depth), length, cut, domain=domain)
            assert found.value == cheapest_product(inputs, width, depth, length, cut, domain), found
            assert found.value == math.prod(bond.dimension for bond in found.bonds)


@pytest.mark.slow
@pytest.mark.parametrize(("depth", "length"), [(1, 30), (2, 12), (3, 9)])
def test_minimal_cuts_of_larger_networks(depth: int, length: int) -> None:
    for inputs, width, cut in itertools.product((2, 5), (3, 4, 130), (1, length // 2, length - 2)):
        found = minimal_cut(RAC(inputs, width, depth), length, cut)
        assert found.value == cheapest_product(inputs, width, depth, length, cut, "functional")


@pytest.mark.parametrize("domain", ["functional", "tokens"])
def test_a_cut_separates_start_from_end(domain: str) -> None:
    """Without its bonds no path leads from a token of the start to one of the end."""
    from seprank.tensornet.cut import _joined_copies

    for inputs, width, depth, length, cut in [(2, 3, 2, 6, 3), (4, 3, 3, 5, 2), (2, 9, 3, 5, 3), (3, 2, 1, 6, 3)]:
        found = minimal_cut(RAC(inputs, width, depth), length, cut, domain=domain)
        tree = unroll(found.sizes)
        bonds = [b for b in (tree.bonds if domain == "functional" else _joined_copies(tree)) if b not in found.bonds]
        reached = {node for bond in bonds for node in bond.ends if node.kind == "token" and node.time <= cut}
        assert len(set(found.bonds)) == len(found.bonds)
        while more := {n for bond in bonds if reached & {*bond.ends} for n in bond.ends} - reached:
            reached |= more
        assert not {node for node in reached if node.kind == "token" and node.time > cut}


def test_products_are_compared_exactly() -> None:
    """In floating point the three logarithms are one number."""
    large = 10**30
    assert math.log(large) == math.log(large + 1) == math.log(large - 1)
    nodes = [Node("token", 0, 1, 0), Node("a", 1, 1, 0), Node("b", 1, 2, 0), Node("token", 0, 2, 0)]
    for order in itertools.permutations((large, large - 1, large + 1)):
        bonds = [Bond(f"{d}", d, pair) for d, pair in zip(order, itertools.pairwise(nodes), strict=True)]
        found = cheapest(bonds, set(), limit=large + 1, cut=1)
        assert [bond.dimension for bond in found] == [large - 1]
    # 2^84 is 0.2 % less than 3^53: one bond against many.
    for single, expected in ((2**84, 2**84), (2**85, 3**53)):
        middle = [Bond(f"m{n}", 3, (nodes[1], Node("c", 1, n, 0))) for n in range(53)]
        middle += [Bond(f"n{n}", 3**60, (Node("c", 1, n, 0), nodes[3])) for n in range(53)]
        found = cheapest([Bond("s", single, (nodes[0], nodes[1])), *middle], set(), limit=2**85, cut=1)
        assert math.prod(bond.dimension for bond in found) == expected


def test_of_equal_products_the_fewest_bonds_are_cut() -> None:
    found = minimal_cut(RAC(4, 64, 1), 6)
    assert (found.value, len(found.bonds)) == (64, 1)
    assert set(found.bonds) == set(state_bonds(unroll(found.sizes)))


def cells() -> list[dict[str, Any]]:
    """Sizes whose ranks are certified in a moment."""
    names = ("inputs", "width", "depth", "length", "domain")
    every = itertools.product((2, 3), (2, 3), (1, 2, 3), (2, 3, 4, 6), ("functional", "tokens"))
    listed = [dict(zip(names, values, strict=True)) for values in every]
    return [cell for cell in listed if sr.upper_bound(**cell).value <= 90]


def test_there_are_fifty_cells() -> None:
    assert len(cells()) >= 50
    assert {(cell["depth"], cell["domain"]) for cell in cells()} == {
        *itertools.product((1, 2, 3), ("functional", "tokens"))
    }


@pytest.mark.slow
@pytest.mark.parametrize("cell", cells(), ids=lambda cell: "-".join(map(str, cell.values())))
def test_certified_ranks_are_at_most_the_minimal_cut(cell: dict[str, Any]) -> None:
    inputs, width, depth, length, domain = cell.values()
    module = RAC(inputs, width, depth)
    found = minimal_cut(module, length, domain=domain)
    rank = sr.certify(module, length=length, domain=domain, progress=False).rank
    assert rank <= found.value <= found.copies
    end = length - length // 2
    copies = [math.comb(end + j - 1, j) for j in range(depth)]
    assert [count.copies for count in found.layers] == copies
    assert found.copies == width ** sum(copies) == known(cell, "copies", found.copies)
    assert found.copies >= found.state_bound == known(cell, "state", found.state_bound) >= rank
    if depth == 1:
        assert found.value == min(width, inputs ** (length // 2)) == rank


def known(cell: dict[str, Any], name: str, otherwise: int) -> int:
    """The bound of that name in `theory`, where it is listed."""
    return next((bound.value for bound in sr.bounds(**cell) if bound.name == name), otherwise)


def test_both_counts_are_shown_side_by_side() -> None:
    shown = str(minimal_cut(RAC(4, 3, 2), 6)).splitlines()
    assert "minimal cut          3^4 = 81   4 bonds" in shown[1]
    assert [line.split()[:6] for line in shown[3:5]] == [
        ["layer", "2,", "1", "copy", "3", "3"],
        ["layer", "1,", "3", "copies", "27", "10"],
    ]
    assert shown[5].split()[:3] == ["together", "81", "30"]
    cheaper = minimal_cut(RAC(2, 3, 2), 6)
    assert (cheaper.value, cheaper.copies, cheaper.state_bound) == (54, 81, 30)
    assert "2 · 3^3 = 54   3 bonds and 1 leg" in str(cheaper)


# Refusals


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: mps(RAC(2, 3, 2), 4), ValueError, "needs a RAC of one layer, got 2"),
        (lambda: network(RAC(2, 3, normalize=True), 4), ValueError, "normalize=True"),
        (lambda: network(RAC(2, 3), 1), ValueError, "length must be at least 2 to be cut, got 1"),
        (lambda: network(RAC(2, 3), 4, cut=4), ValueError, "cut must be between 1 and length - 1 = 3, got 4"),
        (lambda: network(RAC(2, 3), 4, readout=[1, 2]), ValueError, r"readout must have shape \(width,\) = \(3,\)"),
        (lambda: network(RAC(2, 3), 4, readout="random"), ValueError, "readout must be an array of numbers, got str"),
        (lambda: network(RAC(2, 3), 4, readout=[1, 0.5, 1], exact=True), ValueError, "readout must be whole numbers"),
        (lambda: network(rac(2, 3, 1, 0), 4, exact=True), ValueError, "weight_ih_l0 must be whole numbers"),
        (lambda: network(RAC(2, 3), 4).contract(np.eye(2)), ValueError, r"\(length, inputs\) = \(4, 2\), got \(2, 2\)"),
        (lambda: minimal_cut(RAC(2, 3), 4, domain="words"), ValueError, "domain must be one of functional, tokens"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


WRONG_TYPES = """
import torch, seprank as sr
for call in (
    lambda: sr.tensornet.network(torch.nn.LSTM(2, 3), 4),
    lambda: sr.tensornet.minimal_cut(sr.RAC(2, 3), 4.5),
):
    try:
        call()
    except TypeError as error:
        print(error)
"""


@pytest.mark.slow
def test_wrong_types_are_refused_without_a_type_checker() -> None:
    done = subprocess.run([sys.executable, "-c", WRONG_TYPES], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.splitlines() == [
        "a tensor network is made of a seprank.RAC, got LSTM; build one of its sizes",
        "length must be a whole number, got 4.5; use 4 or 5",
    ]


@pytest.mark.parametrize("package", ["quimb", "cotengra"])
def test_without_the_extra_it_is_said_what_to_install(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    says = rf"contracting tensor networks needs {package}: pip install 'seprank\[draw\]'"
    with pytest.raises(ImportError, match=says):
        network(RAC(2, 2), 4)


def test_a_package_that_is_broken_is_not_called_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise ModuleNotFoundError("No module named 'numba'", name="numba")

    monkeypatch.setattr(extras, "import_module", fail)
    with pytest.raises(ModuleNotFoundError, match="numba"):
        extras.need("quimb.tensor", "draw", "drawing")


def test_a_slow_import_is_announced_once(capsys: pytest.CaptureFixture[str]) -> None:
    with libraries.said_if_slow(libraries.COMPILING, patience=0.01):
        time.sleep(0.5)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "quimb" in said[0]
    assert "compiles" in said[0]
    assert "15 to 45 s" in said[0]
    with libraries.said_if_slow(libraries.COMPILING, patience=30):
        pass
    assert capsys.readouterr().err == ""


def test_tensornet_is_imported_without_its_extra() -> None:
    program = (
        "import sys, seprank as sr; sr.tensornet.draw\n"
        "print({'quimb', 'cotengra', 'matplotlib', 'networkx', 'torch'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "set()"


def test_public_functions_document_arguments_and_an_example() -> None:
    for name in ("draw", "minimal_cut", "mps", "network"):
        text = getattr(tensornet, name).__doc__
        assert "Args:" in text
        assert "Raises:" in text
        assert ">>>" in text
