"""Threads that share the work on tiles, where some of it cannot wait and the rest can."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from threading import Semaphore
from typing import TypeAlias

from .blas import blas

Task: TypeAlias = Callable[[], object]


class Crew:
    """The calling thread, and helpers that work while it does something else.

    Args:
        pool: runs the helpers.
        helpers: how many, perhaps none.
    """

    def __init__(self, pool: ThreadPoolExecutor, helpers: int) -> None:
        self._pool, self._helpers = pool, helpers
        self._now: deque[tuple[Task, Semaphore]] = deque()
        self._later: deque[tuple[Task, Semaphore]] = deque()
        self._failed: BaseException | None = None
        self._put_off, self._many_put_off = Semaphore(0), 0

    def do(self, tasks: Iterable[Task]) -> None:
        """All of these, before what was put off."""
        done, count = Semaphore(0), 0
        for task in tasks:
            self._now.append((task, done))
            count += 1
        self._call_helpers(count - 1)
        self._work([self._now])
        self._wait(done, count)

    def put_off(self, tasks: Iterable[Task]) -> None:
        """These may wait until `catch_up`; helpers begin with them."""
        before = len(self._later)
        self._later.extend((task, self._put_off) for task in tasks)
        self._many_put_off += len(self._later) - before
        self._call_helpers(len(self._later))

    def catch_up(self) -> None:
        """What was put off is done when this returns."""
        self._work([self._later])
        count, self._many_put_off = self._many_put_off, 0
        self._wait(self._put_off, count)

    def drop(self) -> None:
        """Forget what was not begun."""
        self._now.clear()
        self._later.clear()

    def _call_helpers(self, tasks: int) -> None:
        for _ in range(min(self._helpers, tasks)):
            self._pool.submit(self._work, [self._now, self._later])

    def _wait(self, done: Semaphore, count: int) -> None:
        for _ in range(count):
            done.acquire()
        if self._failed is not None:
            raise self._failed

    def _work(self, queues: list[deque[tuple[Task, Semaphore]]]) -> None:
        """Tasks of the first queue that has any, until none has."""
        while any(self._one_of(queue) for queue in queues):
            pass

    def _one_of(self, queue: deque[tuple[Task, Semaphore]]) -> bool:
        try:
            task, done = queue.popleft()
        except IndexError:
            return False
        try:
            task()
        except BaseException as error:  # is raised where the task is waited for
            self._failed = self._failed or error
        finally:
            done.release()
        return True


@contextmanager
def crew(threads: int) -> Iterator[Crew]:
    """So many threads in all, each with BLAS limited to one thread of its own."""
    limits = blas()
    limit = limits.limit(limits=1, user_api="blas") if limits else nullcontext()
    with limit, ThreadPoolExecutor(max(1, threads - 1)) as pool:
        found = Crew(pool, threads - 1)
        try:
            yield found
        finally:
            found.drop()
