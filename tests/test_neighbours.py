"""Neighbouring measures of memory: closed forms, other programs, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.linalg
import torch
from flint import arb, arb_mat, ctx
from torch import Tensor, nn
from torch.nn import functional as F
from typer.testing import CliRunner

import seprank as sr
from seprank.adapters import CheckFailed
from seprank.cli import app
from seprank.measurement import DataError
from seprank.models.diagonal_ssm import DiagonalSSM
from seprank.models.elman import Elman
from seprank.models.linear_attention import LinearAttention
from seprank.models.selective_ssm import SelectiveSSM
from seprank.neighbours import Meaningless, NotLinear, Unstable, overview
from seprank.neighbours.exact import _gramian
from seprank.neighbours.linear import from_matrices
from seprank.neighbours.operator import operator_of
from seprank.question import DEFAULT_PRIME
from seprank.result.result import Result
from seprank.settings.floating import FloatingSettings

pytestmark = pytest.mark.usefixtures("one_thread")

Array = np.ndarray[Any, Any]
QUIET: dict[str, Any] = {"progress": False}


def network(units: int, inputs: int = 1, channels: int = 1, radius: float = 0.9, seed: int = 0) -> tuple[Array, ...]:
    """A, B and C with normal entries, which are minimal."""
    generator = np.random.default_rng(seed)
    a = generator.standard_normal((units, units))
    a *= radius / np.abs(np.linalg.eigvals(a)).max()
    return a, generator.standard_normal((units, inputs)), generator.standard_normal((channels, units))


def seeded(build: Callable[[], nn.Module], size: float = 0.5) -> nn.Module:
    """A module whose weights depend on nothing but this file."""
    module, generator = build(), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(size * torch.randn(parameter.shape, generator=generator))
    return module.double()


# Memory capacity


@pytest.mark.slow
def test_a_hundred_units_have_capacity_99_where_floating_point_finds_55() -> None:
    w, win, _ = network(100)
    found = sr.memory_capacity((w, win), lags=200, **QUIET)
    value, error = found.between(1, 200)
    assert error < 1e-4
    assert f"{value:.4f}" == "99.0000"
    assert found.certified_total == found.total == 100
    assert found.seconds < 120
    # A closed form: what the newest input has is 1 - det(A)^2.
    determinant = math.exp(np.linalg.slogdet(w)[1])
    assert abs(found.per_lag[0] - (1 - determinant**2)) <= found.errors[0] + 1e-12
    reservoirpy = pytest.importorskip("reservoirpy")
    node = reservoirpy.nodes.Reservoir(W=w, Win=win, activation="identity", input_dim=1)
    model = node >> reservoirpy.nodes.Ridge(ridge=1e-8)
    theirs = float(reservoirpy.observables.memory_capacity(model, k_max=200, seed=1))
    assert 45 < theirs < 65


def test_no_recurrence_has_no_past() -> None:
    found = sr.memory_capacity((np.zeros((5, 5)), np.ones(5)), lags=10, **QUIET)
    assert found.between() == (0.0, 0.0)
    assert found.per_lag[0] == 1
    elman = seeded(lambda: Elman(2, 4))
    elman.weight_hh_l0.data.zero_()
    assert sr.memory_capacity(elman, **QUIET).between() == (0.0, 0.0)


def defective(number: int) -> tuple[Array, Array, int]:
    """A linear network and the rank of its controllability matrix, known by how it is made."""
    generator = np.random.default_rng(number)
    units = int(generator.integers(2, 9))
    whole = generator.integers(-3, 4, (units, units)) / 16.0
    b = generator.integers(1, 4, (units, 1)) * 1.0
    kind = number % 5
    if kind == 0:  # nilpotent: a chain of which the input enters at some unit
        first = int(generator.integers(0, units))
        return np.eye(units, k=-1), np.eye(units)[:, [first]], units - first
    if kind == 1:  # one eigenvalue, all directions alike
        return 0.5 * np.eye(units), b, 1
    if kind == 2:  # as many different eigenvalues as units, some of which no input reaches
        reached = int(generator.integers(0, units + 1))
        b[reached:] = 0
        return np.diag(np.arange(1, units + 1) / 16.0), b, reached
    if kind == 3:  # a Jordan block, entered at its end: all; at its beginning: one
        return 0.5 * np.eye(units) + np.eye(units, k=1), np.eye(units)[:, [0]], 1
    whole[1:, 0] = 0  # what enters at the first unit stays there
    return whole, np.eye(units)[:, [0]], 1


@pytest.mark.parametrize("number", range(50))
def test_the_total_is_the_rank_of_what_inputs_reach(number: int) -> None:
    a, b, rank = defective(number)
    found = sr.memory_capacity((a, b), lags=60, **QUIET)
    assert found.certified_total == found.total == rank
    value, error = found.between(0)
    radius = float(np.abs(np.linalg.eigvals(a)).max())
    assert value <= rank + error + 1e-9
    if radius < 0.8:
        assert value == pytest.approx(rank, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_capacities_are_those_of_the_lyapunov_equation(seed: int) -> None:
    a, b, _ = network(6, inputs=2, radius=0.7, seed=seed)
    gramian = scipy.linalg.solve_discrete_lyapunov(a, b @ b.T)
    found = sr.memory_capacity((a, b), lags=12, **QUIET)
    for lag, (value, error) in enumerate(zip(found.per_lag, found.errors, strict=True)):
        block = np.linalg.matrix_power(a, lag) @ b
        assert value == pytest.approx(np.trace(block.T @ np.linalg.solve(gramian, block)), abs=1e-8)
        assert error < 1e-6


def test_a_prime_that_divides_all_minors_is_found_out() -> None:
    a = np.array([[0, 0], [DEFAULT_PRIME / 2**24, 0]])
    found = sr.memory_capacity((a, np.array([1.0, 0.0])), **QUIET)
    assert found.certified_total == 2
    assert found.prime != DEFAULT_PRIME


def test_the_rest_of_the_sum_is_in_the_ball() -> None:
    given = from_matrices(([[0.875]], [1.0]))
    with ctx.workprec(200):
        (entry,) = _gramian(given, arb_mat([[0.875]]), arb_mat([[1]]), bits=8).entries()
        assert entry.contains(1 / (1 - arb(0.875) ** 2))
        assert float(entry.rad()) > 1e-4


def test_balls_hold_what_mpmath_finds() -> None:
    a, b, _ = network(4, radius=0.5)
    found = sr.memory_capacity((a, b), lags=5, width=1e-12, **QUIET)
    with mpmath.workdps(60):
        matrix, column = mpmath.matrix(a.tolist()), mpmath.matrix(b.tolist())
        gramian, blocks = mpmath.zeros(4), [column]
        for _ in range(400):
            gramian += blocks[-1] * blocks[-1].T
            blocks.append(matrix * blocks[-1])
        for lag in range(6):
            exact = (blocks[lag].T * mpmath.lu_solve(gramian, blocks[lag]))[0]
            assert abs(exact - found.per_lag[lag]) <= found.errors[lag]


def test_every_way_to_give_a_linear_network_is_the_same() -> None:
    elman = seeded(lambda: Elman(1, 5), size=0.2)
    w, win = (getattr(elman, name).detach().numpy() for name in ("weight_hh_l0", "weight_ih_l0"))
    expected = sr.memory_capacity((w, win), **QUIET).per_lag
    assert sr.memory_capacity(elman, **QUIET).per_lag == expected  # biases and first state are of no consequence
    reservoirpy = pytest.importorskip("reservoirpy")
    node = reservoirpy.nodes.Reservoir(W=w, Win=win, activation="identity", input_dim=1)
    with pytest.raises(Meaningless, match="has no weights yet"):
        sr.memory_capacity(node)
    node.run(np.zeros((2, 1)))
    assert sr.memory_capacity(node, **QUIET).per_lag == expected
    assert sr.memory_capacity(node, **QUIET).certified_total == 5


def test_a_network_that_is_nearly_linear_is_not_taken_for_one() -> None:
    rnn = seeded(lambda: nn.RNN(1, 3, batch_first=True), size=1e-3)
    assert sr.memory_capacity(rnn, lags=2, samples=64, **QUIET).kind == "sampled"


@pytest.mark.slow
def test_sampled_capacities_are_those_of_the_linear_network() -> None:
    a, b, _ = network(6, radius=0.8)
    exact = sr.memory_capacity((a, b), lags=20, **QUIET)
    inside, totals = 0, []
    for seed in range(10):
        found = sr.memory_capacity((a, b), lags=20, sampled=True, samples=400, length=80, seed=seed, **QUIET)
        inside += abs(found.per_lag[3] - exact.per_lag[3]) <= found.errors[3]
        totals.append(found.total)
        assert 0 < found.floor < 0.1
        assert max(map(abs, found.per_lag[15:])) < 0.1
    assert inside >= 7
    # The naive sum over 21 lags would be 21 * 6 / 400 = 0.3 too large.
    assert np.mean(totals) == pytest.approx(exact.between(0, 20)[0], abs=0.1)


# Effective state-size


@pytest.mark.parametrize("units", [1, 3, 5])
def test_state_size_is_the_dimension_of_a_minimal_network(units: int) -> None:
    found = sr.effective_state_size(network(units, seed=units), 2 * units + 2)
    assert found.certified is not None
    assert found.certified[units - 1 : units + 1] == (units, units)
    assert found.largest == max(found.certified) == units
    wide = sr.effective_state_size(network(units, inputs=2, channels=3, seed=units), 2 * units + 2)
    assert wide.largest == units
    assert wide.tolerance == wide.certified


def test_sizes_are_those_of_a_dense_decomposition() -> None:
    a, b, c = network(4, inputs=2, channels=2, radius=0.5)
    length = 9
    found = sr.effective_state_size((a, b, c), length)
    dense = np.zeros((length * 2, length * 2))
    for late in range(length):
        for early in range(late + 1):
            block = c @ np.linalg.matrix_power(a, late - early) @ b
            dense[2 * late : 2 * late + 2, 2 * early : 2 * early + 2] = block
    spectra = [np.linalg.svd(dense[2 * i :, : 2 * i])[1] for i in range(1, length)]
    largest = max(values[0] for values in spectra)
    assert found.tolerance == tuple(int((values > 1e-10 * largest).sum()) for values in spectra)
    for values, entropy in zip(spectra, found.entropy, strict=True):
        shares = values[values > 1e-18] / values.sum()
        assert entropy == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), rel=1e-10)
    assert np.allclose(found.spectrum, spectra[length // 2 - 1], rtol=0, atol=1e-10 * largest)
    own = [np.linalg.svd(dense[2 * i + 1 :: 2, : 2 * i])[1] for i in range(1, length)]
    assert found.tolerance_by_channel[1] == tuple(int((v > 1e-10 * largest).sum()) for v in own)


@pytest.mark.parametrize("build", [lambda: Elman(2, 3), lambda: DiagonalSSM(2, 3, 2)], ids=["elman", "diagonal_ssm"])
def test_modules_are_read_as_their_matrices(build: Callable[[], nn.Module]) -> None:
    module, length = seeded(build), 7
    entries = operator_of(module, length, None, (), (), None, FloatingSettings()).entries
    zeros = torch.zeros(1, length, 2, dtype=torch.float64)
    for step in range(length):
        pulse = zeros.clone()
        pulse[0, step, 1] = 1
        with torch.no_grad():
            answer = (module(pulse)[0] - module(zeros)[0])[0]
        assert np.allclose(answer.numpy(), entries[:, :, step, 1], rtol=0, atol=1e-12)


class Last(nn.Module):
    """A linear network whose output is that of its last steps together."""

    def __init__(self, inner: nn.Module, steps: int) -> None:
        super().__init__()
        self.inner, self.steps, self.input_size = inner, steps, inner.input_size

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        held, before = (None, x.new_zeros(len(x), self.steps - 1, self.inner.hidden_size)) if state is None else state
        y, after = self.inner(x, held)
        every = torch.cat([before, y], 1)
        outputs = torch.stack([every[:, i : i + self.steps].flatten(1) for i in range(x.shape[1])], 1)
        return outputs, (after, every[:, -(self.steps - 1) :])


@pytest.mark.parametrize("units", [2, 3])
def test_the_rank_of_start_and_end_is_the_state_size_and_what_the_end_adds(units: int) -> None:
    """y = H s + g(e) over all outputs after the cut: rank H, and one for g."""
    length, cut = 8, 4
    certificate = sr.certify(
        Last(seeded(lambda: Elman(2, units)), length - cut), length=length, cut=cut, readout="all", samples=24, **QUIET
    )
    found = sr.effective_state_size(seeded(lambda: Elman(2, units)), length)
    assert found.certified is not None
    assert certificate.rank == found.certified[cut - 1] + 1 == units + 1


class Attention(nn.Module):
    """One head, causal, with as little in it as can be followed by hand."""

    def __init__(self, fused: bool, inputs: int = 1) -> None:
        super().__init__()
        self.input_size, self.fused = inputs, fused
        self.q, self.k, self.v = (nn.Linear(inputs, inputs, bias=False) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.q(x), self.k(x), self.v(x)
        if self.fused:
            return F.scaled_dot_product_attention(q, k, v, is_causal=True)
        later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        scores = (q @ k.transpose(1, 2) / x.shape[2] ** 0.5).masked_fill(later, -torch.inf)
        return scores.softmax(-1) @ v


@pytest.mark.parametrize("fused", [False, True])
def test_softmax_attention_by_hand(fused: bool) -> None:
    module = Attention(fused)
    for layer, weight in ((module.q, 1.0), (module.k, 1.0), (module.v, 3.0)):
        nn.init.constant_(layer.weight, weight)
    at = np.array([0.0, math.log(2), 1.0])
    found = operator_of(module, 3, at, (), (), None, FloatingSettings())
    # scores of step 1: log 2 times (0, log 2); of step 2: (0, log 2, 1)
    second = np.exp([0.0, math.log(2) ** 2])
    third = np.exp([0.0, math.log(2), 1.0])
    expected = 3 * np.array([[1, 0, 0], [*second / second.sum(), 0], third / third.sum()])
    assert found.kind == "input-frozen"
    assert np.allclose(found.entries[:, 0, :, 0], expected, rtol=0, atol=1e-12)
    answer = module.double()(torch.tensor(at)[None, :, None])[0, :, 0].detach()
    assert np.allclose(found.entries[:, 0, :, 0] @ at, answer)
    sizes = sr.effective_state_size(module, 3, at=at)
    assert sizes.tolerance == (1, 1)  # the last row alone, and one column
    assert sizes.certified is None


class Gated(nn.Module):
    """h' = (1 - z) h + z c x, z = sigmoid(x): gates, and a value."""

    def __init__(self) -> None:
        super().__init__()
        self.input_size = 1
        self.c = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        h = x.new_zeros(len(x), 1) if state is None else state
        outputs = []
        for u in x.unbind(1):
            z = torch.sigmoid(u)
            h = (1 - z) * h + z * self.c * u
            outputs.append(h)
        return torch.stack(outputs, 1), h


