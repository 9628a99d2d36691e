"""Modules that are no function of one sequence at a time, or hide what they are: right, or refused by a named check.

What is right is computed here pair by pair, each pair alone, from a definition of one sequence.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import prune

from seprank import measure, profile, remember
from seprank.adapters import CheckFailed, adapt
from seprank.callbacks import Probe
from seprank.measurement import Measurement

pytestmark = pytest.mark.usefixtures("one_thread")

Array = npt.NDArray[Any]
DOUBLE = torch.float64
COUNT, FEATURES = 24, 3


def drawn(*shape: int, seed: int = 0, dtype: torch.dtype = DOUBLE) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


WEIGHT = drawn(FEATURES, 2, seed=7)


def last_two(x: Tensor) -> Tensor:
    """(batch, 2): what is made awkward below."""
    return torch.tanh(x.cumsum(1)[:, -1] @ WEIGHT.to(x.dtype)) * (1 + x[:, 0, :1])


class Calls:
    """Counts its calls."""

    def __init__(self, effect: Callable[[int], float]) -> None:
        self.calls, self.effect = 0, effect

    def __call__(self, x: Tensor) -> Tensor:
        self.calls += 1
        return last_two(x) * self.effect(self.calls)


class Summing(nn.Module):
    """The running sum of a linear map, through tanh: the state is the sum."""

    def __init__(self) -> None:
        super().__init__()
        self.input_size = FEATURES
        self.weight = nn.Parameter(drawn(FEATURES, 2, seed=8))

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        sums = (x @ self.weight).cumsum(1) + (0 if state is None else state[:, None])
        return torch.tanh(sums), sums[:, -1]


class Mixed(Summing):
    """The state is a mean over the batch, and has no axis for it."""

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        sums = (x @ self.weight).cumsum(1) + (0 if state is None else state)
        return torch.tanh(sums), sums[:, -1].mean(0)


class Leaking(Summing):
    """A state that loses its content after twenty steps in one piece."""

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        output, after = super().forward(x, state)
        return output, after * (x.shape[1] < 20)


class Slipping(Summing):
    """A state that is right to six digits."""

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        output, after = super().forward(x, state)
        return output, after * (1 + 1e-6)


class BothWays(Summing):
    """Reads the end before its outputs, and returns a state all the same."""

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        output, after = super().forward(x, state)
        return output + 0.5 * (x @ self.weight).flip(1).cumsum(1).flip(1), after


class Overwriting(Summing):
    """Writes into its input and into the state that it is given, a tensor without a batch among it."""

    def forward(self, x: Tensor, state: Any = None) -> Any:
        sums, steps = (x.new_zeros(len(x), 2), torch.zeros(())) if state is None else state
        x *= 2
        for step in x.unbind(1):
            sums += step @ self.weight
            steps += 1
        return torch.tanh(sums) * (1 + 0.1 * steps), (sums, steps)


class OneTensor(Summing):
    """Returns the same tensors at each call, with other numbers in them."""

    def __init__(self, noise: float = 0.0) -> None:
        super().__init__()
        self.noise = noise
        self.kept = [torch.zeros(20_000, 2, dtype=DOUBLE) for _ in range(2)]

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        output, after = super().forward(x, state)
        kept = [tensor[: len(x)] for tensor in self.kept]
        kept[0].copy_(output[:, -1])
        kept[1].copy_(after)
        if self.noise:
            kept[0].add_(self.noise * torch.randn(len(x), 2))
        return kept[0], kept[1]


class Narrow(Summing):
    """Its result in a short type."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        output, after = super().forward(x, state)
        return output.to(self.dtype), after


class Single(nn.Module):
    """Makes float32 zeros on the way: it does not run with weights in float64."""

    def __init__(self) -> None:
        super().__init__()
        self.input_size, self.cell = FEATURES, nn.GRUCell(FEATURES, 2)
        with torch.no_grad():
            for seed, parameter in enumerate(self.parameters()):
                parameter.copy_(drawn(*parameter.shape, seed=seed))

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        state = torch.zeros(len(x), 2) if state is None else state
        for step in x.unbind(1):
            state = self.cell(step, state)
        return state, state


