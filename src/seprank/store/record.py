"""What a store keeps: jobs, identified by their hash, and records, each with a digest of its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

JsonObject = Mapping[str, Any]
"""An object of JSON: the settings of a job, or what it found, as files and stores have them"""
Status = Literal["done", "failed"]
STATUSES: tuple[Status, ...] = ("done", "failed")


class RecordError(ValueError):
    """Raised for a record or a job that has changed since it was stored; the message says which."""


@dataclass(frozen=True)
class Job:
    """A command with all its settings.

    Example:
        >>> Job("certify", {"width": 3, "depth": 2}).key == Job("certify", {"depth": 2, "width": 3}).key
        True
    """

    command: str
    """Which command of this package: certify, measure, remember or train"""
    settings: JsonObject
    """All settings, of JSON's types"""

    @cached_property
    def key(self) -> str:
        """Hash of command and settings; the order of the settings does not matter."""
        return _hash({"command": self.command, "settings": self.settings})


@dataclass(frozen=True)
class Record:
    """How a job ended."""

    job: Job
    status: Status
    result: JsonObject
    """What the job found; empty if it failed"""
    error: str | None
    """Traceback of a failed job"""
    seconds: float
    finished: str
    """When, in UTC, as ISO 8601"""

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON's types."""
        job = {"key": self.job.key, "command": self.job.command, "settings": dict(self.job.settings)}
        return job | {field.name: getattr(self, field.name) for field in fields(self) if field.name != "job"}

    @classmethod
    def from_dict(cls, content: JsonObject) -> Record:
        """The record that `to_dict` made these values of."""
        said = {field.name: content[field.name] for field in fields(cls) if field.name != "job"}
        return cls(Job(content["command"], content["settings"]), **said)


def digest(said: Sequence[Any]) -> str:
    """Hash of a record as it is kept: key, status, result as JSON, error, seconds, finished."""
    return _hash(list(said))


def checked_job(key: str, command: str | None, settings: str | None) -> Job:
    """The job of a row, if it has this key."""
    if command is None or settings is None:
        raise RecordError(f"record {_short(key)} belongs to no job")
    job = Job(command, _object(key, "settings", settings))
    if job.key != key:
        raise RecordError(f"the settings of job {_short(key)} do not have the hash they are known by")
    return job


def checked_record(row: Sequence[Any]) -> Record:
    """The record of a row: key, command, settings, then what `digest` takes, then the digest."""
    key, command, settings, *said, kept = row
    if digest([key, *said]) != kept:
        raise RecordError(f"record {_short(key)} ({command}) does not have the digest it states: it has changed")
    status, result, error, seconds, finished = said
    if status not in STATUSES:
        raise RecordError(f"record {_short(key)} has the status {str(status)[:40]!r}, which is none")
    job = checked_job(key, command, settings)
    return Record(job, status, _object(key, "result", result), error, seconds, finished)


def _object(key: str, name: str, text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise RecordError(f"the {name} of {_short(key)} cannot be read")
    return content


def _short(key: object) -> str:
    return ascii(str(key)[:12])


def _hash(content: Any) -> str:
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def canonical(content: Any) -> str:
    """One text for equal contents, whatever the order of the keys."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