def test_a_gated_cell_by_hand() -> None:
    at = np.array([0.0, math.log(3), -math.log(3)])  # z = 1/2, 3/4, 1/4
    found = operator_of(Gated(), 3, at, (), (), None, FloatingSettings())
    expected = [[1, 0, 0], [0.25, 1.5, 0], [0.1875, 1.125, 0.5]]
    assert np.allclose(found.entries[:, 0, :, 0], expected, rtol=0, atol=1e-12)
    assert sr.effective_state_size(Gated(), 3, at=at).tolerance == (1, 1)


def test_linear_attention_by_hand_needs_to_be_told_what_is_a_gate() -> None:
    module = LinearAttention(1, 1)
    for name, weight in (("q", 2.0), ("k", 3.0), ("v", 5.0)):
        nn.init.constant_(getattr(module, f"weight_{name}_l0"), weight)
    at = np.array([1.0, 2.0, 3.0])
    nn.init.zeros_(module.initial_state)
    with pytest.raises(Meaningless, match=r"frozen=\[names"):
        sr.effective_state_size(module, 3, at=at)
    found = operator_of(module, 3, at, ("weight_q_l0", "weight_k_l0"), (), None, FloatingSettings())
    expected = [[5 * 2 * at[t] * 3 * at[s] if s <= t else 0 for s in range(3)] for t in range(3)]
    assert np.allclose(found.entries[:, 0, :, 0], expected, rtol=1e-12)
    with pytest.raises(ValueError, match="frozen must name parameters"):
        sr.effective_state_size(module, 3, frozen="weight_x")


