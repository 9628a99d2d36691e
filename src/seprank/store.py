"""Jobs and their records in one SQLite file.

A job is a command of this package with all its settings, and is known by the hash of both. Its record says how it
ended. One process at a time may write; any number may read meanwhile. What `finish` or `fail` has returned from is on
the disk: neither a killed process nor a full disk takes it away.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, cast

from .files import csv_text, write_whole

APPLICATION = 0x73657072
"""Marks a file as ours ("sepr"), in SQLite's application_id"""
SCHEMA = 1
"""Version of the tables, in SQLite's user_version"""

_TABLES = """
CREATE TABLE jobs (key TEXT PRIMARY KEY, command TEXT NOT NULL, settings TEXT NOT NULL, added TEXT NOT NULL);
CREATE TABLE records (
    key TEXT PRIMARY KEY REFERENCES jobs (key), status TEXT NOT NULL, result TEXT NOT NULL, error TEXT,
    seconds REAL NOT NULL, finished TEXT NOT NULL
);
"""
_SELECT = "SELECT command, settings, status, result, error, seconds, finished FROM jobs JOIN records USING (key)"

Status = Literal["done", "failed"]


class StoreError(ValueError):
    """A store cannot be opened, read or written; the text says why and what to do."""


@dataclass(frozen=True)
class Job:
    """A command with all its settings.

    Example:
        >>> Job("certify", {"width": 3, "depth": 2}).key == Job("certify", {"depth": 2, "width": 3}).key
        True
    """

    command: str
    """Which command of this package: certify, measure or train"""
    settings: Mapping[str, Any]
    """All settings, of JSON's types"""

    @cached_property
    def key(self) -> str:
        """Hash of command and settings; the order of the settings does not matter."""
        return hashlib.sha256(_json({"command": self.command, "settings": self.settings}).encode()).hexdigest()


@dataclass(frozen=True)
class Record:
    """How a job ended."""

    job: Job
    status: Status
    result: dict[str, Any]
    """What the job found; of a failed job, what was known by then"""
    error: str | None
    """Traceback of a failed job"""
    seconds: float
    finished: str
    """When, in UTC, as ISO 8601"""

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON's types."""
        return {
            "key": self.job.key,
            "command": self.job.command,
            "settings": dict(self.job.settings),
            "status": self.status,
            "result": self.result,
            "error": self.error,
            "seconds": self.seconds,
            "finished": self.finished,
        }


