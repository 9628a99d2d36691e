"""What a settings class says of its fields: name, type, default, and the text below each."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache, reduce
from itertools import pairwise
from operator import or_
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

S = TypeVar("S")


@dataclass(frozen=True)
class FromText:
    """How a value is written as text, for fields that are not text, a number or a switch; put into `Annotated`."""

    read: Callable[[str, Any], Any]
    """From the name that the user knows, and the text, to the value"""
    show: Callable[[Any], str] = str
    """The other way round"""
    several: bool = False
    """Whether it is given as several texts"""
    metavar: str | None = None


@dataclass(frozen=True)
class Flag:
    """Names on the command line, where they are not the field's; none for one without a name. For `Annotated`."""

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        object.__setattr__(self, "names", names)


@dataclass(frozen=True)
class Entry:
    """A field of a settings class."""

    name: str
    kind: Any
    """Its type"""
    default: Any
    """`MISSING` if it must be given"""
    owner: type
    """The class that declares it"""
    text: FromText | None = None
    flag: Flag | None = None

    @property
    def required(self) -> bool:
        return self.default is MISSING

    @property
    def help(self) -> str:
        """The text below it, read from the source; too slow to be done at every start."""
        return help_texts(self.owner).get(self.name, "")


def entries(settings: type[Any], but: type[Any] | None = None) -> tuple[Entry, ...]:
    """The fields of a settings class, its own before those that it inherits, without those of another.

    Example:
        >>> from seprank.settings.remember_settings import RememberSettings
        >>> entries(RememberSettings)[1].name, entries(RememberSettings)[1].default
        ('samples', 256)
    """
    found: tuple[Entry, ...] = _entries(settings, but)  # type: ignore[arg-type]
    return found


@cache
def _entries(settings: Any, but: Any) -> tuple[Entry, ...]:
    out = set() if but is None else {entry.name for entry in entries(but)}
    hints = get_type_hints(settings, include_extras=True)
    defaults = {
        field.name: field.default if field.default_factory is MISSING else field.default_factory()
        for field in fields(settings)
    }
    found: dict[str, Entry] = {}
    for owner in settings.__mro__:
        for name in inspect.get_annotations(owner):
            if name in defaults and name not in found and name not in out:
                kind, marks = _unmarked(hints[name])
                reader = next((mark for mark in marks if isinstance(mark, FromText)), None)
                flag = next((mark for mark in marks if isinstance(mark, Flag)), None)
                found[name] = Entry(name, kind, defaults[name], owner, reader, flag)
    return tuple(found.values())


def option_names(entry: Entry) -> tuple[str, ...]:
    """The names of a setting on the command line; none for an argument."""
    return (f"--{entry.name.replace('_', '-')}",) if entry.flag is None else entry.flag.names


def given(settings: type[S], arguments: Mapping[str, Any]) -> S:
    """Settings from the arguments of a function, which `locals()` has in its first line."""
    names = [entry.name for entry in entries(settings)]
    return settings(**{name: arguments[name] for name in names if name in arguments})


def values(settings: Any, but: type | tuple[str, ...] = ()) -> dict[str, Any]:
    """The fields of settings by name, as keyword arguments; `but` are names of fields to leave out, or a class."""
    out = [entry.name for entry in entries(but)] if isinstance(but, type) else but
    return {entry.name: getattr(settings, entry.name) for entry in entries(type(settings)) if entry.name not in out}


def _unmarked(hint: Any) -> tuple[Any, list[Any]]:
    """A type without the marks that `Annotated` adds to it or to its members, and these marks."""
    if get_origin(hint) is Annotated:
        kind, *marks = get_args(hint)
        inner, more = _unmarked(kind)
        return inner, [*marks, *more]
    if get_origin(hint) not in (Union, UnionType):
        return hint, []
    members = [_unmarked(member) for member in get_args(hint)]
    return reduce(or_, (kind for kind, _ in members)), [mark for _, marks in members for mark in marks]


@cache
def help_texts(owner: type) -> dict[str, str]:
    """The text below each field of a class, which Python itself does not keep."""
    (declared,) = ast.parse(inspect.getsource(owner)).body
    assert isinstance(declared, ast.ClassDef)
    return {
        field.target.id: inspect.cleandoc(below.value.value)
        for field, below in pairwise(declared.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }
