"""The YAML file of a sweep, and the jobs it asks for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..question import meant
from ..sources.code import is_code
from ..system.files import read_whole
from .commands import COMMANDS, Work

CODE = ("model", "task", "tokenizer")
"""Settings that may name code, as file.py:name or package.module:name"""

MOST_BYTES = 2**20
"""Of a file of jobs"""
MOST_JOBS = 10**5
"""Of a block"""
_MOST_VALUES = 10**6
"""Values in a file of jobs; those that a YAML alias repeats count each time"""


class ConfigError(ValueError):
    """Raised where a file of jobs, or a combination of settings in it, is invalid; the message says where and why."""


class Block(BaseModel):
    """Jobs of one command: all combinations of a grid."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: Literal["certify", "measure", "remember", "train"]
    settings: dict[str, Any] = Field(default_factory=dict)
    """What all jobs have in common"""
    grid: dict[str, list[Any]] = Field(default_factory=dict)
    """Names, and the values that each takes; `task_settings.delay` is a setting within a setting"""
    max_upper_bound: int | None = Field(default=None, ge=1)
    """For certify: leave out the cells whose least proved upper bound is above this, or unknown"""

    @property
    def size(self) -> int:
        """Combinations in the grid."""
        return math.prod(len(values) for values in self.grid.values())

    def code(self) -> Iterator[str]:
        """Names of code among the settings."""
        for name in CODE:
            for value in (self.settings.get(name), *self.grid.get(name, ())):
                if isinstance(value, str) and is_code(value):
                    yield value

    def works(self) -> Iterator[Work]:
        """The jobs of this block, in the order of the grid, its last name going fastest."""
        if self.size > MOST_JOBS:
            raise ConfigError(
                f"the grid has {self.size:,} cells, more than {MOST_JOBS:,}; divide it into several files"
            )
        for values in product(*self.grid.values()):
            settings = dict(self.settings)
            for name, value in zip(self.grid, values, strict=True):
                settings = _put(settings, name.split("."), value)
            try:
                work = COMMANDS[self.command].from_settings(settings)
            except (ValueError, TypeError) as error:
                raise ConfigError(f"{self.command} with {settings}: {_reason(error)}") from None
            if self.max_upper_bound is None or _fits(work, self.max_upper_bound):
                yield work


class Sweep(BaseModel):
    """A file of settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str = ""
    """What it is for"""
    blocks: list[Block] = Field(min_length=1)

    def code(self) -> list[str]:
        """Names of code that the file would run: models, tasks and tokenizers that are not of the registry."""
        return sorted({name for block in self.blocks for name in block.code()})

    def works(self, *, trusted: bool = False) -> list[Work]:
        """All jobs, each once; a file that names code must be trusted, as it would be run."""
        if not trusted and (code := self.code()):
            raise ConfigError(
                f"this file names code, which would be run: {', '.join(code)}; if you trust its author, allow it "
                "with --trust (trusted=True)"
            )
        return list({work.job.key: work for block in self.blocks for work in block.works()}.values())


SHIPPED = Path(__file__).parents[1] / "configs"
"""Folder of the sweeps that come with the package"""


def read_sweep(path: str | Path) -> Sweep:
    """Read a YAML file; where there is none, one of those that come with the package: atlas, depth, depth-paper."""
    import yaml

    path, shipped = Path(path), SHIPPED / f"{path}.yaml"
    if path.parent == Path() and not path.exists() and shipped.is_file():
        path = shipped
    text = read_whole(path, most=MOST_BYTES)
    try:
        content = yaml.safe_load(text.decode("utf-8"))
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path} is not YAML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply to be a file of jobs; is it the file you mean?") from None
    if not _is_small(content):
        raise ConfigError(f"{path} stands for more than {_MOST_VALUES:,} values by its aliases; write fewer jobs")
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must have the keys {', '.join(Sweep.model_fields)}, got {type(content).__name__}")
    try:
        return Sweep.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_reason(error)}") from None


def _is_small(content: Any) -> bool:
    """Whether a file, aliases written out, is of a size to work with; one that contains itself is not."""
    waiting, seen = [content], 0
    while waiting and seen <= _MOST_VALUES:
        value = waiting.pop()
        seen += 1
        waiting += [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return not waiting


def _reason(error: Exception) -> str:
    """What is wrong, in one line; for an unknown key with the nearest known one."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    *folder, name = first["loc"] or ("settings",)
    where = ".".join(str(part) for part in (*folder, name))
    if first["type"] == "value_error":
        return f"{'.'.join(map(str, folder))}: {first['ctx']['error']}".removeprefix(": ")
    if first["type"] != "extra_forbidden":
        return f"{where}: {first['msg'].lower()}, got {first['input']!r}"
    known = Sweep.model_fields if not folder else Block.model_fields
    hint = meant(name, known, f"known are {', '.join(known)}")
    return f"unknown key {where!r}; {hint}"


def _put(settings: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    """A copy of the settings with one of them changed."""
    name, *rest = path
    if not rest:
        return {**settings, name: value}
    inner = settings.get(name, {})
    if not isinstance(inner, dict):
        raise ConfigError(f"{name} has no settings within, it is {inner!r}")
    return {**settings, name: _put(inner, rest, value)}


def _fits(work: Work, most: int) -> bool:
    upper = work.upper_bound()
    return upper is not None and upper <= most
