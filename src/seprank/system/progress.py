"""Progress bars on standard error, silent where nobody is looking."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, runtime_checkable

LONG = 10.0
"""Seconds beyond which work is announced"""

log = logging.getLogger("seprank")


@runtime_checkable
class Report(Protocol):
    """Called with the name of a stage, how much of it is done, how much there is, and what else to show."""

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None: ...


def silent(stage: str, done: int, total: int, note: str = "") -> None:
    """A report that nobody reads."""


def announce(report: Report, stage: str, what: str, seconds: float, *, shared: bool = False) -> None:
    """Log, and show beside the bar of a stage, about how long work will take; nothing is said of short work.

    `seconds` are an estimate for one process; `shared` says that workers share the work.
    """
    if seconds > LONG:
        text = f"about {seconds:.0f} s" if seconds < 120 else f"about {seconds / 60:.0f} min"
        text += " of one processor, shared by the workers" if shared else ""
        log.info("%s: %s", what, text)
        report(stage, 0, 1, text)


_hidden: ContextVar[bool] = ContextVar("hidden", default=False)


def hide(hidden: bool) -> None:
    """Say whether all bars are hidden from now on."""
    _hidden.set(hidden)


@contextmanager
def bars(show: bool | Report = True) -> Iterator[Report]:
    """A report that draws one bar per stage on standard error, if that is a terminal; or the report that is given."""
    if not isinstance(show, bool):
        yield show
        return
    if _hidden.get() or not (show and sys.stderr.isatty()):
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    name, percentage, note = ("{task.description:<24}", "{task.percentage:>3.0f}%", "{task.fields[note]}")
    columns = (TextColumn(name), BarColumn(), TextColumn(percentage), TimeRemainingColumn(), TextColumn(note))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks: dict[str, object] = {}

        def report(stage: str, done: int, total: int, note: str = "") -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, note=note)
            progress.update(tasks[stage], completed=done, total=total, note=note)  # type: ignore[arg-type]

        yield report
