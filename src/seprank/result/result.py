"""What every result can do: be printed, shown in a notebook, drawn, made a data frame, and kept in a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from ..system.extras import need
from ..system.files import csv_text, parsed, read_whole, write_whole

STRICT = {"extra": "forbid", "strict": True}
"""How records are read back from files: no unknown fields, no conversions"""

R = TypeVar("R", bound="Result")


def validated(form: Any, content: Any) -> Any:
    """Plain values as an object of a type; a list may stand for a tuple, as it does in JSON.

    Raises:
        ValueError: they are something else; the first wrong field is named.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(form).validate_json(json.dumps(content, allow_nan=False))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "content"
        raise ValueError(f"{where}: {first['msg']}") from None


def without(content: Any, *names: str) -> Any:
    """An object of JSON without some of its names; what is no object stays as it is."""
    return {k: v for k, v in content.items() if k not in names} if isinstance(content, dict) else content


class Result:
    """Base of the results. A subclass is a frozen dataclass with `headline`, `records` and `draw`."""

    NOUN: ClassVar[str] = "result"
    """What one is called in messages"""

    def headline(self) -> str:
        """What came out, in one line."""
        raise NotImplementedError

    def records(self) -> list[dict[str, Any]]:
        """What came out as rows, with the same names in each."""
        raise NotImplementedError

    def draw(self, axes: Any) -> None:
        """Draw it into axes of matplotlib."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """All fields by name, as plain values for JSON."""
        plain = json.loads(json.dumps(asdict(self), allow_nan=False))  # type: ignore[call-overload]
        assert isinstance(plain, dict)
        return plain

    @classmethod
    def from_dict(cls: type[R], content: Mapping[str, Any]) -> R:
        """The result that `to_dict` gave.

        Raises:
            ValueError: it is something else; the first wrong field is named.
        """
        found: R = validated(cls, content)
        return found

    def save(self, path: str | Path) -> Path:
        """Write it as JSON, at once or not at all."""
        return write_whole(path, json.dumps(self.to_dict(), indent=1) + "\n")

    @classmethod
    def load(cls: type[R], path: str | Path) -> R:
        """Read what `save` wrote.

        Raises:
            ValueError: the file holds something else; the first wrong field is named.
            OSError: the file cannot be read.
        """
        try:
            content = parsed(read_whole(path))
            if not isinstance(content, dict):
                raise ValueError(f"it must hold an object of JSON, got {type(content).__name__}")
            return cls.from_dict(content)
        except ValueError as error:
            raise ValueError(f"{path} is not a {cls.NOUN}: {error}; run it again") from None

    def to_csv(self) -> str:
        """The rows as comma-separated values."""
        return csv_text(self.records())

    def to_frame(self) -> Any:
        """The rows as a pandas.DataFrame.

        Raises:
            ImportError: pandas is not installed; `to_csv` does without.
        """
        return need("pandas", "data", "a data frame").DataFrame(self.records())

    def plot(self, ax: Any = None) -> tuple[Any, Any]:
        """Draw it by matplotlib.

        Args:
            ax: axes to draw into; by default new ones.

        Returns:
            Figure and axes.

        Raises:
            ImportError: matplotlib is not installed.
        """
        if ax is None:
            # Not by pyplot, which keeps every figure.
            ax = need("matplotlib.figure", "draw", "drawing").Figure(layout="constrained").subplots()
        self.draw(ax)
        return ax.figure, ax

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.headline()}>"

    def _repr_html_(self) -> str:
        from .document import Table, table_html

        return table_html(Table(self.NOUN.replace(" ", "-"), self.records(), self.headline()))
