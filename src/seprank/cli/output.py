"""Files that a result is written to, each as its ending says."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import STANDARD_OUTPUT, check_files, write_to
from .terminal import UsageError, say, say_json

if TYPE_CHECKING:
    from ..result.result import Result
    from ..settings.figure_settings import FigureSettings

ENDINGS = (".json", ".csv", ".tex", ".html", ".pdf", ".svg", ".png")
"""As `Result.export` writes them: compared in a test, since that module is not needed for help"""

Out = Annotated[
    list[Path] | None,
    typer.Option(
        "--out",
        parser=write_to,
        metavar="FILE",
        help="File to write, may be repeated: .json, .csv, .tex (table), .html (page), .pdf, .svg or .png (figure).",
    ),
]


def check_output(out: Sequence[Path] | None) -> None:
    """Refuse what could not be written before the work, which may take hours.

    Raises:
        UsageError: an ending is unknown.
        FileError: a file cannot be written.
    """
    for path in out or ():
        if not _is_stream(path) and path.suffix not in ENDINGS:
            raise UsageError(f"--out must end in {', '.join(ENDINGS)}, got {path.name!r}")
    check_files(*(out or ()))


def _is_stream(path: Path) -> bool:
    """Whether it is standard output, a pipe or a device, which have no ending."""
    try:
        return path == STANDARD_OUTPUT or (not stat.S_ISREG(path.stat().st_mode) and not path.is_dir())
    except (OSError, ValueError):
        return False


def write_output(out: Sequence[Path] | None, found: Result, figure: FigureSettings, title: str | None = None) -> None:
    """Write a result to every file; into a stream as JSON. A page may have a title."""
    for path in out or ():
        found.save(path) if _is_stream(path) else found.export(path, title=title, **vars(figure))


def deliver(found: Result, out: Sequence[Path] | None, figure: FigureSettings, *, as_json: bool) -> None:
    """Write a result to the files that were asked for, and print it."""
    write_output(out, found, figure)
    if as_json:
        say_json(found.to_dict())
    else:
        say(str(found))
        say_written(out)


def say_written(out: Sequence[Path] | None) -> None:
    """Say which files there are now."""
    if kept := [f"{path}" for path in out or () if path != STANDARD_OUTPUT]:
        say(f"  written: {', '.join(kept)}")
