"""Self-attention over whole sequences: against its definition, torch's own, and the counts of theory by brute force."""

from __future__ import annotations

import io
import itertools
import math
import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import oracles
from oracles import Integers, balanced, rank_mod, whole_numbers
from seprank import MODELS, Certificate, CertificateError, NotPolynomial, certify, measure, verify
from seprank.certification.certificate import digest
from seprank.degrees import degree_bounds
from seprank.field import DEFAULT_PRIME, PrimeField
from seprank.models import spec_of
from seprank.models.attention import Attention
from seprank.theory import attention_bounds, multichoose
from seprank.theory.attention_bounds import _checked
from seprank.theory.partitions import count_gram, count_read, dimension, partitions

P, OTHER = DEFAULT_PRIME, 2**31 - 1
M, R, BATCH, STEPS = 3, 4, 5, 4
OPTIONS: list[dict[str, Any]] = [
    {},
    {"num_heads": 2},
    {"num_heads": 4, "causal": True},
    {"feed_forward": True},
    {"num_heads": 2, "feed_forward": True, "causal": True},
]
every_option = pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o) or "plain")

pytestmark = pytest.mark.usefixtures("one_thread")


def build(depth: int = 2, seed: int = 0, **options: Any) -> Attention:
    module = Attention(M, R, depth, dtype=torch.float64, **options)
    rng = np.random.default_rng(seed)
    for parameter in module.parameters():
        parameter.data = torch.from_numpy(rng.standard_normal(tuple(parameter.shape)) * 0.5)
    return module


def sequences(seed: int = 1) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((BATCH, STEPS, M)))


def integers_of(module: Attention) -> tuple[list[dict[str, Integers]], Integers]:
    """The parameters of each layer, and the embedding, as Python integers."""
    named = {name: whole_numbers(p.detach().numpy()) for name, p in module.named_parameters()}
    layers = [
        {match[1]: values for name, values in named.items() if (match := re.fullmatch(rf"(\w+)_l{layer}", name))}
        for layer in range(module.num_layers)
    ]
    return layers, named["weight_in"]


# The layers


