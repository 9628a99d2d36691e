"""The registry of models. Reading it imports no torch; building one does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any

from ..question import check_network, meant
from .base.alterations import find_alteration

if TYPE_CHECKING:
    from torch import nn


_SIZES = {"inputs": "input_size", "width": "hidden_size", "depth": "num_layers"}
"""What torch calls the sizes, as arguments of constructors and as attributes"""


@dataclass(frozen=True)
class ModelSpec:
    """An architecture that can be built from `inputs`, `width` and `depth`."""

    name: str
    """What the command line and stored records call it"""
    summary: str
    """One line: what it computes"""
    year: int
    source: str
    """Paper it is from"""
    target: str
    """module:class, relative to this package"""
    count_parameters: Callable[..., int]
    """Entries of all parameters, from sizes and options, without making anything of that size"""
    family: str | None = None
    """The family of bounds in `theory` that holds for it, if any"""
    polynomial: bool = True
    """Whether it can be certified; other models are trained and measured"""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Settings that training adds: what keeps its values in range over hundreds of steps"""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the constructor, unless they are set"""
    options: tuple[str, ...] = ()
    """Whole numbers and switches of the constructor that, with the sizes, determine the function of the class"""
    recurrent: bool = True
    """Whether it has a state; without one it returns a tensor, and is a function of whole sequences"""

    def load(self) -> type[nn.Module]:
        module, name = self.target.split(":")
        cls: type[nn.Module] = getattr(import_module(module, __package__), name)
        return cls

    def draw(self, seed: int, *, inputs: int, width: int, depth: int, **extra: Any) -> nn.Module:
        """A new module whose weights follow from the seed alone, the same in every command."""
        from ..system.seeds import seeded

        with seeded(seed):
            return self.build(inputs=inputs, width=width, depth=depth, **extra)

    def build(self, *, inputs: int, width: int, depth: int, **extra: Any) -> nn.Module:
        """A new module; further settings are passed to the constructor."""
        inputs, width, depth = check_network(inputs=inputs, width=width, depth=depth)
        return self.load()(**self.arguments(inputs=inputs, width=width, depth=depth), **{**self.defaults, **extra})

    def arguments(self, **sizes: int) -> dict[str, int]:
        """Sizes by the names that constructors give them."""
        return {_SIZES[name]: size for name, size in sizes.items()}

    def settings(self, module: nn.Module) -> dict[str, int]:
        """The sizes of a module of this class, and those of its options that differ from their defaults."""
        sizes = {name: getattr(module, theirs) for name, theirs in _SIZES.items()}
        defaults = self.option_defaults()
        return sizes | {name: value for name in defaults if (value := getattr(module, name)) != defaults[name]}

    def count(self, inputs: int, width: int, depth: int, **extra: Any) -> int:
        """Entries of all parameters of the module that `build` makes with these arguments."""
        takes = signature(self.count_parameters).parameters
        counted = {name: value for name, value in extra.items() if name in takes}
        return self.count_parameters(inputs, width, depth, **counted)

    def option_defaults(self) -> dict[str, int]:
        parameters = signature(self.load()).parameters if self.options else {}
        return {name: parameters[name].default for name in self.options}


def _features(m: int, r: int, depth: int) -> int:
    """Inputs of all layers together."""
    return m + (depth - 1) * r


def _torch_like(m: int, r: int, depth: int, *, gates: int) -> int:
    """Weights and biases of torch's RNN, GRU or LSTM."""
    return gates * r * (_features(m, r, depth) + depth * (r + 2))


def _of_torch(name: str, summary: str, year: int, source: str, *, gates: int) -> ModelSpec:
    return ModelSpec(
        name=name,
        summary=f"torch.nn.{name.upper()}: {summary}",
        year=year,
        source=source,
        target=f"torch.nn:{name.upper()}",
        count_parameters=partial(_torch_like, gates=gates),
        polynomial=False,
        defaults={"batch_first": True},
    )


def _attention(m: int, r: int, depth: int, *, feed_forward: int = False, **_: int) -> int:
    """An embedding; per layer queries, keys, values and outputs, and three more matrices for products."""
    return r * m + depth * (7 if feed_forward else 4) * r * r


