"""Where jobs run: here, one after the other, or on the workers of a Dask cluster."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..startend.workers import connect
from ..store import JsonObject
from ..system.memory import default_budget
from .commands import COMMANDS, Work


@dataclass(frozen=True)
class Outcome:
    """How a job ended."""

    result: JsonObject | None
    """None if it failed"""
    error: str | None
    """Traceback, if it failed"""
    seconds: float


@dataclass(frozen=True)
class Workplace:
    """What a job needs to know about where it runs."""

    folder: str
    """For the files of jobs, a sub-folder each"""
    memory: int | None = None
    """Memory budget of a job in bytes; by default half of what is free when it starts"""


def run_one(command: str, settings: JsonObject, key: str, place: Workplace) -> Outcome:
    """Run one job; on a worker, this is all that is called."""
    begin = time.perf_counter()
    try:
        work = COMMANDS[command].from_settings(settings)
        if work.job.key != key:
            raise ValueError("a file that this job reads has changed since the sweep began; start it again")
        memory = default_budget() if place.memory is None else place.memory
        result = work.run(Path(place.folder) / command / key[:16], memory)
    except Exception:  # any exception becomes the job's record
        return Outcome(None, traceback.format_exc(), time.perf_counter() - begin)
    return Outcome(result, None, time.perf_counter() - begin)


def serially(works: list[Work], place: Workplace) -> Iterator[tuple[Work, Outcome]]:
    """Run jobs here, one after the other."""
    for work in works:
        yield work, run_one(work.command, work.asked, work.job.key, place)


def on_dask(
    works: list[Work], place: Workplace, *, workers: int | None, scheduler: str | None
) -> Iterator[tuple[Work, Outcome]]:
    """Run jobs on workers, in the order given; outcomes come as they are ready.

    A job whose worker dies is given to another; one that kills four workers has failed.

    Raises:
        ImportError: Dask is not installed.
        OSError: the scheduler does not answer.
    """
    with connect(workers=workers, scheduler=scheduler) as client:
        from dask.distributed import as_completed

        futures = {}
        for priority, work in enumerate(works):
            arguments = (work.command, dict(work.asked), work.job.key, place)
            future = client.submit(run_one, *arguments, key=f"{work.command}-{work.job.key}", priority=-priority)
            futures[future] = work
        for future in as_completed(list(futures)):
            yield futures.pop(future), _outcome(future)


def _outcome(future: Any) -> Outcome:
    error = future.exception()
    if error is not None:
        return Outcome(None, f"{type(error).__name__}: {error}; the worker may have run out of memory", 0.0)
    outcome: Outcome = future.result()
    future.release()
    return outcome
