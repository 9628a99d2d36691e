"""What every result can do: become plain values, be stored as JSON and read back, become a table."""

from __future__ import annotations

import json
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
        from pydantic import TypeAdapter, ValidationError

        try:
            return TypeAdapter(cls).validate_json(Path(path).read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "content"
            raise ValueError(f"{path} is not {cls.what}: {where}: {first['msg']}; run it again") from None

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