class Turning(nn.Module):
    """Complex parameters, buffers, state and outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.input_size = FEATURES
        self.weight = nn.Parameter(torch.complex(drawn(FEATURES, 2, seed=1), drawn(FEATURES, 2, seed=2)).cfloat())
        self.register_buffer("turn", torch.polar(torch.ones(2), torch.tensor([0.3, 1.1])))

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        state = x.new_zeros(len(x), 2).to(self.weight.dtype) if state is None else state
        for step in x.unbind(1):
            state = self.turn * state + step.to(self.weight.dtype) @ self.weight
        return torch.exp(0.2j * state), state


def encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(FEATURES, 1, 4)
    with torch.no_grad():
        for seed, parameter in enumerate(layer.parameters()):
            parameter.copy_(0.5 * drawn(*parameter.shape, seed=seed))
    return layer


def per_sequence(function: Callable[[Tensor], Any]) -> Callable[[Tensor], Tensor]:
    """The definition, from a module with or without a state: (1, time, features) to (channels,)."""

    def run(x: Tensor) -> Tensor:
        result = function(x)
        result = result[0] if isinstance(result, tuple) else result
        last = result[0, -1] if result.ndim == 3 else result[0]
        return torch.cat([last.real, last.imag]) if last.is_complex() else last

    return run


def in_double(module: nn.Module) -> Callable[[Tensor], Tensor]:
    return per_sequence(module.double().eval())


def first_of(module: nn.Module) -> Callable[[Tensor], Tensor]:
    module = module.double()
    return lambda x: module(x)[0]  # type: ignore[no-any-return]


@dataclass
class Case:
    make: Callable[[], Any]
    checks: str = ""
    """Names of checks of which one must be named, none for a model that must be measured right"""
    truth: Callable[[Tensor], Tensor] | None = None
    """One sequence to its channels"""
    near: float = 1e-12
    length: int = 7
    given: dict[str, Any] = field(default_factory=dict)
    says: str = ""
    """Part of the refusal, or of a note"""


def noise(draw: Callable[[], float]) -> Callable[[Tensor], Tensor]:
    return lambda x: last_two(x) + 1e-3 * draw()


def moved_by_position(x: Tensor) -> Tensor:
    return last_two(x) + 1e-6 * torch.arange(len(x), dtype=x.dtype)[:, None]


def own_generator() -> Callable[[Tensor], Tensor]:
    generator = np.random.default_rng(0)
    return noise(generator.standard_normal)


def normalised() -> Callable[[Tensor], Tensor]:
    norm = nn.BatchNorm1d(2).double()
    return lambda x: norm.train()(last_two(x))


def dropping_lstm() -> Callable[[Tensor], Tensor]:
    lstm = nn.LSTM(FEATURES, 4, 2, dropout=0.5, batch_first=True).double()
    return lambda x: lstm.train()(x)[0]


def idle_draw(x: Tensor) -> Tensor:
    torch.rand(1)
    return last_two(x)


def fixed_draw(x: Tensor) -> Tensor:
    torch.manual_seed(3)
    return last_two(x) * torch.rand(2, dtype=DOUBLE)


def rounded(x: Tensor) -> Tensor:
    return (3 * last_two(x)).round()


def overwriting(x: Tensor) -> Tensor:
    return last_two(x.mul_(2))


def time_first(x: Tensor) -> Tensor:
    """(time, batch, features) to (time, batch, 2)."""
    return torch.tanh(x.cumsum(0) @ WEIGHT)


double_encoder = encoder().double().eval()


def pruned() -> nn.Module:
    """Half of the recurrent weights are zero: torch keeps the product with the mask as a plain attribute."""
    module = nn.LSTM(FEATURES, 2, batch_first=True)
    with torch.no_grad():
        for seed, parameter in enumerate(module.parameters()):
            parameter.copy_(drawn(*parameter.shape, seed=seed))
    prune.custom_from_mask(module, "weight_hh_l0", torch.arange(16.0).reshape(8, 2) % 2)
    return module


CASES = {
    "dropout that stays on": Case(lambda: lambda x: F.dropout(last_two(x)), "repeat", says=r"\.eval\(\)"),
    "dropout that is rare": Case(lambda: lambda x: F.dropout(last_two(x), 0.005), "repeat"),
    "noise of torch": Case(lambda: noise(lambda: torch.randn(1).item()), "repeat"),
    "noise of NumPy": Case(lambda: noise(lambda: np.random.standard_normal()), "repeat"),  # noqa: NPY002
    "noise of Python": Case(lambda: noise(random.random), "repeat"),
    "noise of a generator of its own": Case(own_generator, "repeat"),
    "dropout between the layers of an LSTM": Case(dropping_lstm, "repeat"),
    "another output at every call": Case(lambda: Calls(lambda calls: 1 + 1e-6 * calls), "repeat"),
    "another output after many calls": Case(lambda: Calls(lambda calls: 1 + 1e-6 * max(0, calls - 12)), "repeat batch"),
    "size of the batch": Case(lambda: lambda x: last_two(x) / len(x), "batch"),
    "parity of the batch": Case(lambda: lambda x: last_two(x) * (1 + len(x) % 2), "batch"),
    "large batches only": Case(lambda: lambda x: last_two(x) * (1 + (len(x) > 100)), "batch"),
    "place in the batch": Case(lambda: moved_by_position, "batch"),
    "softmax over the batch": Case(lambda: lambda x: torch.softmax(x @ WEIGHT, 0), "batch"),
    "batch normalisation": Case(normalised, "batch", says="batch normalisation"),
    "state without a batch": Case(Mixed, truth=lambda x: in_double(Mixed())(x), says="whole sequences"),
    "state that is not the whole": Case(Slipping, "halves"),
    "state lost after many steps": Case(Leaking, "halves", length=61),
    "state of both directions": Case(BothWays, "causal"),
    "time first, not said": Case(
        lambda: time_first, truth=lambda x: torch.tanh(x[0].sum(0) @ WEIGHT), says="time first"
    ),
    "time first, not to be seen": Case(lambda: lambda x: time_first(x)[-1], "batch", says="batch_first=False"),
    "time first, said": Case(
        lambda: time_first,
        truth=lambda x: torch.tanh(x[0].sum(0) @ WEIGHT),
        given={"batch_first": False},
    ),
    "time first, as the layers say": Case(encoder, truth=lambda x: double_encoder(x.transpose(0, 1))[-1, 0], near=1e-9),
    "whole numbers": Case(
        lambda: lambda x: (3 * last_two(x)).round().long(), truth=lambda x: (3 * last_two(x)).round()[0]
    ),
    "truth values": Case(lambda: lambda x: last_two(x) > 0, truth=lambda x: (last_two(x) > 0)[0]),
    "complex": Case(Turning, truth=lambda x: per_sequence(complex_double())(x)),
    "float16 outputs": Case(lambda: Narrow(torch.float16), truth=lambda x: in_double(Summing())(x), near=2e-3),
    "bfloat16 outputs": Case(lambda: Narrow(torch.bfloat16), truth=lambda x: in_double(Summing())(x), near=2e-2),
    "float32 inside": Case(Single, truth=lambda x: per_sequence(Single())(x.float()), near=1e-5, says="own arithmetic"),
    "pruned": Case(pruned, truth=lambda x: per_sequence(pruned())(x.float()), near=1e-5),
    "random numbers without effect": Case(lambda: idle_draw, truth=lambda x: last_two(x)[0]),
    "a seed of its own": Case(lambda: fixed_draw, truth=lambda x: fixed_draw(x)[0]),
    "writes into its input": Case(lambda: overwriting, truth=lambda x: last_two(2 * x)[0]),
    "writes into input and state": Case(Overwriting, truth=lambda x: in_double(Overwriting())(x.clone())),
    "returns one tensor at each call": Case(OneTensor, truth=lambda x: in_double(OneTensor())(x)),
    "one tensor, without a state": Case(lambda: first_of(OneTensor()), truth=lambda x: in_double(OneTensor())(x)),
    "noise in one tensor": Case(lambda: OneTensor(1e-3), "repeat"),
    "noise in one tensor, without a state": Case(lambda: first_of(OneTensor(1e-3)), "repeat"),
    "a batch of one squeezed": Case(lambda: lambda x: last_two(x)[:, :1].squeeze(), truth=lambda x: last_two(x)[0, :1]),
}


def complex_double() -> nn.Module:
    module = Turning().double()
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.data = tensor.data.to(torch.complex128)
    return module


def halves(length: int, cut: int) -> tuple[Tensor, Tensor]:
    return drawn(COUNT, cut, FEATURES, seed=5), drawn(COUNT, length - cut, FEATURES, seed=6)


def settings(case: Case) -> dict[str, Any]:
    return {"inputs": FEATURES, "progress": False, **case.given}


def by_measure(case: Case, model: Any) -> tuple[Measurement, Tensor, Tensor]:
    starts, ends = halves(case.length, case.length // 2)
    found = measure(model, length=case.length, starts=starts, ends=ends, **settings(case))
    return found, starts, ends


def by_profile(case: Case, model: Any) -> tuple[Measurement, Tensor, Tensor]:
    cut = case.length // 2
    starts, ends = halves(2 * case.length, case.length)
    data = torch.cat([starts, ends])
    points = profile(model, length=case.length, cuts=[1, cut], data=data, starts=48, ends=48, **settings(case)).points
    return points[1], data[:, :cut], data[:, cut : case.length]


def spectrum(case: Case, starts: Tensor, ends: Tensor) -> Array:
    """Singular values from the definition, one pair at a time."""
    assert case.truth is not None
    with torch.no_grad():
        rows = [[case.truth(torch.cat([s, e])[None]).double().numpy() for e in ends] for s in starts]
    values = np.array(rows).reshape(len(starts), -1)
    return np.linalg.svd(values, compute_uv=False) / np.sqrt(len(starts) * len(ends))


@pytest.mark.slow
@pytest.mark.parametrize("verb", [by_measure, by_profile])
@pytest.mark.parametrize("name", CASES)
def test_right_or_refused_with_the_check_named(name: str, verb: Callable[[Case, Any], Any]) -> None:
    case = CASES[name]
    model, before = case.make(), (torch.get_rng_state(), np.random.get_state()[1].tolist())  # noqa: NPY002
    if case.checks:
        with pytest.raises(CheckFailed, match=case.says or None) as refused:
            verb(case, model)
        assert refused.value.check in case.checks.split()
        assert "\n" not in str(refused.value)
        assert torch.equal(torch.get_rng_state(), before[0])
    else:
        found, starts, ends = verb(case, model)
        assert torch.equal(torch.get_rng_state(), before[0])
        expected = spectrum(case, starts, ends)
        assert np.allclose(found.singular_values, expected, rtol=0, atol=case.near * expected[0])
        assert case.says in " ".join(found.notes)
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002


class Steps(Summing):
    """`Overwriting` that writes nowhere."""

    def forward(self, x: Tensor, state: Any = None) -> Any:
        sums, steps = (0, 0) if state is None else state
        sums, steps = sums + 2 * (x @ self.weight).sum(1), steps + x.shape[1]
        return torch.tanh(sums) * (1 + 0.1 * steps), (sums, steps)


@pytest.mark.parametrize(("module", "same"), [(Overwriting(), Steps()), (OneTensor(), Summing())])
def test_memory_of_what_writes_into_its_tensors(module: nn.Module, same: nn.Module) -> None:
    found, expected = (remember(m, length=6, samples=64, progress=False) for m in (module, same))
    assert found.memory == pytest.approx(expected.memory, rel=1e-9)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.checks])
def test_callbacks_refuse_the_same(name: str) -> None:
    case = CASES[name]
    made = case.make()
    probe = Probe(
        *halves(case.length, case.length // 2), curve=False, model=lambda _: made, inputs=FEATURES, **case.given
    )
    with pytest.raises(CheckFailed) as refused:
        probe(nn.Identity(), 100)
    assert refused.value.check in case.checks.split()


def test_what_is_not_finite_in_some_rows_is_named_with_its_place() -> None:
    with pytest.raises(ValueError, match=r"output is nan for start \d+ with end 0"):
        measure(lambda x: last_two(x) * (1 + x[:, 0, :1]).log(), length=7, inputs=FEATURES, starts=24, ends=24)


@pytest.mark.parametrize("length", [5, 7, 10])
def test_one_number_per_step_is_not_taken_for_channels(length: int) -> None:
    with pytest.raises(ValueError, match=r"one number per step or .* channels; return the last step alone"):
        measure(lambda x: x.cumsum(1)[..., 0], length=length, inputs=FEATURES, starts=24, ends=24)
    found = measure(lambda x: x.cumsum(1)[:, -1:, 0], length=length, inputs=FEATURES, starts=24, ends=24)
    assert found.channels == 1


def test_complex_data_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"must be real, got complex128; give real and imaginary parts"):
        measure(last_two, length=6, inputs=FEATURES, data=np.ones((24, 6, 3)) * 1j)


@pytest.mark.parametrize(("dtype", "spacing"), [(torch.float16, 2.0**-10), (torch.bfloat16, 2.0**-7)])
def test_short_outputs_have_a_rank_and_a_floor(dtype: torch.dtype, spacing: float) -> None:
    """A product of a function of the start and one of the end, rounded: rank 1, however coarse."""
    found = measure(
        lambda x: (x[:, 0, :2] * x[:, -1:, 0]).to(dtype), length=4, inputs=FEATURES, starts=64, ends=64, progress=False
    )
    assert found.floor is not None
    assert spacing <= found.floor <= 8 * spacing
    assert found.numerical_rank == 2  # two channels: two columns of the start
    assert found.tolerance < 0.5


def test_a_difference_of_six_digits_is_no_rounding_in_float64() -> None:
    with pytest.raises(CheckFailed, match="check 'halves' failed"):
        adapt(Slipping().double(), drawn(8, 6, FEATURES))


@pytest.mark.parametrize(("length", "least", "most"), [(20, 1e-13, 1e-10), (60, 1e-9, 1e-4)])
def test_rounding_that_grows_along_the_sequence_is_in_the_floor(length: int, least: float, most: float) -> None:
    """A chaotic network: what is rounded in the first steps is multiplied in all that follow."""
    found = measure(chaotic(), length=length, starts=24, ends=24, progress=False)
    assert found.floor is not None
    assert least < found.floor < most


def test_outputs_that_are_rounding_are_refused() -> None:
    with pytest.raises(ValueError, match=r"they are rounding; use a shorter length"):
        measure(chaotic(), length=200, starts=24, ends=24, progress=False)


class OneByOne(nn.Module):
    """Every sequence of a batch by itself, so that no batch rounds otherwise than another."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.inside, self.input_size = inside, FEATURES

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.inside(sequence)[0] for sequence in x.split(1)])


