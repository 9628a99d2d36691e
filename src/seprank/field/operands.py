"""Shared by the handlers of operations: reading operands, dividing, refusing."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .arithmetic import Arithmetic, Scalar, constant


class Refusal(Exception):
    """Raised when an operation has no meaning modulo p; the mode turns it into `NotPolynomial`."""


def element(f: Arithmetic, value: Tensor | Scalar) -> Tensor:
    """An operand as residues: integers and masks are reduced, numbers become 0-dimensional tensors."""
    if isinstance(value, Tensor):
        return value if value.is_floating_point() else f.residues(value)
    return torch.tensor(float(constant(value, f.p)), dtype=torch.float64)


def div(f: Arithmetic, a: Any, b: Any, rounding_mode: str | None = None) -> Tensor:
    """A quotient by a number, integers, or values, none of them 0."""
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