def test_a_selective_network_with_a_first_state() -> None:
    module = seeded(lambda: SelectiveSSM(1, 2))
    with pytest.raises(Meaningless, match=r"values=\[names"):
        sr.effective_state_size(module, 5, frozen="weight_decay_l0")
    found = sr.effective_state_size(module, 5, frozen="weight_decay_l0", values="initial_state")
    assert found.kind == "input-frozen"
    assert found.tolerance == (1, 2, 2, 1 if found.channels == 1 else 2)


@pytest.mark.parametrize(
    "build", [lambda: nn.LSTM(2, 3), lambda: nn.RNN(2, 3), lambda: nn.Sequential(Elman(2, 3), nn.Tanh())]
)
def test_what_is_not_input_times_weights_has_no_state_size(build: Callable[[], nn.Module]) -> None:
    with pytest.raises(Meaningless, match="not linear"):
        sr.effective_state_size(seeded(build), 6)


def test_a_nonlinear_part_that_is_added_is_no_gate() -> None:
    with pytest.raises(Meaningless, match="is added to what is linear"):
        sr.effective_state_size(lambda x: x.cumsum(1) + x.tanh(), 6, inputs=1)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.from_numpy(np.asarray(x.detach())).cumsum(1),
        lambda x: x.cumsum(1) + torch.from_numpy(np.asarray(x.detach())) ** 2,
        lambda x: x.cumsum(1) * x.detach()[0, 0, 0].item(),
    ],
)
def test_what_leaves_torch_is_refused(function: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(ValueError, match=r"torch|batch"):
        sr.effective_state_size(function, 5, inputs=1)


# Gradients


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.LSTM(2, 3, batch_first=True),
        lambda: nn.GRU(2, 3),
        lambda: nn.Sequential(nn.LSTM(2, 3, batch_first=True), nn.Linear(3, 2)),
        lambda: sr.RAC(2, 3, num_layers=2),
        lambda: Attention(fused=True, inputs=2),
    ],
    ids=["lstm", "gru", "chain", "rac", "attention"],
)
def test_gradients_are_those_of_torchs_jacobian(build: Callable[[], nn.Module]) -> None:
    module, length = seeded(build), 6
    data = np.random.default_rng(1).standard_normal((8, length, 2))
    found = sr.gradient_curve(module, length, data=data, inputs=2, **QUIET)
    first = getattr(module, "batch_first", True)

    def last(sequence: Tensor) -> Tensor:
        given = sequence[None] if first else sequence[:, None]
        result: Any = given
        for member in module if isinstance(module, nn.Sequential) else [module]:
            result = member(result)
            result = result[0] if isinstance(result, tuple) else result
        return result[0, -1] if first else result[-1, 0]

    squares = [
        (torch.autograd.functional.jacobian(last, torch.from_numpy(x)) ** 2).sum((0, 2)).numpy()[::-1] for x in data
    ]
    assert np.allclose(found.values, np.mean(squares, 0), rtol=1e-9)


