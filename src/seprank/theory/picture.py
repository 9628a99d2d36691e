"""Bounds on a rank in a picture."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import log10
from typing import TYPE_CHECKING, Any

from ..result.palette import COLOURS
from ..result.panels import Panel

if TYPE_CHECKING:
    from .bound import Bound

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


def bounds_panel(bounds: Sequence[Bound], rank: int | None = None) -> Panel:
    """The certified rank, if there is one, and the bounds, a marker each."""
    rows = [("certified", "rank", rank)] if rank is not None else []
    rows += [(bound.kind, bound.name, bound.value) for bound in bounds]
    return Panel("What is known of the rank", partial(_draw, rows), _CAPTION, height=0.16 + 0.045 * len(rows))


def _draw(rows: Sequence[tuple[str, str, int]], axes: Any) -> None:
    """Kind, name and value of each; over orders of magnitude where no float holds the values."""
    huge = any(value >= _DRAWN for _, _, value in rows)
    for place, (kind, _, value) in enumerate(rows):
        colour, marker = _LOOK[kind]
        axes.plot([log10(max(value, 1)) if huge else float(max(value, 1))], [place], marker, color=colour)
    axes.set_yticks(range(len(rows)), [f"{kind}: {name}" for kind, name, _ in rows])
    axes.set(xlabel="log10 of the rank" if huge else "rank", ylim=(len(rows) - 0.5, -0.5))
    axes.set_xscale("linear" if huge else "log")
    axes.grid(axis="x", alpha=0.3)
