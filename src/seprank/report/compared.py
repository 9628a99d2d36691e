"""Ranks of several architectures against length, a panel for each."""

from __future__ import annotations

import math
from typing import Any

from ..comparison import Cell, Comparison
from ..result.document import Figure, Section, report_page
from ..result.palette import COLOURS
from ..result.sureness import MARKERS

_COLUMNS = 3


def comparison_page(found: Comparison) -> str:
    """A page with the table of a comparison and a plot of it.

    Args:
        found: the comparison.

    Returns:
        HTML that needs no other file and no network.
    """
    sizes = f"width {found.width}" if found.parameters is None else f"{found.parameters:,} parameters"
    text = (
        "Solid: certified rank, proved from below; a full circle is exact, an open circle is what more samples do not "
        "raise, a triangle is limited by the number of samples. Dotted: least proved upper bound, as far as the panel "
        "reaches. One colour for each depth."
    )
    cells = found.cells
    sections = [Section("Rank against length", text, [Figure(_panels(cells))])] if cells else []
    return report_page(f"Certified Start-End ranks at equal {sizes}", "", sections, summary=str(found))


def _panels(cells: list[Cell]) -> Any:
    from plotly.subplots import make_subplots

    models, depths = (list(dict.fromkeys(getattr(cell, key) for cell in cells)) for key in ("model", "depth"))
    rows = -(-len(models) // _COLUMNS)
    figure = make_subplots(
        rows, _COLUMNS, subplot_titles=models, shared_yaxes=True, horizontal_spacing=0.03, vertical_spacing=0.24 / rows
    )
    top = 10 * max([10, *(cell.rank for cell in cells if cell.rank)])
    for number, model in enumerate(models):
        place = {"row": number // _COLUMNS + 1, "col": number % _COLUMNS + 1}
        for depth, colour in zip(depths, _colours(len(depths)), strict=True):
            line = [c for c in cells if (c.model, c.depth) == (model, depth) and c.rank is not None]
            line.sort(key=lambda c: c.length)
            _line(figure, line, f"depth {depth}", colour, place, top=top, legend=number == 0)
    figure.update_yaxes(type="log", dtick=1, range=[-0.1, math.log10(top)], exponentformat="power")
    figure.update_xaxes(tickvals=sorted({cell.length for cell in cells}))
    figure.update_xaxes(title_text="length T", row=rows)
    figure.update_yaxes(title_text="rank", col=1)
    panels = 240 * rows
    figure.update_layout(
        template="plotly_white",
        height=panels + 150,
        margin={"t": 90, "b": 60},
        font={"size": 13},
        # above the titles of the panels, which take 25 pixels
        legend={"orientation": "h", "y": 1 + 30 / panels, "yanchor": "bottom"},
    )
    return figure


def _colours(count: int) -> list[str]:
    return [COLOURS[number % len(COLOURS)] for number in range(count)]


def _line(
    figure: Any, cells: list[Cell], name: str, colour: str, place: dict[str, int], *, top: int, legend: bool
) -> None:
    """Certified ranks, and below the top of the panel their upper bounds."""
    lengths = [cell.length for cell in cells]
    labels = [f"{cell.known.number} ({cell.verdict})" for cell in cells]
    bounds = [None if cell.upper_bound is None else min(cell.upper_bound, 10 * top) for cell in cells]
    figure.add_scatter(
        x=lengths,
        y=bounds,
        mode="lines",
        line={"color": colour, "dash": "dot", "width": 1.5},
        hoverinfo="skip",
        showlegend=False,
        **place,
    )
    figure.add_scatter(
        x=lengths,
        y=[cell.rank for cell in cells],
        name=name,
        legendgroup=name,
        showlegend=legend,
        mode="lines+markers",
        line={"color": colour, "width": 2},
        marker={"symbol": [MARKERS[cell.known.sureness] for cell in cells], "size": 9, "line": {"width": 2}},
        customdata=labels,
        hovertemplate="length %{x}<br>%{customdata}<extra>" + name + "</extra>",
        **place,
    )
