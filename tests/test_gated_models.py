"""The models of the registry as they are published: each step from the equations of its paper, sequence by sequence."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from seprank import MODELS, NotPolynomial, certify, verify
from seprank.models import spec_of
from seprank.models.base.squashed import SquashedCell
from seprank.models.lru import LRU
from seprank.models.min_lstm import MinLSTM
from seprank.models.mlstm import MLSTM

pytestmark = pytest.mark.usefixtures("one_thread")
Array = npt.NDArray[np.float64]
Weights = dict[str, Any]
M, R, STEPS = 4, 3, 7


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def silu(x: Array) -> Array:
    return x * sigmoid(x)


def layer_norm(x: Array) -> Array:
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5)


def min_gru(w: Weights, xs: Array, h: Array) -> list[Array]:
    """arXiv:2410.01201, section 3.1.3, "minGRU" """
    outputs = []
    for x in xs:
        z = sigmoid(w["weight_update"] @ x + w["bias_update"])
        h = (1 - z) * h + z * (w["weight_in"] @ x + w["bias_in"])
        outputs.append(h)
    return outputs


def min_lstm(w: Weights, xs: Array, h: Array) -> list[Array]:
    """arXiv:2410.01201, section 3.2.4, "minLSTM" """
    outputs = []
    for x in xs:
        f = sigmoid(w["weight_forget"] @ x + w["bias_forget"])
        i = sigmoid(w["weight_input"] @ x + w["bias_input"])
        h = f / (f + i) * h + i / (f + i) * (w["weight_in"] @ x + w["bias_in"])
        outputs.append(h)
    return outputs


def gla(w: Weights, xs: Array, s: Array) -> list[Array]:
    """arXiv:2312.06635, equation 3 and section 4.4; the paper's S is the transpose"""
    outputs, s = [], s.T
    for x in xs:
        alpha = sigmoid(w["weight_forget"] @ x + w["bias_forget"]) ** (1 / 16)
        s = np.outer(alpha, np.ones(R)) * s + np.outer(w["weight_k"] @ x, w["weight_v"] @ x)
        r = silu(w["weight_gate"] @ x + w["bias_gate"])
        outputs.append(w["weight_out"] @ (r * layer_norm((w["weight_q"] @ x) @ s)))
    return outputs


def mlstm(w: Weights, xs: Array, c: Array, n: Array, m: Array) -> list[Array]:
    """arXiv:2405.04517, equations 19 to 27, without the stabilizer: what is kept is C and n themselves"""
    c, n, outputs = c * np.exp(m), n * np.exp(m), []
    for x in xs:
        q, v = w["weight_q"] @ x + w["bias_q"], w["weight_v"] @ x + w["bias_v"]
        k = w["weight_k"] @ x / np.sqrt(R) + w["bias_k"]
        i = np.exp(w["weight_input"] @ x + w["bias_input"])
        f, o = sigmoid(w["weight_forget"] @ x + w["bias_forget"]), sigmoid(w["weight_out"] @ x + w["bias_out"])
        c, n = f * c + i * np.outer(v, k), f * n + i * k
        outputs.append(o * (c @ q) / max(abs(n @ q), 1))
    return outputs


def gated_delta_net(w: Weights, xs: Array, s: Array) -> list[Array]:
    """arXiv:2412.06464, equation 10, gates as in section 3.4"""
    outputs = []
    for x in xs:
        q, k, v = (silu(w[f"weight_{name}"] @ x) for name in "qkv")
        q, k = q / np.linalg.norm(q), k / np.linalg.norm(k)
        alpha = np.exp(-np.exp(w["log_rate"]) * np.log1p(np.exp(w["weight_forget"] @ x + w["bias_forget"])))
        beta = sigmoid(w["weight_beta"] @ x + w["bias_beta"])
        s = s @ (alpha * (np.eye(R) - beta * np.outer(k, k))) + beta * np.outer(v, k)
        o = s @ q
        outputs.append(w["weight_out"] @ (silu(w["weight_gate"] @ x) * o / np.sqrt((o * o).mean() + 1e-5)))
    return outputs


