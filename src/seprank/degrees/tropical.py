"""Sums and products of degrees: what the operations of torch do to the highest, or lowest, degree of polynomials.

A degree d is stored as the float64 d + 1, and the degree of what is certainly zero as 0, so that operations that write
zeros are right here, too. A product adds degrees, and is zero if a factor is. A sum takes the highest, or lowest,
degree of its non-zero summands. Nothing cancels: `x - x` has the degree of x. So highest degrees may be too high and
lowest degrees too low, never the other way round.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..field.arithmetic import Arithmetic, NotFinite, Places, Scalar, placed
from ..field.operands import Refusal
from ..field.operations import OPERATIONS
from ..question import DEFAULT_PRIME

LARGEST = 2.0**53
"""Beyond this float64 skips integers: a highest degree becomes infinite, a lowest degree stays at this."""

_ENTRIES = 2**22
"""Products that a matrix product holds at a time"""


class Degrees(Arithmetic):
    """The ring operations on degrees, in the place of those modulo p.

    Args:
        lowest: lowest degrees rather than highest.

    Example:
        >>> x, one = torch.tensor([2.0]), torch.tensor([1.0])  # degrees 1 and 0
        >>> f = Degrees(lowest=False)
        >>> f.add(f.mul(x, x), one) - 1
        tensor([2.])
    """

    exact_limit = 2**53

    def __init__(self, *, lowest: bool) -> None:
        super().__init__(DEFAULT_PRIME)
        self.lowest = lowest

    def apply(self, function: Callable[..., Tensor], *tensors: Tensor, bound: int) -> Tensor:
        raise Refusal("degrees have no rule for it; write it with sums and products")

    def residues(self, values: Tensor) -> Tensor:
        """Constants: degree 0, or zero."""
        return (values != 0).double()

    def combine(self, function: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
        """A sum, by a `function` that takes maxima: of degrees, or of their negatives."""
        if not self.lowest:
            return function(*tensors)
        result = function(*(torch.where(t == 0, -math.inf, -t) for t in tensors))
        return torch.where(result == -math.inf, 0.0, -result)

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        return self.combine(torch.maximum, a, b)

    def sub(self, a: Tensor, b: Tensor) -> Tensor:
        return self.add(a, b)

    def mul(self, a: Tensor, b: Tensor) -> Tensor:
        total = a + b - 1
        total = total.clamp(max=LARGEST) if self.lowest else torch.where(total > LARGEST, math.inf, total)
        return torch.where((a == 0) | (b == 0), 0.0, total)

    def scale(self, a: Tensor, factor: Scalar) -> Tensor:
        return a if number(factor) else torch.zeros_like(a)

    def add_at(self, a: Tensor, where: Places, values: Tensor, *, most: int) -> Tensor:
        flat, places, each = placed(a, where, values)
        return self.combine(lambda x, y: x.scatter_reduce(0, places, y, "amax"), flat, each).reshape(a.shape)

    def inverse(self, a: Tensor) -> Tensor:
        """1 divided by constants; a rational function of parameters alone is a constant, too."""
        if not bool(a.all()):
            raise ZeroDivisionError("division by zero; divide by another number")
        if bool((a != 1).any()):
            raise Refusal("it divides by what depends on the sequence, so that there are no degrees")
        return a.clone()

    def matmul(self, a: Tensor, b: Tensor) -> Tensor:
        """Matrix product of `a` (..., n, k) and `b` (..., k, m); fast if b has a single degree, as parameters have."""
        if a.shape[-1] and _is_uniform(b):
            sums = self.mul(self.sum(a, [-1], keepdim=True), b.flatten()[0])
            batch = a.shape[:-2] if b.ndim == 2 else torch.broadcast_shapes(a.shape[:-2], b.shape[:-2])
            return sums.expand(*batch, a.shape[-2], b.shape[-1]).clone()
        if a.ndim == 2 and a.shape[-1] and _is_uniform(a):
            return self.matmul(b.mT, a.mT).mT
        step = max(1, _ENTRIES // max(1, a[..., 0:1].numel() * b.shape[-1]))
        pieces = zip(a.split(step, dim=-1), b.split(step, dim=-2), strict=True)
        sums = torch.stack([self.sum(self.mul(x.unsqueeze(-1), y.unsqueeze(-3)), [-2]) for x, y in pieces])
        return self.sum(sums, [0])

    def sum(self, a: Tensor, dims: Sequence[int], keepdim: bool = False) -> Tensor:
        if a.numel() == 0:
            return a.sum(list(dims), keepdim=keepdim)
        return self.combine(lambda t: t.amax(list(dims), keepdim=keepdim), a)


def _is_uniform(a: Tensor) -> bool:
    return a.numel() > 0 and bool((a == a.flatten()[0]).all())


def number(value: Scalar) -> float:
    """A number in the module's code, as a constant polynomial; `NotFinite` if it is not finite."""
    if not math.isfinite(value):
        raise NotFinite(f"a constant must be finite to be a polynomial, got {value}; use a finite number")
    return float(value != 0)