@every_option
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("arithmetic", ["float64", "int64"])
def test_the_field_is_python_integers(options: dict[str, Any], depth: int, arithmetic: str) -> None:
    module, rng = build(depth, **options), np.random.default_rng(depth)

    def draw(shape: tuple[int, ...]) -> Tensor:
        return torch.from_numpy(rng.integers(-(P // 2), P // 2 + 1, shape)).double()

    for parameter in module.parameters():
        parameter.data = draw(tuple(parameter.shape))
    x = draw((2, STEPS, M))
    with PrimeField(P, arithmetic=arithmetic):
        found = module(x)
    layers, embedding = integers_of(module)
    assert sum(map(len, layers)) + 1 == len(list(module.parameters()))
    for number in range(2):
        heads, causal = module.num_heads, module.causal
        expected = oracles.attention(layers, embedding, whole_numbers(x[number].numpy()), heads, causal)
        modulo = np.vectorize(lambda value: balanced(value, P), otypes=[object])(expected)
        assert found[number].tolist() == modulo.tolist()


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("heads", [1, 2, 4])
def test_softmax_is_that_of_torch(heads: int, causal: bool) -> None:
    module, x = build(1, num_heads=heads, causal=causal, nonlinearity="softmax"), sequences()
    weights = dict(module.named_parameters())
    theirs = torch.nn.MultiheadAttention(R, heads, bias=False, batch_first=True, dtype=torch.float64)
    theirs.in_proj_weight.data = torch.cat([weights[f"weight_{name}_l0"] for name in "qkv"]).detach()
    theirs.out_proj.weight.data = weights["weight_out_l0"].detach()
    embedded = F.linear(x, module.weight_in)
    mask = torch.ones(STEPS, STEPS, dtype=torch.bool).triu(1) if causal else None
    expected, _ = theirs(embedded, embedded, embedded, attn_mask=mask, need_weights=False)
    torch.testing.assert_close(module(x), expected, rtol=1e-12, atol=1e-12)
    if not causal:
        with pytest.raises(NotPolynomial):
            certify(module, length=4, progress=False)
    assert measure(module, length=4, starts=16, ends=16, progress=False).effective_rank > 1


@every_option
def test_the_order_of_positions(options: dict[str, Any]) -> None:
    module, x, order = build(**options), sequences(), torch.tensor([2, 0, 3, 1])
    same = torch.allclose(module(x[:, order]), module(x)[:, order], rtol=1e-10)
    assert same is not module.causal
    if module.causal:
        torch.testing.assert_close(module(x)[:, :2], module(x[:, :2]), rtol=1e-12, atol=1e-12)


@every_option
def test_contract(options: dict[str, Any]) -> None:
    module, x = build(**options), sequences()
    other = Attention(M, R, 2, batch_first=False, dtype=torch.float64, **options)
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    output = module(x)
    assert output.shape == (BATCH, STEPS, R)
    assert torch.equal(other(x.transpose(0, 1)).transpose(0, 1), output)
    for either in (module, other):
        torch.testing.assert_close(either(x[2]), output[2], rtol=1e-12, atol=1e-12)
    output.sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())
    names = [name for name, _ in module.named_parameters()]

    def function(x: Tensor, *weights: Tensor) -> Any:
        return torch.func.functional_call(module, dict(zip(names, weights, strict=True)), (x,))

    values = [x[:2, :3].requires_grad_(), *(p.detach().clone().requires_grad_() for p in module.parameters())]
    assert torch.autograd.gradcheck(function, values, fast_mode=True)


@every_option
@pytest.mark.parametrize("sizes", [(1, 4, 1), (3, 4, 1), (2, 8, 3)])
def test_registry(options: dict[str, Any], sizes: tuple[int, int, int]) -> None:
    inputs, width, depth = sizes
    spec = MODELS["attention"]
    module = spec.build(inputs=inputs, width=width, depth=depth, **options)
    assert spec.count_parameters(*sizes, **options) == sum(p.numel() for p in module.parameters())
    assert spec.settings(module) == {"inputs": inputs, "width": width, "depth": depth, **options}
    assert spec_of(module) is spec
    assert all(f"{name}={value}" in repr(module) for name, value in options.items())


def test_what_does_not_fit_is_refused() -> None:
    for name in ("input_size", "hidden_size", "num_layers", "num_heads"):
        with pytest.raises(ValueError, match="must be at least 1, got 0"):
            Attention(**{"input_size": 2, "hidden_size": 2, name: 0})
    with pytest.raises(ValueError, match="num_heads must divide hidden_size, got 2 for 3"):
        Attention(3, 3, num_heads=2)
    with pytest.raises(ValueError, match="nonlinearity must be"):
        Attention(3, 3, nonlinearity="tanh")
    for wrong in (sequences()[..., :-1], sequences()[0, 0], sequences()[None]):
        with pytest.raises(ValueError, match=r"input must be \(batch, time, input_size\) or .* with input_size 3"):
            build()(wrong)
    with pytest.raises(ValueError, match="at least one time step"):
        build()(sequences()[:, :0])


# Ranks

ANCHORS = [
    # m = R, heads, depth, length: rank modulo 2^31 - 1, by another program
    (2, 1, 1, 4, 3),
    (3, 1, 1, 4, 4),
    (4, 2, 1, 4, 5),
    (2, 1, 2, 2, 15),
    (2, 1, 2, 4, 18),
    (2, 1, 2, 6, 18),
    (2, 2, 2, 4, 17),
    (3, 1, 2, 4, 49),
    (3, 1, 2, 6, 49),
]


def oracle_rank(module: Attention, length: int, starts: list[int], samples: int, prime: int = OTHER) -> int:
    """The rank of a Start-End matrix that is evaluated in Python integers, modulo a prime."""
    rng = np.random.default_rng(0)
    draw = np.vectorize(lambda _: int(rng.integers(prime)), otypes=[object])
    for parameter in module.parameters():
        parameter.data = torch.from_numpy(rng.integers(0, 2**20, tuple(parameter.shape))).double()
    layers, embedding = integers_of(module)
    ends = sorted({*range(length)} - {*starts})
    halves = [draw(np.zeros((samples, len(side), module.input_size))) for side in (starts, ends)]
    weights = [int(value) for value in rng.integers(1, 1000, module.hidden_size)]
    matrix = []
    for start, end in itertools.product(*halves):
        whole = np.empty((length, module.input_size), dtype=object)
        whole[starts], whole[ends] = start, end
        matrix.append(int(oracles.attention(layers, embedding, whole, module.num_heads, module.causal)[-1] @ weights))
    rows = [[value % prime for value in matrix[i * samples : (i + 1) * samples]] for i in range(samples)]
    return rank_mod(rows, prime)


@pytest.mark.parametrize(("width", "heads", "depth", "length", "expected"), ANCHORS)
def test_anchors(width: int, heads: int, depth: int, length: int, expected: int) -> None:
    module = Attention(width, width, depth, num_heads=heads)
    found = certify(module, length=length, progress=False)
    assert (found.rank, found.exact, found.saturated) == (expected, True, True)
    assert verify(found, progress=False)


@pytest.mark.parametrize(("width", "heads", "depth", "length", "expected"), ANCHORS[:6])
def test_anchors_in_python_integers(width: int, heads: int, depth: int, length: int, expected: int) -> None:
    module = Attention(width, width, depth, num_heads=heads)
    assert oracle_rank(module, length, list(range(length // 2)), expected + 2) == expected


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"num_heads": 2}, {"feed_forward": True, "num_heads": 2}])
def test_only_the_sizes_of_the_sides_matter(options: dict[str, Any]) -> None:
    found = {}
    for split in ([0, 1], [0, 2], [1, 3], [0], [0, 1, 2], [3]):
        depth = 1 if "feed_forward" in options else 2
        one = certify(Attention(2, 2, depth, **options), length=4, split=split, progress=False)
        sides = len(split) if 3 in split else 4 - len(split)  # positions on the reading side
        found.setdefault(sides, set()).add((one.rank, one.upper_bound))
    assert all(len(ranks) == 1 for ranks in found.values()), found


@pytest.mark.slow
def test_an_interleaved_split_of_causal_layers_is_another_function() -> None:
    module = Attention(2, 2, 2, causal=True)
    ranks = [certify(module, length=4, split=s, progress=False).rank for s in ([0, 1], [0, 2], [1, 3])]
    assert ranks == [
        oracle_rank(module, 4, s, rank + 2) for s, rank in zip(([0, 1], [0, 2], [1, 3]), ranks, strict=True)
    ]
    assert len(set(ranks)) > 1


@pytest.mark.parametrize("options", [{"num_heads": 2}, {"feed_forward": True}, {"causal": True}])
def test_options_belong_to_the_certificate(options: dict[str, Any]) -> None:
    found = certify(Attention(2, 2, 1, **options), length=4, progress=False)
    assert found.model.settings == {"inputs": 2, "width": 2, "depth": 1, **options}
    assert verify(found, progress=False)
    name = next(iter(options))
    plain = {"inputs": 2, "width": 2, "depth": 1}
    for settings in (plain, {**plain, name: 1}, {**plain, name: False}, {**plain, name: "x"}, {**plain, "more": 1}):
        body = found.to_dict()
        body["model"] = body["model"] | {"settings": settings}
        if name == "feed_forward" or settings != plain:
            with pytest.raises(CertificateError):
                verify(Certificate.from_dict(body | {"digest": digest(body)}), progress=False)


# The bounds


@pytest.mark.parametrize("variables", [1, 2, 3, 4])
def test_dimensions_add_up_as_cauchy_says(variables: int) -> None:
    for vectors, degree in itertools.product((1, 2, 3), range(7)):
        shapes = partitions(degree, min(variables, vectors))
        total = sum(dimension(shape, variables) * dimension(shape, vectors) for shape in shapes)
        assert total == multichoose(variables * vectors, degree)


@pytest.mark.parametrize(("variables", "vectors"), [(1, 1), (2, 1), (2, 2), (3, 1), (3, 2), (3, 4), (4, 2)])
def test_polynomials_in_gram_sums_by_brute_force(variables: int, vectors: int) -> None:
    """Monomials in the entries of the sum, evaluated at random vectors: as many are independent as the count says."""
    rng = np.random.default_rng(variables + 10 * vectors)
    for degree in range(4 if variables < 4 else 3):
        for read in (False, True):
            expected = (count_read if read else count_gram)(variables, vectors, degree)
            rows = []
            for _ in range(expected + 3):
                points = [[int(x) for x in rng.integers(1, OTHER, variables)] for _ in range(vectors)]
                gram = [sum(p[i] * p[j] for p in points) % OTHER for i in range(variables) for j in range(i, variables)]
                chosen = itertools.combinations_with_replacement(gram, degree)
                row = [math.prod(factors) % OTHER for factors in chosen]
                rows.append([x * value % OTHER for x in points[0] for value in row] if read else row)
            assert rank_mod(rows, OTHER) == expected


@pytest.mark.parametrize(
    ("inputs", "width", "heads"),
    [(1, 2, 2), (2, 2, 1), (2, 2, 2), (3, 3, 3), (3, 4, 2), (4, 4, 2), (4, 6, 2), (4, 4, 4), (5, 6, 2), (5, 9, 3)],
)
def test_what_heads_see_by_brute_force(inputs: int, width: int, heads: int) -> None:
    rng = np.random.default_rng(width)
    units, m = width // heads, min(inputs, width)
    rows = []
    for _ in range(heads):
        values, keys = ([[int(x) for x in rng.integers(0, OTHER, m)] for _ in range(units)] for _ in range(2))
        for v, k in itertools.product(values, keys):
            form = [(v[i] * k[j] + (v[j] * k[i] if i != j else 0)) % OTHER for i in range(m) for j in range(i, m)]
            rows.append(form)
    cell = _checked(None, heads, inputs=inputs, width=width, depth=2, length=4)
    assert rank_mod(rows, OTHER) == cell.seen


CELLS = [
    # inputs, width, heads, depth, positions on the other and on the reading side
    *((m, r, 1, 2, o, n) for m, r in ((1, 3), (2, 2), (3, 2)) for o, n in ((1, 1), (1, 2), (2, 1), (3, 3))),
    (2, 4, 2, 2, 2, 2),
    (2, 4, 4, 2, 2, 2),
    (3, 3, 3, 2, 2, 2),
    (3, 3, 1, 2, 1, 1),
    (3, 4, 4, 2, 2, 1),
    (3, 4, 2, 2, 1, 3),
    (1, 2, 1, 3, 1, 2),
    (1, 2, 2, 3, 2, 2),
]


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_two_layers_meet_the_count_by_moments(cell: tuple[int, ...]) -> None:
    inputs, width, heads, depth, other, reading = cell
    found = certify(Attention(inputs, width, depth, num_heads=heads), length=other + reading, cut=other, progress=False)
    assert found.exact
    assert [bound.value for bound in found.bounds if bound.kind == "lower"] == [(3**depth + 1) // 2]
    if inputs == 1:
        assert found.rank == (3**depth + 1) // 2


GAPS = [
    # One position on a side: here the rank is below the count, also in Python integers
    ((3, 3, 1, 2, 2, 1), 39, 41),
    ((2, 2, 1, 3, 1, 2), 137, 140),
]


@pytest.mark.slow
@pytest.mark.parametrize(("cell", "rank", "upper"), GAPS)
def test_where_the_count_is_not_met(cell: tuple[int, ...], rank: int, upper: int) -> None:
    inputs, width, heads, depth, other, reading = cell
    for seed in (0, 1):
        module = Attention(inputs, width, depth, num_heads=heads)
        found = certify(module, length=other + reading, cut=other, seed=seed, progress=False)
        assert (found.rank, found.upper_bound, found.exact, found.saturated) == (rank, upper, False, True)


@pytest.mark.slow
def test_a_gap_in_python_integers() -> None:
    assert oracle_rank(Attention(3, 3, 2), 3, [0, 1], 42) == 39


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "rank"), [((2, 2, 1, 3, 2, 2), 232), ((2, 2, 2, 3, 2, 2), 215), ((4, 4, 2, 2, 2, 2), 107)]
)
def test_larger_cells_meet_the_count(cell: tuple[int, ...], rank: int) -> None:
    inputs, width, heads, depth, other, reading = cell
    found = certify(Attention(inputs, width, depth, num_heads=heads), length=other + reading, cut=other, progress=False)
    assert (found.rank, found.exact) == (rank, True)
    assert verify(found, progress=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "rank"),
    [
        ((1, 1, 1, 1, 2, 2), 3),
        ((2, 2, 1, 1, 1, 1), 7),
        ((2, 2, 2, 1, 2, 2), 6),
        ((3, 3, 1, 1, 2, 2), 13),
        ((3, 3, 3, 1, 2, 2), 10),
        ((4, 4, 2, 1, 2, 2), 19),
        ((1, 1, 1, 2, 2, 2), 39),
        ((1, 2, 2, 2, 1, 2), 17),
        ((2, 2, 1, 2, 1, 1), 177),
    ],
)
def test_products_meet_the_count_by_moments(cell: tuple[int, ...], rank: int) -> None:
    inputs, width, heads, depth, other, reading = cell
    module = Attention(inputs, width, depth, num_heads=heads, feed_forward=True)
    found = certify(module, length=other + reading, cut=other, progress=False)
    assert (found.rank, found.exact) == (rank, True)


