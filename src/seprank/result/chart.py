"""Charts by matplotlib: the look that all of them share, inside pages and as files for papers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from math import ceil
from typing import Any

from ..system.extras import need
from .palette import COLOURS, LINES, MARKERS
from .text import shortened

WIDTH = 5.2
"""Inches of a chart in a page: its words can still be read where a phone shrinks it"""
PLAIN = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "svg.hashsalt": "seprank",
}
"""What charts in pages and in papers have in common"""
_PAGE = PLAIN | {
    "font.size": 10,
    "axes.labelsize": 10,
    "legend.fontsize": 9,
    "grid.linewidth": 0.6,
    # Text stays text, so that it can be searched and read aloud, in the font of the page.
    "svg.fonttype": "none",
}


def new_figure(**settings: Any) -> Any:
    """A figure of matplotlib, not made by pyplot, which keeps every figure.

    Raises:
        ImportError: matplotlib is not installed; so does everything that draws.
    """
    return need("matplotlib.figure", "draw", "drawing").Figure(**settings)


def look_of(settings: dict[str, Any]) -> Any:
    """A context in which figures look like that."""
    return need("matplotlib", "draw", "drawing").rc_context(settings)


def file_of(figure: Any, kind: str, title: str | None = None, **settings: Any) -> bytes:
    """The file of a figure, the same each time: svg, pdf or png."""
    file = BytesIO()
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[kind]
    figure.savefig(file, format=kind, metadata={"Title": title, **undated} if title else undated, **settings)
    return file.getvalue()


def svg_of(file: bytes) -> str:
    """The text of an SVG file as it stands in a page."""
    text = file.decode()
    return text[text.index("<svg") :]


def chart(draw: Callable[[Any], None], height: float = 0.68) -> str:
    """What is drawn into axes, as SVG for a page; `height` is a part of its width."""
    return drawn(lambda figure: draw(figure.subplots()), WIDTH, height * WIDTH)


def drawn(draw: Callable[[Any], Any], width: float, height: float) -> str:
    """What is drawn into a figure of that size in inches, such as several panels, as SVG for a page."""
    with look_of(_PAGE):
        figure = new_figure(figsize=(width, height), layout="constrained")
        draw(figure)
        return svg_of(file_of(figure, "svg"))


def label(name: str) -> str:
    r"""A name for a legend, escaped so that it is neither read as a formula nor hidden.

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


def band(axes: Any, places: Sequence[int], low: Sequence[float], high: Sequence[float], number: int) -> None:
    """What lies between two lines, in the colour of `look`, so light that grey print shows what crosses it."""
    axes.fill_between(places, low, high, color=look(number)["color"], alpha=0.2, lw=0)


def mark(axes: Any, value: float, name: str | None = None) -> None:
    """A thin dark line across at a value, such as a tolerance."""
    axes.axhline(value, color="#555555", ls=(0, (2, 1)), lw=0.9, label=name)


def legend_above(axes: Any) -> None:
    """A legend over the axes, where it hides nothing, in as many columns as there is room for."""
    handles, names = axes.get_legend_handles_labels()
    for columns in range(min(4, len(names)), 0, -1):
        axes.legend(
            handles, names, loc="lower left", bbox_to_anchor=(0, 1.01), ncols=columns, frameon=False, borderaxespad=0
        )
        if axes.get_legend().get_window_extent().width <= axes.bbox.width:
            break


def whole_numbers(axes: Any) -> None:
    """Marks of the x axis at whole numbers alone, where fractions have no meaning."""
    axes.xaxis.set_major_locator(need("matplotlib.ticker", "draw", "drawing").MaxNLocator(8, integer=True))


def powers(axes: Any, largest: float) -> None:
    """Marks at powers of ten on a y axis of logarithms up to `largest`.

    Numbers of a thousand digits can be drawn in no other way.
    """
    step = max(1, ceil(largest / 8))
    marks = range(0, ceil(largest) + step, step)
    axes.set_yticks(list(marks), [f"{10**power:,}" if power <= 3 else f"$10^{{{power}}}$" for power in marks])
