"""What every result can do: become plain values, be stored as JSON and read back, become a table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from .files import csv_text, write_whole

STRICT = {"extra": "forbid", "strict": True}
"""How records are read back from files: no unknown fields, no conversions"""

Own = TypeVar("Own", bound="Record")


class Record:
    """A frozen dataclass of numbers and texts, with its way to files and tables.

    A subclass is such a dataclass; it has `what` and `records`.
    """

    __pydantic_config__ = STRICT
    what: ClassVar[str]
    """What a file that does not hold one is said not to be, such as "a memory curve" """

    def to_dict(self) -> dict[str, Any]:
        """All fields by name, as plain values for JSON."""
        plain = json.loads(json.dumps(asdict(self), allow_nan=False))  # type: ignore[call-overload]
        assert isinstance(plain, dict)
        return plain

    def save(self, path: str | Path) -> Path:
        """Write it as JSON, at once or not at all."""
        return write_whole(path, json.dumps(self.to_dict(), indent=1) + "\n")

    @classmethod
    def load(cls: type[Own], path: str | Path) -> Own:
        """Read what `save` wrote.

        Raises:
            ValueError: the file holds something else; the first wrong field is named.
            OSError: the file cannot be read.
        """
        return _read(cls, Path(path).read_bytes(), f"{path}")

    @classmethod
    def from_dict(cls: type[Own], content: Mapping[str, Any], place: str = "this") -> Own:
        """What `to_dict` made these values of.

        Raises:
            ValueError: they are something else; the text has the place and the first wrong field.
        """
        return _read(cls, json.dumps(content).encode(), place)

    def records(self) -> list[dict[str, Any]]:
        """The rows of its table."""
        raise NotImplementedError

    def to_csv(self) -> str:
        """The rows as comma-separated values."""
        return csv_text(self.records())

    def to_frame(self) -> Any:
        """The rows as a pandas.DataFrame.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("data frames need pandas: pip install pandas; to_csv() does without") from error
        return pandas.DataFrame(self.records())


def _read(cls: type[Own], text: bytes, place: str) -> Own:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(cls).validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "content"
        raise ValueError(f"{place} is not {cls.what}: {where}: {first['msg']}; run it again") from None
