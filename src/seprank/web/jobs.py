"""Work in a process of its own, which reports while it runs and can be ended at any moment."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any, Literal

State = Literal["running", "done", "failed", "cancelled"]
Send = Callable[[str, Any], None]
"""Called in the process with the kind of a message and what it says"""

_PRELOADED = ["seprank.certification", "seprank.memory_curve"]
_PATIENCE = 1.0
"""Seconds that a process which was killed is waited for"""


def _context() -> Any:
    """A fork server with torch loaded, so that work begins at once; where there is none, it takes some seconds."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


class Job:
    """A call of `work(send, *arguments)`, a function of a module that reports by `send`, in its own process."""

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        context = _context()
        self._receiver, sender = context.Pipe(duplex=False)
        self._process = context.Process(target=_run, args=(sender, work, arguments), daemon=True)
        self._process.start()
        sender.close()
        self.state: State = "running"
        self.failure: str | None = None

    @property
    def process_id(self) -> int | None:
        number: int | None = self._process.pid
        return number

    def poll(self) -> list[tuple[str, Any]]:
        """What was reported since the last call; `state` and `failure` are up to date afterwards."""
        reports: list[tuple[str, Any]] = []
        while self.state == "running" and self._receiver.poll():
            try:
                kind, content = self._receiver.recv()
            except EOFError:
                self._end("failed", self._sudden_end())
                break
            if kind == "done":
                self._end("done")
            elif kind == "failed":
                self._end("failed", content)
            else:
                reports.append((kind, content))
        return reports

    def cancel(self) -> None:
        """End the process now; a job that has ended stays as it is."""
        if self.state == "running":
            self._process.kill()
            self._process.join(_PATIENCE)
            self._end("cancelled")

    def _end(self, state: State, failure: str | None = None) -> None:
        # One that is done is not waited for: it takes a moment to end, and the page waits for nothing.
        self.state, self.failure = state, failure
        self._receiver.close()

    def _sudden_end(self) -> str:
        self._process.join(_PATIENCE)
        return (
            f"the process ended without an answer (exit code {self._process.exitcode}), perhaps because memory ran "
            "out; use smaller sizes or fewer samples"
        )


def warm_up() -> Job:
    """Start the fork server, so that the first job does not wait for torch to load."""
    return Job(_nothing)


def _nothing(send: Send) -> None:
    pass


def _run(sender: Connection, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    # Ctrl-C in the terminal is for the server, which then ends its processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def send(kind: str, content: Any) -> None:
        sender.send((kind, content))

    try:
        work(send, *arguments)
    except Exception as error:
        send("failed", f"{error}" or type(error).__name__)
    else:
        send("done", None)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


class Paced:
    """Passes on reports of progress at most ten times a second, which is often enough for the page."""

    def __init__(self, send: Send, interval: float = 0.1) -> None:
        self._send, self._interval = send, interval
        self._last = -math.inf

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        now = time.monotonic()
        if now - self._last >= self._interval or done >= total:
            self._last = now
            self._send("progress", (stage, done, total))