def hgrn(w: Weights, xs: Array, real: Array, imag: Array) -> list[Array]:
    """arXiv:2311.04823, section 3, in complex numbers; `least` is the lower bound of the layer"""
    h, turn, outputs = real + 1j * imag, np.exp(2j * np.arctan(w["tangent"])), []
    for x in xs:
        c = silu(w["weight_real"] @ x + w["bias_real"]) + 1j * silu(w["weight_imag"] @ x + w["bias_imag"])
        mu = sigmoid(w["weight_forget"] @ x + w["bias_forget"])
        lam = w["least"] + (1 - w["least"]) * mu
        h = lam * turn * h + (1 - lam) * c
        g = sigmoid(w["weight_gate"] @ x + w["bias_gate"])
        outputs.append(w["weight_out"] @ layer_norm(g * np.concatenate([h.real, h.imag])) + w["bias_out"])
    return outputs


def lru(w: Weights, xs: Array, real: Array, imag: Array) -> list[Array]:
    """arXiv:2303.06349, appendix A, in complex numbers"""
    lam, gamma = np.exp(-np.exp(w["nu"]) + 1j * np.exp(w["theta"])), np.exp(w["log_gamma"])
    b, c = (w[f"weight_{name}_real"] + 1j * w[f"weight_{name}_imag"] for name in ("in", "out"))
    h, outputs = real + 1j * imag, []
    for x in xs:
        h = lam * h + gamma * (b @ x)
        outputs.append((c @ h).real + w["weight_skip"] @ x)
    return outputs


PUBLISHED: dict[str, Callable[..., list[Array]]] = {
    "min_gru": min_gru,
    "min_lstm": min_lstm,
    "gla": gla,
    "mlstm": mlstm,
    "gated_delta_net": gated_delta_net,
    "hgrn": hgrn,
    "lru": lru,
}
every_one = pytest.mark.parametrize("name", PUBLISHED)


def built(name: str, depth: int, scale: float = 0.5) -> Any:
    """As it is trained, all parameters drawn anew so that none is as it begins."""
    spec, numbers = MODELS[name], torch.Generator().manual_seed(depth)
    module = spec.build(inputs=M, width=R, depth=depth, dtype=torch.float64, **spec.training)
    for parameter in module.parameters():
        parameter.data = scale * torch.randn(parameter.shape, generator=numbers, dtype=torch.float64)
    return module


