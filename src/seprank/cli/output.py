"""Where an answer goes: to standard output as text or JSON, and into files, each as its ending says."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ..result.panels import ENDINGS
from ..settings.entries import Flag, FromText
from ..settings.figure_settings import FigureSettings
from .options import STANDARD_OUTPUT, check_files, write_to
from .terminal import UsageError, say, say_json

if TYPE_CHECKING:
    from ..result.result import Result

Files = Annotated[
    tuple[Path, ...], FromText(lambda _, texts: tuple(map(write_to, texts)), several=True, metavar="FILE")
]


@dataclass(frozen=True, kw_only=True)
class Output(FigureSettings):
    """What is made of a result. A file that cannot be written is refused before the work, which may take hours."""

    out: Files = ()
    """File to write, may be repeated: .json, .csv, .tex (table), .html (page), .pdf, .svg or .png (figure)."""
    as_json: Annotated[bool, Flag("--json")] = False
    """Print one JSON object and nothing else."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for path in self.out:
            if not _is_stream(path) and path.suffix not in ENDINGS:
                raise UsageError(f"--out must end in {', '.join(ENDINGS)}, got {path.name!r}")
        check_files(*self.out)

    def write(self, found: Result, title: str | None = None) -> None:
        """Write a result to every file; into a stream as JSON. A page may have a title."""
        for path in self.out:
            if _is_stream(path):
                found.save(path)
            else:
                found.export(path, title=title, column=self.column, bare=self.bare)

    def deliver(self, found: Result) -> None:
        """Write a result to the files that were asked for, and print it."""
        self.write(found)
        if self.as_json:
            say_json(found.to_dict())
        else:
            say(str(found))
            self.say_written()

    def say_written(self) -> None:
        """Say which files there are now."""
        if kept := [f"{path}" for path in self.out if path != STANDARD_OUTPUT]:
            say(f"  written: {', '.join(kept)}")


def _is_stream(path: Path) -> bool:
    """Whether it is standard output, a pipe or a device, which have no ending."""
    try:
        return path == STANDARD_OUTPUT or (not stat.S_ISREG(path.stat().st_mode) and not path.is_dir())
    except (OSError, ValueError):
        return False
