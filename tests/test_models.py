"""The model zoo: one contract for every registered model, and the ranks that set the architectures apart."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flint
import numpy as np
import pytest
import torch
from torch import Tensor, nn

import oracles
from oracles import Integers, balanced, whole_numbers
from seprank import MODELS, NotPolynomial, certify, verify
from seprank.field import DEFAULT_PRIME, PrimeField
from seprank.models import spec_of
from seprank.models.arithmetic_gru import ArithmeticGRU
from seprank.models.arithmetic_lstm import ArithmeticLSTM
from seprank.models.base.squashed import SquashedCell
from seprank.models.base.stacked import StackedCell
from seprank.models.cp_rnn import CPRNN
from seprank.models.elman import Elman
from seprank.models.mi_rnn import MIRNN
from seprank.models.second_order import SecondOrder

P = DEFAULT_PRIME
M, R, BATCH, STEPS = 4, 3, 5, 6


@dataclass(frozen=True)
class Row:
    """What the contract needs to know of a model."""

    oracle: oracles.Layer
    states: dict[str, tuple[int, ...]]
    """Its states and their shapes for one sequence and one layer, at width R"""
    settings: tuple[dict[str, Any], ...] = ({},)
    """Settings of the constructor besides the sizes under which the contract is checked"""


VECTOR, MATRIX, COMPLEX = {"state": (R,)}, {"state": (R, R)}, {"real": (R,), "imag": (R,)}
CONTRACT = {
    "rac": Row(oracles.rac, VECTOR),
    "elman": Row(oracles.elman, VECTOR),
    "mi_rnn": Row(oracles.mi_rnn, VECTOR),
    "second_order": Row(oracles.second_order, VECTOR),
    "cp_rnn": Row(oracles.cp_rnn, VECTOR, ({}, {"rank": 2}, {"rank": 7})),
    "arithmetic_lstm": Row(oracles.arithmetic_lstm, {"hidden": (R,), "cell": (R,)}),
    "arithmetic_gru": Row(oracles.arithmetic_gru, VECTOR),
    "linear_attention": Row(oracles.linear_attention, MATRIX),
    "delta_rule": Row(oracles.delta_rule, MATRIX),
    "diagonal_ssm": Row(oracles.diagonal_ssm, VECTOR),
    "selective_ssm": Row(oracles.selective_ssm, VECTOR),
    "min_gru": Row(oracles.min_gru, VECTOR),
    "min_lstm": Row(oracles.min_lstm, VECTOR),
    "mlstm": Row(oracles.mlstm, MATRIX),
    "gla": Row(oracles.gla, MATRIX),
    "gated_delta_net": Row(oracles.gated_delta_net, MATRIX),
    "hgrn": Row(oracles.hgrn, COMPLEX),
    "lru": Row(oracles.lru, COMPLEX),
}
SQUASHED = {name: cls.SQUASHING for name in CONTRACT if issubclass(cls := MODELS[name].load(), SquashedCell)}
CASES = [(name, depth, settings) for name, row in CONTRACT.items() for depth in (1, 3) for settings in row.settings]
every_model = pytest.mark.parametrize("name", CONTRACT)
every_case = pytest.mark.parametrize(
    ("name", "depth", "settings"), [pytest.param(*case, id="-".join(map(str, case))) for case in CASES]
)


pytestmark = pytest.mark.usefixtures("one_thread")


def build(name: str, depth: int = 2, draw: Callable[[tuple[int, ...]], Any] | None = None, **settings: Any) -> Any:
    """The model at the sizes of this file in float64, its parameters drawn where that is wanted."""
    module = MODELS[name].build(inputs=M, width=R, depth=depth, dtype=torch.float64, **settings)
    for parameter in module.parameters() if draw else ():
        parameter.data = torch.as_tensor(draw(tuple(parameter.shape)), dtype=torch.float64)
    return module


def normal(seed: int, scale: float = 0.4) -> Callable[[tuple[int, ...]], Any]:
    rng = np.random.default_rng(seed)
    return lambda shape: rng.standard_normal(shape) * scale


def integers(seed: int, most: int = P // 2) -> Callable[[tuple[int, ...]], Any]:
    rng = np.random.default_rng(seed)
    return lambda shape: rng.integers(-most, most + 1, shape)


def tensor(values: Any) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float64)


def leaves(state: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (state,) if isinstance(state, Tensor) else state


def like(state: Any, tensors: list[Tensor]) -> Any:
    """The tensors in the structure of a state."""
    return tensors[0] if isinstance(state, Tensor) else tuple(tensors)


def layers_of(module: nn.Module, depth: int) -> list[dict[str, Integers]]:
    """Parameters by layer as Python integers, without the number of the layer in their names."""
    named = {name: whole_numbers(p.detach().numpy()) for name, p in module.named_parameters()}
    return [
        {match[1]: values for name, values in named.items() if (match := re.fullmatch(rf"(\w+)_l{layer}", name))}
        for layer in range(depth)
    ]


def initial_of(module: nn.Module, names: list[str], depth: int) -> list[list[Integers]]:
    named = dict(module.named_parameters())
    return [[whole_numbers(named[f"initial_{name}"][layer].detach()) for name in names] for layer in range(depth)]


def modulo(values: Any) -> Any:
    return np.vectorize(lambda x: balanced(x, P), otypes=[object])(np.array(values, dtype=object)).tolist()


# The contract


def test_every_model_has_a_row() -> None:
    assert CONTRACT.keys() == {name for name, spec in MODELS.items() if spec.polynomial and spec.recurrent}


@every_case
def test_two_halves_are_the_whole(name: str, depth: int, settings: dict[str, Any]) -> None:
    module, x = build(name, depth, normal(depth), **settings), tensor(normal(0)((BATCH, STEPS, M)))
    whole, end = module(x)
    for cut in (1, 3):
        first, between = module(x[:, :cut])
        second, last = module(x[:, cut:], between)
        torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=1e-12, atol=1e-12)
        for a, b in zip(leaves(last), leaves(end), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@every_model
def test_the_initial_state_is_a_parameter_for_all_sequences(name: str) -> None:
    module, x = build(name, 2, normal(0)), tensor(normal(1)((BATCH, STEPS, M)))
    names = list(CONTRACT[name].states)
    start = [
        getattr(module, f"initial_{state}").unsqueeze(1).expand(-1, BATCH, *[-1] * len(shape))
        for state, shape in CONTRACT[name].states.items()
    ]
    _, state = module(x)
    assert torch.equal(module(x)[0], module(x, like(state, start))[0])
    assert {n for n, _ in module.named_parameters() if n.startswith("initial_")} == {f"initial_{n}" for n in names}
    if isinstance(module, StackedCell):
        for a, b in zip(leaves(module.initial_states(BATCH)), start, strict=True):
            assert torch.equal(a, b)


@every_case
def test_states_have_the_documented_shapes(name: str, depth: int, settings: dict[str, Any]) -> None:
    output, state = build(name, depth, **settings)(torch.ones(BATCH, STEPS, M, dtype=torch.float64))
    shapes = list(CONTRACT[name].states.values())
    assert output.shape == (BATCH, STEPS, R)
    assert isinstance(state, Tensor) == (len(shapes) == 1)
    assert [tuple(s.shape) for s in leaves(state)] == [(depth, BATCH, *shape) for shape in shapes]


@every_model
@pytest.mark.parametrize("given_state", [False, True])
def test_batch_first_and_unbatched(name: str, given_state: bool) -> None:
    module, x = build(name, 2, normal(0)), tensor(normal(1)((BATCH, STEPS, M)))
    other = build(name, 2, batch_first=False)
    other.load_state_dict(module.state_dict())
    start = module(x.flip(1))[1] if given_state else None
    output, state = module(x, start)
    time_first, same = other(x.transpose(0, 1), start)
    assert torch.equal(time_first.transpose(0, 1), output)
    assert all(torch.equal(a, b) for a, b in zip(leaves(same), leaves(state), strict=True))
    for either in (module, other):
        one = None if start is None else like(start, [s[:, 2] for s in leaves(start)])
        single, last = either(x[2], one)
        torch.testing.assert_close(single, output[2])
        for a, b in zip(leaves(last), leaves(state), strict=True):
            torch.testing.assert_close(a, b[:, 2])


@every_model
@pytest.mark.parametrize("trained", [False, True])
def test_gradients(name: str, trained: bool) -> None:
    if trained and name not in SQUASHED and name != "lru":
        return
    module = build(name, 2, **(MODELS[name].training if trained else {}))
    names, draw = [n for n, _ in module.named_parameters()], normal(3)
    _, structure = module(torch.zeros(2, 1, M, dtype=torch.float64))
    states = len(leaves(structure))

    def function(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        weights = dict(zip(names, rest[states:], strict=True))
        state = like(structure, list(rest[:states]))
        output, last = torch.func.functional_call(module, weights, (x, state))
        return output, *leaves(last), torch.func.functional_call(module, weights, (x,))[0]

    shapes = [(2, 2, M), *(s.shape for s in leaves(structure)), *(p.shape for p in module.parameters())]
    assert torch.autograd.gradcheck(function, [tensor(draw(tuple(s))).requires_grad_() for s in shapes], fast_mode=True)


@every_case
def test_gradients_reach_every_parameter(name: str, depth: int, settings: dict[str, Any]) -> None:
    module = build(name, depth, normal(0), **settings)
    module(tensor(normal(1)((BATCH, STEPS, M))))[0].sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())


@every_case
@pytest.mark.parametrize("arithmetic", ["float64", "int64"])
def test_the_field_is_python_integers(name: str, depth: int, settings: dict[str, Any], arithmetic: str) -> None:
    row, draw = CONTRACT[name], integers(depth)
    module, x = build(name, depth, draw, **settings), tensor(draw((2, STEPS, M)))
    with PrimeField(P, arithmetic=arithmetic):
        output, state = module(x)
        again, later = module(x[:, :2], state)
    weights, states = layers_of(module, depth), initial_of(module, list(row.states), depth)
    assert sum(map(len, weights)) + len(row.states) == len(list(module.parameters()))
    for number in range(2):
        steps = list(whole_numbers(x[number]))
        outputs, last = oracles.run_layers(row.oracle, weights, steps, states, P)
        assert output[number].tolist() == modulo(outputs)
        outputs, last_of_all = oracles.run_layers(row.oracle, weights, steps[:2], last, P)
        assert again[number].tolist() == modulo(outputs)
        for result, expected in ((state, last), (later, last_of_all)):
            for place, leaf in enumerate(leaves(result)):
                assert leaf[:, number].tolist() == modulo([layer[place] for layer in expected])


@every_case
def test_save_and_load(name: str, depth: int, settings: dict[str, Any]) -> None:
    first, second = build(name, depth, normal(0), **settings), build(name, depth, normal(1), **settings)
    file, x = io.BytesIO(), tensor(normal(2)((BATCH, STEPS, M)))
    assert not torch.equal(first(x)[0], second(x)[0])
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(first(x)[0], second(x)[0])


@every_model
@pytest.mark.parametrize("sizes", [(1, 1, 1), (4, 3, 1), (4, 3, 3), (2, 5, 4)])
def test_registry(name: str, sizes: tuple[int, int, int]) -> None:
    inputs, width, depth = sizes
    spec = MODELS[name]
    module = spec.build(inputs=inputs, width=width, depth=depth)
    assert spec.count_parameters(*sizes) == sum(p.numel() for p in module.parameters())
    assert spec.settings(module) == {"inputs": inputs, "width": width, "depth": depth}
    assert spec_of(module) is spec
    assert module(torch.ones(2, 3, inputs))[0].shape == (2, 3, width)


@every_model
@pytest.mark.parametrize(("depth", "domain"), [(2, "functional"), pytest.param(1, "tokens", marks=pytest.mark.slow)])
def test_certify_and_verify(name: str, depth: int, domain: str) -> None:
    module = MODELS[name].build(inputs=2, width=2, depth=depth)
    found = certify(module, length=4, domain=domain, samples=24, progress=False)
    assert 2 <= found.rank <= (4 if domain == "tokens" else 24)
    assert verify(found, progress=False)


@every_model
def test_sizes_and_shapes_that_do_not_fit(name: str) -> None:
    for size in ("inputs", "width", "depth"):
        with pytest.raises(ValueError, match="must be at least 1, got 0"):
            MODELS[name].build(**{"inputs": M, "width": R, "depth": 2} | {size: 0})
    module, x = build(name), torch.ones(BATCH, STEPS, M, dtype=torch.float64)
    state = module(x)[1]
    for wrong in (x[..., :-1], x[0, 0], x[None]):
        with pytest.raises(ValueError, match=r"input must be \(batch, time, input_size\) or .* with input_size 4"):
            module(wrong)
    with pytest.raises(ValueError, match="at least one time step"):
        module(x[:, :0])
    with pytest.raises(ValueError, match=r"state must have shape \(2, 4, 3.* for this input, got \(2, 5, 3"):
        module(x[:4], state)
    with pytest.raises(ValueError, match="state must have shape"):
        module(x[0], state)
    with pytest.raises(ValueError, match=r"input must be \(time, batch, input_size\)"):
        build(name, batch_first=False)(x[..., :-1])


@every_model
def test_calling_does_not_change_its_arguments_or_parameters(name: str) -> None:
    module, x = build(name), torch.ones(BATCH, STEPS, M, dtype=torch.float64)
    state = module(x)[1]
    held = [*leaves(state), x, *module.parameters()]
    copies = [t.detach().clone() for t in held]
    module(x, state)
    assert all(torch.equal(a, b) for a, b in zip(held, copies, strict=True))


@every_model
def test_dtype_and_device(name: str) -> None:
    spec = MODELS[name]
    module = spec.build(inputs=M, width=R, depth=2, dtype=torch.float32, device="meta")
    assert {(p.dtype, p.device.type) for p in module.parameters()} == {(torch.float32, "meta")}
    assert module(torch.ones(2, 5, M, device="meta"))[0].shape == (2, 5, R)


@every_model
def test_initial_weights_come_from_the_generator_of_torch_and_stay_in_range(name: str) -> None:
    x = torch.eye(M, dtype=torch.float64)[torch.arange(50) % M].expand(2, -1, -1)
    # Without squashing, a map of degree 3 leaves every range.
    settings = {"nonlinearity": "tanh"} if name in ("arithmetic_lstm", "arithmetic_gru") else {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first = build(name, 2, **settings)
        torch.manual_seed(0)
        again, other = build(name, 2, **settings), build(name, 2, **settings)
    output = first(x)[0]
    assert torch.equal(output, again(x)[0])
    assert not torch.equal(output, other(x)[0])
    assert output.isfinite().all()
    assert 0 < output.abs().max() < 1000


@every_model
def test_representation_names_the_sizes(name: str) -> None:
    assert "(4, 3, num_layers=2, batch_first=True" in repr(build(name))


# Squashed originals


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize(("twin", "original"), [(Elman, nn.RNN), (ArithmeticLSTM, nn.LSTM), (ArithmeticGRU, nn.GRU)])
def test_the_squashed_twin_is_the_module_of_torch(twin: Any, original: Any, depth: int) -> None:
    ours = twin(M, R, depth, nonlinearity="tanh", dtype=torch.float64)
    theirs = original(M, R, depth, batch_first=True, dtype=torch.float64)
    x = tensor(normal(0)((BATCH, STEPS, M)))

    def assert_equal(a: Any, b: Any) -> None:
        for p, q in zip((a[0], *leaves(a[1])), (b[0], *leaves(b[1])), strict=True):
            torch.testing.assert_close(p, q, rtol=1e-13, atol=1e-14)

    with pytest.raises(AssertionError):
        assert_equal(ours(x), theirs(x))
    theirs.load_state_dict(ours.state_dict(), strict=False)
    assert_equal(ours(x), theirs(x, like(ours(x)[1], [s.contiguous() for s in leaves(ours.initial_states(BATCH))])))
    third = original(M, R, depth, batch_first=True, dtype=torch.float64)
    ours.load_state_dict(third.state_dict())
    assert_equal(ours(x), third(x))
    # Its polynomial form takes the same weights.
    plain = twin(M, R, depth, dtype=torch.float64)
    plain.load_state_dict(ours.state_dict())
    assert plain(x)[0].isfinite().all()
    assert not torch.allclose(plain(x)[0], ours(x)[0])


def test_only_initial_states_may_be_missing_when_weights_are_loaded() -> None:
    weights = nn.LSTM(M, R).state_dict()
    del weights["bias_ih_l0"]
    with pytest.raises(RuntimeError, match=r'Missing key.* "bias_ih_l0"\.'):
        ArithmeticLSTM(M, R).load_state_dict(weights)
    with pytest.raises(RuntimeError, match="initial_state"):
        MIRNN(M, R).load_state_dict({})


def test_multiplicative_integration_with_tanh() -> None:
    module, x = build("mi_rnn", 1, normal(0), nonlinearity="tanh"), tensor(normal(1)((BATCH, STEPS, M)))
    p = {name: parameter.detach().numpy() for name, parameter in module.named_parameters()}
    h = np.repeat(p["initial_state"], BATCH, 0)
    for step in x.numpy().transpose(1, 0, 2):
        u, v = step @ p["weight_ih_l0"].T, h @ p["weight_hh_l0"].T
        h = np.tanh(p["alpha_l0"] * u * v + p["beta_1_l0"] * v + p["beta_2_l0"] * u + p["bias_l0"])
    np.testing.assert_allclose(module(x)[1][0].detach().numpy(), h, rtol=1e-12)


@pytest.mark.parametrize("name", SQUASHED)
def test_what_is_squashed_is_not_certified(name: str) -> None:
    squashing = SQUASHED[name]
    with pytest.raises(NotPolynomial, match=r"`(tanh|sigmoid|silu|log_sigmoid_forward|_softmax)` in"):
        certify(build(name, 1, nonlinearity=squashing), length=4, progress=False)
    with pytest.raises(ValueError, match=f"nonlinearity must be one of identity, {squashing}, got 'relu'"):
        build(name, nonlinearity="relu")
    assert f"nonlinearity='{squashing}'" in repr(build(name, nonlinearity=squashing))


# Models that contain others


def test_models_that_contain_the_recurrent_arithmetic_circuit() -> None:
    rac, x = build("rac", 1, normal(0)), tensor(normal(1)((BATCH, STEPS, M)))
    from_input, own = rac.weight_ih_l0, rac.weight_hh_l0
    general = SecondOrder(M, R, dtype=torch.float64)
    factored = CPRNN(M, R, dtype=torch.float64)
    mixed = MIRNN(M, R, dtype=torch.float64)
    values = {"weight_ih_l0": from_input, "weight_hh_l0": own, "initial_state": rac.initial_state}
    zeros = {f"{name}_l0": torch.zeros(R) for name in ("beta_1", "beta_2", "bias")}
    general.load_state_dict({"weight_l0": own[:, :, None] * from_input[:, None], "initial_state": rac.initial_state})
    factored.load_state_dict(values | {"weight_out_l0": torch.eye(R)})
    mixed.load_state_dict(values | zeros | {"alpha_l0": torch.ones(R)})
    for module in (general, factored, mixed):
        torch.testing.assert_close(module(x)[0], rac(x)[0])


def test_second_order_keeps_the_length_of_its_state_on_letters() -> None:
    for module in (SecondOrder(M, R), CPRNN(M, R)):
        output, _ = module(torch.eye(M)[torch.arange(40) % M])
        lengths = output.norm(dim=-1)
        torch.testing.assert_close(lengths, module.initial_state.norm().expand(40), rtol=1e-4, atol=0)


# Ranks: those of the integer oracles are found without torch, and FLINT eliminates.


def oracle_rank(name: str, inputs: int, width: int, depth: int, start: int, end: int, samples: int) -> int:
    """The rank modulo P of random weights and vectors, by the oracle; only the parameters' shapes are the module's."""
    module, draw = MODELS[name].build(inputs=inputs, width=width, depth=depth), integers(depth)
    for parameter in module.parameters():
        parameter.data = tensor(draw(tuple(parameter.shape)))
    row = CONTRACT[name]
    matrix = oracles.start_end(
        row.oracle,
        layers_of(module, depth),
        initial_of(module, list(row.states), depth),
        start=start,
        end=end,
        inputs=inputs,
        p=P,
        samples=(samples, samples),
        seed=1,
    )
    return int(flint.nmod_mat(matrix, P).rank())


def rank(name: str, inputs: int, width: int, depth: int, length: int, **settings: Any) -> int:
    module = MODELS[name].build(inputs=inputs, width=width, depth=depth)
    found = certify(module, length=length, progress=False, **settings)
    assert found.saturated
    return found.rank


SMALL = [("rac", 2, 2, 2, 4), ("mi_rnn", 3, 2, 1, 4), ("mi_rnn", 2, 2, 2, 3), ("second_order", 2, 3, 1, 2),
         ("second_order", 2, 2, 2, 4), ("cp_rnn", 2, 2, 2, 4), ("arithmetic_lstm", 2, 1, 1, 4),
         ("arithmetic_lstm", 3, 3, 1, 2), ("arithmetic_gru", 2, 1, 1, 4), ("arithmetic_gru", 3, 3, 1, 2),
         ("linear_attention", 3, 2, 1, 4), ("linear_attention", 2, 2, 2, 2), ("delta_rule", 2, 3, 1, 4),
         ("diagonal_ssm", 2, 2, 3, 4), ("selective_ssm", 2, 3, 1, 4), ("selective_ssm", 2, 2, 2, 3),
         ("min_gru", 2, 3, 1, 4), ("min_gru", 2, 2, 2, 4), ("min_lstm", 2, 3, 1, 4), ("min_lstm", 2, 2, 2, 3),
         ("mlstm", 3, 3, 1, 4), ("gla", 3, 2, 1, 4), ("gated_delta_net", 3, 2, 1, 4), ("hgrn", 2, 2, 1, 4),
         ("lru", 2, 2, 2, 4)]  # fmt: skip


@pytest.mark.parametrize(("name", "inputs", "width", "depth", "length"), SMALL)
def test_certified_ranks_are_those_of_the_oracles(name: str, inputs: int, width: int, depth: int, length: int) -> None:
    found = rank(name, inputs, width, depth, length)
    assert oracle_rank(name, inputs, width, depth, length // 2, length - length // 2, found + 2) == found


@pytest.mark.parametrize("name", ["elman", "diagonal_ssm", "lru"])
@pytest.mark.parametrize(
    ("inputs", "width", "depth", "length"), [(1, 1, 1, 2), (3, 2, 1, 8), (2, 4, 3, 5), (4, 3, 2, 12)]
)
def test_additive_models_have_rank_two(name: str, inputs: int, width: int, depth: int, length: int) -> None:
    assert rank(name, inputs, width, depth, length) == 2
    assert oracle_rank(name, inputs, width, depth, length // 2, length - length // 2, 4) == 2


def test_elman_meets_its_bound() -> None:
    found = certify(Elman(3, 2, 2), length=6, progress=False)
    assert found.exact
    assert [bound.name for bound in found.bounds] == ["additive"]


GROWING = ["arithmetic_lstm", "arithmetic_gru"]
AFFINE = [name for name in CONTRACT if name not in GROWING]


@pytest.mark.slow
@pytest.mark.parametrize("name", AFFINE)
@pytest.mark.parametrize("width", [1, 2])
def test_one_layer_affine_in_its_state_has_at_most_one_more_than_its_dimension(name: str, width: int) -> None:
    module = MODELS[name].build(inputs=3, width=width, depth=1)
    dimension = sum(leaf[0, 0].numel() for leaf in leaves(module(torch.ones(1, 1, 3))[1]))
    for length, readout in ((3, "all"), (6, "random")):
        assert rank(name, 3, width, 1, length, readout=readout, samples=dimension + 3) <= dimension + 1


@pytest.mark.slow
@pytest.mark.parametrize("name", AFFINE)
def test_one_layer_ranks_do_not_grow_with_length(name: str) -> None:
    """The state's dimension as a read-out sees it, and one more for what the end adds."""
    expected = dict.fromkeys(AFFINE, 4) | dict.fromkeys(("rac", "second_order", "cp_rnn"), 3)
    expected |= dict.fromkeys(("elman", "diagonal_ssm", "lru"), 2)
    # An output gate shows all rows of a matrix state: 3 * 3 + 1; the one of mlstm has a twin, see the bound.
    expected |= {"gla": 10, "gated_delta_net": 10, "mlstm": 9, "hgrn": 7}
    assert [rank(name, 3, 3, 1, length, samples=expected[name] + 4) for length in (4, 10)] == [expected[name]] * 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rac", "second_order"])
