"""Statements about a rank in a picture."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import log10
from typing import Any

from .palette import COLOURS
from .panels import Panel

_LOOK = {
    "certified": (COLOURS[0], "o"),
    "exact": (COLOURS[2], "D"),
    "lower": (COLOURS[2], ">"),
    "conjectured": (COLOURS[3], ">"),
    "upper": (COLOURS[1], "<"),
}
_DRAWN = 10**300
"""Values that a float can hold"""
_CAPTION = (
    "What is certified and what is proved, on a logarithmic axis: lower bounds point to the right, upper bounds to the "
    "left, and a diamond is the rank itself."
)


def statements_panel(rows: Sequence[dict[str, Any]]) -> Panel:
    """Kind, name and value of each as a marker; over orders of magnitude where no float holds the values."""
    return Panel("What is known of the rank", partial(_draw, rows), _CAPTION, height=0.16 + 0.045 * len(rows))


def _draw(rows: Sequence[dict[str, Any]], axes: Any) -> None:
    huge = any(row["value"] >= _DRAWN for row in rows)
    for place, row in enumerate(rows):
        colour, marker = _LOOK[row["kind"]]
        value = max(row["value"], 1)
        axes.plot([log10(value) if huge else float(value)], [place], marker, color=colour)
    axes.set_yticks(range(len(rows)), [f"{row['kind']}: {row['name']}" for row in rows])
    axes.set(xlabel="log10 of the rank" if huge else "rank", ylim=(len(rows) - 0.5, -0.5))
    axes.set_xscale("linear" if huge else "log")
    axes.grid(axis="x", alpha=0.3)
