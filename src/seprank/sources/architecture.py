"""What makes networks of any size: a model of the registry, or a factory of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from inspect import signature
from typing import TYPE_CHECKING, Any, Protocol, TypedDict, runtime_checkable

from ..models import ModelSpec, find_model
from .code import FactoryError, Found, find_code, is_code, source_hash
from .factory import Factory, factory_of, is_network, made_anew, size_names

if TYPE_CHECKING:
    from torch import nn


class Sizes(TypedDict):
    """Of one network, as `Architecture.build` takes them."""

    inputs: int
    """Features per step"""
    width: int | None
    """Passed over, as depth, by what does not take it"""
    depth: int


@runtime_checkable
class Architecture(Protocol):
    """Something that makes networks of the sizes asked for."""

    @property
    def name(self) -> str: ...

    @property
    def takes(self) -> frozenset[str]:
        """Which of width and depth it can be made with; the others are its own affair."""

    def build(self, *, inputs: int, width: int | None, depth: int) -> nn.Module:
        """A new network, drawn from torch's global generator.

        Args:
            inputs: features per step.
            width, depth: passed over by what does not take them.

        Raises:
            FactoryError: the user's code failed.
            ValueError: a size is out of range.
        """

    def count(self, *, inputs: int, width: int | None, depth: int) -> int:
        """Numbers in all parameters of the network that `build` makes."""

    def outputs(self, *, inputs: int, width: int | None, depth: int) -> int:
        """Numbers that this network gives at each step.

        Raises:
            FactoryError: it does not give an output for each step.
        """


@dataclass(frozen=True)
class Registered:
    """A model of the registry, with further settings."""

    spec: ModelSpec
    settings: Mapping[str, Any]
    takes = frozenset({"width", "depth"})

    @property
    def name(self) -> str:
        return self.spec.name

    def build(self, *, inputs: int, width: int | None, depth: int) -> nn.Module:
        return self.spec.build(inputs=inputs, width=width or 1, depth=depth, **self.settings)

    def count(self, *, inputs: int, width: int | None, depth: int) -> int:
        if self._is_plain:
            return self.spec.count(inputs, width or 1, depth, **self.settings)
        return _counted(self, inputs=inputs, width=width, depth=depth)

    def outputs(self, *, inputs: int, width: int | None, depth: int) -> int:
        if self._is_plain:
            return width or 1
        return _tried(self, inputs=inputs, width=width, depth=depth)

    @property
    def _is_plain(self) -> bool:
        """Whether the formula, which counts before anything of that size is made, knows all of its settings."""
        further = {name for name, value in self.settings.items() if self.spec.training.get(name) != value}
        return further <= signature(self.spec.count_parameters).parameters.keys()


@dataclass(frozen=True)
class Own:
    """A factory of the user's own, with further settings."""

    found: Found
    settings: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.found.name

    @property
    def sha256(self) -> str:
        """Hash of its source file."""
        return source_hash(self.found.file)

    @cached_property
    def takes(self) -> frozenset[str]:
        return frozenset({"width", "depth"} & self._names.keys())

    def build(self, *, inputs: int, width: int | None, depth: int) -> nn.Module:
        return self.factory(inputs=inputs, width=width, depth=depth).draw()

    def count(self, *, inputs: int, width: int | None, depth: int) -> int:
        return _counted(self, inputs=inputs, width=width, depth=depth)

    def outputs(self, *, inputs: int, width: int | None, depth: int) -> int:
        return _tried(self, inputs=inputs, width=width, depth=depth)

    def factory(self, *, inputs: int, width: int | None, depth: int) -> Factory:
        """What makes the network of these sizes."""
        given = {"inputs": inputs, "width": width, "depth": depth}
        named = {name: given[size] for size, name in self._names.items() if given[size] is not None}
        return factory_of(self.found, self._function, {**named, **self.settings})

    @cached_property
    def _names(self) -> dict[str, str]:
        """What it calls each size, without those that are settled by a setting."""
        names = size_names(self._function)
        return {size: name for size, name in names.items() if not {size, name} & self.settings.keys()}

    @cached_property
    def _function(self) -> Callable[..., Any]:
        value = self.found.value
        if is_network(value):
            return made_anew(self.found, self.settings)
        if not callable(value):
            raise FactoryError(f"{self.name} must be a function, a class or a network, got a {type(value).__name__}")
        return value


def find_architecture(name: str, settings: Mapping[str, Any] | None = None) -> Registered | Own:
    """What makes networks of that name.

    Args:
        name: of a model of the registry, or file.py:factory, or package.module:factory.
        settings: keyword arguments for its constructor or factory.

    Raises:
        FactoryError: the user's code cannot be found, or fails.
        ValueError: there is no such model.
    """
    if not is_code(name):
        return Registered(find_model(name), settings or {})
    own = Own(find_code(name), settings or {})
    _ = own.takes  # refused now and not in the middle of the work
    return own


def _counted(architecture: Architecture, *, inputs: int, width: int | None, depth: int) -> int:
    module = _example(architecture, inputs=inputs, width=width, depth=depth)
    return sum(parameter.numel() for parameter in module.parameters())


def _tried(architecture: Architecture, *, inputs: int, width: int | None, depth: int) -> int:
    from .steps import count_outputs

    return count_outputs(_example(architecture, inputs=inputs, width=width, depth=depth), inputs, architecture.name)


def _example(architecture: Architecture, *, inputs: int, width: int | None, depth: int) -> nn.Module:
    """A network that is built only to see its size."""
    from ..system.seeds import seeded

    with seeded(0):
        return architecture.build(inputs=inputs, width=width, depth=depth)
