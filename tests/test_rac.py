"""The Recurrent Arithmetic Circuit against its equations in Python integers, and as a torch module."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import oracles
from oracles import Integers, balanced, whole_numbers
from seprank import models
from seprank.field import DEFAULT_PRIME, PrimeField
from seprank.models import MODELS
from seprank.models.rac import RAC

PRIMES = [3, 97, DEFAULT_PRIME, 134217689]
DEPTHS = [1, 2, 3, 4]
by_depth = pytest.mark.parametrize("depth", DEPTHS)


pytestmark = pytest.mark.usefixtures("one_thread")


def with_weights(rac: RAC, draw: Callable[[tuple[int, ...]], Any]) -> RAC:
    """The module with every parameter drawn anew, from its shape."""
    with torch.no_grad():
        for parameter in rac.parameters():
            parameter.copy_(torch.as_tensor(draw(tuple(parameter.shape))))
    return rac


def drawn(rng: np.random.Generator, most: int) -> Callable[[tuple[int, ...]], Any]:
    """Draws arrays of integers from -most to most."""
    return lambda shape: rng.integers(-most, most + 1, shape)


def states(rac: RAC, sequences: Tensor, initial: Tensor | None = None) -> Integers:
    """All states (batch, time, layers, width) by the equations, from an initial state (layers, batch, width)."""
    parameters = {name: whole_numbers(p.detach().numpy()) for name, p in rac.named_parameters()}
    weights = [
        (parameters[f"weight_ih_l{layer}"], parameters[f"weight_hh_l{layer}"]) for layer in range(rac.num_layers)
    ]
    every = []
    for number, sequence in enumerate(sequences):
        first = parameters["initial_state"] if initial is None else whole_numbers(initial[:, number])
        every.append(oracles.rac_states(weights, whole_numbers(sequence), first))
    return np.array(every)


def modulo(values: Integers, p: int) -> Any:
    return np.vectorize(lambda x: balanced(x, p), otypes=[object])(values).tolist()


def test_the_oracle_on_a_case_done_by_hand() -> None:
    one, two = np.array([[2, 1], [0, 1]], dtype=object), np.array([[1, 0], [1, 1]], dtype=object)
    inputs, initial = np.array([[1], [3]], dtype=object), np.array([[1, 2], [1, -1]], dtype=object)
    weights = [(np.array([[1], [-1]], dtype=object), one), (two, two)]
    # Step 1: layer 1 (4, 2) * (1, -1) = (4, -2), layer 2 (1, 0) * (4, 2) = (4, 0).
    # Step 2: layer 1 (6, -2) * (3, -3) = (18, 6), layer 2 (4, 4) * (18, 24) = (72, 96).
    assert oracles.rac_states(weights, inputs, initial).tolist() == [[[4, -2], [4, 0]], [[18, 6], [72, 96]]]


# Values


@by_depth
@pytest.mark.parametrize("arithmetic", ["float64", "int64"])
def test_states_are_the_equations_modulo_a_prime(depth: int, arithmetic: str) -> None:
    for p in PRIMES:
        draw = drawn(np.random.default_rng(p + depth), p // 2)
        rac = with_weights(RAC(4, 3, depth, dtype=torch.float64), draw)
        sequences, initial = (torch.from_numpy(draw(shape)).double() for shape in [(5, 6, 4), (depth, 5, 3)])
        with PrimeField(p, arithmetic=arithmetic):
            output, state = rac(sequences)
            continued, later = rac(sequences, initial)
        for result, last, start in [(output, state, None), (continued, later, initial)]:
            expected = states(rac, sequences, start)
            assert result.tolist() == modulo(expected[:, :, -1], p)
            assert last.transpose(0, 1).tolist() == modulo(expected[:, -1], p)
        assert output.tolist() != continued.tolist() or p == 3


@by_depth
def test_states_are_the_equations_in_floating_point(depth: int) -> None:
    draw = drawn(np.random.default_rng(depth), 2)
    rac = with_weights(RAC(3, 2, depth, dtype=torch.float64), draw)
    sequences = torch.from_numpy(draw((20, 3, 3))).double()
    output, state = rac(sequences)
    expected = states(rac, sequences)
    assert max(abs(expected.ravel())) < 2**53
    assert np.count_nonzero(expected) > 20
    assert output.tolist() == expected[:, :, -1].tolist()
    assert state.transpose(0, 1).tolist() == expected[:, -1].tolist()


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(2, 7), st.data())
def test_two_halves_are_the_whole(
    inputs: int, width: int, depth: int, batch: int, length: int, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(1, length - 1))
    draw = drawn(np.random.default_rng(length), DEFAULT_PRIME // 2)
    rac = with_weights(RAC(inputs, width, depth, dtype=torch.float64), draw)
    sequences = torch.from_numpy(draw((batch, length, inputs))).double()
    with PrimeField():
        whole, end = rac(sequences)
        first, between = rac(sequences[:, :cut])
        second, end_of_second = rac(sequences[:, cut:], between)
    assert torch.equal(torch.cat([first, second], 1), whole)
    assert torch.equal(end_of_second, end)
    assert whole.shape == (batch, length, width)


# Shapes


@pytest.mark.parametrize("given_state", [False, True])
def test_batch_first_and_unbatched(given_state: bool) -> None:
    draw = drawn(np.random.default_rng(0), 2)
    rac = with_weights(RAC(4, 3, 2), draw)
    other = RAC(4, 3, 2, batch_first=False)
    other.load_state_dict(rac.state_dict())
    x = torch.from_numpy(draw((5, 7, 4))).float()
    start = torch.from_numpy(draw((2, 5, 3))).float() if given_state else None
    output, state = rac(x, start)
    assert output.shape == (5, 7, 3)
    assert state.shape == (2, 5, 3)
    assert torch.equal(state[-1], output[:, -1])
    time_first, same_state = other(x.transpose(0, 1), start)
    assert torch.equal(time_first, output.transpose(0, 1))
    assert torch.equal(same_state, state)
    for module in (rac, other):
        single, last = module(x[2], None if start is None else start[:, 2])
        assert single.shape == (7, 3)
        assert last.shape == (2, 3)
        # Values exceed what float32 holds exactly, and a product of one row may round in another way.
        torch.testing.assert_close(single, output[2])
        torch.testing.assert_close(last, state[:, 2])


def test_calling_does_not_change_its_arguments_or_parameters() -> None:
    rac = RAC(2, 3, 2)
    x, start = torch.ones(4, 5, 2), torch.ones(2, 4, 3)
    before = {name: p.clone() for name, p in rac.named_parameters()}
    rac(x, start)
    assert torch.equal(x, torch.ones(4, 5, 2))
    assert torch.equal(start, torch.ones(2, 4, 3))
    assert all(torch.equal(p, before[name]) for name, p in rac.named_parameters())


@pytest.mark.parametrize(
    ("x", "state", "message"),
    [
        ((5, 7, 3), None, r"input must be \(batch, time, input_size\) or .* with input_size 4, got \(5, 7, 3\)"),
        ((4,), None, r"input must be .*, got \(4,\)"),
        ((1, 5, 7, 4), None, "input must be"),
        ((5, 0, 4), None, r"at least one time step, got shape \(5, 0, 4\)"),
        ((0, 4), None, r"at least one time step, got shape \(0, 4\)"),
        ((5, 7, 4), (2, 6, 3), r"state must have shape \(2, 5, 3\) for this input, got \(2, 6, 3\)"),
        ((5, 7, 4), (5, 2, 3), "state must have shape"),
        ((5, 7, 4), (2, 3), "state must have shape"),
        ((7, 4), (2, 1, 3), r"state must have shape \(2, 3\) for this input"),
    ],
)
def test_shapes_that_do_not_fit(x: tuple[int, ...], state: tuple[int, ...] | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RAC(4, 3, 2)(torch.zeros(x), None if state is None else torch.zeros(state))


def test_the_layout_is_named_in_errors_as_it_is_set() -> None:
    with pytest.raises(ValueError, match=r"\(time, batch, input_size\)"):
        RAC(4, 3, batch_first=False)(torch.zeros(5, 7, 3))
    with pytest.raises(ValueError, match=r"at least one time step, got shape \(0, 5, 4\)"):
        RAC(4, 3, batch_first=False)(torch.zeros(0, 5, 4))
    assert RAC(4, 3)(torch.zeros(0, 5, 4))[0].shape == (0, 5, 3)


@pytest.mark.parametrize("name", ["input_size", "hidden_size", "num_layers"])
@pytest.mark.parametrize("value", [0, -1, True])
def test_sizes_below_one(name: str, value: Any) -> None:
    wanted = "a whole number" if value is True else "at least 1"
    with pytest.raises(ValueError, match=f"^{name} must be {wanted}, got {value}; use 1 or more$"):
        RAC(**{"input_size": 4, "hidden_size": 3, "num_layers": 2} | {name: value})


# As a module


@by_depth
def test_gradients(depth: int) -> None:
    generator = torch.Generator().manual_seed(depth)
    rac = RAC(3, 2, depth, dtype=torch.float64)
    names = [name for name, _ in rac.named_parameters()]

    def function(x: Tensor, state: Tensor, *parameters: Tensor) -> tuple[Tensor, ...]:
        weights = dict(zip(names, parameters, strict=True))
        output, last = torch.func.functional_call(rac, weights, (x, state))
        return output, last, torch.func.functional_call(rac, weights, (x,))[0]

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()

    arguments = [normal(2, 3, 3), normal(depth, 2, 2), *(normal(*p.shape) for p in rac.parameters())]
    assert torch.autograd.gradcheck(function, arguments)


def test_gradients_reach_every_parameter() -> None:
    rac = with_weights(RAC(3, 4, 3), np.random.default_rng(0).standard_normal)
    rac(torch.eye(3)[None])[0].sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in rac.parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_dtype(dtype: torch.dtype) -> None:
    rac = RAC(3, 4, 2, dtype=dtype)
    assert {p.dtype for p in rac.parameters()} == {dtype}
    assert rac(torch.ones(2, 5, 3, dtype=dtype))[0].dtype == dtype


def test_device() -> None:
    rac = RAC(3, 4, 2, device="meta")
    assert {p.device.type for p in rac.parameters()} == {"meta"}
    assert rac(torch.ones(2, 5, 3, device="meta"))[0].shape == (2, 5, 4)
    assert {p.device for p in RAC(3, 4, device=torch.device("cpu")).parameters()} == {torch.device("cpu")}


def test_state_dict_round_trip() -> None:
    first, second = RAC(3, 4, 2), RAC(3, 4, 2)
    with_weights(first, drawn(np.random.default_rng(0), 9))
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    x = torch.ones(2, 5, 3)
    assert torch.equal(first(x)[0], second(x)[0])
    assert first(x)[0].abs().sum() > 0


@by_depth
def test_parameters_have_the_names_and_shapes_of_rnn(depth: int) -> None:
    rnn = nn.RNN(4, 3, depth, bias=False)
    expected = {name: tuple(p.shape) for name, p in rnn.named_parameters()} | {"initial_state": (depth, 3)}
    assert {name: tuple(p.shape) for name, p in RAC(4, 3, depth).named_parameters()} == expected


def test_representation() -> None:
    assert repr(RAC(4, 3, 2)) == "RAC(4, 3, num_layers=2, batch_first=True)"


# The registry


@pytest.mark.parametrize("sizes", [(1, 1, 1), (4, 3, 1), (4, 3, 3), (2, 5, 4)])
def test_registry(sizes: tuple[int, int, int]) -> None:
    inputs, width, depth = sizes
    spec = MODELS["rac"]
    module = spec.build(inputs=inputs, width=width, depth=depth)
    assert type(module) is RAC
    assert spec.count_parameters(*sizes) == sum(p.numel() for p in module.parameters())
    assert spec.settings(module) == {"inputs": inputs, "width": width, "depth": depth}
    assert models.spec_of(module) is spec


# Initialisation


@by_depth
def test_states_on_one_hot_inputs_have_magnitude_one_at_every_length(depth: int) -> None:
    generator = torch.Generator().manual_seed(depth)
    words = torch.randint(5, (3, 100), generator=generator)
    rac = RAC(5, 7, depth)
    _, state = rac(torch.eye(5)[words])
    for end in (1, 50, 100):
        output, state = rac(torch.eye(5)[words[:, :end]])
        assert torch.equal(output.abs(), torch.ones(3, end, 7))
        assert torch.equal(state.abs(), torch.ones(depth, 3, 7))


def test_initial_weights_are_signs_and_signed_permutations() -> None:
    rac = RAC(4, 6, 3)
    for name, parameter in rac.named_parameters():
        values = parameter.detach()
        if name in ("weight_ih_l0", "initial_state"):
            assert set(values.abs().flatten().tolist()) == {1}
        else:
            assert set(values.abs().flatten().tolist()) == {0, 1}
            assert (values.abs().sum(0) == 1).all()
            assert (values.abs().sum(1) == 1).all()


def test_initial_weights_are_drawn_from_the_generator_of_torch() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn_first, drawn_second = RAC(8, 8, 2), RAC(8, 8, 2)
        torch.manual_seed(0)
        again = RAC(8, 8, 2)
    for name, parameter in drawn_first.named_parameters():
        assert torch.equal(parameter, again.state_dict()[name])
        assert not torch.equal(parameter, drawn_second.state_dict()[name])
    # Both signs and more than one permutation occur, or it would not be a draw.
    assert {-1.0, 1.0} == set(drawn_first.weight_ih_l0.detach().flatten().tolist())
    assert not torch.equal(drawn_first.weight_hh_l0.abs(), drawn_first.weight_hh_l1.abs())


def test_a_layer_on_inputs_of_unit_norm_survives_a_hundred_steps() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(20, 100, 8, generator=generator)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        rac = RAC(8, 16)
    output, _ = rac(x / x.norm(dim=-1, keepdim=True))
    assert output.dtype == torch.float32
    assert output.isfinite().all()
    assert (output != 0).all()
    # "Loses about half a decimal order every three steps"
    orders_per_step = -output[:, -1].double().abs().log10().mean().item() / 100
    assert 0.5 / 3 * 0.5 < orders_per_step < 0.5 / 3 * 2


def test_training_reduces_a_loss() -> None:
    """Product of the signs of three one-hot letters: a single layer can represent it."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        rac = RAC(2, 8)
    words = torch.cartesian_prod(*[torch.arange(2)] * 3)
    target = 0.5 * (1 - 2 * words).prod(1).float()
    x = torch.eye(2)[words]

    def loss() -> Tensor:
        output, _ = rac(x)
        return ((output[:, -1].mean(1) - target) ** 2).mean()

    optimizer = torch.optim.Adam(rac.parameters(), lr=0.02)
    before = loss().item()
    for _ in range(60):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
    assert loss().item() < before / 10
