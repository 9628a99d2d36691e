"""Statements about a rank in a picture."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from typing import Any

from .palette import COLOURS

_LOOK = {
    "certified": (COLOURS[0], "o"),
    "exact": (COLOURS[2], "D"),
    "lower": (COLOURS[2], ">"),
    "conjectured": (COLOURS[3], ">"),
    "upper": (COLOURS[1], "<"),
}


def draw_statements(rows: Sequence[dict[str, Any]], axes: Any) -> None:
    """Kind, name and value of each as a marker over the order of magnitude, which a float can hold."""
    for place, row in enumerate(rows):
        colour, marker = _LOOK[row["kind"]]
        axes.plot([log10(max(row["value"], 1))], [place], marker, color=colour)
    axes.set_yticks(range(len(rows)), [f"{row['kind']}: {row['name']}" for row in rows])
    axes.set(xlabel="log10 of the rank", ylim=(len(rows) - 0.5, -0.5))
    axes.grid(axis="x", alpha=0.3)
