"""Layers with backward passes of their own against plain automatic differentiation of their definitions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from seprank.field import PrimeField
from seprank.models import orthogonal, rac
from seprank.models.base import recurrence
from seprank.models.base.recurrence import ModReluLayer, ProductLayer, modrelu_step, ordinary, product_step
from seprank.models.orthogonal import OrthogonalRNN
from seprank.models.rac import RAC

KINDS: dict[str, Callable[..., Any]] = {
    "rac": RAC,
    "normalized rac": lambda *sizes, **settings: RAC(*sizes, normalize=True, **settings),
    "orthogonal": OrthogonalRNN,
}
every_kind = pytest.mark.parametrize("kind", KINDS)
by_depth = pytest.mark.parametrize("depth", [1, 2, 4])
M, R, BATCH, STEPS = 4, 5, 3, 6


pytestmark = pytest.mark.usefixtures("one_thread")


def build(kind: str, depth: int = 2, seed: int = 0, **settings: Any) -> Any:
    """The module in float64, every parameter drawn; biases of both signs."""
    module, generator = KINDS[kind](M, R, depth, dtype=torch.float64, **settings), torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.5
    return module


def normal(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def plainly(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], Any]:
    """Run something by the definitions alone."""

    def run(function: Callable[[], Any]) -> Any:
        with monkeypatch.context() as patch:
            for module in (rac, orthogonal):
                patch.setattr(module, "ordinary", lambda *tensors: False)
            return function()

    return run


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the hand-written layers fail."""

    def refuse(*arguments: Any) -> Any:
        raise AssertionError("the definition should have run")

    for layer in (ProductLayer, ModReluLayer):
        monkeypatch.setattr(layer, "forward", refuse)


def results(module: nn.Module, x: Tensor, state: Tensor | None, weights: Tensor) -> list[Tensor]:
    """Outputs, states, and the gradients of a sum of both."""
    x = x.clone().requires_grad_()
    state = None if state is None else state.clone().requires_grad_()
    output, last = module(x, state)
    inputs = [x, *([] if state is None else [state]), *module.parameters()]
    loss = (output * weights[..., : output.shape[-1]]).sum() + (last * last).sum()
    return [output.detach(), last.detach(), *torch.autograd.grad(loss, inputs, allow_unused=state is not None)]