def test_gradients_of_a_linear_network_are_powers() -> None:
    module = seeded(lambda: DiagonalSSM(1, 1))
    module.decay_l0.data.fill_(0.5)
    found = sr.gradient_curve(module, 8, samples=8, **QUIET)
    assert np.allclose(np.array(found.values[1:]) / np.array(found.values[:-1]), 0.25)
    assert found.reach(0.01) == 3
    assert max(found.errors) < 1e-12
    one = sr.gradient_curve(module, 8, samples=8, readout="random", **QUIET)
    assert np.allclose(one.values, found.values)


# Hankel singular values


def test_hankel_values_are_those_of_the_gramians_and_of_a_long_cut() -> None:
    a, b, c = network(5, inputs=2, channels=2, radius=0.7)
    found = sr.hankel_singular_values((a, b, c), 120)
    reach = scipy.linalg.solve_discrete_lyapunov(a, b @ b.T)
    see = scipy.linalg.solve_discrete_lyapunov(a.T, (c @ a).T @ (c @ a))
    expected = np.sqrt(np.sort(np.linalg.eigvals(reach @ see).real)[::-1])
    assert np.allclose(found.values, expected, rtol=1e-8)
    assert np.allclose(found.values, found.at_cut, rtol=0, atol=1e-12 * expected[0])


