"""Which operations of torch have a meaning modulo p, and which one.

Three tables, read by `PrimeField`: `STRUCTURAL` operations move entries about and run as they are,
`CREATING` operations make new tensors, `OPERATIONS` compute. An operation in none of them is not polynomial.

A handler in `OPERATIONS` gets the arithmetic and the operation's own arguments; floating-point tensors among
them are already balanced residues, numbers and integer tensors are as the module wrote them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .arithmetic import Arithmetic, Scalar
from .convolutions import adaptive_average_pool, average_pool, convolution, pad
from .matrices import addbmm, addmm, addmv, addr, cross, determinant, dot, mv, trace, trilinear
from .operands import Refusal, div, element
from .scattering import (
    embedding,
    embedding_bag,
    index_add,
    index_fill,
    index_put,
    scatter,
    scatter_add,
    scatter_reduce,
)

STRUCTURAL = frozenset(
    """
    alias clone detach diag_embed diagonal diagonal_copy expand expand_copy flip gather index
    index_copy index_select lift lift_fresh masked_scatter masked_select permute permute_copy
    reflection_pad1d reflection_pad2d reflection_pad3d repeat replication_pad1d replication_pad2d replication_pad3d
    roll rot90 select select_copy slice slice_copy split split_with_sizes squeeze t take transpose tril
    triu unbind unbind_copy unfold _unsafe_view unsafe_split unsafe_split_with_sizes unsqueeze view
    view_copy zero
    """.split()  # noqa: SIM905  (a list of quoted words would be three times as long)
)
"""Operations that only move entries, or write zeros; integer tensors among their arguments are positions."""

JOINING = frozenset(
    "cat stack block_diag slice_scatter select_scatter diagonal_scatter".split()  # noqa: SIM905
)
"""Operations that only move entries; integer tensors among their arguments are values like the others."""

CREATING = frozenset(
    """
    zeros_like ones_like full_like new_zeros new_ones new_full empty_like new_empty new_empty_strided
    """.split()  # noqa: SIM905
)
"""Operations that take shape and dtype from a tensor, but no value."""

UNINITIALISED = frozenset({"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"})
"""Operations whose result holds garbage; modulo p it holds zeros."""

INSTEAD = {
    "a smooth or piecewise activation": (
        "leave it out with squash='identity' (--squash identity), use a polynomial one (x * x), or `measure`, which "
        "takes any network",
        """tanh sigmoid relu gelu silu mish softplus elu leaky_relu hardtanh hardsigmoid hardswish exp log sin cos
        glu erf abs sign clamp softmax _softmax _log_softmax log_softmax logsumexp log_sigmoid_forward prelu celu""",
    ),
    "a normalisation": (
        "leave it out, with squash='identity' (--squash identity) if it is torch's own; `measure` takes any network",
        "native_layer_norm native_group_norm native_batch_norm _fused_rms_norm rsqrt sqrt linalg_vector_norm std var",
    ),
    "a comparison or decision on values": (
        "decide by position or by integer tensors, not by what the network has computed",
        """eq ne lt le gt ge maximum minimum max min argmax argmin sort topk _local_scalar_dense is_nonzero equal
        isnan isinf floor ceil round trunc remainder fmod""",
    ),
    "random": (
        "call the module in evaluation mode, and draw numbers outside of forward",
        "bernoulli rand randn randint randperm normal uniform native_dropout multinomial rand_like randn_like",
    ),
    "a view of memory": (
        "in which order a tensor lies there is not the same in a field; take it by view, unfold, or an index",
        "as_strided as_strided_copy as_strided_scatter set resize",
    ),
    "made to be orthogonal": (
        "orthogonal matrices are not all matrices, so that no drawn one can stand for it; take a plain parameter",
        "linalg_matrix_exp linalg_householder_product linalg_qr linalg_svd _linalg_svd geqrf orgqr",
    ),
    "part of a forward-mode derivative": (
        "torch cannot run one (jvp, jacfwd, hessian) inside another mode; write the derivative out, or use jacrev",
        "forward_ad is_same_size _efficientzerotensor _make_dual _fw_primal",
    ),
}
"""Kind of operation -> (what to use instead, names)."""


def advice(name: str) -> str:
    """Why the operation is refused, and what to do."""
    for kind, (remedy, names) in INSTEAD.items():
        if name in names.split():
            return f"it is {kind}: {remedy}"
    return "only sums, products and rearrangements are; `measure` takes any network"


def divides(name: str, args: Sequence[Any]) -> bool:
    """Whether an operation with these arguments divides by floating-point values."""
    if name == "pow":
        return isinstance(args[1], int | float) and args[1] < 0
    divisor = args[1] if name == "div" else args[0] if name == "reciprocal" else None
    return isinstance(divisor, Tensor) and divisor.is_floating_point()


def _add(f: Arithmetic, a: Any, b: Any, alpha: Scalar = 1) -> Tensor:
    return f.add(element(f, a), f.scale(element(f, b), alpha))


def _sub(f: Arithmetic, a: Any, b: Any, alpha: Scalar = 1) -> Tensor:
    return f.sub(element(f, a), f.scale(element(f, b), alpha))


def _mul(f: Arithmetic, a: Any, b: Any) -> Tensor:
    return f.mul(element(f, a), element(f, b))


def _pow(f: Arithmetic, base: Any, exponent: Any) -> Tensor:
    if isinstance(exponent, Tensor):
        if exponent.is_floating_point() or bool((exponent < 0).any()):
            raise Refusal("the exponent must be a non-negative integer or a tensor of such")
        base = element(f, base)
        powers = {n: f.power(base, n) for n in {0, *exponent.flatten().tolist()}}
        return _choose(exponent, powers)
    if not isinstance(exponent, int | float) or not float(exponent).is_integer():
        raise Refusal(f"the exponent must be an integer, got {exponent}")
    if exponent < 0:
        return f.power(f.inverse(element(f, base)), -int(exponent))
    return f.power(element(f, base), int(exponent))


def _choose(index: Tensor, values: dict[int, Tensor]) -> Tensor:
    """values[index] entry by entry, all of them broadcast together."""
    chosen = [torch.where(index == n, value, 0.0) for n, value in values.items()]
    return torch.stack(chosen).sum(0)


def _addcmul(f: Arithmetic, c: Any, a: Any, b: Any, value: Scalar = 1) -> Tensor:
    return f.add(element(f, c), f.scale(_mul(f, a, b), value))


def _lerp(f: Arithmetic, start: Tensor, end: Tensor, weight: Any) -> Tensor:
    return f.add(start, _mul(f, f.sub(end, start), weight))


def _dims(a: Tensor, dim: int | Sequence[int] | None) -> list[int]:
    if dim is None or a.ndim == 0:
        return []
    return [dim] if isinstance(dim, int) else list(dim)


def _sum(f: Arithmetic, a: Tensor, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    return f.sum(element(f, a), _dims(a, dim), keepdim)


def _mean(f: Arithmetic, a: Tensor, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    dims = _dims(a, dim)
    count = math.prod(a.shape[d] for d in dims) if dims else a.numel()
    return div(f, f.sum(element(f, a), dims, keepdim), count)


def _cumsum(f: Arithmetic, a: Tensor, dim: int, dtype: Any = None) -> Tensor:
    length = a.shape[dim] if a.ndim else 1
    return f.apply(lambda t: t.cumsum(dim), element(f, a), bound=max(length, 1) * f.half)


def _prod(f: Arithmetic, a: Tensor, dim: int | None = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    a = element(f, a)
    if dim is None or a.ndim == 0:
        return _prod(f, a.reshape(-1), 0)
    if a.shape[dim] == 0:
        return torch.ones_like(a.sum(dim, keepdim=keepdim))
    if a.shape[dim] == 1:
        return a.clone() if keepdim else a.squeeze(dim).clone()
    while (n := a.shape[dim]) > 1:
        half = f.mul(a.narrow(dim, 0, n // 2), a.narrow(dim, n // 2, n // 2))
        a = torch.cat([half, a.narrow(dim, n - 1, 1)], dim) if n % 2 else half
    return a if keepdim else a.squeeze(dim)


def _cumprod(f: Arithmetic, a: Tensor, dim: int, dtype: Any = None) -> Tensor:
    a = element(f, a)
    if a.ndim == 0 or a.shape[dim] == 0:
        return a.clone()
    factors = a.unbind(dim)
    products = [factors[0]]
    for factor in factors[1:]:
        products.append(f.mul(products[-1], factor))
    return torch.stack(products, dim)


def _where(f: Arithmetic, mask: Tensor, a: Any, b: Any) -> Tensor:
    return torch.where(mask, element(f, a), element(f, b))


def _masked_fill(f: Arithmetic, a: Tensor, mask: Tensor, value: Any) -> Tensor:
    return torch.where(mask, element(f, value), a)


def _fill(f: Arithmetic, a: Tensor, value: Any) -> Tensor:
    return element(f, value).expand_as(a).clone()


def _copy(f: Arithmetic, a: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
    return element(f, source).expand_as(a).clone()


def _to_copy(f: Arithmetic, a: Tensor, dtype: torch.dtype | None = None, **placement: Any) -> Tensor:
    if dtype is not None and not dtype.is_floating_point:
        raise Refusal(f"a value of the network became {dtype}; only floating-point types stand for field elements")
    return element(f, a).to(device=placement.get("device") or a.device, copy=True)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": _add,
    "sub": _sub,
    "rsub": lambda f, a, b, alpha=1: _sub(f, b, a, alpha),
    "mul": _mul,
    "neg": lambda f, a: f.apply(torch.neg, a, bound=f.half),
    "div": div,
    "reciprocal": lambda f, a: div(f, 1, a),
    "pow": _pow,
    "mm": Arithmetic.matmul,
    "bmm": Arithmetic.matmul,
    "addmm": addmm,
    "baddbmm": addmm,
    "addbmm": addbmm,
    "mv": mv,
    "addmv": addmv,
    "addr": addr,
    "dot": dot,
    "vdot": dot,
    "addcmul": _addcmul,
    "lerp": _lerp,
    "sum": _sum,
    "mean": _mean,
    "cumsum": _cumsum,
    "prod": _prod,
    "cumprod": _cumprod,
    "trace": trace,
    "linalg_cross": cross,
    "_linalg_det": determinant,
    "where": _where,
    "masked_fill": _masked_fill,
    "fill": _fill,
    "copy": _copy,
    "constant_pad_nd": pad,
    "embedding": embedding,
    "_embedding_bag": embedding_bag,
    "_embedding_bag_forward_only": embedding_bag,
    "index_add": index_add,
    "scatter_add": scatter_add,
    "index_put": index_put,
    "index_fill": index_fill,
    "scatter": scatter,
    "scatter_reduce": scatter_reduce,
    "convolution": convolution,
    "avg_pool2d": average_pool,
    "avg_pool3d": average_pool,
    "_adaptive_avg_pool2d": adaptive_average_pool,
    "_adaptive_avg_pool3d": adaptive_average_pool,
    "_trilinear": trilinear,
    "_to_copy": _to_copy,
}
"""Name of the ATen operation -> what it computes modulo p."""
