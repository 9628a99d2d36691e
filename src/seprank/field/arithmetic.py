"""Sums and products modulo p on tensors, in two independent arithmetics.

A field element is carried by a float64 holding the integer a with |a| <= (p-1)/2 (balanced
representation). `Float64` computes in the carrier itself, which is exact as long as every partial sum
stays below 2^53, and therefore runs at the speed of BLAS. `Int64` computes in 64-bit integers, where nothing depends
on rounding; it is several times slower and, as a recheck needs, shares no arithmetic with the first.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from fractions import Fraction

import torch
from torch import Tensor

from ..kernels import integers

Scalar = int | float | Fraction
Places = Callable[[Tensor], Tensor]
"""Picks some of the positions of a tensor's entries, which are given as a tensor of its shape"""


class NotFinite(ValueError):
    """Raised when a number from outside is infinite or undefined."""


def constant(value: Scalar, p: int) -> int:
    """The balanced residue of a constant, read as the decimal number it prints as.

    0.1 is the fraction 1/10, not the nearest binary number: a network written with 0.1 means a tenth.

    Args:
        value: a Python integer, fraction or finite float.
        p: the prime.

    Returns:
        The residue, between -(p-1)/2 and (p-1)/2.

    Raises:
        NotFinite: the value is not finite.
        ZeroDivisionError: p divides the denominator.

    Example:
        >>> constant(0.1, 7), constant(0.1, 7) * 10 % 7
        (-2, 1)
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise NotFinite(f"a constant must be finite to be read modulo {p}, got {value}")
    fraction = Fraction(repr(float(value))) if isinstance(value, float) else Fraction(value)
    if fraction.denominator % p == 0:
        raise ZeroDivisionError(f"the prime {p} divides the denominator of the constant {value}; use another prime")
    residue = fraction.numerator * pow(fraction.denominator, -1, p) % p
    return residue - p if residue > p // 2 else residue


def _product(a: Tensor, b: Tensor) -> Tensor:
    """a @ b in the memory layout of `a`: a tall `a` stored by columns gives a result stored by columns.

    With a few units and thousands of pairs this is three to four times as fast as storing by rows.
    """
    if a.dtype == torch.int64 and a.device.type != "cpu":
        return _integer_product(a, b)
    if a.ndim == 2 and a.stride(0) == 1 and a.shape[0] > 1:
        return (b.t() @ a.t()).t()
    return a @ b


def _integer_product(a: Tensor, b: Tensor) -> Tensor:
    """a @ b of integers on a graphics card, where torch has no such product: for checks, which are small."""
    each = max(1, a[..., 0].numel() * b[..., 0, :].numel())
    pieces = zip(a.split(max(1, _AT_ONCE // each), -1), b.split(max(1, _AT_ONCE // each), -2), strict=True)
    return torch.stack([(x.unsqueeze(-1) * y.unsqueeze(-3)).sum(-2) for x, y in pieces]).sum(0)


_AT_ONCE = 2**24
"""Products of integers that are kept before they are added, 128 MiB"""


def _balanced(x: Tensor, p: int) -> Tensor:
    """Balanced residues of int64 numbers below 2^63 - p."""
    return (x + p // 2).remainder_(p).sub_(p // 2)


def placed(a: Tensor, where: Places, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The entries of `a` as a vector, the positions that values are added to, and these values."""
    places = where(torch.arange(a.numel(), device=a.device).reshape(a.shape))
    return a.reshape(-1), places.reshape(-1), values.expand(places.shape).reshape(-1)


class DivisorVanishes(ZeroDivisionError):
    """Raised when a divisor is 0 modulo the prime for these inputs and weights, but not necessarily for others."""


class Arithmetic(ABC):
    """The ring operations of Z/p on float64 carriers; subclasses choose the numbers to compute in."""

    exact_limit: int
    """Integers below this size are computed exactly."""

    def __init__(self, p: int) -> None:
        self.p = p
        self.half = self._largest(p)
        # How many products of two elements may be added before they are reduced.
        self.longest_sum = (self.exact_limit - p) // self.half**2

    @staticmethod
    def _largest(p: int) -> int:
        """Absolute value of the largest carrier."""
        return p // 2

    @abstractmethod
    def apply(self, function: Callable[..., Tensor], *tensors: Tensor, bound: int) -> Tensor:
        """Balanced residues of `function(*tensors)`, an integer function with values up to `bound`."""

    def residues(self, values: Tensor) -> Tensor:
        """Carriers of a tensor of integers, of any size in int64, or below 2^53 as floats."""
        return _balanced(values.long().remainder(self.p), self.p).double()

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        return self.apply(torch.add, a, b, bound=2 * self.half)

    def sub(self, a: Tensor, b: Tensor) -> Tensor:
        return self.apply(torch.sub, a, b, bound=2 * self.half)

    def mul(self, a: Tensor, b: Tensor) -> Tensor:
        return self.apply(torch.mul, a, b, bound=self.half**2)

    def scale(self, a: Tensor, factor: Scalar) -> Tensor:
        """`a` times a constant."""
        residue = constant(factor, self.p)
        return a if residue == 1 else self.apply(lambda t: t * residue, a, bound=self.half**2)

    def matmul(self, a: Tensor, b: Tensor) -> Tensor:
        """Matrix product of `a` (..., n, k) and `b` (..., k, m), for k of any size."""
        length, step = a.shape[-1], self.longest_sum
        if length <= step:
            return self.apply(_product, a, b, bound=length * self.half**2)
        pieces = zip(a.split(step, dim=-1), b.split(step, dim=-2), strict=True)
        return self.sum(torch.stack([self.matmul(x, y) for x, y in pieces]), [0])

    def sum(self, a: Tensor, dims: Sequence[int], keepdim: bool = False) -> Tensor:
        """Sum over `dims`, over all dimensions if there is none."""
        count = math.prod(a.shape[d] for d in dims) if dims else a.numel()
        return self.apply(lambda t: t.sum(list(dims), keepdim=keepdim), a, bound=count * self.half)

    def add_at(self, a: Tensor, where: Places, values: Tensor, *, most: int) -> Tensor:
        """`a` with values added to some of its entries.

        Args:
            a: of any shape.
            where: picks the positions that values are added to.
            values: broadcast to these positions.
            most: maximum number of values for one entry.
        """

        def add(a: Tensor, values: Tensor) -> Tensor:
            flat, places, each = placed(a, where, values)
            return flat.index_add(0, places, each)

        return self.apply(add, a, values, bound=(most + 1) * self.half).reshape(a.shape)

    def inverse(self, a: Tensor) -> Tensor:
        """1 divided by each element, by Fermat's little theorem.

        Raises:
            DivisorVanishes: an element is 0.
        """
        if not bool(a.all()):
            raise DivisorVanishes(f"division by a value that is 0 modulo {self.p}")
        return self.power(a, self.p - 2)

    def power(self, a: Tensor, exponent: int) -> Tensor:
        """`a` to a non-negative integer power, by repeated squaring."""
        result = torch.ones_like(a)
        while exponent:
            if exponent & 1:
                result = self.mul(result, a)
            exponent >>= 1
            a = self.mul(a, a) if exponent else a
        return result


