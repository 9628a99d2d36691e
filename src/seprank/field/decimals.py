"""Floating-point tensors from outside, read as the decimal numbers they print as."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from .arithmetic import Arithmetic, constant
from .guard import read


def read_decimals(value: Tensor, f: Arithmetic) -> Tensor:
    """Balanced residues of finite floating-point numbers.

    Whole numbers below 2^53 stand for themselves, every other entry for the shortest decimal that is read back as the
    same number in its own type: 0.1 is a tenth in float16 as in float64.

    Raises:
        ZeroDivisionError: the prime divides the denominator of a decimal.
    """
    numbers = value.detach().double()
    whole = (numbers == numbers.round()) & (numbers.abs() < 2**53)
    if bool(whole.all()):
        return f.residues(numbers)
    residues = f.residues(numbers.where(whole, 0.0))
    read = [constant(float(text), f.p) for text in _shortest(value.detach()[~whole])]
    residues[~whole] = torch.tensor(read, dtype=torch.float64, device=value.device)
    return residues


def _shortest(numbers: Tensor) -> Iterator[str]:
    """The shortest decimal of each number in a vector."""
    if numbers.dtype in (torch.float16, torch.float32, torch.float64):
        return (np.format_float_scientific(number, unique=True) for number in read(numbers))
    return (_shortest_by_search(number) for number in numbers)


def _shortest_by_search(number: Tensor) -> str:
    """The shortest decimal of a number of a type that NumPy does not have."""
    candidates = (f"{number.item():.{digits}e}" for digits in range(17))
    exact = torch.float64
    return next(t for t in candidates if torch.tensor(float(t), dtype=exact).to(number.dtype).equal(number))
