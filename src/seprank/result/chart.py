"""Charts by matplotlib: the look that all of them share, inside pages and as files for papers."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import Any

from ..system.extras import need
from .document import shortened
from .palette import COLOURS, LINES, MARKERS

WIDTH = 5.2
"""Inches of a chart in a page: its words can still be read where a phone shrinks it"""
_PAGE = {
    "font.size": 10,
    "axes.labelsize": 10,
    "legend.fontsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.6,
    # Words stay words, which are found and read aloud, in the font of the page.
    "svg.fonttype": "none",
    "svg.hashsalt": "seprank",
}


def chart(draw: Callable[[Any], None], height: float = 3.4, *, width: float = WIDTH) -> str:
    """What is drawn into axes, as SVG for a page.

    Args:
        draw: is given the axes.
        height: in inches.
        width: in inches.

    Raises:
        ImportError: matplotlib is not installed.
    """

    def into(figure: Any) -> None:
        draw(figure.subplots())

    return drawn(into, height, width=width)


def drawn(draw: Callable[[Any], None], height: float, *, width: float = WIDTH) -> str:
    """The same of something that is drawn into a figure, such as several panels."""
    matplotlib = need("matplotlib", "draw", "drawing")
    new = need("matplotlib.figure", "draw", "drawing").Figure
    with matplotlib.rc_context(_PAGE):
        figure = new(figsize=(width, height), layout="constrained")
        draw(figure)
        text = StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def label(name: str) -> str:
    r"""A name for a legend, whoever chose it: no formula, and not hidden.

    Example:
        >>> label("_own $x$")
        ' _own \\$x\\$'
    """
    text = shortened(name).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def look(number: int) -> dict[str, Any]:
    """Colour, marker and kind of line, which differ together, so that grey print works too."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": LINES[number % len(LINES)],
    }


def legend_above(axes: Any, columns: int = 2) -> None:
    """A legend over the axes, where it hides nothing."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.01), ncols=columns, frameon=False, borderaxespad=0)
