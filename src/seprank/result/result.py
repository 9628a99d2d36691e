"""What every result can do: be printed, shown in a notebook, drawn, made a data frame, and kept in a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from ..question import check_choice
from ..system.extras import need
from ..system.files import csv_text, parsed, read_whole, write_whole
from ..system.names import shown
from .panels import ENDINGS, Panel, figure_bytes, figure_of

if TYPE_CHECKING:
    from .document import Section, Table

STRICT = {"extra": "forbid", "strict": True}
"""How records are read back from files: no unknown fields, no conversions"""

Row = dict[str, str | int | float | None]
"""What came out at one place, by the headings of a table"""
Plain = dict[str, Any]
"""An object of JSON: plain values by name"""

R = TypeVar("R", bound="Result")


def validated(form: Any, content: Any) -> Any:
    """Plain values as an object of a type; a list may stand for a tuple, as it does in JSON.

    Raises:
        ValueError: they are something else; the first wrong field is named.
    """
    from pydantic import ValidationError

    try:
        return _adapter(form).validate_json(json.dumps(content, allow_nan=False))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "content"
        raise ValueError(f"{where}: {first['msg']}, got {shown(first['input'])}") from None


@cache
def _adapter(form: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(form)


def without(content: Any, *names: str) -> Any:
    """An object of JSON without some of its names; what is no object stays as it is."""
    return {k: v for k, v in content.items() if k not in names} if isinstance(content, dict) else content


class Result:
    """Base of the results. A subclass is a frozen dataclass with `headline`, `records` and `panels`.

    What draws needs matplotlib, and `to_frame` pandas: an `ImportError` says what to install.
    """

    NOUN: ClassVar[str] = "result"
    """What one is called in messages"""
    TABULAR: ClassVar[bool] = False
    """Whether its text is a table, lines of which must not be broken"""
    ACROSS: ClassVar[int] = 2
    """Panels side by side in a figure as wide as two columns"""

    def headline(self) -> str:
        """What came out, in one line."""
        raise NotImplementedError

    def records(self) -> list[Row]:
        """What came out as rows, with the same names in each."""
        raise NotImplementedError

    def panels(self) -> list[Panel]:
        """What there is to draw, the most important first."""
        raise NotImplementedError

    def sentence(self) -> str:
        """What came out, in plain words; by default the headline."""
        return self.headline()

    def to_dict(self) -> Plain:
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

        `to_csv` does without pandas.
        """
        return need("pandas", "data", "a data frame").DataFrame(self.records())

    def to_latex(self) -> str:
        """The rows as a table in LaTeX, which needs its package booktabs."""
        from .latex import latex_table

        return latex_table(self._table())

    def to_html(self, title: str | None = None) -> str:
        """A page of its own with figures and table, which needs no other file and no network.

        Args:
            title: its heading; by default what came out.
        """
        from .document import report_page

        title = f"{self.NOUN.capitalize()}: {self.headline()}" if title is None else title
        return report_page(title, "", self.sections(), summary=str(self), wrap=not self.TABULAR)

    def sections(self) -> list[Section]:
        """What a page shows of it: each panel with its caption, and the table."""
        from .chart import chart
        from .document import Figure, Section

        drawn = [Section(p.title, p.caption, [Figure(chart(p.draw, p.height))]) for p in self.panels()]
        return [*drawn, Section(f"The {self.NOUN} in numbers", "", [self._table()])]

    def plot(self, ax: Any = None) -> tuple[Any, Any]:
        """Draw it by matplotlib.

        Args:
            ax: axes to draw the first panel into; by default new ones, for all panels.

        Returns:
            Figure and axes; a list of them where there are several panels.
        """
        if ax is not None:
            self.panels()[0].draw(ax)
            return ax.figure, ax
        panels = self.panels()
        figure, axes = figure_of(panels, self.ACROSS, min(10.4, 5.2 * min(self.ACROSS, len(panels))))
        return figure, axes[0] if len(axes) == 1 else axes

    def export(self, path: str | Path, *, column: str = "double", bare: bool = False, title: str | None = None) -> Path:
        """Write it as its ending says, at once or not at all.

        Args:
            path: a file that ends in .json (what `load` reads), .csv, .tex (a table), .html (a page), or in .pdf, .svg
                or .png (a figure for a paper: fonts inside, told apart without colours, too).
            column: of a figure: single (3.4 inches wide, panels below each other) or double (7 inches).
            bare: of a figure: without the titles of its panels, for a caption of your own.
            title: of a page, as in `to_html`.

        Raises:
            ValueError: the ending or the column is none of these.
        """
        ending = check_choice("the ending of a file", Path(path).suffix, ENDINGS)
        texts: dict[str, Callable[[], str]] = {
            ".csv": self.to_csv,
            ".tex": self.to_latex,
            ".html": partial(self.to_html, title),
        }
        if ending == ".json":
            return self.save(path)
        if ending in texts:
            return write_whole(path, texts[ending]())
        about: dict[str, Any] = {"column": column, "bare": bare, "across": self.ACROSS, "title": self.headline()}
        figure = figure_bytes(self.panels(), ending[1:], **about)
        return write_whole(path, lambda draft: draft.write_bytes(figure))

    def noted(self) -> list[str]:
        """Lines of text that say what else should be known."""
        return [f"Note: {note}." for note in vars(self).get("notes", ())]

    def __str__(self) -> str:
        return "\n".join([self.sentence(), *self.noted()])

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.headline()}>"

    def _table(self) -> Table:
        from .document import Table

        return Table(self.NOUN.replace(" ", "-"), self.records(), self.headline())

    def _repr_html_(self) -> str:
        from html import escape

        from .document import table_html

        return table_html(self._table()) + "".join(f"<p>{escape(line)}</p>" for line in self.noted())