def test_outputs_that_are_rounding_are_refused_even_if_they_are_always_the_same() -> None:
    module = OneByOne(chaotic())
    with pytest.raises(ValueError, match=r"they are rounding; use a shorter length"):
        measure(module, length=200, starts=16, ends=16, progress=False)
    assert measure(module, length=8, starts=16, ends=16, progress=False).numerical_rank > 0


def chaotic() -> nn.Module:
    module = nn.RNN(FEATURES, 64, batch_first=True)
    with torch.no_grad():
        for seed, parameter in enumerate(module.parameters()):
            parameter.copy_(drawn(*parameter.shape, seed=seed))
        module.weight_hh_l0.mul_(3 / 8)
        module.bias_ih_l0.zero_()
        module.bias_hh_l0.zero_()
    return module


def third_place(x: Tensor) -> Tensor:
    return last_two(x) + 1e-6 * (torch.arange(len(x)) == 3)[:, None]


def alone_only(x: Tensor) -> Tensor:
    return last_two(x) * (1 + (len(x) == 1))


def fifteen_only(x: Tensor) -> Tensor:
    return last_two(x) * (1 + (len(x) > 10))


@pytest.mark.parametrize("function", [third_place, alone_only, fifteen_only])
def test_a_trial_sees_places_and_sizes(function: Callable[[Tensor], Tensor]) -> None:
    """Without the finished matrix."""
    with pytest.raises(CheckFailed, match="check 'batch' failed"):
        adapt(function, drawn(8, 6, FEATURES))
