"""The exclusive right to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def acquire(path: Path, busy: Exception, *, wait: float = 0.0) -> Any:
    """Take a lock; the system releases it when the process ends, however it ends.

    Args:
        path: of the lock file.
        busy: raised when another process has the lock.
        wait: seconds to wait for it.

    Returns:
        The lock, with a method `release`.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=wait)
    try:
        lock.acquire()
    except Timeout as error:
        raise busy from error
    return lock
