"""The polynomial skeleton of a network: the identity in place of activations, softmax and norms.

A softmax becomes its argument, with 0 for minus infinity, so that masked entries stay masked. A norm becomes its affine
part. An activation becomes its argument. The field notes each replacement.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from .arithmetic import Arithmetic
from .leaves import tensors
from .operands import Refusal
from .operations import STRUCTURAL

LOWEST = -1e9
"""A number up to this is minus infinity to a softmax: its exponential is 0 in float64"""


def _identity(f: Arithmetic, a: Tensor, *_: Any, **__: Any) -> Tensor:
    return a.clone()


def _first_of_two(f: Arithmetic, a: Tensor, *_: Any, **__: Any) -> list[Tensor]:
    return [a.clone(), torch.zeros_like(a)]


def _product_of_halves(f: Arithmetic, a: Tensor, dim: int = -1) -> Tensor:
    """One half times the activation of the other."""
    return f.mul(*a.chunk(2, dim))


def _affine(f: Arithmetic, a: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    a = a.clone() if weight is None else f.mul(a, weight)
    return a if bias is None else f.add(a, bias)


def _layer_norm(f: Arithmetic, a: Tensor, shape: Any, weight: Any, bias: Any, eps: float) -> list[Tensor]:
    return [_affine(f, a, weight, bias), a.new_zeros(1), a.new_zeros(1)]


def _by_channel(a: Tensor, values: Tensor | None) -> Tensor | None:
    return None if values is None else values.reshape(-1, *[1] * (a.ndim - 2))


def _group_norm(f: Arithmetic, a: Tensor, weight: Any, bias: Any, *_: Any) -> list[Tensor]:
    return [_affine(f, a, _by_channel(a, weight), _by_channel(a, bias)), a.new_zeros(1), a.new_zeros(1)]


_ACTIVATIONS = """
    tanh sigmoid relu gelu silu mish softplus elu leaky_relu hardtanh hardsigmoid hardswish celu _prelu_kernel threshold
    softshrink hardshrink exp expm1
    """

SOFTMAX = frozenset({"_softmax", "_log_softmax", "_safe_softmax"})

SQUASHED: dict[str, Callable[..., Any]] = {
    **dict.fromkeys([*_ACTIVATIONS.split(), *SOFTMAX], _identity),
    "glu": _product_of_halves,
    "log_sigmoid_forward": _first_of_two,
    "native_layer_norm": _layer_norm,
    "native_group_norm": _group_norm,
    "native_batch_norm": _group_norm,
    "_native_batch_norm_legit_no_training": _group_norm,
}
"""Name of the ATen operation -> its replacement"""


def _rms_norm(x: Tensor, shape: Any, weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    return x.clone() if weight is None else x * weight


def _normalize(x: Tensor, *_: Any, **__: Any) -> Tensor:
    return x.clone()


FUNCTIONS: dict[Any, tuple[str, Callable[..., Any]]] = {
    F.rms_norm: ("rms_norm", _rms_norm),
    torch.rms_norm: ("rms_norm", _rms_norm),
    F.normalize: ("normalize", _normalize),
}
"""Functions of torch that arrive as many operations, none of which is a norm"""


# Minus infinity


def masked(value: Any) -> Tensor | None:
    """Where a tensor is minus infinity, None if nowhere."""
    return getattr(value, "_seprank_masked", None)


def hide(value: Tensor, where: Tensor) -> Tensor:
    """Mark where a tensor is minus infinity."""
    if bool(where.any()):
        value._seprank_masked = where  # type: ignore[attr-defined]
    return value


def is_lowest(value: Any) -> bool:
    """Whether a number stands for minus infinity."""
    return isinstance(value, int | float) and value <= LOWEST


def carry(name: str, function: Any, args: Any, kwargs: Any) -> Callable[[Any], Any] | None:
    """A function that marks where the result of an operation is minus infinity; None if no argument is.

    Raises:
        Refusal: an argument is, and no mask passes through the operation.
    """
    leaves = tensors([args, kwargs])
    hidden = [masked(leaf) for leaf in leaves]
    lowest = name in ("masked_fill", "where") and any(is_lowest(a) for a in args)
    if not lowest and all(h is None for h in hidden):
        return None
    if name in ("masked_fill", "where"):
        return lambda made: _filled(name, made, args)
    if name in STRUCTURAL:
        moved = function(*[_as_mask(a) for a in args], **kwargs)
        return lambda made: _each_hidden(made, moved)
    if name in ("add", "baddbmm", "addmm") or name in SQUASHED:
        if name in SOFTMAX:
            where = _any(leaves[0], [h for h in hidden if h is not None])
            return lambda made: torch.where(where, 0.0, made)
        if name in ("add",) or hidden[0] is not None:
            return lambda made: hide(made, _any(made, [h for h in hidden if h is not None]))
    raise Refusal("minus infinity is not a number: masking with it before a softmax is fine, computing with it is not")


def _filled(name: str, made: Tensor, args: Any) -> Tensor:
    """masked_fill(a, mask, value) and where(mask, a, b)"""
    mask, if_true, if_false = (args[1], args[2], args[0]) if name == "masked_fill" else args
    where = torch.where(mask, _lowest(made, if_true), _lowest(made, if_false))
    return hide(made, where.expand_as(made).clone())


def _lowest(made: Tensor, value: Any) -> Tensor:
    hidden = masked(value)
    if hidden is None:
        return torch.full((), is_lowest(value), device=made.device)
    return hidden


def _as_mask(value: Any) -> Any:
    if not isinstance(value, Tensor) or not value.is_floating_point():
        return value
    hidden = masked(value)
    # As numbers, because not every operation that moves these moves masks.
    return torch.zeros_like(value) if hidden is None else hidden.double()


def _any(made: Tensor, hidden: list[Tensor]) -> Tensor:
    where = torch.zeros_like(made, dtype=torch.bool)
    for h in hidden:
        where |= h
    return where


def _each_hidden(made: Any, moved: Any) -> Any:
    for value, where in zip(tensors([made]), tensors([moved]), strict=True):
        hide(value, where != 0)
    return made


def finite(value: Tensor) -> tuple[Tensor, Tensor]:
    """A tensor with 0 in place of minus infinity, and where that was."""
    where = value <= LOWEST
    return value.masked_fill(where, 0.0), where


def without_lowest(args: Any) -> Any:
    """Arguments with 0 in place of numbers that stand for minus infinity."""
    return [0.0 if is_lowest(a) and not isinstance(a, bool) else a for a in args]


assert math.exp(LOWEST) == 0
