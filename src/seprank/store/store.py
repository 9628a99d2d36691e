"""Jobs and their records in one SQLite file.

A job is a command of this package with all its settings, identified by the hash of both. Its record says how it ended.
One process at a time may write; any number may read meanwhile. Once `finish` or `fail` has returned, the record is on
disk, and survives a killed process and a full disk. A record that does not have its digest, or a job that does not have
its hash, is refused.
"""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from ..result.result import Row
from ..system.files import FileError, csv_text, existing_file, write_whole
from ..system.lock import acquire
from .listing import flat
from .record import Job, JsonObject, Record, RecordError, Status, canonical, checked_job, checked_record, digest

APPLICATION = 0x73657072
"""Marks a file as ours ("sepr"), in SQLite's application_id"""
SCHEMA = 2
"""Version of the tables, in SQLite's user_version"""

_TABLES = """
CREATE TABLE jobs (key TEXT PRIMARY KEY, command TEXT NOT NULL, settings TEXT NOT NULL, added TEXT NOT NULL);
CREATE TABLE records (
    key TEXT PRIMARY KEY REFERENCES jobs (key), status TEXT NOT NULL, result TEXT NOT NULL, error TEXT,
    seconds REAL NOT NULL, finished TEXT NOT NULL, digest TEXT NOT NULL
);
"""
_NAMES = {"jobs", "records", "sqlite_autoindex_jobs_1", "sqlite_autoindex_records_1"}
_SELECT = """SELECT key, command, settings, status, result, error, seconds, finished, digest
    FROM records LEFT JOIN jobs USING (key) WHERE {} ORDER BY finished, key"""


class StoreError(ValueError):
    """Raised where a store cannot be opened, read or written, or a record has changed; the message says what to do."""


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
        _check_kind(self.path, write)
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
            # What is no text is not in any digest either, and is refused by the name of its record.
            connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
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
        """Refuse what is not a store of a known version; turn an empty file into one."""
        application, version = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in _MARKS)
        empty = not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application == 0 and empty and write:
            marks = "".join(f"PRAGMA {name} = {value};" for name, value in _MARKS.items())
            connection.executescript(f"BEGIN IMMEDIATE;{_TABLES}{marks}COMMIT;")
        elif application != APPLICATION:
            raise StoreError(f"{self.path} is not a store of seprank; give another path")
        elif version != SCHEMA:
            raise StoreError(
                f"{self.path} was written by another seprank (store version {version}, this one reads {SCHEMA}); "
                "update seprank, or give another path"
            )
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            raise StoreError(f"{self.path} is damaged ({found}); {_RESCUE}")
        strange = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")} - _NAMES
        if strange:
            raise StoreError(f"{self.path} holds more than jobs and records ({ascii(min(strange))[:60]}); {_RESCUE}")

    @contextmanager
    def _explained(self, done: str) -> Iterator[None]:
        """SQLite's errors as ours, with the file and the remedy."""
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
        except RecordError as error:
            raise StoreError(f"{self.path} is damaged: {error}; {_RESCUE}") from error

    def close(self) -> None:
        """Close the file; others may write it then."""
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
        """Register jobs that are to be done; known ones stay as they are."""
        rows = [(job.key, job.command, canonical(job.settings), _now()) for job in jobs]
        with self._transaction():
            self._connection.executemany("INSERT OR IGNORE INTO jobs VALUES (?, ?, ?, ?)", rows)

    def finish(self, job: Job, result: JsonObject, *, seconds: float) -> None:
        """Keep what a job found; it is on the disk when this returns."""
        self._keep(job, "done", result, None, seconds)

    def fail(self, job: Job, error: str, *, seconds: float) -> None:
        """Keep how a job failed; when it is tried again, it gets a new record."""
        self._keep(job, "failed", {}, error, seconds)

    def _keep(self, job: Job, status: Status, result: JsonObject, error: str | None, seconds: float) -> None:
        settings, now = canonical(job.settings), _now()
        row = (job.key, status, canonical(result), error, float(seconds), now)
        with self._transaction():
            self._connection.execute(
                "INSERT OR IGNORE INTO jobs VALUES (?, ?, ?, ?)", (job.key, job.command, settings, now)
            )
            self._connection.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, digest(row)))

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
        return next(iter(self._read("key = ?", (job.key,))), None)

    def records(self, *, command: str | None = None, status: Status | None = None) -> list[Record]:
        """All records, the oldest first, or those of one command or of one status."""
        # Chosen here and not by the file, in which a damaged record might hide from the question.
        return [
            record
            for record in self._read("?", (1,))
            if command in (None, record.job.command) and status in (None, record.status)
        ]

    def statuses(self) -> dict[str, Status]:
        """How each job ended that did, by its key."""
        return {record.job.key: record.status for record in self._read("?", (1,))}

    def _read(self, condition: str, values: tuple[Any, ...]) -> list[Record]:
        """The records for which a condition holds, each checked."""
        with self._explained("read"):
            rows = self._connection.execute(_SELECT.format(condition), values).fetchall()
            return [checked_record(row) for row in rows]

    def open_jobs(self) -> list[Job]:
        """Registered jobs without a record."""
        query = "SELECT key, command, settings FROM jobs WHERE key NOT IN (SELECT key FROM records) ORDER BY added, key"
        with self._explained("read"):
            return [checked_job(*row) for row in self._connection.execute(query).fetchall()]


_MARKS = {"application_id": APPLICATION, "user_version": SCHEMA}
_RESCUE = "move it away to start anew, or put a copy of it back"


def _check_kind(path: Path, write: bool) -> None:
    """Refuse what is not a file: a folder, a pipe or a device is not opened as a database."""
    if not write and not path.exists():
        raise StoreError(f"there is no store {path}; `seprank train` and `seprank sweep` make one")
    if path.exists():
        try:
            existing_file(path)
        except FileError as error:
            raise StoreError(f"{error} of records, such as runs/seprank.db") from None


def _lock(path: Path, wait: float) -> Any:
    """The right to write a store."""
    busy = StoreError(
        f"another process is writing {path}; wait until it has ended, or give this one a store of its own"
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return acquire(Path(f"{path}.lock"), busy, wait=wait)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def rows(records: Iterable[Record]) -> list[Row]:
    """One flat row per record: key, command, status, seconds, finished, all settings and all results that are single
    values; settings within settings get dotted names."""
    return [
        {"key": record.job.key, "command": record.job.command, "status": record.status}
        | flat(record.job.settings)
        | {f"result.{name}": value for name, value in flat(record.result).items()}
        | {"seconds": record.seconds, "finished": record.finished, "error": record.error}
        for record in records
    ]


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
