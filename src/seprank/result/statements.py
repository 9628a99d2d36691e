"""Statements about a rank in a picture."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import log10
from typing import Any

from .palette import COLOURS
from .panel import Panel

_LOOK = {
    "certified": (COLOURS[0], "o"),
    "exact": (COLOURS[2], "D"),
    "lower": (COLOURS[2], ">"),
    "conjectured": (COLOURS[3], ">"),
    "upper": (COLOURS[1], "<"),
}
_CAPTION = (
    "What is certified and what is proved, on a logarithmic axis: lower bounds point to the right, upper bounds to the "
    "left, and a diamond is the rank itself."
)


def statements_panel(rows: Sequence[dict[str, Any]]) -> Panel:
    """Kind, name and value of each as a marker over the order of magnitude, which a float can hold."""
    return Panel("What is known of the rank", partial(_draw, rows), _CAPTION, height=0.16 + 0.045 * len(rows))


def _draw(rows: Sequence[dict[str, Any]], axes: Any) -> None:
    for place, row in enumerate(rows):
        colour, marker = _LOOK[row["kind"]]
        axes.plot([log10(max(row["value"], 1))], [place], marker, color=colour)
    axes.set_yticks(range(len(rows)), [f"{row['kind']}: {row['name']}" for row in rows])
    axes.set(xlabel="log10 of the rank", ylim=(len(rows) - 0.5, -0.5))
    axes.grid(axis="x", alpha=0.3)