def _cp_rnn(m: int, r: int, depth: int, *, rank: int | None = None) -> int:
    """Maps from inputs and state to the products, as many as the rank, and from these to the state."""
    products = r if rank is None else rank
    return products * _features(m, r, depth) + depth * (2 * r * products + r)


def _mlstm(m: int, r: int, depth: int, *, nonlinearity: str = "identity") -> int:
    """Four maps and two gates, the initial matrix and, with exponential gates, their normaliser."""
    kept = r * r + (r + 1 if nonlinearity == "exp" else 0)
    return (4 * r + 2) * (_features(m, r, depth) + depth) + depth * kept


def _gated_delta_net(m: int, r: int, depth: int, *, nonlinearity: str = "identity") -> int:
    """Four maps and two gates, the initial matrix, the projection and, with squashing, a rate."""
    return (4 * r + 2) * _features(m, r, depth) + depth * (2 * r * r + 2 + (nonlinearity != "identity"))


_SQUASHED = {"nonlinearity": "tanh"}
_GATED = {"nonlinearity": "sigmoid"}

MODELS = {
    spec.name: spec
    for spec in (
        ModelSpec(
            name="rac",
            summary="Recurrent Arithmetic Circuit: h' = (W_H h) * (W_I x), element by element",
            year=2017,
            source="Levine, Sharir, Ziv, Shashua, arXiv:1710.09431",
            target=".rac:RAC",
            count_parameters=lambda m, r, depth: r * m + (2 * depth - 1) * r * r + depth * r,
            family="rac",
            training={"normalize": True},
        ),
        ModelSpec(
            name="elman",
            summary="Elman's network, additive: h' = W_H h + W_I x + b",
            year=1990,
            source="Elman, doi:10.1207/s15516709cog1402_1",
            target=".elman:Elman",
            count_parameters=lambda m, r, depth: _torch_like(m, r, depth, gates=1) + depth * r,
            family="additive",
            training=_SQUASHED,
        ),
        ModelSpec(
            name="mi_rnn",
            summary="Multiplicative Integration: h' = α * W_H h * W_I x + β₁ * W_H h + β₂ * W_I x + b",
            year=2016,
            source="Wu, Zhang, Zhang, Bengio, Salakhutdinov, arXiv:1606.06630",
            target=".mi_rnn:MIRNN",
            count_parameters=lambda m, r, depth: r * _features(m, r, depth) + depth * (r * r + 5 * r),
            training=_SQUASHED,
        ),
        ModelSpec(
            name="second_order",
            summary="Second-order network: h'_i = sum over j, k of A_ijk h_j x_k",
            year=1992,
            source="Giles et al., doi:10.1162/neco.1992.4.3.393; linear: Rabusseau, Li, Precup, arXiv:1807.01406",
            target=".second_order:SecondOrder",
            count_parameters=lambda m, r, depth: r * r * _features(m, r, depth) + depth * r,
        ),
        ModelSpec(
            name="cp_rnn",
            summary="Second-order network with a tensor of CP rank R: h' = C (U h * V x)",
            year=2024,
            source="Lizaire, Rizvi-Martel, Gamal Abdel Hameed, Rabusseau, arXiv:2406.05045",
            target=".cp_rnn:CPRNN",
            count_parameters=_cp_rnn,
        ),
        ModelSpec(
            name="arithmetic_lstm",
            summary="LSTM without squashing: c' = f * c + i * g, h' = o * c', gates affine in x and h",
            year=1997,
            source="after Hochreiter, Schmidhuber, doi:10.1162/neco.1997.9.8.1735",
            target=".arithmetic_lstm:ArithmeticLSTM",
            count_parameters=lambda m, r, depth: _torch_like(m, r, depth, gates=4) + 2 * depth * r,
            training=_SQUASHED,
        ),
        ModelSpec(
            name="arithmetic_gru",
            summary="GRU without squashing: h' = (1 - z) * n + z * h, gates affine in x and h",
            year=2014,
            source="after Cho et al., arXiv:1406.1078",
            target=".arithmetic_gru:ArithmeticGRU",
            count_parameters=lambda m, r, depth: _torch_like(m, r, depth, gates=3) + depth * r,
            training=_SQUASHED,
        ),
        ModelSpec(
            name="linear_attention",
            summary="Linear attention: S' = S + v kᵀ, y = S' q",
            year=2020,
            source="Katharopoulos, Vyas, Pappas, Fleuret, arXiv:2006.16236",
            target=".linear_attention:LinearAttention",
            count_parameters=lambda m, r, depth: 3 * r * _features(m, r, depth) + depth * r * r,
        ),
        ModelSpec(
            name="delta_rule",
            summary="Delta rule: S' = S + β (v - S k) kᵀ, y = S' q, β affine in x",
            year=2021,
            source="Schlag, Irie, Schmidhuber, arXiv:2102.11174",
            target=".delta_rule:DeltaRule",
            count_parameters=lambda m, r, depth: (3 * r + 1) * _features(m, r, depth) + depth * (r * r + 1),
        ),
        ModelSpec(
            name="diagonal_ssm",
            summary="Diagonal state-space model, time-invariant: h' = a * h + B x, y = C h'",
            year=2022,
            source="Gupta, Gu, Berant, arXiv:2203.14343",
            target=".diagonal_ssm:DiagonalSSM",
            count_parameters=lambda m, r, depth: r * _features(m, r, depth) + depth * (r * r + 2 * r),
            family="additive",
        ),
        ModelSpec(
            name="selective_ssm",
            summary="Selective state-space model: h' = (W_a x + b_a) * h + W_b x + b_b, y = C h'",
            year=2023,
            source="after Gu, Dao, arXiv:2312.00752",
            target=".selective_ssm:SelectiveSSM",
            count_parameters=lambda m, r, depth: 2 * r * _features(m, r, depth) + depth * (r * r + 3 * r),
        ),
        ModelSpec(
            name="min_gru",
            summary="Minimal GRU: h' = (1 - z) * h + z * (W_n x + b_n), z affine in x",
            year=2024,
            source="Feng, Tung, Ahmed, Bengio, Hajimirsadeghi, arXiv:2410.01201",
            target=".min_gru:MinGRU",
            count_parameters=lambda m, r, depth: 2 * r * _features(m, r, depth) + 3 * r * depth,
            training=_GATED,
        ),
        ModelSpec(
            name="min_lstm",
            summary="Minimal LSTM: h' = f * h + i * (W_n x + b_n), f and i affine in x",
            year=2024,
            source="Feng, Tung, Ahmed, Bengio, Hajimirsadeghi, arXiv:2410.01201",
            target=".min_lstm:MinLSTM",
            count_parameters=lambda m, r, depth: 3 * r * _features(m, r, depth) + 4 * r * depth,
            training={**_GATED, "normalize": True},
        ),
        ModelSpec(
            name="mlstm",
            summary="mLSTM of the xLSTM: C' = f C + i v kᵀ, y = o * C' q, f, i and o affine in x",
            year=2024,
            source="Beck et al., arXiv:2405.04517",
            target=".mlstm:MLSTM",
            count_parameters=_mlstm,
            training={"nonlinearity": "exp"},
        ),
        ModelSpec(
            name="gla",
            summary="Gated linear attention: S' = S diag(α) + v kᵀ, y = W_o (r * S' q), α and r affine in x",
            year=2023,
            source="Yang, Wang, Shen, Panda, Kim, arXiv:2312.06635",
            target=".gla:GLA",
            count_parameters=lambda m, r, depth: 5 * r * _features(m, r, depth) + depth * 2 * (r * r + r),
            training=_GATED,
        ),
        ModelSpec(
            name="gated_delta_net",
            summary="Gated DeltaNet: S' = α S (1 - β k kᵀ) + β v kᵀ, y = W_o (r * S' q), α and β affine in x",
            year=2024,
            source="Yang, Kautz, Hatamizadeh, arXiv:2412.06464",
            target=".gated_delta_net:GatedDeltaNet",
            count_parameters=_gated_delta_net,
            training=_GATED,
        ),
        ModelSpec(
            name="hgrn",
            summary="Hierarchically gated: h' = λ * exp(iθ) * h + (1 - λ) * c, y = W_o (g * h'), all gates affine in x",
            year=2023,
            source="Qin, Yang, Zhong, arXiv:2311.04823",
            target=".hgrn:HGRN",
            count_parameters=lambda m, r, depth: 5 * r * _features(m, r, depth) + depth * 2 * r * (r + 5),
            training=_GATED,
        ),
        ModelSpec(
            name="lru",
            summary="Linear Recurrent Unit: h' = λ * h + γ * B x, y = Re(C h') + D x, complex h, time-invariant",
            year=2023,
            source="Orvieto et al., arXiv:2303.06349",
            target=".lru:LRU",
            count_parameters=lambda m, r, depth: 3 * r * _features(m, r, depth) + depth * (2 * r * r + 5 * r),
            family="additive",
            training={"exponential": True},
        ),
        ModelSpec(
            name="attention",
            summary="Self-attention without softmax: y^i = sum over heads and positions j of O V x^j <Q x^i, K x^j>",
            year=2020,
            source="Levine, Wies, Sharir, Bata, Shashua, arXiv:2006.12467",
            target=".attention:Attention",
            count_parameters=_attention,
            family="attention",
            options=("num_heads", "feed_forward", "causal"),
            recurrent=False,
        ),
        ModelSpec(
            name="s6",
            summary="S6, of Mamba: h' = exp(Δ A) * h + (exp(Δ A) - 1) / A * B x, y = C h' + D x, Δ, B, C of x",
            year=2023,
            source="Gu, Dao, arXiv:2312.00752",
            target=".s6:S6",
            count_parameters=lambda m, r, depth, *, state_size=16: (
                r * (_features(m, r, depth) + depth * (4 * state_size + 3))
            ),
            polynomial=False,
            options=("state_size",),
        ),
        ModelSpec(
            name="orthogonal",
            summary="Orthogonal recurrent matrix, modReLU: h' = σ(Q h + W_I x), stands in for unitary networks",
            year=2016,
            source="Arjovsky, Shah, Bengio, arXiv:1511.06464; Lezcano-Casado, Martínez-Rubio, arXiv:1901.08428",
            target=".orthogonal:OrthogonalRNN",
            count_parameters=lambda m, r, depth: r * _features(m, r, depth) + depth * (r * r + 2 * r),
            polynomial=False,
        ),
        _of_torch("rnn", "h' = tanh(W_H h + W_I x + b)", 1990, "Elman, doi:10.1207/s15516709cog1402_1", gates=1),
        _of_torch("gru", "gated recurrent unit", 2014, "Cho et al., arXiv:1406.1078", gates=3),
        _of_torch(
            "lstm",
            "long short-term memory",
            1997,
            "Hochreiter, Schmidhuber, doi:10.1162/neco.1997.9.8.1735",
            gates=4,
        ),
    )
}
"""Every registered model"""


def find_model(name: str) -> ModelSpec:
    """The entry of that name.

    Raises:
        ValueError: there is no entry of that name; the message suggests the nearest.
    """
    if name in MODELS:
        return MODELS[name]
    hint = meant(name, MODELS, f"the models are: {', '.join(MODELS)};")
    raise ValueError(f"unknown model {name!r}; {hint} A module of your own is given as file.py:factory")


def spec_of(module: nn.Module) -> ModelSpec | None:
    """The registry entry that a module was built from; its weights may be any.

    None if its class has no entry (a subclass has none), or if the module differs from what its sizes make it: pruned,
    parametrized, hooked, with an overridden method, with other parts or settings.
    """
    spec = next((spec for spec in MODELS.values() if type(module) is spec.load()), None)
    if spec is None:
        return None
    import torch

    with torch.random.fork_rng(devices=[]):
        twin = spec.build(**spec.settings(module))
    return spec if find_alteration(module, twin) is None else None


__all__ = ["MODELS", "ModelSpec", "find_model", "spec_of"]
