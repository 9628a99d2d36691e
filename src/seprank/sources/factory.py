"""Modules from the user's own code, named as file.py:factory or package.module:factory."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .code import FactoryError, Found, explained, find_code, importable, source_hash

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Factory:
    """A function that makes a module, and the source it comes from."""

    name: str
    """As the user wrote it, for instance my_model.py:build"""
    function: Callable[..., Any]
    sha256: str
    """Hash of the source file; a certificate holds for this very text"""
    settings: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments for the function"""
    folders: tuple[str, ...] = ()
    """From which the code may import its neighbours while it makes the module"""

    def build(self, seed: int = 0) -> nn.Module:
        """The module, checked to be one.

        Args:
            seed: of what the factory draws from the global generators of torch, NumPy and Python.

        Raises:
            FactoryError: the factory raised, or returned something else.
        """
        from ..system.seeds import seeded

        with seeded(seed):
            return self.draw()

    def draw(self) -> nn.Module:
        """The same from the global generators as they are."""
        from torch import nn

        module = self.make()
        if not isinstance(module, nn.Module):
            raise FactoryError(f"{self.name} must return a torch.nn.Module, got {type(module).__name__}")
        return module

    def make(self) -> object:
        """Whatever the function returns.

        Raises:
            FactoryError: it raised, or lacks an argument.
        """
        with importable(self.folders), explained(self.name):
            try:
                return self.function(**self.settings)
            except TypeError as error:
                raise self._incomplete() or error from error

    def _incomplete(self) -> FactoryError | None:
        """The error for arguments that the function needs and did not get; None if it got all."""
        own = list(parameters_of(self.function).values())[1 if isinstance(self.function, type) else 0 :]
        by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        missing = [
            one.name
            for one in own
            if one.kind in by_name and one.default is inspect.Parameter.empty and one.name not in self.settings
        ]
        if not missing:
            return None
        options = " ".join(f"--set {name}=VALUE" for name in missing)
        return FactoryError(f"{self.name} needs {', '.join(missing)}; give {options}")


def load_factory(name: str, *, sizes: Mapping[str, Size | None] | None = None, **settings: Any) -> Factory:
    """Import the code and find the factory.

    Args:
        name: file.py:factory or package.module:factory: a function or class, or in a file of one's own a network.
        sizes: `inputs`, `width` and `depth`, which reach the factory under these names or under torch's, `input_size`,
            `hidden_size` and `num_layers`, whichever it takes; the inputs only if it cannot do without.
        settings: keyword arguments that the factory will be called with.

    Raises:
        FactoryError: the text has another form, the file or the factory is missing, or the import fails.
    """
    found = find_code(name)
    if is_network(found.value):
        made = [key for key, value in {**(sizes or {}), **settings}.items() if value is not None and key != "inputs"]
        return Factory(name, made_anew(found, made), source_hash(found.file), {}, found.folders)
    function = callable_of(found)
    return factory_of(found, function, {**_named(function, sizes or {}, settings), **settings})


def factory_of(found: Found, function: Callable[..., Any], settings: dict[str, Any]) -> Factory:
    """The factory that a name stands for, with these keyword arguments.

    Raises:
        FactoryError: a text where it wants true or false.
    """
    _check_truths(found.name, function, settings)
    return Factory(found.name, function, source_hash(found.file), settings, found.folders)


def callable_of(found: Found) -> Callable[..., Any]:
    """The function or class that a name stands for."""
    if not callable(found.value):
        raise FactoryError(f"{found.name} must be a function, a class or a network, got a {type(found.value).__name__}")
    return found.value


def is_network(found: object) -> bool:
    """Whether it is a network, and not what makes one; whoever made it has imported torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(found, torch.nn.Module)


def made_anew(found: Found, given: Iterable[str]) -> Callable[[], Any]:
    """A factory for what a file makes as it is imported: it runs the file again, with the seed in place.

    Args:
        found: the object.
        given: names of settings, which it cannot take.

    Raises:
        FactoryError: there are some, or it is made in a package, which runs once.
    """
    for name in given:
        raise FactoryError(f"{found.name} is a network that already exists and takes no {name}; name what makes it")
    if not found.is_file:
        raise FactoryError(
            f"{found.name} is a network that is made when its package is imported, with weights that no seed "
            "determines; name a function or class that makes it"
        )
    return found.again


Size = int | tuple[int, ...]
"""A size, or the sizes of several axes"""

TORCH_NAMES = {"inputs": "input_size", "width": "hidden_size", "depth": "num_layers"}
"""What torch calls the sizes of its recurrent layers"""


def _named(function: Callable[..., Any], sizes: Mapping[str, Size | None], settings: dict[str, Any]) -> dict[str, Size]:
    """Sizes under the names that a factory takes; those given as settings are left out."""
    takes, named = parameters_of(function), dict[str, Size]()
    names = size_names(function)
    for size, value in sizes.items():
        name = names.get(size, size)
        wanted = size != "inputs" or (size in names and takes[name].default is inspect.Parameter.empty)
        if value is not None and wanted and not {size, TORCH_NAMES[size]} & settings.keys():
            named[name] = value
    return named


def size_names(function: Callable[..., Any]) -> dict[str, str]:
    """What a factory calls each size that it takes by name."""
    takes = parameters_of(function)
    both = {size: [name for name in (size, torch) if name in takes] for size, torch in TORCH_NAMES.items()}
    return {size: names[0] for size, names in both.items() if names}


def parameters_of(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """What a factory takes by name; of a class that passes the rest on, also what those above it take."""
    found: dict[str, inspect.Parameter] = {}
    for one in function.__mro__ if isinstance(function, type) else (function,):
        try:
            parameters = inspect.signature(one.__init__ if isinstance(function, type) else one).parameters
        except (ValueError, TypeError):  # some built-in callables do not say what they take
            return found
        found = {**parameters, **found}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            return found
    return found


def _check_truths(name: str, function: Callable[..., Any], settings: dict[str, Any]) -> None:
    """Refuse a text where the factory wants true or false: every text, 'no' and 'FALSE' as well, is true."""
    parameters = parameters_of(function)
    for key, value in settings.items():
        wanted = parameters.get(key)
        truth = wanted is not None and (wanted.annotation in (bool, "bool") or isinstance(wanted.default, bool))
        if truth and isinstance(value, str):
            raise FactoryError(f"{key} of {name} must be true or false, got {value!r}; use --set {key}=false")