@pytest.mark.parametrize(("inputs", "width", "length", "cut"), [(1, 3, 4, 2), (2, 3, 2, 1), (2, 3, 4, 2), (2, 5, 4, 2),
                                                                (2, 3, 4, 1), (2, 5, 6, 2), (3, 4, 5, 4)])  # fmt: skip
def test_one_bilinear_layer_has_the_lesser_of_width_and_input_side(
    name: str, inputs: int, width: int, length: int, cut: int
) -> None:
    expected = min(width, inputs ** min(cut, length - cut))
    assert rank(name, inputs, width, 1, length, cut=cut) == expected
    assert oracle_rank(name, inputs, width, 1, cut, length - cut, expected + 2) == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inputs", "width", "length", "expected"),
    [
        (2, 2, 6, {"rac": 8, "second_order": 8}),
        (3, 3, 8, {"rac": 45, "second_order": 45}),
        # With fewer inputs than units, the matrices diag(W_I e_k) W_H of the circuit are too few.
        (2, 3, 8, {"rac": 42, "second_order": 45}),
    ],
)
def test_two_layers_of_the_circuit_fall_behind_second_order_only_with_few_inputs(
    inputs: int, width: int, length: int, expected: dict[str, int]
) -> None:
    for name, value in expected.items():
        assert rank(name, inputs, width, 2, length, samples=value + 8) == value
        assert oracle_rank(name, inputs, width, 2, length // 2, length // 2, value + 2) == value


GROWTH = [
    # model, inputs, width: rank after 1, 2, 3 steps of the end, by the integer oracle
    ("arithmetic_lstm", 1, 1, [4, 17, 133]),
    ("arithmetic_lstm", 2, 1, [6, 28, 190]),
    ("arithmetic_lstm", 2, 2, [7, 65]),
    ("arithmetic_gru", 1, 1, [3, 10, 28]),
    ("arithmetic_gru", 2, 1, [4, 10, 28]),
    ("arithmetic_gru", 2, 2, [6, 33, 282]),
    ("arithmetic_lstm", 3, 3, [11, 170]),
    ("arithmetic_gru", 3, 3, [8, 79]),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "inputs", "width", "ranks"), GROWTH)
def test_a_single_layer_with_gates_grows_with_length(name: str, inputs: int, width: int, ranks: list[int]) -> None:
    for half, value in enumerate(ranks, start=1):
        assert rank(name, inputs, width, 1, 2 * half, samples=value + 8) == value
        if value <= 80:
            assert oracle_rank(name, inputs, width, 1, half, half, value + 2) == value
