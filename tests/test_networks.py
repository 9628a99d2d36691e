"""Networks as they are published, without a wrapper: skeletons, rational norms, causal encoders; on workers, too."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from oracles import rank_mod
from seprank import PrimeField, certify, degree_bounds, measure, remember, startend, verify
from seprank.certification import footprint
from seprank.degrees import total_degrees
from seprank.startend.workers import connect
from test_awkward_models import drawn

pytestmark = pytest.mark.usefixtures("one_thread")
P = 2**31 - 1
Integers = Any


class Tokens(nn.Module):
    """Gates and activations over an embedding of token ids"""

    def __init__(self, letters: int, width: int) -> None:
        super().__init__()
        self.input_size, self.width = letters, width
        self.embed, self.gate, self.into = (
            nn.Embedding(letters, width),
            nn.Linear(width, width),
            nn.Linear(width, width),
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, ids: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        h = self.embed.weight.new_ones(len(ids), self.width) if h is None else h
        for step in self.embed(ids).unbind(1):
            h = torch.sigmoid(self.gate(step)) * self.norm(h) + torch.tanh(self.into(step))
        return h, h


def rank_of_words(letters: int, width: int, length: int, cut: int) -> int:
    """The rank of the skeleton of `Tokens` over all words, in Python integers."""
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> Integers:
        return rng.integers(1, P, shape).astype(object)

    table, (gate, into) = draw(letters, width), draw(2, width, width)
    gate_bias, into_bias, scale, shift, read = draw(5, width)

    def output(word: tuple[int, ...]) -> int:
        h = np.ones(width, dtype=object)
        for letter in word:
            x = table[letter]
            h = ((gate @ x + gate_bias) * (scale * h + shift) + into @ x + into_bias) % P
        return int(read @ h) % P

    starts, ends = (list(itertools.product(range(letters), repeat=n)) for n in (cut, length - cut))
    return rank_mod([[output(s + e) for e in ends] for s in starts], P)


@pytest.mark.slow
@pytest.mark.parametrize(("letters", "width", "cut"), [(2, 3, 2), (3, 2, 2), (2, 4, 1)])
def test_token_ids_without_squashing(letters: int, width: int, cut: int) -> None:
    module = Tokens(letters, width)
    settings: dict[str, Any] = {"domain": "tokens", "templates": "ids", "squash": "identity", "progress": False}
    found = certify(module, length=4, cut=cut, **settings)
    assert found.rank == rank_of_words(letters, width, 4, cut)
    assert sorted(found.model.replaced) == ["native_layer_norm", "sigmoid", "tanh"]
    assert all(bound.value >= found.rank for bound in found.bounds)
    assert verify(found, module, progress=False)


class Rational(nn.Module):
    """h' = (A h) * (B norm(x)) + C x"""

    def __init__(self, norm: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.input_size, self.norm = 3, norm
        self.a, self.b, self.c = (nn.Linear(3, 3, bias=False) for _ in "abc")

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        h = x.new_ones(len(x), 3) if h is None else h
        for step in x.unbind(1):
            h = self.a(h) * self.b(self.norm(step)) + self.c(step)
        return h, h


def mean_square(x: Integers, p: int) -> Integers:
    return x * inverse((x @ x) * inverse(len(x), p), p)


def layer(x: Integers, p: int) -> Integers:
    return mean_square(x - x.sum() * inverse(len(x), p), p)


def one_more(x: Integers, p: int) -> Integers:
    return x * inverse(1 + x @ x, p)


def inverse(number: int, p: int) -> int:
    return pow(int(number) % p, -1, p)


def centred(x: Tensor) -> Tensor:
    return x - x.mean(-1, keepdim=True)


NORMS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Integers, int], Integers]]] = {
    "mean square": (lambda x: x / x.pow(2).mean(-1, keepdim=True), mean_square),
    "layer": (lambda x: centred(x) / (centred(x) ** 2).mean(-1, keepdim=True), layer),
    "one more": (lambda x: x * (1 + x.square().sum(-1, keepdim=True)).reciprocal(), one_more),
}


@pytest.mark.parametrize("prime", [8388593, 10007])
@pytest.mark.parametrize("name", NORMS)
def test_norms_with_division_are_those_of_python_integers(name: str, prime: int) -> None:
    norm, by_hand = NORMS[name]
    rows = np.array([[3, -7, 2], [2, 11, 5], [5, 1, 0]], dtype=object)
    with PrimeField(prime):
        found = norm(torch.tensor(rows.astype(float)))
    expected = [[int(v) % prime for v in by_hand(row, prime)] for row in rows]
    assert [[int(v) % prime for v in row] for row in found.tolist()] == expected


