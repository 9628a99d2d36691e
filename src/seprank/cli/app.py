"""The command line: one command per job, no logic, nothing heavy imported before it is needed.

How commands speak and end, with the exit codes, is in `terminal`; a command is a function, and an entry in `COMMANDS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from .measures import measure
from .neighbours import neighbours
from .pages import demo, doctor, draw, report, serve
from .ranks import bounds, certify, compare, explain, plan, verify
from .remember import remember
from .runs import models, results, sweep, tasks, train
from .terminal import answers, say, speak
from .terminal import run as end

MEMORY, RANKS, WORK, SHOW, HELP = "I have a model", "Ranks and bounds", "Training and many jobs", "Show", "Help"
"""Panels of `seprank --help`"""


@dataclass(frozen=True)
class Command:
    """A command as the help shows it."""

    function: Callable[..., None]
    panel: str
    examples: tuple[str, ...]
    """At least one, without the word seprank; what they name of the user's is model.py and runs/"""


COMMANDS = (
    Command(
        remember,
        MEMORY,
        ("remember lstm --inputs 4 --width 64 --length 256", "remember model.py:build@trained.pt --length 100 --json"),
    ),
    Command(
        neighbours,
        MEMORY,
        (
            "neighbours diagonal_ssm --inputs 2 --width 8 --length 32 --out page.html",
            "neighbours model.py:build --length 32 --json",
        ),
    ),
    Command(
        measure,
        MEMORY,
        (
            "measure gru --inputs 2 --width 16 --length 32",
            "measure model.py:build --length 64 --profile --out runs",
        ),
    ),
    Command(
        certify,
        MEMORY,
        (
            "certify rac --inputs 4 --width 3 --depth 3 --length 8 --out rac.json",
            "certify model.py:build --inputs 2 --length 6",
        ),
    ),
    Command(verify, RANKS, ("verify rac.json", "verify own.json --model model.py:build")),
    Command(
        bounds,
        RANKS,
        ("bounds rac --inputs 4 --width 3 --depth 3 --length 8", "bounds mi_rnn --inputs 2 --width 2 --length 6"),
    ),
    Command(explain, RANKS, ("explain state-bound", "explain degrees-input-bounds --json")),
    Command(
        plan, RANKS, ("plan --rank 1000000 --length 12 --inputs 3", "plan --rank 1e100 --length 1000 --inputs 3 --json")
    ),
    Command(
        compare,
        RANKS,
        (
            "compare --width 3 --depth 1,2 --length 2,4,6 --out compared.html",
            "compare --models rac,mi_rnn --parameters 100 --length 4",
        ),
    ),
    Command(
        train,
        WORK,
        (
            "train copying-memory --model gru --width 32 --set delay=20",
            "train adding-problem --model lstm --steps 2000 --memory-every 500",
        ),
    ),
    Command(sweep, WORK, ("sweep atlas --dry-run", "sweep depth --workers 2 --store runs/depth.db")),
    Command(results, WORK, ("results runs/atlas.db", "results runs/depth.db --command train --out depth.csv")),
    Command(models, WORK, ("models", "models --json")),
    Command(tasks, WORK, ("tasks", "tasks --json")),
    Command(
        draw,
        SHOW,
        ("draw rac --inputs 2 --width 3 --depth 2 --length 6 --out rac.svg", "draw recurrence --depth 3 --length 5"),
    ),
    Command(report, SHOW, ("report runs --out report.html", "report rac.json")),
    Command(serve, SHOW, ("serve", "serve --port 8081 --memory 4GiB")),
    Command(demo, SHOW, ("demo", "demo --out runs/demo")),
    Command(doctor, HELP, ("doctor", "doctor --json")),
)
"""In the order of `seprank --help`"""

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="How much can the end of a sequence depend on its start, in a given model?",
)
for _command in COMMANDS:
    _examples = "\n\n".join(["Examples:", *(f"seprank {line}" for line in _command.examples)])
    app.command(rich_help_panel=_command.panel, epilog=_examples)(answers(_command.function))


def main() -> None:
    """Entry point of the `seprank` command."""
    end(app)


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", "-V", help="Show the version.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print answers and errors only: no progress.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say more of what is done, and where an error came from.")
    ] = False,
) -> None:
    speak(quiet=quiet, verbose=verbose)
    if version:
        from .. import __version__

        say(f"seprank {__version__}")
        raise typer.Exit
