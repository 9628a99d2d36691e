"""Arguments of operations: tensors, numbers, and nested lists of them."""

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


def tensors(values: Iterable[Any]) -> list[Tensor]:
    """All tensors among them, in order."""
    found: list[Tensor] = []
    for value in values:
        if value.__class__ is Tensor or isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += tensors(value)
        elif isinstance(value, dict):
            found += tensors(value.values())
    return found


def each(function: Callable[[Any], Any], value: Any) -> Any:
    """Apply a function to a value, or to each member of a nested list or tuple."""
    if value.__class__ is not Tensor and isinstance(value, list | tuple):
        return [each(function, member) for member in value]
    return function(value)


def is_value(leaf: Any) -> bool:
    """Whether it is a tensor of numbers of the network, rather than of positions or decisions."""
    return isinstance(leaf, Tensor) and (leaf.is_floating_point() or leaf.is_complex())