def test_hankel_values_are_the_singular_values_of_start_and_end() -> None:
    """The Start-End matrix of all outputs after the cut, less the mean over starts, on normal starts."""
    a, b, c = network(3, radius=0.5)
    length, cut, count = 16, 8, 20000
    starts = np.random.default_rng(0).standard_normal((count, cut))
    state = np.zeros((count, 3))
    for step in starts.T:
        state = state @ a.T + step[:, None] @ b.T
    after = np.concatenate([state @ (c @ np.linalg.matrix_power(a, k + 1)).T for k in range(length - cut)], 1)
    sampled = np.linalg.svd(after / math.sqrt(count), compute_uv=False)
    found = sr.hankel_singular_values((a, b, c), length, cut=cut)
    assert np.allclose(sampled[:3], found.at_cut, rtol=0.05)


# Results, the verb, and what is refused


def results() -> list[Result]:
    matrices = network(3)
    return [
        sr.memory_capacity(matrices[:2], **QUIET),
        sr.effective_state_size(matrices, 6),
        sr.gradient_curve(seeded(lambda: nn.GRU(1, 2)), 4, samples=8, **QUIET),
        sr.hankel_singular_values(matrices),
    ]


def test_results_are_stored_shown_and_drawn(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    for found in results():
        path = found.save(tmp_path / "found.json")
        assert type(found).load(path) == found
        assert len(repr(found)) < 140
        assert "\n" not in repr(found)
        assert isinstance(found.to_frame(), pandas.DataFrame)
        assert len(found.to_csv().splitlines()) == len(found.records()) + 1
        figure, axes = found.plot()
        assert axes.figure is figure
        assert json.loads(json.dumps(found.to_dict())) == found.to_dict()
        path.write_text("{}")
        with pytest.raises(ValueError, match=f"is not a {type(found).NOUN}"):
            type(found).load(path)


CONSTANT_NUMPY = lambda x: torch.from_numpy(np.asarray(x.detach()))[:, -1]  # noqa: E731
BAD: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "unstable": (lambda: sr.memory_capacity((1.5 * np.eye(2), np.ones(2))), Unstable, "spectral radius is 1.5"),
    "on the border": (lambda: sr.memory_capacity((np.eye(2), np.ones(2))), Unstable, "must be below 1"),
    "unstable hankel": (lambda: sr.hankel_singular_values((np.eye(2), np.ones(2))), Unstable, "must be below 1"),
    "complex": (lambda: sr.memory_capacity((1j * np.eye(2), np.ones(2))), ValueError, "W must be real, got complex128"),
    "not square": (lambda: sr.memory_capacity((np.ones((2, 3)), np.ones(2))), ValueError, "W must be square"),
    "other units": (lambda: sr.memory_capacity((np.eye(2), np.ones(3))), ValueError, "Win must be"),
    "not finite": (lambda: sr.memory_capacity((np.full((2, 2), np.nan), np.ones(2))), ValueError, "W must be finite"),
    "five matrices": (lambda: from_matrices((1, 2, 3, 4, 5)), ValueError, "got 5 matrices"),
    "no state": (lambda: sr.memory_capacity(nn.Linear(2, 2)), Meaningless, "keeps no state"),
    "tokens": (lambda: sr.gradient_curve(nn.Embedding(3, 2), 4), Meaningless, "reads token ids"),
    "few samples": (
        lambda: sr.memory_capacity(nn.GRU(2, 9), samples=20),
        ValueError,
        "samples must be at least 40 .* got 20; use 80 or more",
    ),
    "few gradients": (lambda: sr.gradient_curve(nn.GRU(2, 2), 4, samples=3), ValueError, "samples must be at least 8"),
    "length 1": (lambda: sr.gradient_curve(nn.GRU(2, 2), 1), ValueError, "length must be at least 2 to have a past"),
    "size of 1": (lambda: sr.effective_state_size(nn.GRU(2, 2), 1), ValueError, "length must be at least 2"),
    "short": (lambda: sr.memory_capacity(nn.GRU(2, 2), lags=9, length=9), ValueError, "more than the last lag"),
    "width": (lambda: sr.memory_capacity((np.eye(1) / 2, [1.0]), width=0.0), ValueError, "width must be a number"),
    "lag": (lambda: sr.memory_capacity((np.eye(1) / 2, [1.0])).between(1, 9), ValueError, "not 1 to 9"),
    "tolerance": (lambda: sr.effective_state_size(network(2), 4, tolerance=2.0), ValueError, "tolerance must be"),
    "at": (lambda: sr.effective_state_size(Attention(True), 4, at=np.ones(3)), ValueError, "at must be"),
    "hankel of tanh": (lambda: sr.hankel_singular_values(nn.RNN(2, 2)), NotLinear, "is not linear"),
    "numpy": (lambda: sr.gradient_curve(CONSTANT_NUMPY, 4, inputs=1), ValueError, "has no gradients"),
    "data": (lambda: sr.gradient_curve(nn.GRU(2, 2), 4, data=np.ones((9, 3, 2))), DataError, "at least 4 steps"),
    "memory": (lambda: sr.memory_capacity(nn.GRU(2, 2), memory=1000), ValueError, r"more than the 1e\+03 B"),
    "mixes the batch": (
        lambda: sr.gradient_curve(lambda x: x - x.mean(0), 4, inputs=1),
        CheckFailed,
        "check 'batch' failed",
    ),
}