class Float64(Arithmetic):
    """Arithmetic in float64: fast."""

    exact_limit = 2**53

    # One pass leaves |r| <= (p-1)/2 if the quotient's rounding error, at most 2^-52 |x|/p, stays below the
    # distance of an integer from a tie, 1/(2p); beyond that the first pass leaves |r| <= (p-1)/2 + 2.
    _one_pass = 2**50

    def apply(self, function: Callable[..., Tensor], *tensors: Tensor, bound: int) -> Tensor:
        if bound >= self.exact_limit - self.p:
            raise OverflowError(f"a sum of up to {bound} modulo {self.p} does not fit float64; use a smaller prime")
        x = function(*tensors)
        for _ in range(1 if bound <= self._one_pass else 2):
            quotient = (x * (1.0 / self.p)).round_()
            x = torch.sub(x, quotient, alpha=self.p, out=quotient)
        return x


class Int64(Arithmetic):
    """Arithmetic in int64, with integer quotients: slow, and independent of `Float64`."""

    exact_limit = 2**63

    def apply(self, function: Callable[..., Tensor], *tensors: Tensor, bound: int) -> Tensor:
        if bound >= self.exact_limit - self.p:
            raise OverflowError(f"a sum of up to {bound} modulo {self.p} does not fit int64; use a smaller prime")
        if function in _IN_MEMORY and tensors[0].numel() >= _LARGE and all(t.device.type == "cpu" for t in tensors):
            first, second = tensors
            found = _IN_MEMORY[function](first, second, self.p)
            if found is not None:
                return found
        return _balanced(function(*(t.long() for t in tensors)), self.p).double()


def _multiply(a: Tensor, b: Tensor, p: int) -> Tensor | None:
    """The products of two tensors of one shape; a matrix has the memory layout of `a`."""
    if a.shape != b.shape:
        return None
    if a.ndim == 2 and a.stride(0) == 1 and not a.is_contiguous():
        turned = _multiply(a.t().contiguous(), b.t(), p)
        return None if turned is None else turned.t()
    left, right = (t.contiguous().numpy().reshape(-1) for t in (a, b))
    return torch.from_numpy(integers.multiply(left, right, p)).reshape(a.shape)


def _multiply_matrices(a: Tensor, b: Tensor, p: int) -> Tensor | None:
    """The product of two matrices, by rows if it is wide, else by columns."""
    if a.ndim != 2 or b.ndim != 2:
        return None
    if len(a) > b.shape[1]:
        turned = _multiply_matrices(b.t(), a.t(), p)
        return None if turned is None else turned.t()
    return torch.from_numpy(integers.matmul(a.numpy(), b.numpy(), p))


_IN_MEMORY: dict[Callable[..., Tensor], Callable[[Tensor, Tensor, int], Tensor | None]] = {
    torch.mul: _multiply,
    _product: _multiply_matrices,
}
"""Functions computed directly in the memory of tensors, in one pass"""

_LARGE = 2**12
"""Entries from which this pays"""


class Far(Int64):
    """`Int64` on other carriers than the balanced ones: a - p for a, except that zero stays zero.

    Computing with residues gives the same residues; computing with carriers, such as a tanh, does not. All carriers
    have one sign, so that odd functions are found out, too.
    """

    @staticmethod
    def _largest(p: int) -> int:
        return p + p // 2

    def residues(self, values: Tensor) -> Tensor:
        return self._far(super().residues(values))

    def apply(self, function: Callable[..., Tensor], *tensors: Tensor, bound: int) -> Tensor:
        return self._far(super().apply(function, *tensors, bound=bound))

    def _far(self, carriers: Tensor) -> Tensor:
        return carriers - self.p * (carriers != 0)


ARITHMETICS: dict[str, type[Arithmetic]] = {"float64": Float64, "int64": Int64}
