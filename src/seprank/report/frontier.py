"""Which widths reach a rank at which depth: the picture of a plan."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ..planning import Plan, Row
from ..result.document import Figure, Section, report_page
from ..result.palette import COLOURS


def frontier_page(found: Plan) -> str:
    """A page with the table of a plan, its widths and its parameters against depth.

    Args:
        found: the plan.

    Returns:
        HTML that needs no other file and no network.
    """
    return report_page(
        "Depth and width of a RAC that reaches a rank", "", list(_sections(found.rows)), summary=str(found)
    )


def _sections(rows: list[Row]) -> Iterator[Section]:
    widths = [("proved to reach it", "width", 0), ("reaches it if the conjecture holds", "conjectured_width", 4)]
    text = (
        "Grey: widths that provably cannot reach the rank; where the column has no end, no width can. Between the grey "
        "and the marker nothing is proved."
    )
    yield Section("Least width", text, [Figure(_figure(rows, widths, "width of every layer", excluded=True))])
    costs = [("proved to reach it", "parameters", 0), ("if the conjecture holds", "conjectured_parameters", 4)]
    chart = Figure(_figure(rows, costs, "parameters"))
    yield Section("Parameters of these networks", "The cheapest is the one to build.", [chart])


def _figure(rows: list[Row], lines: list[tuple[str, str, int]], title: str, *, excluded: bool = False) -> Any:
    """Logarithms are drawn, not numbers: these may have a thousand digits."""
    import plotly.graph_objects as go

    figure = go.Figure()
    sizes = [getattr(row, key) for row in rows for _, key, _ in lines] + [row.too_narrow for row in rows if excluded]
    top = 1.05 * max([1.0, *(math.log10(size) for size in sizes if size)])
    if excluded:
        ends = [top if row.too_narrow is None else math.log10(max(row.too_narrow, 1)) for row in rows]
        figure.add_bar(
            x=[row.depth for row in rows],
            y=ends,
            name="provably cannot reach it",
            marker={"color": "#ccc"},
            customdata=[_until(row) for row in rows],
            hovertemplate="depth %{x}<br>%{customdata}<extra></extra>",
        )
    for name, key, colour in lines:
        _add_line(figure, rows, name, key, colour)
    step = max(1, math.ceil(top / 8))
    powers = range(0, math.ceil(top) + step, step)
    figure.update_layout(
        template="plotly_white",
        height=420,
        margin={"t": 20},
        font={"size": 14},
        xaxis={"title": "depth", "tickvals": [row.depth for row in rows]},
        yaxis={
            "title": title,
            "range": [-0.02 * top, top],
            "tickvals": list(powers),
            "ticktext": [f"10<sup>{power}</sup>" if power > 2 else f"{10**power}" for power in powers],
        },
        legend={"orientation": "h", "y": 1.12},
    )
    return figure


def _add_line(figure: Any, rows: list[Row], name: str, key: str, colour: int) -> None:
    shown = [row for row in rows if getattr(row, key) is not None]
    is_proved = not key.startswith("conjectured")
    figure.add_scatter(
        x=[row.depth for row in shown],
        y=[math.log10(getattr(row, key)) for row in shown],
        name=name,
        mode="lines+markers",
        line={"color": COLOURS[colour], "width": 2, "dash": "solid" if is_proved else "dash"},
        marker={"size": 10, "symbol": "circle" if is_proved else "diamond-open"},
        customdata=[_text(getattr(row, key)) for row in shown],
        hovertemplate="depth %{x}<br>%{customdata}<extra>" + name + "</extra>",
    )


def _until(row: Row) -> str:
    return "no width can" if row.too_narrow is None else f"not up to {_text(row.too_narrow)}"


def _text(value: int) -> str:
    return f"{value:,}" if value < 10**12 else f"about 10^{math.log10(value):.1f}"
