"""`seprank train`, `sweep`, `results`, `models` and `tasks`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import (
    DEFAULT_STORE,
    Device,
    Json,
    Memory,
    Scheduler,
    Store,
    Width,
    Workers,
    check_files,
    find_budget,
    find_device,
    parse_settings,
    read_from,
    write_to,
)
from .terminal import UsageError, say, say_json


def train(  # noqa: PLR0913  (each is a setting a user has)
    task: Annotated[str, typer.Argument(help="A name from `seprank tasks`.")],
    model: Annotated[str, typer.Option(help="A name from `seprank models`.")] = "orthogonal",
    width: Width = None,
    parameters: Annotated[
        int | None, typer.Option(help="Target number of parameters; the closest width is used.")
    ] = None,
    depth: Annotated[int, typer.Option(help="L: number of layers.")] = 1,
    residual: Annotated[
        bool, typer.Option("--residual", help="Add its input to the output of an upper layer.")
    ] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key=value for the task; may be repeated.", metavar="KEY=VALUE")
    ] = None,
    model_settings: Annotated[
        list[str] | None,
        typer.Option("--model-set", help="key=value for the model; may be repeated.", metavar="KEY=VALUE"),
    ] = None,
    steps: Annotated[int, typer.Option(help="Maximum number of optimizer steps.")] = 5000,
    batch: Annotated[int, typer.Option(help="Sequences in a step.")] = 64,
    rate: Annotated[float, typer.Option(help="Learning rate of RMSprop.")] = 1e-3,
    decay: Annotated[float, typer.Option(help="Smoothing constant of RMSprop.")] = 0.9,
    clip: Annotated[float, typer.Option(help="Largest norm of the gradient.")] = 1.0,
    evaluate_every: Annotated[int, typer.Option(help="Steps between two validations and checkpoints.")] = 100,
    memory_every: Annotated[int, typer.Option(help="Steps between two measurements of memory; 0 for none.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of weights and batches.")] = 0,
    store: Store = DEFAULT_STORE,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; beside the store by default.")] = None,
    logger: Annotated[
        str | None, typer.Option(help="A class of lightning.pytorch.loggers, such as TensorBoardLogger.")
    ] = None,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Train a network on a task. Rerun the same command to resume."""
    from ..train import TrainSettings, describe
    from ..train import train as run

    wanted = TrainSettings(
        task=task,
        model=model,
        width=width,
        parameters=parameters,
        depth=depth,
        residual=residual,
        task_settings=parse_settings(settings),
        model_settings=parse_settings(model_settings, "--model-set"),
        steps=steps,
        batch=batch,
        rate=rate,
        decay=decay,
        clip=clip,
        evaluate_every=evaluate_every,
        memory_every=memory_every,
        seed=seed,
    )
    record = run(wanted, store=store, folder=out, device=find_device(device), logger=logger)
    if as_json:
        say_json(record)
    else:
        say(describe(wanted, record))
    if record["outcome"] == "diverged":
        raise typer.Exit(1)


def sweep(
    config: Annotated[
        Path, typer.Argument(parser=read_from, metavar="FILE", help="YAML file of jobs, or atlas, depth, depth-paper.")
    ],
    store: Annotated[
        Path | None, typer.Option(help="SQLite file of the records; runs/NAME OF THE FILE.db by default.")
    ] = None,
    workers: Workers = 1,
    scheduler: Scheduler = None,
    retry: Annotated[bool, typer.Option("--retry", help="Do failed jobs again.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Continue an existing store, or stop if there is one.")
    ] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    memory: Memory = None,
    as_json: Json = False,
) -> None:
    """Run every job of a sweep file that is not in the store yet, locally or on a cluster."""
    from ..jobs import outlook, read_sweep
    from ..jobs import sweep as run

    plan = read_sweep(config)
    store = Path("runs") / f"{config.stem}.db" if store is None else store
    if not resume and store.exists():
        raise UsageError(f"{store} exists; leave out --fresh to go on with it, or give another --store")
    if dry_run:
        found = outlook(plan, store)
        say_json(found.to_dict()) if as_json else say(str(found))
        return
    summary = run(
        plan,
        store=store,
        workers=workers,
        scheduler=scheduler,
        memory=None if memory is None else find_budget(memory),
        retry=retry,
    )
    if as_json:
        say_json(summary.to_dict())
    else:
        say(f"{summary}\nrecords: {store}")
    if summary.failed:
        raise typer.Exit(1)


def results(
    store: Annotated[Path, typer.Argument(help="The SQLite file that `seprank train` and `seprank sweep` write.")] = (
        DEFAULT_STORE
    ),
    command: Annotated[
        str | None, typer.Option(help="Only jobs of this command: certify, measure, remember or train.")
    ] = None,
    status: Annotated[str | None, typer.Option(help="Only done, or only failed jobs.")] = None,
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
    say(f"{len(found)} records, {waiting} jobs noted and not done" + (f"; exported to {out}" if out else ""))


def models(as_json: Json = False) -> None:
    """List the registered models."""
    from ..models import MODELS

    if as_json:
        rows = [
            {
                "name": m.name,
                "year": m.year,
                "summary": m.summary,
                "source": m.source,
                "certified": m.polynomial,
                "bounds": "theory" if m.family else "degrees" if m.polynomial else None,
            }
            for m in MODELS.values()
        ]
        say_json({"models": rows})
        return
    for spec in MODELS.values():
        can = ", ".join(["certified, bounds"] * spec.polynomial + ["measured"] + ["trained"] * spec.recurrent)
        say(f"{spec.name:<17}{spec.year}  {can:<37} {spec.summary}\n{'':<61}{spec.source}")
    say("\nYour own: file.py:factory, a function that returns a torch.nn.Module with the convention of nn.RNN.")


def tasks(as_json: Json = False) -> None:
    """List the tasks to train on, with their parameters and exact baselines."""
    from ..tasks import TASKS

    rows = [spec.describe() for spec in TASKS.values()]
    if as_json:
        say_json({"tasks": rows})
        return
    for row in rows:
        say(f"{row['name']:<24}{row['summary']}\n{'':<24}{row['source']}")
        for key in ("parameters", "baselines"):
            say(f"{'':<24}{key}: " + ", ".join(f"{name} {_short(value)}" for name, value in row[key].items()))
    say("\nBaselines are those of the default parameters; each run prints its own.")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