def sequence(seed: int = 0, steps: int = STEPS) -> Tensor:
    return torch.randn(steps, M, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_the_paper(name: str, module: Any, xs: Array) -> Array:
    """Outputs of all steps, layer by layer."""
    named = {key: value.detach().numpy() for key, value in module.named_parameters()}
    if name == "hgrn":
        levels = np.array([named[f"level_l{k}"] for k in range(module.num_layers)])
        shares = np.exp(levels) / np.exp(levels).sum(0)
    for layer in range(module.num_layers):
        weights = {match[1]: v for key, v in named.items() if (match := re.fullmatch(rf"(\w+)_l{layer}", key))}
        if name == "hgrn":
            weights["least"] = shares[:layer].sum(0)
        states = [named[f"initial_{state}"][layer] for state in module.state_shapes()]
        xs = np.array(PUBLISHED[name](weights, xs, *states))
    return xs


@every_one
@pytest.mark.parametrize("depth", [1, 3])
def test_what_is_trained_is_the_equations_of_the_paper(name: str, depth: int) -> None:
    module, x = built(name, depth), sequence()
    np.testing.assert_allclose(module(x)[0].detach().numpy(), by_the_paper(name, module, x.numpy()), rtol=1e-10)


def test_every_new_model_with_squashing_has_its_equations_here() -> None:
    squashed = {name for name, spec in MODELS.items() if issubclass(spec.load(), SquashedCell)}
    older = {"elman", "mi_rnn", "arithmetic_lstm", "arithmetic_gru"}  # test_models.py
    assert squashed - older <= PUBLISHED.keys()


@every_one
@pytest.mark.parametrize("sizes", [(1, 1, 1), (4, 3, 3), (2, 5, 2)])
def test_parameters_are_counted_as_trained(name: str, sizes: tuple[int, int, int]) -> None:
    spec = MODELS[name]
    module = spec.build(**dict(zip(("inputs", "width", "depth"), sizes, strict=True)), **spec.training)
    assert spec.count(*sizes, **spec.training) == sum(p.numel() for p in module.parameters())
    assert spec_of(module) is None  # what is known of the polynomial form is not said of this one


# Exponential gates


def test_exponential_gates_do_not_overflow() -> None:
    module, x = built("mlstm", 1), 3000 * sequence(1, 40)
    output, state = module(x)
    assert output.isfinite().all()
    assert all(s.isfinite().all() for s in state)
    with np.errstate(over="ignore", invalid="ignore"):
        assert not np.isfinite(by_the_paper("mlstm", module, x.numpy())).all()


def test_the_scale_of_the_first_state_is_that_of_matrix_and_normalizer() -> None:
    module, x = built("mlstm", 1), sequence()[None]
    matrix, normalizer, scale = module.initial_states(1)
    moved = (matrix * torch.e, normalizer * torch.e, scale - 1)
    torch.testing.assert_close(module(x, moved)[0], module(x)[0], rtol=1e-12, atol=0)


def test_what_can_be_certified_of_exponential_gates() -> None:
    with pytest.raises(NotPolynomial, match="`maximum` in MLSTM"):
        certify(MLSTM(2, 2, nonlinearity="exp"), length=4, squash="identity", progress=False)
    found = certify(MLSTM(2, 2), length=4, progress=False)
    assert verify(found, progress=False)


# Without squashing


@pytest.mark.slow
@pytest.mark.parametrize("name", ["min_gru", "gla", "gated_delta_net", "hgrn"])
def test_the_skeleton_is_the_polynomial_form(name: str) -> None:
    spec = MODELS[name]
    trained = spec.build(inputs=3, width=2, depth=1, **spec.training)
    plain = spec.build(inputs=3, width=2, depth=1)
    skeleton = certify(trained, length=4, squash="identity", progress=False)
    assert skeleton.rank == certify(plain, length=4, progress=False).rank
    assert skeleton.model.replaced


def test_gates_divided_by_their_sum_are_rational_and_keep_the_rank_of_one_layer() -> None:
    module = MinLSTM(3, 3, normalize=True)
    found = certify(module, length=6, samples=12, progress=False)
    assert (found.rank, found.exact, found.bounds) == (4, False, [])
    assert found.model.divisions == ["div in MinLSTM"]
    assert verify(found, module, progress=False)


def test_both_parametrisations_of_the_linear_unit_are_one_function() -> None:
    stable, plain = built("lru", 2), LRU(M, R, 2, dtype=torch.float64)
    values = {name: value for name, value in stable.state_dict().items() if name in plain.state_dict()}
    for number in range(2):
        layer = stable.layer(number)
        values |= {f"{name}_l{number}": layer[name].detach() for name in ("decay_real", "decay_imag", "gamma")}
    plain.load_state_dict(values)
    x = sequence()
    torch.testing.assert_close(plain(x)[0], stable(x)[0], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("exponential", [False, True])
def test_the_linear_unit_begins_on_the_unit_disc(exponential: bool) -> None:
    module = MODELS["lru"].draw(0, inputs=2, width=400, depth=1, exponential=exponential)
    layer = {name: weight.detach() for name, weight in module.layer(0).items()}
    modulus = torch.hypot(layer["decay_real"], layer["decay_imag"])
    assert float(modulus.max()) < 1
    # Uniform on the disc: the square of the modulus is uniform, with mean 1/2 and standard error 0.015.
    assert float((modulus**2).mean()) == pytest.approx(0.5, abs=0.05)
    torch.testing.assert_close(layer["gamma"], (1 - modulus**2).sqrt(), rtol=1e-4, atol=1e-4)


def test_lower_bounds_rise_from_layer_to_layer() -> None:
    module = built("hgrn", 4)
    least = torch.stack([module.layer(number)["least"] for number in range(4)])
    assert torch.equal(least[0], torch.zeros(R, dtype=torch.float64))
    assert bool((least.diff(dim=0) > 0).all())
    assert bool((least < 1).all())
