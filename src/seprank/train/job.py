"""Training as a job of the store: done once, and kept."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, cast

from ..settings.train_settings import TrainSettings
from ..store import Job, Store
from .fit import fit
from .train_record import TrainRecord

WAIT = 60.0
"""Seconds to wait for another process that writes the store"""


def train(
    settings: TrainSettings,
    *,
    store: str | Path,
    folder: str | Path | None = None,
    device: str = "cpu",
    logger: str | None = None,
    progress: bool = True,
) -> TrainRecord:
    """Train, and keep the record in a store; a run that is in the store is not done again.

    Args:
        settings: of the run.
        store: SQLite file; made if there is none. It is opened to be written only when the run has ended.
        folder: of the run, see `fit`; by default `train/` and the job's key beside the store.
        device: see `fit`.
        logger: name of a class of lightning.pytorch.loggers; it writes into the folder.
        progress: show progress on standard error if it is a terminal.

    Returns:
        The record of `fit`.

    Raises:
        StoreError: the store is damaged, of a newer version, or locked by another process; the result is then in
            the folder.
        ValueError: see `fit`, or there is no such logger.
    """
    job = Job("train", settings.to_dict())
    store = Path(store)
    if store.is_file():
        with Store(store) as opened:
            known = opened.record(job)
        if known is not None and known.status == "done":
            return cast("TrainRecord", known.result)
    folder = run_folder(store, job) if folder is None else Path(folder)
    begin = time.perf_counter()
    record = fit(settings, folder=folder, device=device, logger=_logger(logger, folder), progress=progress)
    with Store(store, write=True, wait=WAIT) as opened:
        opened.finish(job, dict(record), seconds=time.perf_counter() - begin)
    return record


def run_folder(store: Path, job: Job) -> Path:
    """Where the files of a training run are kept beside the store."""
    return store.parent / "train" / job.key[:16]


def _logger(name: str | None, folder: Path) -> Any:
    if name is None:
        return None
    from lightning.pytorch import loggers

    made = getattr(loggers, name, None)
    if name.startswith("_") or not isinstance(made, type):
        known = ", ".join(loggers.__all__)
        raise ValueError(f"lightning has no logger {name!r}; it has {known}")
    return made(save_dir=str(folder))


def describe(settings: TrainSettings, record: TrainRecord) -> str:
    """A record in a few lines, every score beside its exact baseline."""
    sizes = {"depth": settings.depth, "width": record["width"]}
    said = " and ".join(f"{name} {size}" for name, size in sizes.items() if size is not None)
    title = f"{settings.task}, {settings.model} of {said}"
    lines = [f"{title} ({record['parameters']:,} parameters): {_outcome(settings, record)}"]
    for name, value in (record["test"] or {}).items():
        baseline = record["baselines"].get(name)
        beside = "" if baseline is None else f"   baseline {baseline:.4f}"
        lines.append(f"  {name:<16}{value:.4f}{beside}")
    for when, row in zip(
        ("before", "after"), (record["memory"] or [])[:: max(len(record["memory"]) - 1, 1)], strict=False
    ):
        if row["entropy"] is not None:
            lines.append(f"  memory {when:<9}entropy {row['entropy']:.4f}   interaction {row['interaction']:.4f}")
    for when, row in zip(("before", "after"), record.get("remembered", []), strict=False):
        lines.append(f"  {when:<16}{row['sentence']}")
    return "\n".join([*lines, f"  {record['seconds']:.1f} s"])


def _outcome(settings: TrainSettings, record: TrainRecord) -> str:
    match record["outcome"]:
        case "solved":
            return f"solved after {record['solved_at']} steps"
        case "diverged":
            return f"diverged: the loss was not finite after {record['steps']} steps; use a smaller --rate"
        case _:
            return f"not solved in {record['steps']} steps"
