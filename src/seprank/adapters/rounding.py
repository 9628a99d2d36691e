"""The coarsest floating-point type that values pass through, and how far apart two results are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from .contract import is_inexact

EPSILON = 2.0**-52
"""Distance from 1 to the next number in float64, in which results are compared"""


class RoundingWatch(TorchDispatchMode):
    """Records the coarsest floating-point type that values are rounded to while it is active.

    A result counts if it is coarser than every argument of the operation, as in a cast or a write into a coarser
    tensor; a constant that is made coarse and then promoted does not count.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rounding = 0.0
        """Unit roundoff of that type, 0.0 if nothing was rounded down"""

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        finest = min(_precisions((args, kwargs)), default=0.0)
        coarsest = max(_precisions(result), default=0.0)
        if coarsest > finest > 0:
            self.rounding = max(self.rounding, coarsest)
        return result


def _precisions(tree: Any) -> list[float]:
    return [precision(x) for x in tree_leaves(tree) if isinstance(x, Tensor) and is_inexact(x)]


def precision(tensor: Tensor) -> float:
    """Distance from 1 to the next number in the type of a tensor, 0.0 if it holds whole numbers."""
    return float(torch.finfo(tensor.dtype).eps) if is_inexact(tensor) else 0.0


def difference(found: Tensor, expected: Tensor) -> float:
    """The largest difference, relative to the largest finite number expected; infinite if only one of two is finite.

    Example:
        >>> difference(torch.tensor([1.0, 4.0]), torch.tensor([1.0, 2.0]))
        1.0
        >>> difference(torch.tensor([1.0, math.nan]), torch.tensor([1.0, math.nan]))
        0.0
    """
    if found.shape != expected.shape:
        return math.inf
    found, expected = _wide(found), _wide(expected)
    apart = ~((found == expected) | (found.isnan() & expected.isnan()))
    if not apart.any():
        return 0.0
    if not (found[apart].isfinite().all() and expected[apart].isfinite().all()):
        return math.inf
    largest = float(expected[expected.isfinite()].abs().max())
    return float((found[apart] - expected[apart]).abs().max()) / (largest or 1.0)


def _wide(tensor: Tensor) -> Tensor:
    return tensor.to(torch.complex128 if tensor.is_complex() else torch.float64)
