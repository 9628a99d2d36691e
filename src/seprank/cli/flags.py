"""Flags of a command, made from the settings classes that it takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, is_dataclass
from functools import wraps
from typing import Annotated, Any, get_type_hints

import typer
from typer.core import TyperCommand

from ..settings.entries import Entry, entries, option_names


def flagged(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose parameters of settings classes are flags, one for each field; a field of two of them is one flag.

    The command itself gets the settings, made and checked.
    """
    hints = get_type_hints(command, include_extras=True)
    parameters = inspect.signature(command).parameters.values()
    groups = {p.name: hints[p.name] for p in parameters if is_dataclass(hints[p.name])}
    flags = {entry.name: entry for kind in groups.values() for entry in entries(kind)}
    own = [p.replace(annotation=hints[p.name], kind=p.KEYWORD_ONLY) for p in parameters if p.name not in groups]
    made = [_parameter(entry) for entry in flags.values()]
    first = [p for p in own if _is_argument(p.annotation)]
    every = sorted([*first, *made, *(p for p in own if p not in first)], key=lambda p: p.default is not p.empty)

    @wraps(command)
    def run(**given: Any) -> None:
        values = {name: _read(entry, given.pop(name)) for name, entry in flags.items()}
        made = {
            name: kind(**{e.name: values[e.name] for e in entries(kind) if values[e.name] is not MISSING})
            for name, kind in groups.items()
        }
        command(**made, **given)

    run.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in every}
    run.entries = flags  # type: ignore[attr-defined]
    return run


class Explained(TyperCommand):
    """A command that reads the help of its flags only when it is shown: at every start it would take too long."""

    def get_params(self, ctx: Any) -> list[Any]:
        return without_type(super().get_params(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self.explain()
        super().format_help(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        self.explain()
        return super().shell_complete(ctx, incomplete)

    def explain(self) -> None:
        explained: dict[str, Entry] = getattr(self.callback, "entries", {})
        for parameter in self.params:
            if parameter.name in explained:
                parameter.help = explained[parameter.name].help  # type: ignore[attr-defined]


def without_type(parameters: list[Any]) -> list[Any]:
    """Parameters of a command, where switches are shown without a type: nothing follows them."""
    for parameter in parameters:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    return parameters


def _is_argument(annotation: Any) -> bool:
    marks = getattr(annotation, "__metadata__", ())
    return any(isinstance(mark, typer.models.ArgumentInfo) for mark in marks)


def _parameter(entry: Entry) -> inspect.Parameter:
    """A field as a parameter that typer understands."""
    names, default = option_names(entry), inspect.Parameter.empty if entry.required else entry.default
    option = typer.Option(*names) if names else typer.Argument()
    kind = entry.kind
    if entry.text is not None:
        option.metavar = entry.text.metavar
        kind = list[str] if entry.text.several else str
        if not entry.required:
            kind, default = kind | None, entry.text.show(default) if default else None
    return inspect.Parameter(
        entry.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
    )


def _read(entry: Entry, text: Any) -> Any:
    """The given value, or `MISSING`."""
    if text is None:
        return MISSING
    return text if entry.text is None else entry.text.read(option_names(entry)[0], text)