def rank_behind_a_norm(by_hand: Callable[[Integers, int], Integers], samples: int) -> int:
    """The rank of `Rational`, length 4 and cut 2, in Python integers."""
    rng = np.random.default_rng(1)
    weights = [rng.integers(1, P, (3, 3)).astype(object) for _ in range(3)]
    x, read = rng.integers(1, P, (samples, 4, 3)).astype(object), rng.integers(1, P, 3).astype(object)

    def output(sequence: Integers) -> int:
        h = np.ones(3, dtype=object)
        for step in sequence:
            a, b, c = weights
            h = ((a @ h) * (b @ by_hand(step, P)) + c @ step) % P
        return int(read @ h) % P

    return rank_mod([[output(np.concatenate([s[:2], e[2:]])) for e in x] for s in x], P)


@pytest.mark.slow
@pytest.mark.parametrize("name", NORMS)
def test_networks_with_such_norms_have_the_rank_of_python_integers(name: str) -> None:
    norm, by_hand = NORMS[name]
    module = Rational(norm)
    found = certify(module, length=4, samples=7, progress=False)
    assert (found.rank, found.bounds) == (rank_behind_a_norm(by_hand, 7), [])
    assert len(found.model.divisions) == 1
    assert verify(found, module, progress=False)


class Encoder(nn.Module):
    """torch's encoder layer, causal by a mask that it makes itself, or that it is given"""

    def __init__(self, given: bool = False) -> None:
        super().__init__()
        self.input_size, self.given = 4, given
        self.layer = nn.TransformerEncoderLayer(4, 2, 6, batch_first=True)
        with torch.no_grad():
            for seed, parameter in enumerate(self.layer.parameters()):
                parameter.copy_(0.5 * drawn(*parameter.shape, seed=seed))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if not self.given:
            mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1], dtype=x.dtype)
        elif mask is None:
            raise TypeError("mask is missing")
        return self.layer(x, src_mask=mask)  # type: ignore[no-any-return]


