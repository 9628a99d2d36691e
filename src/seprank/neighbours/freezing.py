"""Operators whose entries depend on the input: gates are held at one input, while values vary.

A layer y = T(u) u, such as attention or a gated state-space model, is linear once its gates are held. Which tensors are
gates is found by running it: a tensor that depends on the input through anything but sums, rearrangements and products
with constants or gates is a gate. If a gate is added to values, or is itself an output, without being multiplied by a
value first, the layer is not of this form, and there is no such operator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import GetSetDescriptorType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._pytree import tree_leaves, tree_map

from .stateful import Meaningless
from .tracking import Tracked

_GATE, _OPEN, _FROZEN = "_is_gate", "_is_product", "_makes_gates"
"""Marks on tensors while a model is run: a gate; a product of two values, which is a gate if it then goes through a
function that is not linear, as scores go through a softmax; a parameter whose products with values are gates"""
_UNDECIDED = (
    "both factors of a product depend linearly on the input, and so does what it meets ({}), so which of them are "
    "gates has to be said: frozen=[names of the parameters or sub-modules that make gates, as weight_q and weight_k of "
    "linear attention]"
)

_LINEAR = """
    add sub rsub __add__ __radd__ __iadd__ __sub__ __rsub__ __isub__ neg __neg__ positive cat concat concatenate stack
    hstack vstack dstack view view_as reshape reshape_as flatten unflatten ravel transpose swapaxes swapdims permute t
    movedim moveaxis __getitem__ __setitem__ index_select select narrow gather take_along_dim unbind split chunk
    tensor_split squeeze unsqueeze expand expand_as broadcast_to repeat repeat_interleave tile roll flip sum nansum mean
    cumsum diff trace diagonal diag diag_embed tril triu contiguous clone to type type_as double float cpu pad
    masked_fill where real imag view_as_real view_as_complex conj unfold fold avg_pool1d dropout as_strided copy_
    flatten_parameters mT T H mH sub_ add_ neg_ masked_fill_ index_add scatter_add rot90 squeeze_ unsqueeze_ transpose_
"""
_PRODUCTS = """
    mul multiply __mul__ __rmul__ __imul__ mul_ matmul __matmul__ __rmatmul__ mm bmm mv dot outer inner vdot einsum
    linear bilinear conv1d conv2d addmm baddbmm addmv addbmm addr tensordot chain_matmul multi_dot kron
"""
_CREATES = """
    new_zeros new_ones new_empty new_full new_tensor zeros_like ones_like empty_like full_like rand_like randn_like