def _taking_numbers(handler: Callable[..., Any], *places: int) -> Callable[..., Any]:
    """A handler of the prime field that gets the numbers at these places as constant polynomials."""

    def handle(f: Degrees, *args: Any, **kwargs: Any) -> Any:
        values = [
            torch.tensor(number(a), dtype=torch.float64) if place in places and not isinstance(a, Tensor) else a
            for place, a in enumerate(args)
        ]
        return handler(f, *values, **kwargs)

    return handle


def _constant(f: Degrees, value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value if value.is_floating_point() else f.residues(value)
    return torch.tensor(number(value), dtype=torch.float64)


def _div(f: Degrees, a: Any, b: Any, rounding_mode: str | None = None) -> Tensor:
    if rounding_mode is not None:
        raise Refusal("rounding is not a polynomial; divide without rounding_mode")
    return f.mul(_constant(f, a), f.inverse(_constant(f, b)))


def _mean(f: Degrees, a: Tensor, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    result: Tensor = OPERATIONS["sum"](f, a, dim, keepdim)
    return result


def _cumsum(f: Degrees, a: Tensor, dim: int, dtype: Any = None) -> Tensor:
    return f.combine(lambda t: t.cummax(dim).values if t.numel() else t.clone(), _constant(f, a))


_SAME = """
    addmm baddbmm addbmm mv addmv addr dot vdot linalg_cross _linalg_det trace _trilinear sum prod cumprod copy _to_copy
    embedding _embedding_bag _embedding_bag_forward_only index_add scatter_add scatter_reduce index_put convolution
    avg_pool2d avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d
    """

_WITH_NUMBERS = {
    "add": (0, 1),
    "sub": (0, 1),
    "rsub": (0, 1),
    "mul": (0, 1),
    "pow": (0,),
    "addcmul": (0, 1, 2),
    "lerp": (2,),
    "where": (1, 2),
    "masked_fill": (2,),
    "fill": (1,),
    "index_fill": (3,),
    "scatter": (3,),
    "constant_pad_nd": (2,),
}
"""Operations that take numbers in place of tensors, and at which places"""

RULES: dict[str, Callable[..., Any]] = {
    **{name: OPERATIONS[name] for name in _SAME.split()},
    **{name: _taking_numbers(OPERATIONS[name], *places) for name, places in _WITH_NUMBERS.items()},
    "neg": lambda f, a: a.clone(),
    "div": _div,
    "reciprocal": lambda f, a: _div(f, 1, a),
    "mm": Degrees.matmul,
    "bmm": Degrees.matmul,
    "mean": _mean,
    "cumsum": _cumsum,
}
"""Name of the ATen operation -> what it does to degrees. Any other operation is refused."""