class Unsquashed(nn.Module):
    """The skeleton of `Encoder`, written out"""

    def __init__(self) -> None:
        super().__init__()
        self.input_size = 4
        self.layer = nn.TransformerEncoderLayer(4, 2, 6, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        own, length = self.layer, x.shape[1]
        attention = own.self_attn
        both = F.linear(x, attention.in_proj_weight, attention.in_proj_bias).unflatten(-1, (3, 2, 2))
        q, k, v = both.permute(2, 0, 3, 1, 4)
        scores = (q @ k.mT) * torch.ones(length, length).tril() * 2**-0.5
        x = x + attention.out_proj((scores @ v).transpose(1, 2).flatten(2))
        x = x * own.norm1.weight + own.norm1.bias
        x = x + own.linear2(own.linear1(x))
        return x * own.norm2.weight + own.norm2.bias


MASK = nn.Transformer.generate_square_subsequent_mask(5, dtype=torch.float64)
ENCODERS: dict[str, tuple[Callable[[], nn.Module], dict[str, Any]]] = {
    "its own mask": (Encoder, {}),
    "a mask by call=": (lambda: Encoder(given=True), {"call": {"mask": MASK}}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ENCODERS)
def test_a_causal_encoder_is_measured_and_remembered(name: str) -> None:
    make, said = ENCODERS[name]
    starts, ends = drawn(18, 2, 4, seed=5), drawn(17, 3, 4, seed=6)
    found = measure(make(), length=5, starts=starts, ends=ends, progress=False, readout="all", **said)
    module = Encoder().double().eval()
    with torch.no_grad():
        rows = [[module(torch.cat([s, e])[None])[0, -1].numpy() for e in ends] for s in starts]
    expected = np.linalg.svd(np.array(rows).reshape(18, -1), compute_uv=False) / np.sqrt(18 * 17)
    np.testing.assert_allclose(found.singular_values, expected, rtol=1e-9, atol=1e-12)
    curve = remember(make(), length=5, samples=64, readout="all", progress=False, **said)
    plain = remember(lambda x: module(x), length=5, inputs=4, samples=64, readout="all", progress=False)
    assert curve.memory == pytest.approx(plain.memory, rel=1e-9)


@pytest.mark.slow
def test_the_skeleton_of_a_causal_encoder_is_attention_written_out() -> None:
    settings: dict[str, Any] = {"length": 4, "samples": 12, "progress": False}
    found, expected = certify(Encoder(), squash="identity", **settings), certify(Unsquashed(), **settings)
    assert (found.rank, found.bounds) == (expected.rank, expected.bounds)
    assert 1 < found.rank < 12
    assert sorted(found.model.replaced) == ["native_layer_norm", "relu", "softmax"]
    assert found.minor == expected.minor


def test_gated_linear_units_without_squashing_are_products() -> None:
    def build(function: Callable[[Tensor], Tensor]) -> nn.Module:
        class Gated(nn.Module):
            input_size = 2

            def __init__(self) -> None:
                super().__init__()
                self.both, self.out = nn.Linear(2, 6), nn.Linear(3, 3)

            def forward(self, x: Tensor) -> Tensor:
                return function(self.both(x)).cumsum(1) * self.out(function(self.both(x)))

        return Gated()

    found = certify(build(F.glu), length=4, samples=8, squash="identity", progress=False)
    expected = certify(build(lambda x: x[..., :3] * x[..., 3:]), length=4, samples=8, progress=False)
    assert (found.rank, found.minor, found.bounds) == (expected.rank, expected.minor, expected.bounds)
    assert [*found.model.replaced] == ["glu"]


@lru_cache
def fading(steps: int) -> Tensor:
    return torch.exp(-0.3 * torch.arange(steps))[:, None]


class Keeping(nn.Module):
    """Its table of positions is kept outside of it"""

    def __init__(self) -> None:
        super().__init__()
        self.input_size = 2
        self.a, self.b = nn.Linear(2, 3), nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        return (self.a(x) * fading(x.shape[1])).cumsum(1) * self.b(x)


def test_what_is_kept_outside_of_a_module_is_no_residue() -> None:
    fading.cache_clear()
    module, settings = Keeping(), {"length": 11, "samples": 5, "progress": False}
    certify(module, **settings, prime=8388593)  # type: ignore[arg-type]
    assert torch.equal(fading(11), torch.exp(-0.3 * torch.arange(11))[:, None])
    second = certify(module, **settings, prime=1000003)  # type: ignore[arg-type]
    fading.cache_clear()
    assert certify(module, **settings, prime=1000003).minor == second.minor  # type: ignore[arg-type]


class Scaled(nn.Module):
    """What its steps are multiplied by is kept outside of it, for each number of steps that it is called with"""

    def __init__(self) -> None:
        super().__init__()
        self.input_size = 2
        self.a, self.b = nn.Linear(2, 3), nn.Linear(3, 3)

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        h = x.new_ones(len(x), 3) if h is None else h
        for step, factor in zip(x.unbind(1), factors(x.shape[1]), strict=True):
            h = factor * self.a(step) * self.b(h)
        return h, h


KEPT: dict[int, Tensor] = {}


def factors(steps: int) -> Tensor:
    return KEPT.setdefault(steps, torch.full((steps,), 2.5))


@pytest.mark.parametrize("domain", ["functional", "tokens"])
@pytest.mark.parametrize("run", [certify, degree_bounds, total_degrees])
def test_what_is_kept_outside_for_each_length_stays_as_it_was(run: Callable[..., Any], domain: str) -> None:
    settings = {"progress": False, "samples": 4} if run is certify else {}
    KEPT.clear()
    found = run(Scaled(), length=7, cut=3, inputs=2, domain=domain, **settings)
    assert {3, 4, 7} <= KEPT.keys()
    assert all(torch.equal(kept, torch.full((steps,), 2.5)) for steps, kept in KEPT.items()), KEPT
    again = run(Scaled(), length=7, cut=3, inputs=2, domain=domain, **settings)
    assert again == found if run is not certify else again.minor == found.minor


class Whole(nn.Module):
    """Normalised linear attention, a function of whole sequences"""

    def __init__(self, divided: bool) -> None:
        super().__init__()
        self.input_size, self.divided = 2, divided
        self.q, self.k, self.v = (nn.Linear(2, 2, bias=False) for _ in "qkv")

    def forward(self, x: Tensor) -> Tensor:
        scores = self.q(x) @ self.k(x).mT
        return (scores @ self.v(x)) / scores.sum(-1, keepdim=True) if self.divided else scores @ self.v(x)


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with connect(workers=2) as client:
        yield client.get_executor()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "settings"),
    [
        (Whole(divided=True), {}),
        (Whole(divided=True), {"split": [0, 2]}),
        (Whole(divided=True), {"prime": 1009}),
        (Whole(divided=False), {}),
        (Whole(divided=False), {"split": [1, 3]}),
        (Rational(NORMS["mean square"][0]), {"readout": "all"}),
    ],
    ids=["divided", "divided, split", "divided by 0", "whole", "split", "rational, all channels"],
)
def test_on_workers_it_is_the_same(
    executor: Executor, monkeypatch: pytest.MonkeyPatch, module: nn.Module, settings: dict[str, Any]
) -> None:
    monkeypatch.setattr(startend.matrix, "_SENT_PAIRS", 60)
    monkeypatch.setattr(footprint, "_BLOCK", 20)
    settings = {"length": 4, "samples": 16, "progress": False, **settings}
    here, there = certify(module, **settings), certify(module, executor=executor, **settings)
    assert (there.rank, there.minor, there.bounds) == (here.rank, here.minor, here.bounds)
    assert (there.left_out_starts, there.left_out_ends) == (here.left_out_starts, here.left_out_ends)
    assert bool(here.left_out_ends) == ("prime" in settings)
    assert verify(there, module, executor=executor, progress=False)