@pytest.mark.parametrize(("call", "error", "text"), BAD.values(), ids=BAD)
def test_bad_input_is_one_sentence(call: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text) as found:
        call()
    assert "\n" not in str(found.value)


@pytest.mark.slow
def test_the_verb_shows_every_measure_or_why_there_is_none(tmp_path: Path) -> None:
    run = CliRunner().invoke
    line = ["neighbours", "diagonal_ssm", "--inputs", "2", "--width", "3", "--length", "12", "--samples", "64"]
    page = run(app, [*line, "--out", str(tmp_path / "a.html"), "--json"])
    assert page.exit_code == 0, page.output
    answer = json.loads(page.stdout)
    assert answer["rank"]["result"]["rank"] == 2
    assert answer["size"]["result"]["certified"][5] == answer["capacity"]["result"]["certified_total"] == 3
    html = (tmp_path / "a.html").read_text("utf-8")
    assert html.count("It cannot see") == 7
    small = ["neighbours", "elman", "--inputs", "1", "--width", "1", "--length", "4", "--samples", "32"]
    assert run(app, [*small, "--out", str(tmp_path / "a.pdf")]).exit_code == 0
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    assert run(app, [*line, "--out", str(tmp_path / "a.txt")]).exit_code == 2


@pytest.mark.slow
def test_measures_without_meaning_say_so() -> None:
    gated = overview(seeded(lambda: nn.LSTM(2, 3, batch_first=True)), 8, samples=64, **QUIET)
    assert {m.name for m in gated.measures if m.result is None} == {"rank", "size", "hankel"}
    assert all(m.reason in m.sentence() for m in gated.measures)
    words = overview(nn.Sequential(nn.Embedding(3, 2), nn.GRU(2, 2, batch_first=True)), 8, samples=64, **QUIET)
    assert {m.name for m in words.measures if m.result is not None} == {"memory_curve", "spectrum"}


