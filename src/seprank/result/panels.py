"""Panels of a result: below each other on a page, side by side in a file for a paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..question import check_choice
from .chart import PLAIN, drawn, file_of, label, look_of, new_figure

PICTURES = ("pdf", "svg", "png")
"""Kinds of files that a figure is written as"""
ENDINGS = (".json", ".csv", ".tex", ".html", *(f".{kind}" for kind in PICTURES))
"""Of the files that a result is written as"""
COLUMNS = {"single": 3.4, "double": 7.0}
"""Inches: the width of one column, and of both, of a paper with two"""
_PAPER = PLAIN | {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "legend.fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "grid.linewidth": 0.4,
    "hatch.linewidth": 0.4,
    # Printers refuse fonts that are not in the file, some publishers those of type 3. In an SVG letters are outlines.
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
}
_WIDEST = 4.2
"""Inches: a panel that is wider than this is no higher"""
_PAGE_WIDTH = 9.0
"""Inches: of several panels side by side in a page"""
_DOTS = 300
"""Pixels of a PNG for an inch"""


@dataclass(frozen=True)
class Panel:
    """One pair of axes: what is drawn into it, and what to see there."""

    title: str
    draw: Callable[[Any], None]
    caption: str
    height: float = 0.68
    """As a part of its width"""


def draw_panels(figure: Any, panels: Sequence[Panel], across: int = 1, *, bare: bool = False) -> list[Any]:
    """Draw panels into a new figure, so many side by side; returns the axes. Several have titles unless bare."""
    across = min(across, len(panels))
    heights = _heights(panels, across)
    grid = figure.add_gridspec(len(heights), across, height_ratios=heights)
    axes = []
    for number, panel in enumerate(panels):
        axes.append(figure.add_subplot(grid[number // across, number % across]))
        panel.draw(axes[-1])
        if len(panels) > 1 and not bare:
            _entitle(axes[-1], panel.title)
    return axes


def _entitle(axes: Any, title: str) -> None:
    """A title, over the legend if there is one over the axes."""
    legend = axes.get_legend()
    box = None if legend is None else legend.get_window_extent()
    above = 0.0 if box is None else max(0.0, box.y1 - axes.bbox.y1) * 72 / axes.figure.dpi
    axes.set_title(label(title), loc="left", fontsize="medium", fontweight="bold", pad=above + 4)


def _heights(panels: Sequence[Panel], across: int) -> list[float]:
    """Of the rows, as parts of a panel's width."""
    return [max(p.height for p in panels[first : first + across]) for first in range(0, len(panels), across)]


def figure_of(panels: Sequence[Panel], across: int, width: float, *, bare: bool = False) -> tuple[Any, list[Any]]:
    """A matplotlib figure of that width in inches, and its axes; `ValueError` if there are no panels."""
    if not panels:
        raise ValueError("there is nothing to draw")
    figure = new_figure(layout="constrained")
    across = min(across, len(panels))
    figure.set_size_inches(width, min(width / across, _WIDEST) * sum(_heights(panels, across)))
    return figure, draw_panels(figure, panels, across, bare=bare)


def page_figure(panels: Sequence[Panel], across: int) -> str:
    """Panels, so many side by side, as SVG for a page, which scrolls sideways on a phone."""
    height = _PAGE_WIDTH / across * sum(_heights(panels, across))
    return drawn(lambda figure: draw_panels(figure, panels, across), _PAGE_WIDTH, height)


def figure_bytes(
    panels: Sequence[Panel], kind: str, *, column: str, across: int, title: str, bare: bool = False
) -> bytes:
    """The file of a figure for a paper, pdf, svg or png: fonts inside, at the width of a column (single or double).

    In one column all panels are below each other; the title is that of the file, and not shown.
    """
    check_choice("kind", kind, PICTURES)
    check_choice("column", column, tuple(COLUMNS))
    with look_of(_PAPER):
        figure, _ = figure_of(panels, across if column == "double" else 1, COLUMNS[column], bare=bare)
        return file_of(figure, kind, title, dpi=_DOTS)
