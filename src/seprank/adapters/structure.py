"""A state of any structure as a list of its tensors and numbers, and how to put others in their place."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

_CODE = (nn.Module, type, FunctionType, BuiltinFunctionType, ModuleType)
_PLAIN = (Tensor, *_CODE, str, bytes, int, float, complex, type(None), torch.dtype, torch.device)
"""What is not looked into"""


def is_constant(leaf: Any) -> bool:
    """Whether a leaf is of a known kind that belongs to no sequence, and not a tensor."""
    return isinstance(leaf, _PLAIN) and not isinstance(leaf, Tensor)


_DEEPEST = 12
"""Objects inside each other that are looked into"""


@dataclass(frozen=True)
class Structure:
    """What holds the leaves of a state; two are equal if they have the same kinds and names at the same places."""

    kind: type | None
    """None for a leaf"""
    names: tuple[Any, ...] = ()
    parts: tuple[Structure, ...] = ()
    make: Callable[[list[Any]], Any] = field(default=list, compare=False, repr=False)

    def __str__(self) -> str:
        if self.kind is None:
            return "*"
        return f"{self.kind.__name__}({', '.join(map(str, self.parts))})"


_LEAF = Structure(None)


def flatten(thing: Any) -> tuple[list[Any], Structure]:
    """The leaves of a structure, not copied, and the structure without them.

    Lists, tuples, named tuples, dictionaries, dataclasses and other objects with attributes are looked into.

    Example:
        >>> leaves, structure = flatten({"h": torch.zeros(2), "steps": [3]})
        >>> unflatten(structure, [torch.ones(1), *leaves[1:]])
        {'h': tensor([1.]), 'steps': [3]}
    """
    return _flatten(thing, _DEEPEST)


def unflatten(structure: Structure, leaves: list[Any]) -> Any:
    """A new object of this structure with these leaves."""
    rest = iter(leaves)

    def build(part: Structure) -> Any:
        return next(rest) if part.kind is None else part.make([build(inner) for inner in part.parts])

    return build(structure)


def map_tensors(change: Callable[[Tensor], Tensor], thing: Any) -> Any:
    """The same structure, every tensor changed."""
    leaves, structure = flatten(thing)
    return unflatten(structure, [change(leaf) if isinstance(leaf, Tensor) else leaf for leaf in leaves])


def tensors_in(thing: Any) -> list[Tensor]:
    """The tensors of a structure."""
    return [leaf for leaf in flatten(thing)[0] if isinstance(leaf, Tensor)]


def _flatten(thing: Any, depth: int) -> tuple[list[Any], Structure]:
    members = None if isinstance(thing, _PLAIN) or depth == 0 else _members(thing)
    if members is None:
        return [thing], _LEAF
    names, values, make = members
    found = [_flatten(value, depth - 1) for value in values]
    leaves = [leaf for part, _ in found for leaf in part]
    return leaves, Structure(type(thing), names, tuple(structure for _, structure in found), make)


def _members(thing: Any) -> tuple[tuple[Any, ...], list[Any], Callable[[list[Any]], Any]] | None:
    """Names and values of an object's members, and how to make another object; None for an unknown kind of object."""
    if isinstance(thing, tuple) and hasattr(thing, "_fields"):
        return thing._fields, list(thing), lambda values: type(thing)(*values)
    if isinstance(thing, list | tuple):
        return (len(thing),), list(thing), lambda values: list(values) if isinstance(thing, list) else tuple(values)
    if isinstance(thing, dict):
        names = tuple(thing)
        return names, list(thing.values()), lambda values: _filled(thing, names, values)
    if dataclasses.is_dataclass(thing):
        names = tuple(f.name for f in dataclasses.fields(thing) if hasattr(thing, f.name))
    elif hasattr(thing, "__dict__"):
        names = tuple(vars(thing))
    else:
        return None
    return names, [getattr(thing, name) for name in names], lambda values: _with_attributes(thing, names, values)


def _filled(like: dict[Any, Any], names: tuple[Any, ...], values: list[Any]) -> dict[Any, Any]:
    made = copy.copy(like)
    for name, value in zip(names, values, strict=True):
        made[name] = value
    return made


def _with_attributes(like: Any, names: tuple[str, ...], values: list[Any]) -> Any:
    made = copy.copy(like)
    for name, value in zip(names, values, strict=True):
        object.__setattr__(made, name, value)  # a frozen dataclass, too
    return made
