"""Models as they are trained: the contract of those that are no polynomials, and long sequences through all of them."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seprank import MODELS, NotPolynomial, build_task, certify, measure
from seprank.models import spec_of
from seprank.models.orthogonal import OrthogonalRNN
from seprank.models.rac import RAC

M, R, BATCH, STEPS = 4, 6, 5, 7
PLAIN = [name for name, spec in MODELS.items() if not spec.polynomial]
TRAINED = [name for name, spec in MODELS.items() if spec.training or not spec.polynomial]
by_depth = pytest.mark.parametrize("depth", [1, 2, 3, 4])
every_plain = pytest.mark.parametrize("name", PLAIN)
every_trained = pytest.mark.parametrize("name", TRAINED)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def build(name: str, depth: int = 2, **settings: Any) -> Any:
    spec = MODELS[name]
    return spec.build(inputs=M, width=R, depth=depth, **{**spec.training, **settings})


def leaves(state: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (state,) if isinstance(state, Tensor) else state


def test_models_for_training() -> None:
    assert {"rac", "mi_rnn", "orthogonal", "rnn", "gru", "lstm"} <= set(TRAINED)
    assert MODELS["mi_rnn"].training == {"nonlinearity": "tanh"}
    assert MODELS["rac"].training == {"normalize": True}


@every_trained
@by_depth
def test_two_halves_are_the_whole(name: str, depth: int) -> None:
    module, x = build(name, depth, dtype=torch.float64), torch.randn(BATCH, STEPS, M, dtype=torch.float64)
    whole, end = module(x)
    first, between = module(x[:, :3])
    second, last = module(x[:, 3:], between)
    assert whole.shape == (BATCH, STEPS, R)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=1e-12, atol=1e-12)
    for a, b in zip(leaves(last), leaves(end), strict=True):
        assert a.shape[:2] == (depth, BATCH)
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@every_plain
@pytest.mark.parametrize("sizes", [(1, 1, 1), (4, 3, 1), (4, 3, 3), (2, 5, 4)])
def test_registry(name: str, sizes: tuple[int, int, int]) -> None:
    inputs, width, depth = sizes
    spec = MODELS[name]
    module = spec.build(inputs=inputs, width=width, depth=depth)
    assert spec.count_parameters(*sizes) == sum(p.numel() for p in module.parameters())
    assert spec.settings(module) == {"inputs": inputs, "width": width, "depth": depth}
    assert spec_of(module) is spec
    assert module(torch.ones(2, 3, inputs))[0].shape == (2, 3, width)


@every_plain
def test_save_and_load(name: str) -> None:
    first, second, x = build(name), build(name), torch.randn(BATCH, STEPS, M)
    assert not torch.equal(first(x)[0], second(x)[0])
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(first(x)[0], second(x)[0])


@every_plain
def test_batch_first_is_the_default_and_can_be_turned_off(name: str) -> None:
    module, other, x = build(name), build(name, batch_first=False), torch.randn(BATCH, STEPS, M)
    other.load_state_dict(module.state_dict())
    torch.testing.assert_close(other(x.transpose(0, 1))[0].transpose(0, 1), module(x)[0])


@pytest.mark.slow
@every_trained
def test_what_is_trained_is_not_certified_but_measured(name: str) -> None:
    # What the linear unit is trained with is a function of parameters that no drawn element can stand for.
    says = "theta_l0 as cos" if name == "lru" else r".*`measure`"
    with pytest.raises(NotPolynomial, match=rf"is not polynomial: .*{says}"):
        certify(build(name, 1), length=4, progress=False)
    found = measure(build(name, 1).double(), length=6, starts=16, ends=16)
    assert found.entropy > 0


@every_trained
@by_depth
def test_gradients_are_finite_and_reach_the_first_of_200_steps(name: str, depth: int) -> None:
    module = build(name, depth)
    x = torch.eye(M)[torch.randint(M, (BATCH, 200))].requires_grad_()
    output, _ = module(x)
    (output[:, -1] * torch.randn(BATCH, R)).sum().backward()
    assert x.grad is not None
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())
    assert all(p.grad.abs().sum() > 0 for n, p in module.named_parameters() if "weight" in n)
    assert output.isfinite().all()
    assert x.grad.isfinite().all()
    if name in ("rac", "orthogonal"):
        assert x.grad[:, 0].norm() > 1e-3 * x.grad[:, -1].norm()


@pytest.mark.slow
@every_trained
@by_depth
def test_a_loss_falls(name: str, depth: int) -> None:
    """Naming the letter before; at this many steps no seed of four leaves more than 0.7 of the loss of a guess."""
    module = build(name, depth)
    readout = nn.Linear(R, M)
    optimizer = torch.optim.RMSprop([*module.parameters(), *readout.parameters()], lr=1e-2, alpha=0.9)
    words = torch.randint(M, (32, 6))
    x, target = torch.eye(M)[words], words[:, :-1]
    losses = []
    for _ in range(80):
        optimizer.zero_grad()
        output, _ = module(x)
        loss = nn.functional.cross_entropy(readout(output)[:, 1:].flatten(0, 1), target.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0.8 * math.log(M)
    assert losses[-1] < 0.8 * losses[0]


# The orthogonal network


@pytest.mark.parametrize("width", [1, 2, 5, 8])
def test_recurrent_matrices_are_orthogonal_and_stay_so(width: int) -> None:
    module = OrthogonalRNN(3, width, 2, dtype=torch.float64)
    optimizer = torch.optim.RMSprop(module.parameters(), lr=0.05)
    first = [linear.weight.detach().clone() for linear in module.recurrent]
    for _ in range(20):
        optimizer.zero_grad()
        module(torch.randn(4, 6, 3, dtype=torch.float64))[0].sum().backward()
        optimizer.step()
    for linear, before in zip(module.recurrent, first, strict=True):
        for weight in (before, linear.weight):
            torch.testing.assert_close(weight @ weight.T, torch.eye(width, dtype=torch.float64))
        assert width == 1 or not torch.allclose(linear.weight, before)


def test_recurrent_matrices_start_as_rotations() -> None:
    matrix = OrthogonalRNN(3, 7).recurrent[0].weight.detach()
    for place in (0, 2, 4):
        (a, b), (c, d) = matrix[place : place + 2, place : place + 2].tolist()
        assert (a, b) == pytest.approx((d, -c))
        assert a * a + b * b == pytest.approx(1)
    assert abs(matrix[6, 6].item()) == 1
    matrix.fill_diagonal_(0)
    assert (matrix != 0).sum() == 6


def test_parameters_can_be_drawn_again() -> None:
    module = OrthogonalRNN(3, 6, 2)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    torch.manual_seed(5)
    module.reset_parameters()
    torch.manual_seed(5)
    again = OrthogonalRNN(3, 6, 2).state_dict()
    changed = {name for name, value in module.state_dict().items() if not torch.equal(value, before[name])}
    assert {name.split(".")[-1] for name in changed} >= {"weight_ih_l0", "bias_l1", "base"}
    assert again.keys() == before.keys()
    weight = module.recurrent[1].weight
    torch.testing.assert_close(weight @ weight.T, torch.eye(6))


def test_orthogonal_network_by_its_equation() -> None:
    module = OrthogonalRNN(M, R, 1, dtype=torch.float64)
    nn.init.normal_(module.get_parameter("bias_l0"), std=0.5)
    nn.init.normal_(module.get_parameter("initial_state"))
    p = {name: value.detach() for name, value in module.named_parameters()}
    q = module.recurrent[0].weight.detach()
    x = torch.randn(STEPS, M, dtype=torch.float64)
    h = p["initial_state"][0].tolist()
    for step in x:
        z = [sum(q[i, j].item() * h[j] for j in range(R)) + (p["weight_ih_l0"][i] @ step).item() for i in range(R)]
        h = [math.copysign(max(abs(v) + b, 0), v) for v, b in zip(z, p["bias_l0"].tolist(), strict=True)]
    assert module(x)[1][0].tolist() == pytest.approx(h, rel=1e-12)


def test_representations() -> None:
    assert repr(RAC(4, 3, normalize=True)) == "RAC(4, 3, num_layers=1, batch_first=True, normalize=True)"
    assert "4, 3, num_layers=1, batch_first=True" in repr(OrthogonalRNN(4, 3))


def test_a_task_is_learnt_by_a_model() -> None:
    """The pieces together: a batch, a network, the task's loss and scores."""
    task = build_task("copying-memory", symbols=2, memory=1, delay=2)
    module = MODELS["gru"].build(inputs=task.inputs, width=16, depth=1)
    readout = nn.Linear(16, task.outputs)
    optimizer = torch.optim.Adam([*module.parameters(), *readout.parameters()], lr=0.02)
    for index in range(150):
        inputs, targets = task.batch(64, seed=0, stream="train", index=index)
        optimizer.zero_grad()
        task.loss(readout(module(inputs)[0]), targets).backward()
        optimizer.step()
    inputs, targets = task.batch(500, seed=0, stream="test", index=0)
    assert task.solved(task.score(readout(module(inputs)[0]), targets))