@every_kind
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("given_state", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_values_and_gradients_are_those_of_the_definition(
    kind: str, depth: int, given_state: bool, batch_first: bool, plainly: Any
) -> None:
    module = build(kind, depth, batch_first=batch_first)
    shape = (BATCH, STEPS) if batch_first else (STEPS, BATCH)
    x, state = normal(*shape, M), normal(depth, BATCH, R) if given_state else None
    ours = results(module, x, state, normal(*shape, R, seed=2))
    expected = plainly(lambda: results(module, x, state, normal(*shape, R, seed=2)))
    assert len(ours) == len(expected)
    for a, b in zip(ours, expected, strict=True):
        assert (a is None) == (b is None)
        if b is not None:
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@every_kind
@pytest.mark.parametrize("steps", [1, 2, 9])
def test_unbatched_single_steps_and_no_sequences(kind: str, steps: int, plainly: Any) -> None:
    module = build(kind)
    for shape in ((steps, M), (1, steps, M), (0, steps, M)):
        x = normal(*shape)
        ours = results(module, x, None, normal(*shape[:-1], R, seed=2))
        expected = plainly(lambda x=x, shape=shape: results(module, x, None, normal(*shape[:-1], R, seed=2)))
        for a, b in zip(ours, expected, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def call(module: nn.Module) -> tuple[Callable[..., Any], list[Tensor]]:
    """The module as a function of input, state and parameters, and values for these."""
    names = [name for name, _ in module.named_parameters()]

    def function(x: Tensor, state: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        weights = dict(zip(names, values, strict=True))
        output, last = torch.func.functional_call(module, weights, (x, state))
        return output, last, torch.func.functional_call(module, weights, (x,))[0]

    arguments = [normal(2, 3, M), normal(len(getattr(module, "initial_state")), 2, R, seed=3)]  # noqa: B009
    return function, [a.requires_grad_() for a in (*arguments, *(p.detach().clone() for p in module.parameters()))]


@pytest.mark.slow
@every_kind
@by_depth
def test_gradients(kind: str, depth: int) -> None:
    function, arguments = call(build(kind, depth))
    assert torch.autograd.gradcheck(function, arguments)


@pytest.mark.slow
@every_kind
@by_depth
def test_second_derivatives(kind: str, depth: int) -> None:
    function, arguments = call(build(kind, depth))
    assert torch.autograd.gradgradcheck(function, arguments, fast_mode=True)


@every_kind
def test_an_input_that_depends_on_a_weight_is_differentiated_twice_rightly(kind: str, plainly: Any) -> None:
    module = build(kind, 1)

    def second() -> list[Tensor]:
        x = normal(BATCH, STEPS, M) * module.weight_ih_l0.sum()
        (first,) = torch.autograd.grad(module(x)[0].square().sum(), [module.weight_ih_l0], create_graph=True)
        return list(torch.autograd.grad(first.square().sum(), list(module.parameters()), allow_unused=True))

    for a, b in zip(second(), plainly(second), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


@every_kind
def test_a_graph_that_is_kept_can_be_run_again(kind: str) -> None:
    module, x = build(kind), normal(BATCH, STEPS, M)
    parameters = list(module.parameters())
    loss = module(x)[0].square().sum()
    first = torch.autograd.grad(loss, parameters, retain_graph=True)
    second = torch.autograd.grad(loss, parameters)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    with pytest.raises(RuntimeError, match="a second time"):
        torch.autograd.grad(loss, parameters)


@every_kind
@pytest.mark.filterwarnings("ignore:.*torch.jit.script. is deprecated:DeprecationWarning")  # by torch's own jvp
def test_transforms_of_torch(kind: str, plainly: Any) -> None:
    module, x = build(kind, 2), normal(BATCH, STEPS, M)
    weights = {name: p.detach() for name, p in module.named_parameters()}

    def loss(values: dict[str, Tensor], sequence: Tensor) -> Tensor:
        return torch.func.functional_call(module, values, (sequence,))[0].square().sum()

    expected = dict(zip(weights, torch.autograd.grad(loss(dict(module.named_parameters()), x), module.parameters())))  # noqa: B905
    found = torch.func.grad(loss)(weights, x)
    single = torch.func.vmap(torch.func.grad(loss), (None, 0))(weights, x)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(single[name].sum(0), value, rtol=1e-9, atol=1e-12)
    # Forward mode, through a module whose parameters record gradients.
    direction = normal(BATCH, STEPS, M, seed=5)
    _, slope = torch.func.jvp(lambda sequence: module(sequence)[0], (x,), (direction,))
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, direction)
        assert torch.allclose(torch.autograd.forward_ad.unpack_dual(module(dual)[0]).tangent, slope)
    y = x.clone().requires_grad_()
    pulled = torch.autograd.grad((module(y)[0] * normal(BATCH, STEPS, R)).sum(), y)[0]
    torch.testing.assert_close((pulled * direction).sum(), (slope * normal(BATCH, STEPS, R)).sum())


@every_kind
def test_gradients_of_many_outputs_at_once(kind: str) -> None:
    module, x = build(kind), normal(BATCH, STEPS, M)
    output = module(x)[0]
    many = normal(3, BATCH, STEPS, R)
    parameters = list(module.parameters())
    together = torch.autograd.grad(output, parameters, many, is_grads_batched=True, retain_graph=True)
    for number in range(3):
        single = torch.autograd.grad(output, parameters, many[number], retain_graph=True)
        for a, b in zip(together, single, strict=True):
            torch.testing.assert_close(a[number], b, rtol=1e-9, atol=1e-12)


def test_parametrised_weights(plainly: Any) -> None:
    module = parametrizations.orthogonal(build("rac", 2), "weight_hh_l1", orthogonal_map="cayley")
    x, weights = normal(BATCH, STEPS, M), normal(BATCH, STEPS, R)
    for a, b in zip(results(module, x, None, weights), plainly(lambda: results(module, x, None, weights)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@every_kind
def test_weights_that_are_not_trained_get_no_gradient(kind: str, plainly: Any) -> None:
    module = build(kind, 2)
    module.weight_ih_l1.requires_grad_(False)
    module.initial_state.requires_grad_(False)
    x = normal(BATCH, STEPS, M)

    def gradients() -> list[Tensor | None]:
        module.zero_grad()
        module(x)[0].square().sum().backward()
        return [None if p.grad is None else p.grad.clone() for p in module.parameters()]

    for a, b in zip(gradients(), plainly(gradients), strict=True):
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@every_kind
def test_autocasting_changes_the_type_of_products(kind: str) -> None:
    module = KINDS[kind](M, R, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, _ = module(torch.eye(M).expand(2, -1, -1))
        output.float().sum().backward()
    # A bias in float32 brings the sum of the orthogonal network back to it.
    assert output.dtype == (torch.float32 if kind == "orthogonal" else torch.bfloat16)
    assert module.weight_ih_l0.grad.isfinite().all()


@every_kind
@pytest.mark.usefixtures("forbidden")
def test_where_nothing_is_trained_the_definition_runs(kind: str) -> None:
    module, x = build(kind), normal(BATCH, STEPS, M)
    with torch.no_grad():
        module(x)
    with torch.inference_mode():
        module(x)
    with pytest.raises(AssertionError, match="the definition"):
        module(x)
    if kind == "rac":
        with PrimeField(), torch.enable_grad():
            module(torch.ones_like(x))


def test_what_is_ordinary() -> None:
    plain, trained = torch.ones(2), torch.ones(2, requires_grad=True)
    assert ordinary(plain, trained)
    assert not ordinary(plain, plain)
    with torch.no_grad():
        assert not ordinary(plain, trained)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not ordinary(plain, trained)
    assert not ordinary(plain, torch.ones(2, device="meta", requires_grad=True).as_subclass(nn.UninitializedParameter))
    assert not ordinary(torch.ones(2, device="meta", requires_grad=True))


# The definitions themselves


def test_modrelu_by_hand() -> None:
    z = torch.tensor([[3.0, -3.0, 0.5, -0.5, 0.0, 2.0, -2.0, 0.0]], dtype=torch.float64)
    bias = torch.tensor([-1.0, -1.0, -1.0, -1.0, -1.0, 1.0, 1.0, 1.0], dtype=torch.float64)
    expected = [[2.0, -2.0, 0.0, 0.0, 0.0, 3.0, -3.0, 0.0]]
    nothing = torch.zeros(8, 8, dtype=torch.float64)
    assert modrelu_step(z, torch.zeros_like(z), nothing, bias).tolist() == expected
    eye = torch.eye(8, dtype=torch.float64).requires_grad_()
    fast = ModReluLayer.apply(z.unsqueeze(0), torch.zeros_like(z), eye, nothing, bias)
    assert fast.tolist() == [expected]


def test_product_step_by_hand() -> None:
    hidden, weight = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 1.0], [0.0, -1.0]])
    projected = torch.tensor([[2.0, 4.0]])
    assert product_step(projected, hidden, weight, False).tolist() == [[6.0, -8.0]]
    root = 50**0.5
    torch.testing.assert_close(product_step(projected, hidden, weight, True), torch.tensor([[6 / root, -8 / root]]))


def test_a_state_that_is_zero_stays_zero_and_keeps_gradients_finite(plainly: Any) -> None:
    module, x = build("normalized rac", 2), normal(BATCH, STEPS, M)
    x[1, 2] = 0
    ours = results(module, x, None, normal(BATCH, STEPS, R, seed=2))
    assert torch.equal(ours[0][1, 2:], torch.zeros(STEPS - 2, R))
    assert (ours[0][0].abs().sum(1) > 0).all()
    for a, b in zip(ours, plainly(lambda: results(module, x, None, normal(BATCH, STEPS, R, seed=2))), strict=True):
        assert a.isfinite().all()
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_normalisation_keeps_the_direction_over_200_steps(depth: int) -> None:
    """In float64 one-hot letters do not overflow either way: the plain circuit, scaled, is the normalised one."""
    module, other = build("rac", depth), build("normalized rac", depth)
    module.load_state_dict(other.state_dict())
    with torch.no_grad():
        plain = module(normal(BATCH, 8, M))[0]
        scaled, state = other(normal(BATCH, 8, M))
        torch.testing.assert_close(plain / plain.square().mean(2, keepdim=True).sqrt(), scaled)
        long, state = other(normal(BATCH, 200, M))
    for values in (scaled, long, state):
        torch.testing.assert_close(values.square().mean(-1), torch.ones_like(values[..., 0]))


def test_the_documented_memory_is_not_written_to() -> None:
    """Inputs, weights and outputs are as they were after a backward pass; only what the layer made is written over."""
    module, x = build("rac", 2), normal(BATCH, STEPS, M)
    before = [p.detach().clone() for p in module.parameters()]
    output, state = module(x)
    copies = [t.detach().clone() for t in (output, state, x)]
    output.square().sum().backward()
    assert all(torch.equal(a, b) for a, b in zip(copies, (output, state, x), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))
    assert recurrence.ProductLayer is ProductLayer
