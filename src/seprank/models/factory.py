"""Modules from the user's own code, named as file.py:factory or package.module:factory."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


USER_MODULE = "_seprank_user_"
"""How the names begin that modules from single files have in `sys.modules`"""


class FactoryError(ValueError):
    """A factory could not be found, failed, or made something that is not a module."""


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

    def build(self, seed: int = 0) -> nn.Module:
        """The module, checked to be one.

        Args:
            seed: of what the factory draws from the global generators of torch, NumPy and Python.

        Raises:
            FactoryError: the factory raised, or returned something else.
        """
        from torch import nn

        from .seeds import seeded

        try:
            with seeded(seed):
                module = self.function(**self.settings)
        except Exception as error:
            raise FactoryError(f"{self.name} failed with {type(error).__name__}: {error}") from error
        if not isinstance(module, nn.Module):
            raise FactoryError(f"{self.name} must return a torch.nn.Module, got {type(module).__name__}")
        return module


def load_factory(name: str, **settings: Any) -> Factory:
    """Import the code and find the factory.

    Args:
        name: file.py:factory or package.module:factory.
        settings: keyword arguments that the factory will be called with.

    Raises:
        FactoryError: the text has another form, the file or the factory is missing, or the import fails.
    """
    place, _, attribute = name.partition(":")
    if not place or not attribute:
        raise FactoryError(f"a model of your own is written file.py:factory or package.module:factory, got {name!r}")
    module, path = _import_file(Path(place)) if place.endswith(".py") else _import_module(place)
    function = getattr(module, attribute, None)
    if not callable(function):
        found = "no such name" if function is None else f"a {type(function).__name__}"
        raise FactoryError(f"{name}: {place} must define a function {attribute!r}, found {found}")
    return Factory(name, function, source_hash(path), settings)


def source_hash(path: str | Path) -> str:
    """SHA-256 of a source file, hexadecimal."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _import_file(path: Path) -> tuple[Any, Path]:
    if not path.is_file():
        raise FactoryError(f"no file {path}; give the path to the Python file that defines the factory")
    spec = importlib.util.spec_from_file_location(f"{USER_MODULE}{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise FactoryError(f"importing {path} failed with {type(error).__name__}: {error}") from error
    return module, path


def _import_module(name: str) -> tuple[Any, Path]:
    try:
        module = importlib.import_module(name)
    except Exception as error:
        raise FactoryError(f"importing {name} failed with {type(error).__name__}: {error}") from error
    if module.__file__ is None:
        raise FactoryError(f"{name} has no source file; name the module that defines the factory")
    return module, Path(module.__file__)
