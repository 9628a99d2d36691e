"""Running a sweep, in the only process that writes its store."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..question import check_whole
from ..store import Store
from ..system.memory import default_budget
from ..system.progress import bars
from .commands import Work
from .config import Sweep
from .execution import Outcome, Workplace, on_dask, serially


@dataclass(frozen=True)
class Summary:
    """The outcome of a sweep."""

    jobs: int
    """All that the file asks for"""
    stored: int
    """Done before"""
    done: int
    """Done now"""
    failed: int
    """Failed now, or before and not tried again"""
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The summary as JSON's types."""
        return asdict(self)

    def __str__(self) -> str:
        if not self.done and not self.failed:
            return f"nothing to do: all {self.jobs:,} jobs are in the store"
        text = f"{self.done:,} of {self.jobs:,} jobs done now, {self.stored:,} before, in {self.seconds:,.1f} s"
        if self.failed:
            text += f"; {self.failed:,} failed: `seprank results --status failed` shows them, --retry tries them again"
        return text


@dataclass(frozen=True)
class Outlook:
    """What a sweep would do."""

    commands: dict[str, int]
    """Jobs by command"""
    stored: int
    """Of them, in the store already"""

    def to_dict(self) -> dict[str, Any]:
        """The outlook as JSON's types."""
        return asdict(self)

    def __str__(self) -> str:
        parts = ", ".join(f"{count:,} {command}" for command, count in self.commands.items())
        return f"{sum(self.commands.values()):,} jobs ({parts}), {self.stored:,} of them in the store"


def outlook(plan: Sweep, store: str | Path, *, trusted: bool = False) -> Outlook:
    """What `sweep` would do, without doing it. Tasks and models to be trained are made, to look at their parameters."""
    works = plan.works(trusted=trusted)
    known: Mapping[str, str] = {}
    if Path(store).is_file():
        with Store(store) as opened:
            known = opened.statuses()
    return Outlook(dict(Counter(work.command for work in works)), sum(work.job.key in known for work in works))


def sweep(
    plan: Sweep,
    *,
    store: str | Path,
    workers: int = 1,
    scheduler: str | None = None,
    memory: int | None = None,
    retry: bool = False,
    trusted: bool = False,
    progress: bool = True,
) -> Summary:
    """Run all jobs of a sweep that are not in the store yet, the longest first.

    A job is kept as soon as it is done. Whatever ends this process, the same call resumes the sweep.

    Args:
        plan: the jobs, see `read_sweep`.
        store: SQLite file of the records; files of training runs are kept beside it.
        workers: processes on this machine; 1 runs the jobs in this one.
        scheduler: address of a running Dask scheduler, whose workers are used instead.
        memory: budget in bytes of all jobs that run at once on this machine; by default half of the free memory.
        retry: run failed jobs again.
        trusted: whether code that the file names (models, tasks and tokenizers as file.py:name or package.module:name)
            may be run.
        progress: show progress with the time left on standard error if it is a terminal.

    Raises:
        ConfigError: a combination of settings is not possible, or the file names code and is not trusted.
        StoreError: the store cannot be written, or another process writes it.
        ValueError: fewer than one worker.
        ImportError: workers are asked for and Dask is not installed.
    """
    workers = check_whole("workers", workers, 1)
    begin = time.perf_counter()
    works = plan.works(trusted=trusted)
    with Store(store, write=True) as opened, bars(progress) as report:
        known = opened.statuses()
        over = {"done"} if retry else {"done", "failed"}
        open_works = [work for work in works if known.get(work.job.key) not in over]
        opened.add(work.job for work in open_works)
        # Once for each job, because an estimate looks up the bounds of its cell.
        costs = {work.job.key: work.cost() for work in open_works}
        open_works.sort(key=lambda work: -costs[work.job.key])
        total, spent, failed = sum(costs.values()), 0.0, 0
        place = Workplace(str(Path(store).resolve().parent), _share(memory, workers, scheduler))
        for number, (work, outcome) in enumerate(_outcomes(open_works, place, workers, scheduler), 1):
            if outcome.result is not None:
                opened.finish(work.job, outcome.result, seconds=outcome.seconds)
            else:
                opened.fail(work.job, outcome.error or "", seconds=outcome.seconds)
            spent += costs[work.job.key]
            failed += outcome.result is None
            # Bars count in whole numbers; a million of them are fine enough for any number of jobs.
            report(
                "sweep", int(1e6 * spent / total), 10**6, f"{number:,} of {len(open_works):,} jobs, {failed:,} failed"
            )
        statuses = opened.statuses()
    keys = {work.job.key for work in works}
    failures = sum(statuses.get(key) == "failed" for key in keys)
    stored = sum(known.get(key) == "done" for key in keys)
    return Summary(len(works), stored, len(open_works) - failed, failures, time.perf_counter() - begin)


def _share(memory: int | None, workers: int, scheduler: str | None) -> int | None:
    """Bytes for each of the jobs that run at once on this machine; None for half of what is free when one starts."""
    if memory is None:
        if workers == 1 or scheduler is not None:
            return None
        memory = default_budget()
    return memory // workers


def _outcomes(
    works: list[Work], place: Workplace, workers: int, scheduler: str | None
) -> Iterator[tuple[Work, Outcome]]:
    if not works:
        return iter(())
    if workers == 1 and scheduler is None:
        return serially(works, place)
    return on_dask(works, place, workers=min(workers, len(works)), scheduler=scheduler)
