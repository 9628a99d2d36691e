"""The state in which a sequence starts, for modules that require it as an argument."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..settings.hints import FirstState, Hints
from .contract import ConventionError, is_inexact
from .structure import map_tensors

METHODS = (
    "init_hidden",
    "default_state",
    "initial_state",
    "zero_state",
    "init_state",
    "get_initial_state",
    "initial_hidden",
    "begin_state",
)
"""Usual names of a method that makes the first state"""

_MOST_SIZES = 6
"""Widths that are tried for a first state of zeros"""


@dataclass(frozen=True)
class FromMethod:
    """A method of the module, called with the size of the batch."""

    name: str

    def make(self, module: Any, batch: int, like: Tensor) -> Any:
        method = getattr(module, self.name)
        positional, anything = _takes(method)
        if not positional and not anything:
            return method()
        devices = {"device": like.device, "dtype": like.dtype}
        wanted = [p.name for p in positional[1:] if p.default is p.empty]
        unknown = [name for name in wanted if name not in devices]
        if unknown:
            raise ConventionError(f"{self.name} needs {', '.join(unknown)}; give state=lambda batch: ...")
        return method(batch, *(devices[name] for name in wanted))

    def __str__(self) -> str:
        return f"state from {self.name}"


@dataclass(frozen=True)
class Given:
    """The user's function from the size of the batch to the first state."""

    function: FirstState

    def make(self, module: Any, batch: int, like: Tensor) -> Any:
        return self.function(batch)

    def __str__(self) -> str:
        return "state as given"


@dataclass(frozen=True)
class Nothing:
    """None, for modules that require the argument and make the state themselves."""

    def make(self, module: Any, batch: int, like: Tensor) -> Any:
        return None

    def __str__(self) -> str:
        return "state from None"


@dataclass(frozen=True)
class Zeros:
    """Zeros, with which torch's own modules start."""

    size: int
    count: int
    """Tensors in the state"""

    def make(self, module: Any, batch: int, like: Tensor) -> Any:
        made = [like.new_zeros(batch, self.size) for _ in range(self.count)]
        return made[0] if self.count == 1 else tuple(made)

    def __str__(self) -> str:
        what = f"{self.size} zeros" if self.count == 1 else f"{self.count} times {self.size} zeros"
        return f"state from {what}, because the module has no method that makes the first one"


FirstOne = FromMethod | Given | Nothing | Zeros
"""`make` gives the first states of a batch"""


def first_states(module: Any, hints: Hints, tensors: int) -> Iterator[FirstOne]:
    """Ways to make a first state passed in this many arguments, in the order in which they are tried."""
    if callable(hints.state):
        yield Given(hints.state)
        return
    named = [name for name in METHODS if callable(getattr(module, name, None))]
    if isinstance(hints.state, str) and callable(getattr(module, hints.state, None)):
        named = [hints.state]
    if named:
        yield from map(FromMethod, named)
        return
    yield Nothing()
    for size in _widths(module):
        for count in [tensors] if tensors > 1 else [1, 2]:
            yield Zeros(size, count)


def begin(first: FirstOne, module: Any, inputs: Tensor, batch: int) -> Any:
    """The first state of a batch, its floats in the type in which the module computes."""
    like = inputs if inputs.is_floating_point() else _computing(module, inputs)

    def same(tensor: Tensor) -> Tensor:
        if not is_inexact(tensor):
            return tensor.to(inputs.device)
        wanted = like.dtype if not tensor.is_complex() else torch.promote_types(like.dtype, torch.complex32)
        return tensor.detach().to(inputs.device, wanted)

    return map_tensors(same, first.make(module, batch, like))


def _computing(module: Any, inputs: Tensor) -> Tensor:
    found = next((tensor for tensor in _parameters(module) if tensor.is_floating_point()), None)
    return (torch.zeros(0) if found is None else found.detach()).to(inputs.device)


def _widths(module: Any) -> list[int]:
    """Widths that a state may have: what the module says, and the sizes of its parameters."""
    said = getattr(module, "hidden_size", None)
    sizes = [said] if isinstance(said, int) and not isinstance(said, bool) else []
    sizes += [size for tensor in _parameters(module) for size in reversed(tensor.shape)]
    return [size for size in dict.fromkeys(sizes) if size > 1][:_MOST_SIZES]


def _parameters(module: Any) -> list[Tensor]:
    return list(module.parameters()) if isinstance(module, nn.Module) else []


def _takes(method: Any) -> tuple[list[inspect.Parameter], bool]:
    parameters = inspect.signature(method).parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return positional, any(p.kind is p.VAR_POSITIONAL for p in parameters)
