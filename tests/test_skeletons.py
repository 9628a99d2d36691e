"""Networks that are no polynomials as they are: squashed ones, functions of parameters, rational ones, splits."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from seprank import Certificate, CertificateError, NotPolynomial, PrimeField, certify, verify
from seprank.certification.certificate import digest
from seprank.field.fused_attention import FUSED
from seprank.models import MODELS


def edited(certificate: Any, place: str, name: str, value: Any) -> Any:
    body = json.loads(json.dumps(certificate.to_dict()))
    (body[place] if place else body)[name] = value
    return Certificate.from_dict(body | {"digest": digest(body)})


@pytest.mark.parametrize(("name", "twin"), [("lstm", "arithmetic_lstm"), ("gru", "arithmetic_gru"), ("rnn", "elman")])
def test_torch_without_squashing_has_the_rank_of_the_arithmetic_form(name: str, twin: str) -> None:
    module, own = (MODELS[n].build(inputs=2, width=2, depth=1) for n in (name, twin))
    found = certify(module, squash="identity", length=4, progress=False)
    assert found.rank == certify(own, length=4, progress=False).rank
    assert "tanh" in found.model.replaced
    assert all(bound.name.startswith("degrees") for bound in found.bounds)
    assert verify(found, progress=False)
    for changed in ({}, {"tanh": ["LSTM"], "relu": ["x"]}):
        with pytest.raises(CertificateError):
            verify(edited(found, "model", "replaced", changed), progress=False)
    with pytest.raises(NotPolynomial, match="squash='identity'"):
        certify(module, length=4, progress=False)


class Decay(nn.Module):
    """h' = d (A h) * (B x), d a function of a parameter"""

    def __init__(self, decay: Callable[[Tensor], Tensor], also: bool = False) -> None:
        super().__init__()
        self.input_size, self.decay, self.also = 2, decay, also
        self.a, self.b, self.p = nn.Linear(2, 2), nn.Linear(2, 2), nn.Parameter(torch.rand(2))

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        h = x.new_ones(len(x), 2) if h is None else h
        d = self.decay(self.p)
        for t in x.unbind(1):
            h = d * self.a(h) * self.b(t) + (self.p if self.also else 0)
        return h, h


@pytest.mark.parametrize(
    "decay",
    [
        lambda p: torch.exp(-torch.exp(p)),
        torch.sigmoid,
        lambda p: 1 - torch.tensor(2.0).pow(-5 - torch.arange(2.0)),
        lambda p: torch.cos(torch.arange(2.0)),
    ],
)
def test_functions_of_parameters_and_constants_are_numbers(decay: Callable[[Tensor], Tensor]) -> None:
    module = Decay(decay)
    found = certify(module, length=4, progress=False)
    assert found.rank == 3
    assert found.model.functions or found.model.constants
    assert verify(found, module, progress=False)


class Kept(Decay):
    """d = f(k) p with a tensor k that keeps its values"""

    def __init__(self, function: Callable[[Tensor], Tensor], how: str) -> None:
        super().__init__(lambda p: function(self.k) * p)
        kept = torch.tensor([0.3, 0.3], dtype=torch.float64)
        if how == "buffer":
            self.register_buffer("k", kept)
        else:
            self.k = nn.Parameter(kept, requires_grad=False) if how == "frozen" else kept
        self.function = function

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        self.decay = lambda p: self.function(self.k) * p
        return super().forward(x, h)


FUNCTIONS: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {
    "exp": (torch.exp, math.exp(0.3)),
    "log": (torch.log, math.log(0.3)),
    "several": (lambda t: torch.exp(-t.cos().rsqrt()), math.exp(-1 / math.sqrt(math.cos(0.3)))),
}


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("exp", "buffer"),
        *(
            pytest.param(name, how, marks=pytest.mark.slow)
            for name in FUNCTIONS
            for how in ("buffer", "frozen", "plain")
            if (name, how) != ("exp", "buffer")
        ),
    ],
)
def test_a_function_of_a_number_that_is_kept_is_that_function_of_the_number(name: str, how: str) -> None:
    function, by_hand = FUNCTIONS[name]
    settings: dict[str, Any] = {"length": 3, "samples": 5, "progress": False}
    found = certify(Kept(function, how), **settings)
    value = float(function(torch.tensor(0.3, dtype=torch.float64)))
    assert value == pytest.approx(by_hand)
    expected = certify(Decay(lambda p: value * p), **settings)
    assert (found.rank, found.minor, found.bounds) == (3, expected.minor, expected.bounds)


