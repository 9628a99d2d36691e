"""The exclusive right to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def acquire(path: Path, busy: Exception, *, wait: float = 0.0) -> Any:
    """Take a lock, which has a method `release`; the system releases it when the process ends, however it ends.

    `busy` is raised if another process keeps the lock for longer than `wait` seconds.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=wait)
    try:
        lock.acquire()
    except Timeout as error:
        raise busy from error
    return lock
