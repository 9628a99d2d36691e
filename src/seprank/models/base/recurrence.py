"""Recurrent layers with their own backward passes, because training spends most of its time here.

A step of a layer is a product of small matrices and a few element-wise operations; recording these one by one costs
more than computing them. Here a layer over all steps is one operation: the input weights are applied in one matrix
product, the steps write into preallocated buffers, and the gradients of the weights are one product over many steps.

`product_step` and `modrelu_step` are the definitions. They run wherever operations may mean something else than numbers
in memory (see `ordinary`), and for second derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function, forward_ad
from torch.utils._python_dispatch import _get_current_dispatch_mode

Step = Callable[..., Tensor]
"""New states (batch, units) from the input multiplied by its weights, the states before, and the weights"""


def product_step(projected: Tensor, hidden: Tensor, weight_hh: Tensor, normalize: bool) -> Tensor:
    r"""$(W_H h) \odot u$, divided by its root mean square if `normalize`; zero stays zero."""
    return times_projected(hidden @ weight_hh.T, projected, normalize)


def times_projected(carried: Tensor, projected: Tensor, normalize: bool) -> Tensor:
    r"""`product_step` from $W_H h$ and $u$."""
    product = carried * projected
    if not normalize:
        return product
    length = torch.linalg.vector_norm(product, dim=1, keepdim=True) * product.shape[1] ** -0.5
    return product / torch.where(length > 0, length, 1.0)


def modrelu_step(projected: Tensor, hidden: Tensor, weight_hh: Tensor, bias: Tensor) -> Tensor:
    r"""$\mathrm{sign}(z) \odot \max(|z| + b, 0)$ of $z = W_H h + u$."""
    total = hidden @ weight_hh.T + projected
    return torch.sign(total) * torch.relu(total.abs() + bias)


def ordinary(*tensors: Tensor) -> bool:
    """Whether gradients of ordinary tensors are recorded, and nothing else.

    A dispatch mode (the prime field), a transform of torch.func, forward-mode differentiation, autocasting and
    compilation each give operations a meaning that writing into buffers misses.
    """
    return (
        torch.is_grad_enabled()
        and any(tensor.requires_grad for tensor in tensors)
        and all(type(tensor) in (Tensor, nn.Parameter) for tensor in tensors)
        and not torch._C._are_functorch_transforms_active()
        and forward_ad._current_level < 0
        and _get_current_dispatch_mode() is None
        and tensors[0].device.type in ("cpu", "cuda")
        and not torch.is_autocast_enabled(tensors[0].device.type)
        and not torch.compiler.is_compiling()
    )


def run_layers(
    layer: Callable[..., Tensor], sequence: Tensor, states: Tensor, weights: Sequence[tuple[Any, ...]]
) -> tuple[Tensor, Tensor]:
    """Run layers on top of each other.

    Args:
        layer: `ProductLayer.apply` or `ModReluLayer.apply`.
        sequence: (time, batch, features).
        states: before the first step (layers, batch, units).
        weights: what `layer` takes after sequence and state, for each layer.

    Returns:
        States of the top layer (time, batch, units), last states of all (layers, batch, units).
    """
    last = []
    for state, own in zip(states.unbind(0), weights, strict=True):
        sequence = layer(sequence, state, *own)
        last.append(sequence[-1])
    return sequence, torch.stack(last)


class ProductLayer(Function):
    """`product_step` over all steps: (sequence, state, weight_ih, weight_hh, normalize) to states (time, batch, units).

    It keeps the states, the projected input and the product with the recurrent weights.
    """

    @staticmethod
    def forward(
        ctx: Any, sequence: Tensor, state: Tensor, weight_ih: Tensor, weight_hh: Tensor, normalize: bool
    ) -> Tensor:
        projected = _project(sequence, weight_ih)
        carried, outputs = torch.empty_like(projected), torch.empty_like(projected)
        lengths = projected.new_empty(*projected.shape[:2], int(normalize))
        across, hidden, scale = weight_hh.T.contiguous(), state, projected.shape[2] ** -0.5
        tiny = torch.finfo(projected.dtype).tiny  # 0 divided by it is 0
        for u, a, h, length in zip(*(t.unbind(0) for t in (projected, carried, outputs, lengths)), strict=True):
            torch.mm(hidden, across, out=a)
            torch.mul(a, u, out=h)
            if normalize:
                torch.linalg.vector_norm(h, dim=1, keepdim=True, out=length)
                h.div_(length.mul_(scale).clamp_min_(tiny))
            hidden = h
        ctx.normalize = normalize
        ctx.save_for_backward(sequence, state, weight_ih, weight_hh, projected, carried, outputs, lengths)
        return outputs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        sequence, state, weight_ih, weight_hh, projected, carried, outputs, lengths = ctx.saved_tensors
        if not _first_derivative(grads[0]):
            inputs = (sequence, state, weight_ih, weight_hh)
            return (*_plain_gradients(ctx, product_step, inputs, (ctx.normalize,), grads[0]), None)
        # Reuse buffers that nobody reads again: fresh memory costs as much as the arithmetic.
        on_input, on_product = (carried.clone(), projected.clone()) if _kept() else (carried, projected)
        inverse = torch.where(lengths > torch.finfo(lengths.dtype).tiny, 1 / lengths, 1.0)
        total, buffer = torch.empty_like(outputs[0]), torch.empty_like(outputs[0])
        behind = None
        every = [t.unbind(0) for t in (grads[0], outputs, inverse, on_input, on_product)]
        for grad, h, shrink, du, da in reversed(list(zip(*every, strict=True))):
            if behind is None:
                total.copy_(grad)
            else:
                torch.addmm(grad, behind, weight_hh, out=total)
            if ctx.normalize:  # only what is orthogonal to the state counts
                torch.mul(total, h, out=buffer)
                total.addcmul_(h, buffer.mean(1, keepdim=True), value=-1).mul_(shrink)
            du.mul_(total)
            behind = da.mul_(total)
        return *_gradients(ctx, on_input, on_product, sequence, state, weight_ih, weight_hh, outputs), None


class ModReluLayer(Function):
    """`modrelu_step` over all steps: (sequence, state, weight_ih, weight_hh, bias) to states (time, batch, units).

    It keeps only the states: a state has the sign of its $z$ where gradients pass, and is zero where they do not.
    """

    @staticmethod
    def forward(
        ctx: Any, sequence: Tensor, state: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias: Tensor
    ) -> Tensor:
        outputs = _project(sequence, weight_ih)
        across, hidden = weight_hh.T.contiguous(), state
        # Where b <= 0, the function is z minus z cut off at ±b; where b > 0, it is z + b sign(z).
        low, up = bias.clamp(max=0), bias.clamp(min=0)
        high, rises = -low, bool((bias > 0).any())
        signs, cut = torch.empty_like(outputs[0]), torch.empty_like(outputs[0])
        for h in outputs.unbind(0):
            h.addmm_(hidden, across)
            torch.clamp(h, low, high, out=cut)
            if rises:
                torch.sign(h, out=signs)
                h.addcmul_(signs, up)
            h.sub_(cut)
            hidden = h
        ctx.save_for_backward(sequence, state, weight_ih, weight_hh, bias, outputs)
        return outputs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        sequence, state, weight_ih, weight_hh, bias, outputs = ctx.saved_tensors
        if not _first_derivative(grads[0]):
            return _plain_gradients(ctx, modrelu_step, (sequence, state, weight_ih, weight_hh, bias), (), grads[0])
        on_input = torch.empty_like(outputs)
        signs, total, on_bias = torch.empty_like(outputs[0]), torch.empty_like(outputs[0]), torch.zeros_like(outputs[0])
        behind = None
        for grad, h, du in reversed(list(zip(*(t.unbind(0) for t in (grads[0], outputs, on_input)), strict=True))):
            if behind is None:
                total.copy_(grad)
            else:
                torch.addmm(grad, behind, weight_hh, out=total)
            on_bias.add_(total.mul_(torch.sign(h, out=signs)))
            behind = torch.mul(total, signs, out=du)
        found = _gradients(ctx, on_input, on_input, sequence, state, weight_ih, weight_hh, outputs)
        return *found, on_bias.sum(0)


def _project(sequence: Tensor, weight_ih: Tensor) -> Tensor:
    """Inputs of all steps times the input weights, in one product, in new memory."""
    return (sequence.reshape(-1, sequence.shape[2]) @ weight_ih.T).view(*sequence.shape[:2], len(weight_ih))


def _gradients(
    ctx: Any,
    on_input: Tensor,
    on_product: Tensor,
    sequence: Tensor,
    state: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    outputs: Tensor,
) -> tuple[Tensor | None, ...]:
    """Gradients of sequence, state and both weights, from those of the projected input and the recurrent product."""
    flat, needed = on_input.flatten(0, 1), ctx.needs_input_grad
    on_weight = on_product[0].T @ state
    on_weight.addmm_(on_product[1:].flatten(0, 1).T, outputs[:-1].flatten(0, 1))
    return (
        (flat @ weight_ih).view(sequence.shape) if needed[0] else None,
        on_product[0] @ weight_hh if needed[1] else None,
        flat.T @ sequence.reshape(-1, sequence.shape[2]) if needed[2] else None,
        on_weight,
    )


def _kept() -> bool:
    """Whether the graph is kept for another backward pass, so that its buffers must not be reused."""
    return bool(torch._C._autograd._get_current_graph_task_keep_graph())


def _first_derivative(grad: Tensor) -> bool:
    """Whether plain numbers are wanted, rather than something to differentiate again or to batch."""
    batched = torch._C._functorch.is_legacy_batchedtensor(grad) or torch._C._are_functorch_transforms_active()
    return not torch.is_grad_enabled() and not batched and type(grad) is Tensor


def _plain_gradients(
    ctx: Any, step: Step, inputs: tuple[Tensor, ...], settings: tuple[Any, ...], grad: Tensor
) -> tuple[Tensor | None, ...]:
    """Gradients by automatic differentiation of the definition, which can be differentiated again."""
    # Views have no history except the tensor itself, so that dependences between the inputs do not count here.
    with torch.enable_grad():
        own = [tensor.view_as(tensor) for tensor in inputs]
        sequence, hidden, weight_ih, *rest = own
        outputs = []
        for projected in (sequence @ weight_ih.T).unbind(0):
            hidden = step(projected, hidden, *rest, *settings)
            outputs.append(hidden)
        wanted = [number for number, needed in enumerate(ctx.needs_input_grad[: len(own)]) if needed]
        found = torch.autograd.grad(torch.stack(outputs), [own[n] for n in wanted], grad, create_graph=True)
    return tuple(found[wanted.index(number)] if number in wanted else None for number in range(len(own)))