def test_a_parameter_that_is_used_otherwise_too_is_refused() -> None:
    with pytest.raises(NotPolynomial, match="uses p as"):
        certify(Decay(torch.exp, also=True), length=4, progress=False)
    with pytest.raises(NotPolynomial, match="constant on an interval"):
        certify(Decay(torch.relu), length=4, progress=False)


@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm"])
def test_parametrizations(name: str) -> None:
    module = Decay(lambda p: p)
    getattr(nn.utils.parametrizations, name)(module.a)
    assert certify(module, length=4, progress=False).rank == 3


def test_orthogonal_is_refused() -> None:
    module = Decay(lambda p: p)
    nn.utils.parametrizations.orthogonal(module.a)
    with pytest.raises(NotPolynomial, match="orthogonal matrices are not all matrices"):
        certify(module, length=4, progress=False)


class Normalised(nn.Module):
    """Linear attention with its normaliser"""

    def __init__(self) -> None:
        super().__init__()
        self.input_size = 2
        self.q, self.k, self.v = (nn.Linear(2, 2, bias=False) for _ in "qkv")

    def forward(self, x: Tensor, state: Any = None) -> Any:
        s, z = state if state is not None else (x.new_zeros(len(x), 2, 2), x.new_zeros(len(x), 2))
        for t in x.unbind(1):
            q, k, v = self.q(t), self.k(t), self.v(t)
            s, z = s + v[:, :, None] * k[:, None], z + k
            y = (s @ q[:, :, None])[:, :, 0] / (z * q).sum(1, keepdim=True)
        return y, (s, z)


@pytest.mark.parametrize("length", [2, 4, 6])
def test_normalised_linear_attention_has_full_rank(length: int) -> None:
    module = Normalised()
    found = certify(module, length=length, samples=24, progress=False)
    assert (found.rank, found.bounds, found.saturated) == (24, [], False)
    assert found.model.divisions == ["div in Normalised"]
    assert verify(found, module, progress=False)
    with pytest.raises(CertificateError):
        verify(edited(found, "model", "divisions", ["div in x"]), module, progress=False)


def test_a_divisor_that_is_zero_leaves_the_sample_out() -> None:
    module = Normalised()
    found = certify(module, length=4, samples=24, prime=1009, progress=False)
    assert found.left_out_ends
    assert found.rank <= 24 - len(found.left_out_ends)
    assert verify(found, module, progress=False)
    with pytest.raises(CertificateError):
        verify(replace(found, left_out_ends=[(0, 23)]), module, progress=False)


class Attention(nn.Module):
    """Softmax-free self-attention, one head"""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.input_size = size
        self.q, self.k, self.v = (nn.Linear(size, size, bias=False) for _ in "qkv")

    def forward(self, x: Tensor) -> Tensor:
        return (self.q(x) @ self.k(x).mT) @ self.v(x)


@pytest.mark.parametrize("split", [None, [0, 2], [1, 3], [0]])
@pytest.mark.parametrize("size", [2, 3])
def test_one_layer_of_attention_has_one_more_than_its_width(size: int, split: list[int] | None) -> None:
    module = Attention(size)
    found = certify(module, length=4, split=split, progress=False)
    assert found.rank == size + 1
    assert verify(found, module, progress=False)
    if split == [0, 2]:
        with pytest.raises(CertificateError):
            verify(edited(found, "question", "split", [0, 3]), module, progress=False)


class Linear(nn.Module):
    """A stack of linear recurrences with a skip connection"""

    def __init__(self) -> None:
        super().__init__()
        self.input_size = 2
        self.layers = nn.ModuleList(nn.RNN(2, 2, batch_first=True) for _ in range(3))

    def forward(self, x: Tensor, state: Any = None) -> Any:
        after = []
        for number, layer in enumerate(self.layers):
            y, h = layer(x, None if state is None else state[number])
            x, after = x + y, [*after, h]
        return x, after


@pytest.mark.parametrize("readout", ["random", 0])
def test_additive_stacks_are_exact_at_two(readout: Any) -> None:
    found = certify(Linear(), squash="identity", length=6, readout=readout, progress=False)
    assert (found.rank, found.exact) == (2, True)


@pytest.mark.parametrize(("kind", "rank"), [("LSTM", 79), ("GRU", 53), ("RNN", 2)])
def test_torch_itself_without_squashing(kind: str, rank: int) -> None:
    module = getattr(nn, kind)(2, 3, batch_first=True)
    assert certify(module, squash="identity", length=4, progress=False).rank == rank


