"""What an operation is given: tensors, numbers, and lists of them, however nested."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor


def has_value(arguments: Iterable[Any]) -> bool:
    """Whether one of them is a tensor of numbers of the network."""
    for argument in arguments:
        if argument.__class__ is Tensor:
            if argument.is_floating_point() or argument.is_complex():
                return True
        elif has_value(argument) if isinstance(argument, list | tuple) else is_value(argument):
            return True
    return False


def has_tensor(arguments: Iterable[Any]) -> bool:
    """Whether one of them is a tensor."""
    return any(has_tensor(a) if isinstance(a, list | tuple) else isinstance(a, Tensor) for a in arguments)


def each(function: Callable[[Any], Any], value: Any) -> Any:
    """`function` of a value, or of each member of a list or tuple of them, however nested."""
    if value.__class__ is not Tensor and isinstance(value, list | tuple):
        return [each(function, member) for member in value]
    return function(value)


def is_value(leaf: Any) -> bool:
    """Whether it is a tensor of numbers of the network, and not of positions or decisions."""
    return isinstance(leaf, Tensor) and (leaf.is_floating_point() or leaf.is_complex())