class Store:
    """The jobs and records of one file.

    Args:
        path: of the SQLite file.
        write: make the file if there is none, and be its only writer until `close`; otherwise records can only be read.
        wait: seconds to wait for another writer to end.

    Raises:
        StoreError: there is no such file to read, another process is writing, or the file is damaged, was written by
            a newer version, or is no store.

    Example:
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with Store(f"{folder.name}/runs.db", write=True) as store:
        ...     store.finish(Job("certify", {"width": 3}), {"rank": 3}, seconds=0.1)
        ...     store.record(Job("certify", {"width": 3})).result
        {'rank': 3}
        >>> folder.cleanup()
    """

    def __init__(self, path: str | Path, *, write: bool = False, wait: float = 0.0) -> None:
        self.path = Path(path)
        if not write and not self.path.is_file():
            raise StoreError(f"there is no store {self.path}; `seprank train` and `seprank sweep` make one")
        self._lock = _lock(self.path, wait) if write else None
        try:
            self._connection = self._connect(write)
        except BaseException:
            self._release()
            raise

    def _connect(self, write: bool) -> sqlite3.Connection:
        with self._explained("opened"):
            # Only the process that holds the lock writes, from one thread at a time: sweeps report from callbacks.
            connection = sqlite3.connect(self.path, isolation_level=None, timeout=30, check_same_thread=False)
            try:
                self._check(connection, write)
                if write:
                    connection.execute("PRAGMA journal_mode = WAL")
                    connection.execute("PRAGMA synchronous = FULL")
            except BaseException:
                connection.close()
                raise
        return connection

    def _check(self, connection: sqlite3.Connection, write: bool) -> None:
        """Refuse what is no store of a version we know; turn an empty file into one."""
        application, version = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in _MARKS)
        empty = not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application == 0 and empty and write:
            marks = "".join(f"PRAGMA {name} = {value};" for name, value in _MARKS.items())
            connection.executescript(f"BEGIN IMMEDIATE;{_TABLES}{marks}COMMIT;")
        elif application != APPLICATION:
            raise StoreError(f"{self.path} is not a store of seprank; give another path")
        elif version > SCHEMA:
            raise StoreError(
                f"{self.path} was written by a newer seprank (store version {version}, this one reads {SCHEMA}); "
                "update seprank, or give another path"
            )
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise StoreError(f"{self.path} is damaged ({found}); {_RESCUE}")

    @contextmanager
    def _explained(self, done: str) -> Iterator[None]:
        """SQLite's errors as ours, with the file and what to do."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if "full" in str(error):
                raise StoreError(
                    f"no space left on the disk of {self.path}; what was finished before is kept. Make room and start "
                    "the same command again"
                ) from error
            raise StoreError(f"{self.path} cannot be {done}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{self.path} is damaged or is not a store ({error}); {_RESCUE}") from error

    def close(self) -> None:
        """Give up the file; others may write it then."""
        self._connection.close()
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, jobs: Iterable[Job]) -> None:
        """Note jobs that are to be done; those already known stay as they are."""
        rows = [(job.key, job.command, _json(job.settings), _now()) for job in jobs]
        with self._transaction():
            self._connection.executemany("INSERT OR IGNORE INTO jobs VALUES (?, ?, ?, ?)", rows)

    def finish(self, job: Job, result: Mapping[str, Any], *, seconds: float) -> None:
        """Keep what a job found; it is on the disk when this returns."""
        self._keep(job, "done", result, None, seconds)

    def fail(self, job: Job, error: str, *, seconds: float, result: Mapping[str, Any] | None = None) -> None:
        """Keep how a job failed; it may be tried again, and then gets a new record."""
        self._keep(job, "failed", result or {}, error, seconds)

    def _keep(self, job: Job, status: Status, result: Mapping[str, Any], error: str | None, seconds: float) -> None:
        settings, now = _json(job.settings), _now()
        row = (job.key, status, _json(result), error, seconds, now)
        with self._transaction():
            self._connection.execute(
                "INSERT OR IGNORE INTO jobs VALUES (?, ?, ?, ?)", (job.key, job.command, settings, now)
            )
            self._connection.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?)", row)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if self._lock is None:
            raise StoreError(f"{self.path} was opened to be read; open it with write=True")
        with self._explained("written"):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                # A full disk makes SQLite roll back by itself, and a second time is an error.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def record(self, job: Job) -> Record | None:
        """How a job ended, None if it has not."""
        with self._explained("read"):
            row = self._connection.execute(f"{_SELECT} WHERE key = ?", (job.key,)).fetchone()
        return None if row is None else _record(row)

    def records(self, *, command: str | None = None, status: Status | None = None) -> list[Record]:
        """All records, the oldest first, or those of one command or of one status."""
        wanted = "(?1 IS NULL OR command = ?1) AND (?2 IS NULL OR status = ?2)"
        with self._explained("read"):
            rows = self._connection.execute(
                f"{_SELECT} WHERE {wanted} ORDER BY finished, key", (command, status)
            ).fetchall()
        return [_record(row) for row in rows]

    def statuses(self) -> dict[str, Status]:
        """How each job ended that did, by its key."""
        with self._explained("read"):
            return dict(self._connection.execute("SELECT key, status FROM records").fetchall())

    def open_jobs(self) -> list[Job]:
        """Jobs that were noted and have no record yet."""
        query = "SELECT command, settings FROM jobs WHERE key NOT IN (SELECT key FROM records) ORDER BY added, key"
        with self._explained("read"):
            rows = self._connection.execute(query).fetchall()
        return [Job(command, json.loads(settings)) for command, settings in rows]


_MARKS = {"application_id": APPLICATION, "user_version": SCHEMA}
_RESCUE = "move it away to start anew, or put a copy of it back"


def _lock(path: Path, wait: float) -> Any:
    """The right to write a store; the system takes it back when the process ends, however it ends."""
    from filelock import FileLock, Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{path}.lock", timeout=wait)
        lock.acquire()
    except Timeout as error:
        raise StoreError(
            f"another process is writing {path}; wait until it has ended, or give this one a store of its own"
        ) from error
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
    return lock


def _record(row: tuple[Any, ...]) -> Record:
    command, settings, status, result, error, seconds, finished = row
    job = Job(command, json.loads(settings))
    return Record(job, cast(Status, status), json.loads(result), error, seconds, finished)


def _json(content: Mapping[str, Any]) -> str:
    """One text for equal contents, whatever the order of the keys."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def record_from_dict(content: Mapping[str, Any]) -> Record:
    """The record that `Record.to_dict` made these values of."""
    fields = {name: content[name] for name in ("status", "result", "error", "seconds", "finished")}
    return Record(Job(content["command"], content["settings"]), **fields)


def rows(records: Iterable[Record]) -> list[dict[str, Any]]:
    """One flat row per record: key, command, status, seconds, finished, all settings and all results that are single
    values; settings within settings get dotted names."""
    return [
        {"key": record.job.key, "command": record.job.command, "status": record.status}
        | _flat(record.job.settings)
        | {f"result.{name}": value for name, value in _flat(record.result).items()}
        | {"seconds": record.seconds, "finished": record.finished, "error": record.error}
        for record in records
    ]


def _flat(content: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{inner}": value for inner, value in _flat(value).items()}
        elif not isinstance(value, list):
            found[name] = value
    return found


def export(records: Iterable[Record], path: Path) -> None:
    """Write records to a .csv file, one flat row each, or to a .json or .json.gz file, whole.

    Raises:
        ValueError: the file's ending is none of these.
    """
    if path.suffix == ".csv":
        write_whole(path, csv_text(rows(records)))
        return
    text = json.dumps([record.to_dict() for record in records])
    if path.suffix == ".json":
        write_whole(path, text)
    elif path.name.endswith(".json.gz"):
        # Without the time of writing: equal records make equal files.
        packed = gzip.compress(text.encode(), mtime=0)
        write_whole(path, lambda draft: draft.write_bytes(packed))
    else:
        raise ValueError(f"records are exported to a .csv, .json or .json.gz file, got {path}")


def table(records: Iterable[Record]) -> str:
    """One line per record for people: what was asked for and what came out."""
    lines = []
    for record in records:
        asked = " ".join(f"{name}={value}" for name, value in _flat(record.job.settings).items() if value is not None)
        single = {name: value for name, value in record.result.items() if isinstance(value, int | float | str | bool)}
        came = " ".join(f"{name}={value}" for name, value in single.items()) if record.status == "done" else "failed"
        lines.append(f"{record.job.key[:8]}  {record.job.command:<8} {asked}\n{'':<10}{came}")
    return "\n".join(lines)