SEE = torch.ones(3, 3).tril()
UNSEEN = SEE == 0
HIDDEN = torch.zeros(3, 3).masked_fill(UNSEEN, -torch.inf)
ATTEND: dict[str, tuple[Callable[..., Tensor], Tensor]] = {
    "fused": (lambda q, k, v: F.scaled_dot_product_attention(q, k, v), torch.ones(3, 3)),
    "fused, causal": (lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), SEE),
    "fused, seen": (lambda q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=~UNSEEN), SEE),
    "fused, hidden": (lambda q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=HIDDEN), SEE),
    "filled": (lambda q, k, v: (q @ k.mT / 2).masked_fill(UNSEEN, -torch.inf).softmax(-1) @ v, SEE),
    "added": (lambda q, k, v: (q @ k.mT / 2 + HIDDEN).softmax(-1) @ v, SEE),
}


@pytest.mark.parametrize("name", ATTEND)
def test_attention_without_softmax_is_scores_times_values(name: str) -> None:
    attend, see = ATTEND[name]
    numbers, prime = torch.Generator().manual_seed(1), 8388593
    q, k, v = (torch.randint(-9, 9, (2, 1, 3, 4), generator=numbers).double() for _ in "qkv")
    with PrimeField(prime, squash="identity"):
        found = attend(q, k, v)
    # Twice the result is an integer, small enough for float64.
    twice = (q @ k.mT * see) @ v
    assert torch.equal((2 * found - twice) % prime, torch.zeros_like(twice))


@pytest.mark.parametrize("fused", sorted(FUSED, key=str), ids=str)
def test_every_fused_attention_is_scores_times_values(fused: Any) -> None:
    takes = {argument.name for argument in fused._schema.arguments}
    numbers, prime = torch.Generator().manual_seed(2), 8388593
    q, k, v = (torch.randint(-9, 9, (2, 2, 3, 4), generator=numbers).double() for _ in "qkv")
    mask = takes & {"attn_mask", "attn_bias"}
    needed = {"compute_log_sumexp": False} if "compute_log_sumexp" in takes else {}
    empty = {"attn_bias": None} if needed else {}
    for how, see, scale in [
        ({**empty, "is_causal": True}, SEE, 2),
        ({**empty, "scale": 0.25}, torch.ones(3, 3), 4),
        *(({name: HIDDEN}, SEE, 2) for name in mask),
    ]:
        with PrimeField(prime, squash="identity") as field:
            found = fused(q, k, v, **how, **needed)[0]
        assert torch.equal((scale * found - (q @ k.mT * see) @ v) % prime, torch.zeros_like(q))
        assert [*field.notes.replaced] == ["softmax"]
    with PrimeField(prime), pytest.raises(NotPolynomial, match=r"`_softmax` in .* squash='identity'"):
        fused(q, k, v, **empty, **needed)


def test_attention_by_its_parts_and_with_shared_heads() -> None:
    numbers, prime = torch.Generator().manual_seed(3), 8388593
    q, k, v = (torch.randint(-9, 9, (2, heads, 3, 4), generator=numbers).double() for heads in (4, 2, 2))
    with sdpa_kernel(SDPBackend.MATH), PrimeField(prime, squash="identity"):
        found = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    k, v = (t[:, [0, 0, 1, 1]] for t in (k, v))
    assert torch.equal((2 * found - (q @ k.mT * SEE) @ v) % prime, torch.zeros_like(q))


@pytest.mark.parametrize("name", [name for name in ATTEND if name not in ("fused", "fused, seen")])
def test_a_causal_softmax_that_stays_is_refused_with_the_remedy(name: str) -> None:
    class Attending(nn.Module):
        input_size = 4

        def forward(self, x: Tensor) -> Tensor:
            return ATTEND[name][0](x, x, x)

    with pytest.raises(NotPolynomial, match=r"in Attending is not polynomial: .*squash='identity'"):
        certify(Attending(), length=3, progress=False)


def test_dropout_of_attention_is_refused() -> None:
    value = torch.ones(2, 1, 3, 4, dtype=torch.float64)
    with PrimeField(8388593, squash="identity"), pytest.raises(NotPolynomial, match="evaluation mode"):
        F.scaled_dot_product_attention(value, value, value, dropout_p=0.5)


class Heads(nn.Module):
    """torch's attention, which is fused"""

    def __init__(self) -> None:
        super().__init__()
        self.input_size = 4
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x, need_weights=False)[0]


@pytest.mark.slow
def test_multi_head_attention_is_certified_and_verified() -> None:
    module = Heads()
    found = certify(module, squash="identity", length=4, progress=False)
    assert [*found.model.replaced] == ["softmax"]
    assert verify(found, module, progress=False)
