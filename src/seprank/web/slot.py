"""A place for one job at a time, and for the memory that it may take."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ..system.memory import MemoryBudgetError
from .budget import Budget
from .jobs import Job
from .settings import Settings


class Slot:
    """Runs one job at a time, and gives its memory back to the budget when it ends, however it ends."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._job: Job | None = None
        self.seconds = 0.0
        """That the job has run"""
        self.failure: str | None = None
        """Why the last job could not be started or failed, None if neither"""

    @property
    def running(self) -> bool:
        return self._job is not None

    def begin(self, work: Callable[..., None], *arguments: Any, memory: int = 0) -> bool:
        """Start a small job, which may take this memory in addition to its process; False if that is impossible."""
        return self._begin(lambda: self._budget.take_process(self, memory), work, *arguments)

    def begin_large(self, work: Callable[..., None], settings: Settings, *arguments: Any) -> bool:
        """Start a job that certifies; its last argument is the memory that it may use."""
        return self._begin(lambda: self._budget.take(self, settings), work, settings, *arguments)

    def _begin(self, take: Callable[[], int | None], work: Callable[..., None], *arguments: Any) -> bool:
        self.failure = None
        try:
            taken = take()
            self._job = Job(work, *arguments, *([] if taken is None else [taken]))
            self._began = time.monotonic()
        except MemoryBudgetError as error:
            self.failure = str(error)
        except OSError as error:
            self.failure = f"no process could be started: {error}"
            self.stop()
        return self.running

    def stop(self) -> None:
        """End the job at once, if there is one."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
        self._budget.give_back(self)

    def poll(self) -> list[tuple[str, Any]]:
        """What was reported since the last call; a job that has ended is gone afterwards."""
        if self._job is None:
            return []
        reports = self._job.poll()
        self.seconds = time.monotonic() - self._began
        if self._job.state != "running":
            self.failure = self._job.failure
            self.stop()
        return reports
