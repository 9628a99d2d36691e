"""The package's annotations, checked by beartype at every call of a public function or method that a test makes.

An import hook: each of them is compiled with one decorator more. Left out are private functions and functions within
functions, which mypy sees and which took a third of all tests' time, and annotations that only a type checker can
resolve, because their names are imported under `if TYPE_CHECKING`.
"""

from __future__ import annotations

import ast
import builtins
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import is_dataclass
from typing import Any

from beartype import BeartypeConf, beartype

PACKAGE = "seprank"
_FUNCTION, _CLASS = "__seprank_checked__", "__seprank_checked_class__"


class WrongType(TypeError):
    """An argument, or what was returned, is not of the annotated type."""


checked: Callable[[Any], Any] = beartype(conf=BeartypeConf(violation_type=WrongType))


class Finder(importlib.abc.MetaPathFinder):
    """Finds the package's modules, as the path does, and has them loaded by `Loader`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.split(".")[0] != PACKAGE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = Loader(spec.loader.name, spec.loader.path)
        return spec


class Loader(importlib.machinery.SourceFileLoader):
    """Compiles a module with its checks, never from a file of byte code, which would be one without them."""

    def get_code(self, fullname: str) -> types.CodeType:
        path = self.get_filename(fullname)
        return with_checks(self.get_data(path), path, fields=not fullname.startswith(f"{PACKAGE}.settings."))


def with_checks(source: bytes | str, path: str = "<source>", *, fields: bool = True) -> types.CodeType:
    """The code of a module in which every public function checks its arguments and what it returns.

    Without `fields` those of dataclasses are left out: settings check their own, and say what is wrong.
    """
    tree = ast.parse(source)
    unknown = _imported_for_type_checkers(tree)
    for node in _not_within_functions(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is_entrance(node.name):
            _forget(node, unknown)
            node.decorator_list.append(ast.Name(_FUNCTION, ast.Load()))
        elif fields and isinstance(node, ast.ClassDef) and "dataclass" in map(_name, node.decorator_list):
            lines = [line for line in node.body if isinstance(line, ast.AnnAssign) and not _names(line) & unknown]
            names = [ast.Constant(field.target.id) for field in lines if isinstance(field.target, ast.Name)]
            decorator = ast.Call(ast.Name(_CLASS, ast.Load()), [ast.Tuple(names, ast.Load())], [])
            node.decorator_list.insert(0, decorator)
    code: types.CodeType = compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)
    return code


def _not_within_functions(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _not_within_functions(node)


def _is_entrance(name: str) -> bool:
    return not name.startswith("_") or name.endswith("__")


def _imported_for_type_checkers(tree: ast.Module) -> set[str]:
    blocks = [node for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    imports = [line for block in blocks for line in ast.walk(block) if isinstance(line, ast.Import | ast.ImportFrom)]
    return {(alias.asname or alias.name).split(".")[0] for line in imports for alias in line.names}


def _forget(function: ast.FunctionDef | ast.AsyncFunctionDef, unknown: set[str]) -> None:
    """Leaves out the annotations with one of these names."""

    def known(annotation: ast.expr | None) -> ast.expr | None:
        return None if annotation is None or _names(annotation) & unknown else annotation

    arguments = function.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
        if argument is not None:
            argument.annotation = known(argument.annotation)
    function.returns = known(function.returns)


def _names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _name(decorator: ast.expr) -> str:
    return ast.unparse(decorator).split("(")[0].split(".")[-1]


def check_fields(names: Sequence[str]) -> Callable[[type], type]:
    """A decorator for dataclasses: these fields are checked as one is made."""

    def decorate(cls: type) -> type:
        init: Any = cls.__init__  # type: ignore[misc]
        if is_dataclass(cls) and init.__qualname__ != "object.__init__":
            init.__annotations__ = {name: init.__annotations__[name] for name in names if name in init.__annotations__}
            cls.__init__ = checked(init)  # type: ignore[misc]
        return cls

    return decorate


def install() -> None:
    """From here on the package is imported with its checks; must come before it is."""
    assert PACKAGE not in sys.modules, f"{PACKAGE} was imported before its type checks"
    setattr(builtins, _FUNCTION, checked)
    setattr(builtins, _CLASS, check_fields)
    sys.meta_path.insert(0, Finder())
