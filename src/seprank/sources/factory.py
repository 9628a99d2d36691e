"""Modules from the user's own code, named as file.py:factory or package.module:factory."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..system.files import FileError, existing_file

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
    folders: tuple[str, ...] = ()
    """From which the code may import its neighbours while it makes the module"""

    def build(self, seed: int = 0) -> nn.Module:
        """The module, checked to be one.

        Args:
            seed: of what the factory draws from the global generators of torch, NumPy and Python.

        Raises:
            FactoryError: the factory raised, or returned something else.
        """
        from torch import nn

        from ..system.seeds import seeded

        with _importable(self.folders), _explained(self.name), seeded(seed):
            try:
                module = self.function(**self.settings)
            except TypeError as error:
                raise self._incomplete() or error from error
        if not isinstance(module, nn.Module):
            raise FactoryError(f"{self.name} must return a torch.nn.Module, got {type(module).__name__}")
        return module

    def _incomplete(self) -> FactoryError | None:
        """What to say of arguments that the function needs and did not get; None if it got all."""
        own = list(_parameters(self.function).values())[1 if isinstance(self.function, type) else 0 :]
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


def load_factory(name: str, *, sizes: Mapping[str, int | None] | None = None, **settings: Any) -> Factory:
    """Import the code and find the factory.

    Args:
        name: file.py:factory or package.module:factory: a function or class, or in a file of one's own a network.
        sizes: `inputs`, `width` and `depth`, which reach the factory under these names or under torch's, `input_size`,
            `hidden_size` and `num_layers`, whichever it takes; the inputs only if it cannot do without.
        settings: keyword arguments that the factory will be called with.

    Raises:
        FactoryError: the text has another form, the file or the factory is missing, or the import fails.
    """
    place, _, attribute = name.rpartition(":")
    if not place or not attribute:
        raise FactoryError(f"a model of your own is written file.py:factory or package.module:factory, got {name!r}")
    folders = _folders(place)
    with _importable(folders), _explained(f"importing {place}"):
        module = _import_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    function = getattr(module, attribute, None)
    if not callable(function):
        found = "no such name" if function is None else f"a {type(function).__name__}"
        raise FactoryError(f"{name}: {place} must define a function {attribute!r}, found {found}")
    if _is_module(function):
        function = _made_anew(name, {**(sizes or {}), **settings})
    settings = {**_named(function, sizes or {}, settings), **settings}
    _check_truths(name, function, settings)
    return Factory(name, function, source_hash(_source(place, module)), settings, folders)


def _is_module(found: object) -> bool:
    """Whether it is a network, and not what makes one; whoever made it has imported torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(found, torch.nn.Module)


def _made_anew(name: str, settings: Mapping[str, Any]) -> Callable[[], Any]:
    """A factory for a network that a file makes as it is imported: it runs the file again, with the seed in place.

    Raises:
        FactoryError: there are settings, which nobody takes, or the network is made in a package, which runs once.
    """
    place, _, attribute = name.rpartition(":")
    given = [key for key, value in settings.items() if value is not None and key != "inputs"]
    if given:
        raise FactoryError(f"{name} is a network that already exists and takes no {given[0]}; name what makes it")
    if not place.endswith(".py"):
        raise FactoryError(
            f"{name} is a network that is made when {place} is imported, with weights that no seed determines; name a "
            "function or class that makes it"
        )
    return lambda: getattr(_import_file(Path(place)), attribute)


TORCH_NAMES = {"inputs": "input_size", "width": "hidden_size", "depth": "num_layers"}
"""What torch calls the sizes of its recurrent layers"""


def _named(function: Callable[..., Any], sizes: Mapping[str, int | None], settings: dict[str, Any]) -> dict[str, int]:
    """Sizes under the names that a factory takes; those given as settings are left out."""
    takes, named = _parameters(function), {}
    for size, value in sizes.items():
        names = [name for name in (size, TORCH_NAMES[size]) if name in takes]
        name = names[0] if names else size
        wanted = size != "inputs" or (bool(names) and takes[name].default is inspect.Parameter.empty)
        if value is not None and wanted and not {size, TORCH_NAMES[size]} & settings.keys():
            named[name] = value
    return named


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
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
    parameters = _parameters(function)
    for key, value in settings.items():
        wanted = parameters.get(key)
        truth = wanted is not None and (wanted.annotation in (bool, "bool") or isinstance(wanted.default, bool))
        if truth and isinstance(value, str):
            raise FactoryError(f"{key} of {name} must be true or false, got {value!r}; use --set {key}=false")


def source_of(name: str) -> Path:
    """The file that a factory is in, found without running it.

    Raises:
        FactoryError: there is none.
    """
    place, _, _ = name.rpartition(":")
    if place.endswith(".py"):
        return Path(place)
    with _importable(_folders(place)), _explained(f"looking for {place}"):
        spec = importlib.util.find_spec(place)
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise FactoryError(f"{place} has no source file; name the module that defines the factory")
    return Path(spec.origin)


def source_hash(path: str | Path) -> str:
    """SHA-256 of a source file, hexadecimal."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _folders(place: str) -> tuple[str, ...]:
    """Where the code expects its neighbours: as for `python file.py`, and for a program started in this folder."""
    here = (os.getcwd(),)
    return (str(Path(place).resolve().parent), *here) if place.endswith(".py") else here


_NEIGHBOURS: dict[str, tuple[str, ...]] = {}
"""Modules that user's code imported from folders of its own, by name, with these folders"""


def user_modules() -> set[str]:
    """Names of the modules in `sys.modules` that are from the user's own folders."""
    return {name for name in sys.modules if name.startswith(USER_MODULE)} | (_NEIGHBOURS.keys() & sys.modules.keys())


@contextmanager
def _importable(folders: tuple[str, ...]) -> Iterator[None]:
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
def _explained(what: str) -> Iterator[None]:
    """Whatever the user's code dies of, as ours; a program that ends itself does not end this one."""
    try:
        yield
    except FactoryError:
        raise
    except SystemExit as end:
        raise FactoryError(f"{what} ended the program (exit code {end.code}); take that call out of it") from end
    except Exception as error:
        raise FactoryError(f"{what} failed with {type(error).__name__}: {error}") from error


def _import_file(path: Path) -> Any:
    try:
        existing_file(path)
    except FileError as error:
        raise FactoryError(f"{error}; the model is the Python file that defines the factory") from None
    spec = importlib.util.spec_from_file_location(f"{USER_MODULE}{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look their module up
    spec.loader.exec_module(module)
    return module


def _source(place: str, module: Any) -> Path:
    """The file of a module's text: what was certified is that text."""
    file = place if place.endswith(".py") else getattr(module, "__file__", None)
    if file is None or not Path(file).is_file():
        raise FactoryError(f"{place} has no source file; name the module that defines the factory")
    return Path(file)
