"""Options that several commands share, and what is made of their values"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ..question import check_whole
from .terminal import leave_output

Model = Annotated[
    str, typer.Argument(help="A name from `seprank models`, or file.py:factory, or package.module:factory.")
]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]

Store = Annotated[Path, typer.Option(help="SQLite file of jobs and records.")]

DEFAULT_STORE = Path("runs/seprank.db")

STANDARD_INPUT, STANDARD_OUTPUT = Path("/dev/stdin"), Path("/dev/stdout")


def read_from(text: str | Path) -> Path:
    """The file that an argument names; `-` is standard input."""
    return STANDARD_INPUT if text == "-" else Path(text)


def write_to(text: str | Path) -> Path:
    """The file that an option names; `-` is standard output."""
    return STANDARD_OUTPUT if text == "-" else Path(text)


def check_files(*paths: Path | None) -> None:
    """Refuse what could not be written before the work, which may take hours."""
    from ..system.files import check_writable

    for path in paths:
        if path is not None:
            check_writable(path)
        if path == STANDARD_OUTPUT:
            leave_output()


@dataclass(frozen=True, kw_only=True)
class Workers:
    """Who does the work."""

    workers: int = 1
    """Processes on this machine."""
    scheduler: str | None = None
    """Address of a running Dask scheduler: tcp://host:8786."""

    def __post_init__(self) -> None:
        check_whole("workers", self.workers, 1)

    @contextmanager
    def executor(self) -> Iterator[Any]:
        """Where matrices are evaluated: None for this process."""
        if self.workers == 1 and self.scheduler is None:
            yield None
            return
        from ..startend.workers import connect

        with connect(workers=self.workers, scheduler=self.scheduler) as client:
            yield client.get_executor()


def named_data(name: str | None, tokenizer: str | None = None) -> Any:
    """The sequences in a file; None where none is named. Jobs, which read them, take long to load."""
    if name is None:
        return None
    from ..jobs.data import read_data

    return read_data(name, tokenizer)