@pytest.mark.slow
def test_tokens_stay_below_their_bounds() -> None:
    for inputs, depth, length in ((1, 1, 2), (2, 1, 4), (2, 2, 4), (3, 2, 4)):
        for split in (None, [length - 1]):
            module = Attention(inputs, 2, depth)
            found = certify(module, length=length, split=split, domain="tokens", progress=False)
            assert found.upper_bound is not None
            assert 1 <= found.rank <= found.upper_bound
            assert {bound.name for bound in found.bounds} >= {"multisets"}
    assert certify(Attention(2, 2, 1), length=2, domain="tokens", progress=False).exact


@pytest.mark.parametrize("readout", ["all", 0])
def test_other_readouts(readout: str | int) -> None:
    found = certify(Attention(2, 2, 1), length=4, readout=readout, progress=False)
    assert found.rank <= (found.upper_bound or 0) == (6 if readout == "all" else 3)


@pytest.mark.parametrize("depth", [2, 3])
def test_moments_are_far_below_what_degrees_alone_say(depth: int) -> None:
    by_degree = degree_bounds(Attention(2, 2, depth), length=4)
    assert (
        min(bound.value for bound in by_degree)
        > 5 * attention_bounds(inputs=2, width=2, depth=depth, length=4)[1].value
    )


@pytest.mark.parametrize("depth", [3, 6, 7, 12, 50])
@pytest.mark.parametrize("feed_forward", [False, True])
def test_deep_networks_are_bounded_quickly_or_not_at_all(depth: int, feed_forward: bool) -> None:
    sizes: dict[str, Any] = {"inputs": 4, "width": 8, "depth": depth, "length": 6, "num_heads": 4}
    found = attention_bounds(**sizes, feed_forward=feed_forward)
    values = [bound.value for bound in found if bound.kind == "upper"]
    assert values == sorted(values)
    assert bool(values) == (depth <= 3 if feed_forward else depth <= 12)


def test_causal_layers_have_no_statement_beyond_the_first() -> None:
    sizes: dict[str, Any] = {"inputs": 2, "width": 2, "length": 4, "causal": True}
    assert [bound.value for bound in attention_bounds(**sizes, depth=1)] == [3]
    assert attention_bounds(**sizes, depth=2) == []
    found = certify(Attention(2, 2, 2, causal=True), length=4, progress=False)
    assert all(bound.name.startswith("degrees: ") for bound in found.bounds)