"""
_QUOTIENTS = "div divide true_divide __truediv__ __itruediv__ div_ __rtruediv__"


def _functions(names: str) -> frozenset[Any]:
    """Functions, methods and attributes of torch by these names."""
    found = set()
    for name in names.split():
        for home in (torch, Tensor, F, torch.linalg):
            entry = getattr(home, name, None)
            if callable(entry):
                found.add(entry)
            elif isinstance(entry, GetSetDescriptorType):
                found.add(entry.__get__)
    return frozenset(found)


LINEAR, PRODUCTS, QUOTIENTS = _functions(_LINEAR), _functions(_PRODUCTS), _functions(_QUOTIENTS)
CREATES = _functions(_CREATES)
"""Functions that take the type and device of a tensor, and none of its numbers"""
_WITH_SUM = _functions("addmm baddbmm addmv addbmm addr")
_REVERSED = frozenset({Tensor.__rtruediv__})
_ATTENTION = F.scaled_dot_product_attention
_WRITES = frozenset(getattr(Tensor, name) for name in ("__setitem__", "copy_", "add_", "sub_", "masked_fill_"))


_LEAVING = _functions("numpy tolist item __array__")
_PLAIN = _functions("requires_grad requires_grad_ grad_fn is_leaf") | {torch.autograd.grad}


class Freezing(Tracked):
    """While it is active, values carry gradients and gates do not."""

    def call(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        if func in CREATES or func in _PLAIN:
            return func(*args, **kwargs)
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if func in _LEAVING and any(t.requires_grad or hasattr(t, _GATE) or hasattr(t, _OPEN) for t in tensors):
            raise Meaningless(f"values leave torch through {_name(func)}, where they cannot be followed; stay in torch")
        if not any(tensor.requires_grad for tensor in tensors):
            mark = _mark_of(tensors, func)
            return _marked(func(*args, **kwargs), mark, args if mark in (_GATE, _OPEN) and func in _WRITES else ())
        if any(hasattr(tensor, _FROZEN) for tensor in tensors):
            return _held(func, args, kwargs)
        if func is _ATTENTION:
            return _attention(func, *args, **kwargs)
        if func in LINEAR:
            _require_no_gate_added(func, args, tensors)
            return func(*args, **kwargs)
        if func in PRODUCTS or func in QUOTIENTS:
            return _product(func, args, kwargs)
        return _held(func, args, kwargs)


def _mark_of(tensors: list[Tensor], func: Callable[..., Any]) -> str | None:
    """The mark of a result of gates and constants."""
    if any(hasattr(tensor, _OPEN) for tensor in tensors):
        return _OPEN if func in LINEAR or func in PRODUCTS or func in QUOTIENTS else _GATE
    if any(hasattr(tensor, _GATE) for tensor in tensors):
        return _GATE
    return _FROZEN if any(hasattr(tensor, _FROZEN) for tensor in tensors) else None


def _product(func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """A product is linear if one factor carries values; a quotient, if only the dividend does."""
    operands = _operands(args, kwargs)
    factors = [_carries(part) for part in operands]
    if sum(factors) > 1 and func in PRODUCTS:
        return _held(func, args, kwargs, _OPEN)
    if func in QUOTIENTS and (sum(factors) > 1 or func in _REVERSED or not factors[0]):
        return _held(func, args, kwargs)
    if any(hasattr(part, _OPEN) for part in operands):
        raise Meaningless(_UNDECIDED.format(_name(func)))
    if func in _WITH_SUM:
        _require_no_gate_added(func, args, [part for part in operands[:1] if isinstance(part, Tensor)])
    return func(*args, **kwargs)


def _held(func: Callable[..., Any], args: Any, kwargs: dict[str, Any], mark: str = _GATE) -> Any:
    """The result as a gate."""
    name = _name(func)
    if kwargs.get("out") is not None or (name.endswith("_") and not name.endswith("__")):
        raise Meaningless(f"values are written over by {name}, which cannot be followed; use a new tensor")
    args, kwargs = tree_map(_detached, (args, kwargs))
    return _marked(func(*args, **kwargs), mark, ())


def _require_no_gate_added(func: Callable[..., Any], args: Any, tensors: list[Tensor]) -> None:
    """Refuse to add a gate to values, as it depends on the input but is not linear in it; zeros do no harm."""
    if _positions_only(func, args):
        return
    if any(hasattr(tensor, _OPEN) for tensor in tensors):
        raise Meaningless(_UNDECIDED.format(_name(func)))
    if any(hasattr(tensor, _GATE) and tensor.is_floating_point() and bool(tensor.any()) for tensor in tensors):
        raise _lost(func)


def mark_parameters(module: Any, frozen: Iterable[str], values: Iterable[str]) -> None:
    """Mark what the parameters in a copy of a module are; all others are constants.

    Args:
        module: the copy.
        frozen: names of parameters whose products with values are gates, or of sub-modules with all of theirs.
        values: of those that are values themselves, as an initial state is.
    """
    own = dict(module.named_parameters()) if isinstance(module, nn.Module) else {}
    for parameter in own.values():
        parameter.requires_grad_(False)
    for parameter in _named(own, "frozen", frozen):
        setattr(parameter, _FROZEN, True)
    for parameter in _named(own, "values", values):
        parameter.requires_grad_(True)


def _named(own: dict[str, nn.Parameter], what: str, names: Iterable[str]) -> list[nn.Parameter]:
    found = []
    for name in names:
        chosen = [p for path, p in own.items() if path == name or path.startswith(f"{name}.")]
        if not chosen:
            known = ", ".join(list(own)[:12]) or "none"
            raise ValueError(f"{what} must name parameters or sub-modules of the model, got {name!r}; it has {known}")
        found += chosen
    return found


def require_value(output: Tensor) -> None:
    """Refuse an output that is a gate as `Meaningless`."""
    if hasattr(output, _OPEN):
        raise Meaningless(_UNDECIDED.format("the output"))
    if hasattr(output, _GATE):
        raise Meaningless(
            "the output is not its input times weights that depend on the input: a function that is not linear stands "
            "between them, as the tanh of a recurrent network or a normalisation does"
        )


def _lost(func: Callable[..., Any]) -> Meaningless:
    return Meaningless(
        f"a function of the input that is not linear is added to what is linear in it ({_name(func)}), so the output "
        "is not its input times weights that depend on the input; if that is an initial state or a bias times a gate, "
        "say so: values=[names of such parameters]"
    )


def _positions_only(func: Callable[..., Any], args: Any) -> bool:
    """Whether the gates among the arguments only say where: a condition, a mask, an index."""
    if func in _functions("where masked_fill gather index_select take_along_dim __getitem__"):
        return not any(hasattr(a, _GATE) and a.is_floating_point() for a in tree_leaves(args) if isinstance(a, Tensor))
    return False


def _attention(func: Callable[..., Any], query: Any, key: Any, value: Any, *rest: Any, **more: Any) -> Any:
    """Softmax of the scores is a gate; values are what they are."""
    if not _carries(value):
        raise _lost(func)
    return func(_detached(query), _detached(key), value, *rest, **more)


def _operands(args: Any, kwargs: dict[str, Any]) -> list[Any]:
    """Factors: tensors, and those in a list of operands one by one."""
    found: list[Any] = []
    for part in (*args, *kwargs.values()):
        found += [*part] if isinstance(part, list | tuple) else [part]
    return found


def _carries(part: Any) -> bool:
    return isinstance(part, Tensor) and part.requires_grad


def _detached(part: Any) -> Any:
    return part.detach() if isinstance(part, Tensor) and part.requires_grad else part


def _marked(result: Any, mark: str | None, written: Any) -> Any:
    if mark is not None:
        for leaf in tree_leaves((result, written[:1])):
            if isinstance(leaf, Tensor):
                setattr(leaf, mark, True)
    return result


def _name(func: Callable[..., Any]) -> str:
    return getattr(func, "__name__", str(func))
