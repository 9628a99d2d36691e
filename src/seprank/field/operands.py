"""What handlers of operations have in common: how they read operands, divide, and refuse."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .arithmetic import Arithmetic, Scalar, constant


class Refusal(Exception):
    """A handler cannot give its operation a meaning; the text says why. Turned into `NotPolynomial` by the mode."""


def element(f: Arithmetic, value: Tensor | Scalar) -> Tensor:
    """An operand: residues as they are, integers and masks reduced, numbers made 0-dimensional."""
    if isinstance(value, Tensor):
        return value if value.is_floating_point() else f.residues(value)
    return torch.tensor(float(constant(value, f.p)), dtype=torch.float64)


def div(f: Arithmetic, a: Any, b: Any, rounding_mode: str | None = None) -> Tensor:
    """A quotient, by a number, integers, or values, which are not 0."""
    if rounding_mode is not None:
        raise Refusal("rounding is not a polynomial; divide without rounding_mode")
    if not isinstance(b, Tensor):
        divisor = constant(b, f.p)
        if divisor == 0:
            raise ZeroDivisionError(f"division by {b}, which is 0 modulo {f.p}; use another prime")
        return f.mul(element(f, a), element(f, pow(divisor, -1, f.p)))
    if b.is_floating_point():
        return f.mul(element(f, a), f.inverse(b))
    divisors = f.residues(b)
    if not bool(divisors.all()):
        raise ZeroDivisionError(f"division by an integer tensor with an entry that is 0 modulo {f.p}")
    return f.mul(element(f, a), f.power(divisors, f.p - 2))
