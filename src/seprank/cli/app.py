"""The command line: one command per job, no logic, nothing heavy imported before it is needed.

How commands speak and end, with the exit codes, is in `terminal`; a command is a function in `PANELS`, and has lines in
`EXAMPLES`.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .flags import Explained, without_type
from .measures import measure, neighbours, remember
from .pages import demo, doctor, draw, report, serve
from .ranks import bounds, certify, compare, explain, plan, verify
from .runs import models, results, sweep, tasks, train
from .terminal import answers, say, speak
from .terminal import run as end

PANELS = {
    "I have a model": (remember, neighbours, measure, certify),
    "Ranks and bounds": (verify, bounds, explain, plan, compare),
    "Training and many jobs": (train, sweep, results, models, tasks),
    "Show": (draw, report, serve, demo),
    "Help": (doctor,),
}
"""The commands, as `seprank --help` arranges them"""

EXAMPLES = """
seprank remember lstm --inputs 4 --width 64 --length 256
seprank remember model.py:build@trained.pt --length 100 --json
seprank remember model.py:build@before.safetensors model.py:build@after.safetensors --length 100 --out curves.svg
seprank neighbours diagonal_ssm --inputs 2 --width 8 --length 32 --out page.html
seprank neighbours model.py:build --length 32 --json
seprank measure gru --inputs 2 --width 16 --length 32
seprank measure model.py:build --length 64 --profile --out runs
seprank certify rac --inputs 4 --width 3 --depth 3 --length 8 --out rac.json
seprank certify model.py:build --inputs 2 --length 6
seprank verify rac.json
seprank verify own.json --model model.py:build
seprank bounds rac --inputs 4 --width 3 --depth 3 --length 8
seprank bounds mi_rnn --inputs 2 --width 2 --length 6
seprank explain state-bound
seprank explain degrees-input-bounds --json
seprank plan --rank 1000000 --length 12 --inputs 3
seprank plan --rank 1e100 --length 1000 --inputs 3 --json
seprank compare --width 3 --depth 1,2 --length 2,4,6 --out compared.html
seprank compare --models rac,mi_rnn --parameters 100 --length 4
seprank train copying-memory --model gru --width 32 --set delay=20
seprank train adding-problem --model lstm --steps 2000 --memory-every 500
seprank sweep atlas --dry-run
seprank sweep depth --workers 2 --store runs/depth.db
seprank results runs/atlas.db
seprank results runs/depth.db --command train --out depth.csv
seprank models
seprank models --json
seprank tasks
seprank tasks --json
seprank draw rac --inputs 2 --width 3 --depth 2 --length 6 --out rac.svg
seprank draw recurrence --depth 3 --length 5
seprank report runs --out report.html
seprank report rac.json
seprank serve
seprank serve --port 8081 --memory 4GiB
seprank demo
seprank demo --out runs/demo
seprank doctor
seprank doctor --json
""".strip().splitlines()
"""For the help of each command; what they name of the user's is model.py and runs/"""


class _Program(TyperGroup):
    """All commands, with flags shown as those of a command."""

    def get_params(self, ctx: Any) -> list[Any]:
        return without_type(super().get_params(ctx))


app = typer.Typer(
    cls=_Program,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="How much can the end of a sequence depend on its start, in a given model?",
)


def examples_of(command: str) -> list[str]:
    return [line for line in EXAMPLES if line.split()[1] == command]


for _panel, _commands in PANELS.items():
    for _command in _commands:
        _epilog = "\n\n".join(["Examples:", *examples_of(_command.__name__)])
        app.command(cls=Explained, rich_help_panel=_panel, epilog=_epilog)(answers(_command))


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
