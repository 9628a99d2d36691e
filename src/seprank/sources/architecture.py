"""What makes networks of any size: a model of the registry, or a factory of the user's own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from inspect import signature
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from ..models import ModelSpec, find_model
from .code import Found, find_code, is_code
from .factory import callable_of, factory_of, is_network, made_anew, size_names

if TYPE_CHECKING:
    from torch import nn


class Sizes(TypedDict):
    """Of one network, as `Architecture.build` takes them."""

    inputs: int
    """Features per step"""
    width: int | None
    """Passed over, as depth, by what does not take it"""
    depth: int


class Architecture(ABC):
    """Something that makes networks of the sizes asked for."""

    @property
    @abstractmethod
    def name(self) -> str: ...

    @property
    @abstractmethod
    def takes(self) -> frozenset[str]:
        """Which of width and depth it can be made with; it decides the others itself."""

    @abstractmethod
    def build(self, **sizes: Unpack[Sizes]) -> nn.Module:
        """A new network, drawn from torch's global generator.

        Raises:
            FactoryError: the user's code failed.
            ValueError: a size is out of range.
        """

    def count(self, **sizes: Unpack[Sizes]) -> int:
        """Numbers in all parameters of the network that `build` makes."""
        return sum(parameter.numel() for parameter in self._example(**sizes).parameters())

    def outputs(self, **sizes: Unpack[Sizes]) -> int:
        """Numbers that this network gives at each step.

        Raises:
            FactoryError: it does not give an output for each step.
        """
        from .steps import count_outputs

        return count_outputs(self._example(**sizes), sizes["inputs"], self.name)

    def _example(self, **sizes: Unpack[Sizes]) -> nn.Module:
        """A network that is built only to see its size."""
        from ..system.seeds import seeded

        with seeded(0):
            return self.build(**sizes)


@dataclass(frozen=True)
class Registered(Architecture):
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
        return super().count(**sizes)

    def outputs(self, **sizes: Unpack[Sizes]) -> int:
        return sizes["width"] or 1 if self._is_plain else super().outputs(**sizes)

    @property
    def _is_plain(self) -> bool:
        """Whether the formula, which counts before anything of that size is made, knows all of its settings."""
        further = {name for name, value in self.settings.items() if self.spec.training.get(name) != value}
        return further <= signature(self.spec.count_parameters).parameters.keys()


@dataclass(frozen=True)
class Own(Architecture):
    """A factory of the user's own, with further settings."""

    found: Found
    settings: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.found.name

    @cached_property
    def takes(self) -> frozenset[str]:
        return frozenset({"width", "depth"} & self._names.keys())

    def build(self, **sizes: Unpack[Sizes]) -> nn.Module:
        given = dict[str, Any](sizes)
        named = {name: given[size] for size, name in self._names.items() if given[size] is not None}
        return factory_of(self.found, self._function, {**named, **self.settings}).draw()

    @cached_property
    def _names(self) -> dict[str, str]:
        """What it calls each size, without those that are settled by a setting."""
        names = size_names(self._function)
        return {size: name for size, name in names.items() if not {size, name} & self.settings.keys()}

    @cached_property
    def _function(self) -> Callable[..., Any]:
        if is_network(self.found.value):
            return made_anew(self.found, self.settings)
        return callable_of(self.found)


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