class Spoken(nn.Module):
    """A linear network that has to be told how it is called: two outputs, a factor, and time first."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = DiagonalSSM(2, 3)

    def forward(self, x: Tensor, state: Any = None, *, scale: float) -> dict[str, Any]:
        output, after = self.cell(scale * x.transpose(0, 1), state)
        output = output.transpose(0, 1)
        return {"first": output, "second": -2 * output, "memory": after}


class Silent(nn.Module):
    """The same with all that said."""

    def __init__(self, spoken: Spoken) -> None:
        super().__init__()
        self.cell = spoken.cell

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        output, after = self.cell(3 * x, state)
        return -2 * output, after


MEASURES: dict[str, Callable[..., Any]] = {
    "state size": lambda model, **how: sr.effective_state_size(model, 5, inputs=2, **how).spectrum,
    "capacity": lambda model, **how: sr.memory_capacity(model, lags=3, inputs=2, progress=False, **how).per_lag,
    "gradients": lambda model, **how: sr.gradient_curve(model, 5, inputs=2, samples=16, progress=False, **how).values,
    "hankel": lambda model, **how: sr.hankel_singular_values(model, 5, inputs=2, **how).values,
}


@pytest.mark.parametrize("measure", MEASURES)
def test_how_a_model_is_called_can_be_said(measure: str) -> None:
    spoken = seeded(Spoken, 0.2)
    how = {"batch_first": False, "output": "second", "state": "state", "call": {"scale": 3.0}}
    found, expected = MEASURES[measure](spoken, **how), MEASURES[measure](Silent(spoken))
    assert np.allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert not np.allclose(found, MEASURES[measure](spoken, **how | {"call": {"scale": 1.0}})) or measure == "capacity"
    with pytest.raises(ValueError, match="third"):
        MEASURES[measure](spoken, **how | {"output": "third"})
