"""`seprank train`, `sweep`, `results`, `models` and `tasks`"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ..settings.resources import Memory, OnDevice
from ..settings.train_settings import TrainSettings
from .flags import flagged
from .options import DEFAULT_STORE, Json, Store, Workers, check_files, read_from, write_to
from .terminal import UsageError, reply, say, say_json


@flagged
def train(
    settings: TrainSettings,
    place: OnDevice,
    store: Store = DEFAULT_STORE,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; beside the store by default.")] = None,
    logger: Annotated[
        str | None, typer.Option(help="A class of lightning.pytorch.loggers, such as TensorBoardLogger.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a network on a task. Rerun the same command to resume."""
    from ..train import describe
    from ..train import train as run

    record = run(settings, store=store, folder=out, device=place.device, logger=logger)
    reply(record, describe(settings, record), as_json=as_json)
    if record["outcome"] == "diverged":
        raise typer.Exit(1)


@flagged
def sweep(
    config: Annotated[
        Path, typer.Argument(parser=read_from, metavar="FILE", help="YAML file of jobs, or atlas, depth, depth-paper.")
    ],
    limit: Memory,
    work: Workers,
    store: Annotated[
        Path | None, typer.Option(help="SQLite file of the records; runs/NAME OF THE FILE.db by default.")
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Run failed jobs again.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Continue an existing store, or stop if there is one.")
    ] = True,
    trust: Annotated[bool, typer.Option("--trust", help="Run code that the file names: file.py:name and the like.")] = (
        False
    ),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    as_json: Json = False,
) -> None:
    """Run every job of a sweep file that is not in the store yet, locally or on a cluster."""
    from ..jobs import outlook, read_sweep
    from ..jobs import sweep as run

    plan = read_sweep(config)
    store = Path("runs") / f"{config.stem}.db" if store is None else store
    if not resume and store.exists():
        raise UsageError(f"{store} exists; leave out --fresh to resume it, or give another --store")
    if dry_run:
        found = outlook(plan, store, trusted=trust)
        reply(found.to_dict(), str(found), as_json=as_json)
        return
    how: dict[str, Any] = {"workers": work.workers, "scheduler": work.scheduler, "memory": limit.memory}
    summary = run(plan, store=store, retry=retry, trusted=trust, **how)
    reply(summary.to_dict(), f"{summary}\nrecords: {store}", as_json=as_json)
    if summary.failed:
        raise typer.Exit(1)


def results(
    store: Annotated[Path, typer.Argument(help="The SQLite file that `seprank train` and `seprank sweep` write.")] = (
        DEFAULT_STORE
    ),
    command: Annotated[
        str | None, typer.Option(help="Only jobs of this command: certify, measure, remember or train.")
    ] = None,
    status: Annotated[str | None, typer.Option(help="Only jobs of this status: done or failed.")] = None,
    out: Annotated[
        Path | None, typer.Option(parser=write_to, metavar="FILE", help="File to export to: .csv, .json or .json.gz.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the records of a store, or export them."""
    from ..store import Store as Open
    from ..store import export, table

    check_files(out)
    if status not in (None, "done", "failed"):
        raise UsageError(f"status must be done or failed, got {status!r}")
    with Open(store) as opened:
        found = opened.records(command=command, status=status)  # type: ignore[arg-type]
        waiting = len(opened.open_jobs())
    if out is not None:
        export(found, out)
    if as_json:
        say_json({"records": [record.to_dict() for record in found], "open_jobs": waiting})
        return
    say(table(found))
    say(f"{len(found)} records, {waiting} jobs still open" + (f"; exported to {out}" if out else ""))


def models(as_json: Json = False) -> None:
    """List the registered models."""
    from ..models import MODELS
    from ..result.text import text_table

    if as_json:
        rows = [
            {
                "name": m.name,
                "year": m.year,
                "summary": m.summary,
                "source": m.source,
                "certified": m.polynomial,
                "training": dict(m.training),
                "bounds": "theory" if m.family else "degrees" if m.polynomial else None,
            }
            for m in MODELS.values()
        ]
        say_json({"models": rows})
        return
    lines = []
    for spec in MODELS.values():
        can = ", ".join(["certified, bounds"] * spec.polynomial + ["measured"] + ["trained"] * spec.recurrent)
        lines += [[spec.name, str(spec.year), can, spec.summary], ["", "", "", spec.source]]
        if spec.training:
            lines.append(["", "", "", f"trained with {_options(spec.training)}"])
    say(text_table(lines, left=range(4)))
    say("\n--set KEY=VALUE sets anything else that a class takes, here and in certify, measure, remember and bounds.")
    say("Your own, in every command: file.py:name or package.module:name of a class, a function or a network.")


def _options(settings: Mapping[str, Any]) -> str:
    return " ".join(f"--set {name}={json.dumps(value)}".replace('"', "") for name, value in settings.items())


def tasks(as_json: Json = False) -> None:
    """List the tasks to train on, with their parameters and exact baselines."""
    from ..result.text import text_table
    from ..tasks import TASKS

    rows = [spec.describe() for spec in TASKS.values()]
    if as_json:
        say_json({"tasks": rows})
        return
    lines = []
    for row in rows:
        lines += [[row["name"], row["summary"]], ["", row["source"]]]
        for key in ("parameters", "baselines"):
            lines.append(["", f"{key}: " + ", ".join(f"{name} {_short(value)}" for name, value in row[key].items())])
    say(text_table(lines, left=range(2)))
    say("\nBaselines are those of the default parameters; each run prints its own.")
    say("Your own: file.py:name or package.module:name of a class derived from seprank.tasks.Task.")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
