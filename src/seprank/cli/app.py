"""The command line: one command per job, no logic, nothing heavy imported before it is needed.

How commands speak and end, with the exit codes, is in `terminal`; a command is a function, and an entry in `COMMANDS`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from .measures import measure
from .neighbours import neighbours
from .pages import demo, doctor, draw, report, serve
from .ranks import bounds, certify, compare, plan, verify
from .remember import remember
from .runs import models, results, sweep, tasks, train
from .terminal import answers, say
from .terminal import run as end

COMMANDS = (
    certify,
    verify,
    measure,
    remember,
    neighbours,
    bounds,
    plan,
    compare,
    draw,
    train,
    sweep,
    results,
    models,
    tasks,
    report,
    demo,
    serve,
    doctor,
)
"""In the order of `seprank --help`"""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="How much can the end of a sequence depend on its start, in a given model?",
)
for _command in COMMANDS:
    app.command()(answers(_command))


def main() -> None:
    """Entry point of the `seprank` command."""
    end(app)


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Show the version.")] = False) -> None:
    if show:
        from .. import __version__

        say(f"seprank {__version__}")
        raise typer.Exit
