"""What makes networks of any size: a model of the registry, or a factory of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from inspect import signature
from typing import TYPE_CHECKING, Any, Protocol, TypedDict, Unpack, runtime_checkable

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

    def build(self, **sizes: Unpack[Sizes]) -> nn.Module:
        """A new network, drawn from torch's global generator.

        Raises:
            FactoryError: the user's code failed.
            ValueError: a size is out of range.
        """

    def count(self, **sizes: Unpack[Sizes]) -> int:
        """Numbers in all parameters of the network that `build` makes."""

    def outputs(self, **sizes: Unpack[Sizes]) -> int:
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

    def build(self, **sizes: Unpack[Sizes]) -> nn.Module:
        return self.spec.build(inputs=sizes["inputs"], width=sizes["width"] or 1, depth=sizes["depth"], **self.settings)

    def count(self, **sizes: Unpack[Sizes]) -> int:
        if self._is_plain:
            return self.spec.count(sizes["inputs"], sizes["width"] or 1, sizes["depth"], **self.settings)
        return _counted(self, **sizes)

    def outputs(self, **sizes: Unpack[Sizes]) -> int:
        if self._is_plain:
            return sizes["width"] or 1
        return _tried(self, **sizes)

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

    def build(self, **sizes: Unpack[Sizes]) -> nn.Module:
        return self.factory(**sizes).draw()

    def count(self, **sizes: Unpack[Sizes]) -> int:
        return _counted(self, **sizes)

    def outputs(self, **sizes: Unpack[Sizes]) -> int:
        return _tried(self, **sizes)

    def factory(self, **sizes: Unpack[Sizes]) -> Factory:
        """What makes the network of these sizes."""
        given = dict[str, Any](sizes)
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


def _counted(architecture: Architecture, **sizes: Unpack[Sizes]) -> int:
    module = _example(architecture, **sizes)
    return sum(parameter.numel() for parameter in module.parameters())


def _tried(architecture: Architecture, **sizes: Unpack[Sizes]) -> int:
    from .steps import count_outputs

    return count_outputs(_example(architecture, **sizes), sizes["inputs"], architecture.name)


def _example(architecture: Architecture, **sizes: Unpack[Sizes]) -> nn.Module:
    """A network that is built only to see its size."""
    from ..system.seeds import seeded

    with seeded(0):
        return architecture.build(**sizes)
