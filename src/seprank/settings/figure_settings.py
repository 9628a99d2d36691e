"""How a figure for a paper is written."""

from __future__ import annotations

from dataclasses import dataclass

from ..question import check_choice
from ..result.panels import COLUMNS


@dataclass(frozen=True, kw_only=True)
class FigureSettings:
    """How `Result.export` writes .pdf, .svg and .png."""

    column: str = "double"
    """Width of a figure: single or double, as columns of a paper."""
    bare: bool = False
    """Leave out the titles of a figure, for a caption of your own."""

    def __post_init__(self) -> None:
        check_choice("column", self.column, tuple(COLUMNS))
