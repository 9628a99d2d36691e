"""The user's own code, named as file.py:name or package.module:name: where it is, and what the name refers to."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import TypeGuard

USER_MODULE = "_seprank_user_"
"""Prefix of the names in `sys.modules` of modules from single files"""


class FactoryError(ValueError):
    """The user's own code could not be found, failed, or made something other than what is needed."""


def is_code(name: str) -> bool:
    """Whether a name is that of the user's own code, and not of the registry."""
    return ":" in name


@dataclass(frozen=True)
class Found:
    """What a name of the user's own code refers to."""

    name: str
    """As the user wrote it, for instance my_model.py:build"""
    value: object
    file: Path
    """The source file"""
    folders: tuple[str, ...]
    """From which the code may import its neighbours while it runs"""

    @property
    def is_file(self) -> bool:
        """Whether it was named by its file, and not by a package."""
        return self.name.rpartition(":")[0].endswith(".py")

    def again(self) -> object:
        """The same after running the file once more, so that it is made anew."""
        return getattr(import_file(self.file), self.name.rpartition(":")[2])


def find_code(name: str) -> Found:
    """Import the code and find what file.py:name or package.module:name stands for.

    Raises:
        FactoryError: the text has another form, the file or the name is missing, or the import fails.
    """
    place, _, attribute = name.rpartition(":")
    if not place or not attribute:
        raise FactoryError(f"code of your own is written file.py:name or package.module:name, got {name!r}")
    folders = _folders(place)
    with importable(folders), explained(f"importing {place}"):
        module = import_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    value = getattr(module, attribute, None)
    if value is None:
        raise FactoryError(f"{place} must define {attribute!r}, found no such name")
    file = place if place.endswith(".py") else getattr(module, "__file__", None)
    return Found(name, value, _existing(place, file), folders)


def source_of(name: str) -> Path:
    """The file that code is in, found without running any of it.

    Raises:
        FactoryError: there is none.
    """
    place, _, _ = name.rpartition(":")
    if place.endswith(".py"):
        return Path(place)
    spec = _spec_of(place)
    return _existing(place, None if spec is None else spec.origin)


def _spec_of(place: str) -> ModuleSpec | None:
    """Where a module is; `importlib.util.find_spec` would run the packages that it is in."""
    first, *rest = place.split(".")
    with importable(_folders(place)), explained(f"looking for {place}"):
        spec = importlib.util.find_spec(first)
    for part in rest:
        first = f"{first}.{part}"
        spec = PathFinder.find_spec(first, spec.submodule_search_locations) if _is_package(spec) else None
    return spec


def _is_package(spec: ModuleSpec | None) -> TypeGuard[ModuleSpec]:
    return spec is not None and spec.submodule_search_locations is not None


def source_hash(path: str | Path) -> str:
    """SHA-256 of a source file, hexadecimal."""
    import hashlib

    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _folders(place: str) -> tuple[str, ...]:
    """Where the code expects its neighbours: as for `python file.py`, and for a program started in this folder."""
    here = (os.getcwd(),)
    return (str(Path(place).resolve().parent), *here) if place.endswith(".py") else here


_NEIGHBOURS: dict[str, tuple[str, ...]] = {}
"""Modules that the user's code imported from its own folders, by name, with these folders"""


def user_modules() -> set[str]:
    """Names of the modules in `sys.modules` that are from the user's own folders."""
    return {name for name in sys.modules if name.startswith(USER_MODULE)} | (_NEIGHBOURS.keys() & sys.modules.keys())


@contextmanager
def importable(folders: tuple[str, ...]) -> Iterator[None]:
    """Let modules in these folders be found first, as Python lets those beside the program that it runs.

    Two files may have neighbours of one name: what was imported for another file is imported anew.
    """
    for name in [name for name, others in _NEIGHBOURS.items() if others != folders]:
        sys.modules.pop(name, None)
        del _NEIGHBOURS[name]
    path, known = sys.path, set(sys.modules)
    sys.path = [*folders, *path]
    try:
        yield
    finally:
        # What the code itself added stays, as it may import from there later.
        path += [place for place in sys.path if place not in path and place not in folders]
        sys.path = path
        for name in sys.modules.keys() - known:
            file = getattr(sys.modules[name], "__file__", None)
            ours = name.startswith(USER_MODULE) or name.split(".")[0] == __name__.split(".")[0]
            if file and not ours and _is_inside(Path(file), folders, path):
                _NEIGHBOURS[name] = folders


def _is_inside(file: Path, folders: tuple[str, ...], path: list[str]) -> bool:
    """Whether a file is in one of the folders, and not in what is installed, which may lie below them."""
    homes = [place for place in (*folders, *path) if place and file.is_relative_to(place)]
    return bool(homes) and max(homes, key=len) in folders


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn whatever error the user's code raises into ours; code that exits does not end this program."""
    try:
        yield
    except FactoryError:
        raise
    except SystemExit as end:
        raise FactoryError(f"{what} ended the program (exit code {end.code}); remove that call") from end
    except Exception as error:
        raise FactoryError(f"{what} failed with {type(error).__name__}: {error}") from error


def import_file(path: Path) -> ModuleType:
    """Run a file as a module of its own.

    Raises:
        FactoryError: there is no such file.
    """
    from ..system.files import FileError, existing_file

    try:
        existing_file(path)
    except FileError as error:
        raise FactoryError(f"{error}; name the Python file that defines it") from None
    spec = importlib.util.spec_from_file_location(f"{USER_MODULE}{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look their module up
    spec.loader.exec_module(module)
    return module


def _existing(place: str, file: str | None) -> Path:
    """The file of a module's text: what was certified is that text."""
    if file is None or not Path(file).is_file():
        raise FactoryError(f"{place} has no source file; name the module that defines the factory")
    return Path(file)
