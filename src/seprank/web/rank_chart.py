"""Rank against length, for one or two settings: a figure as plain values, which plotly.js draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..result.palette import COLOURS
from ..result.sureness import Sureness
from ..theory import readable
from .panel import Panel

_MARKERS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
_RAISED = "triangle-up-open"
"""What more samples may raise, in every panel"""
_GREATEST = 10**300
"""What JavaScript can draw"""
Trace = dict[str, Any]


def chart(panels: Sequence[Panel]) -> dict[str, Any]:
    """Certified ranks as markers on a line and least proved upper bounds dotted, one colour for each panel."""
    traces, seen, uppers = [], [1], [1]
    for number, panel in enumerate(panels):
        points, limits, colour = _certified(panel), _limits(panel), COLOURS[number]
        traces.append(_upper_trace(panel.name, limits, colour))
        traces.append(_rank_trace(panel.name, points, colour, _MARKERS[number]))
        seen += [rank for _, rank, _ in points]
        uppers += [value for _, value in limits]
    # Bounds may be hundreds of orders of magnitude higher, and would press the ranks into one line.
    top = 30 * max(seen) if len(seen) > 1 else 2 * max(uppers)
    layout = _layout(math.log10(top), {length for trace in traces for length in trace["x"]})
    return {"data": traces, "layout": layout, "config": {"displayModeBar": False, "responsive": True}}


def _certified(panel: Panel) -> list[tuple[int, int, Sureness]]:
    """Length, rank and how sure it is, of the chosen network."""
    return [(length, found.rank, found.known.sureness) for length, found in sorted(panel.current.items())]


def _limits(panel: Panel) -> list[tuple[int, int]]:
    """Length and least upper bound: at all lengths for a family, otherwise where it has been computed."""
    settings = panel.settings
    if settings.spec.family is None:
        return _limits_by_degree(panel)
    limits = []
    for length in settings.chart_lengths():
        found = settings.bounds(length, kinds=("exact", "upper"), below=_GREATEST)
        limits += [(length, min(bound.value for bound in found))] if found else []
    return [(length, value) for length, value in limits if value < _GREATEST]


def _limits_by_degree(panel: Panel) -> list[tuple[int, int]]:
    found = {length: panel.certificates[length].upper_bound for length, _, _ in _certified(panel)}
    here = [bound.value for bound in panel.known or [] if bound.kind in ("upper", "exact")]
    if here:
        found[panel.settings.length] = min(here)
    return [(length, value) for length, value in sorted(found.items()) if value is not None and value < _GREATEST]


def _upper_trace(name: str, limits: list[tuple[int, int]], colour: str) -> Trace:
    return {
        "type": "scatter",
        "x": [length for length, _ in limits],
        "y": [float(value) for _, value in limits],
        "text": [readable(value) for _, value in limits],
        "name": f"{name}: upper bound",
        "mode": "lines+markers" if len(limits) == 1 else "lines",
        "line": {"color": colour, "dash": "dot", "width": 2},
        "marker": {"symbol": "line-ew-open", "size": 14, "color": colour},
        "hovertemplate": "length %{x}<br>at most %{text}<extra>" + name + "</extra>",
    }


def _rank_trace(name: str, points: list[tuple[int, int, Sureness]], colour: str, marker: str) -> Trace:
    return {
        "type": "scatter",
        "x": [length for length, _, _ in points],
        "y": [rank for _, rank, _ in points],
        "text": [f"{rank:,} ({sure.value})" for _, rank, sure in points],
        "name": f"{name}: certified",
        "mode": "lines+markers",
        "line": {"color": colour, "width": 2},
        "marker": {"symbol": [_symbol(marker, sure) for _, _, sure in points], "size": 11, "color": colour},
        "hovertemplate": "length %{x}<br>%{text}<extra>" + name + "</extra>",
    }


def _symbol(marker: str, sure: Sureness) -> str:
    """The symbol of the panel, full or open; lower bounds have the same symbol in every panel."""
    return {Sureness.EXACT: marker, Sureness.SATURATED: f"{marker}-open"}.get(sure, _RAISED)


def _layout(top: float, lengths: set[int]) -> dict[str, Any]:
    # Left alone, the browser marks halves of a short axis, and writes them as whole numbers.
    is_short = bool(lengths) and max(lengths) - min(lengths) <= 12
    return {
        "autosize": True,
        "height": 380,
        "margin": {"t": 60, "r": 10, "l": 60, "b": 45},
        "paper_bgcolor": "#fff",
        "plot_bgcolor": "#fff",
        "font": {"size": 14, "color": "#222", "family": "system-ui, sans-serif"},
        "xaxis": {
            "title": {"text": "length T"},
            "gridcolor": "#e5e5e5",
            "linecolor": "#888",
            "tickformat": "d",
            **({"dtick": 1} if is_short else {}),
        },
        "yaxis": {
            "title": {"text": "Start-End rank"},
            "type": "log",
            "range": [-0.15, top],
            "exponentformat": "power",
            # whole decades where there are several; between them the browser chooses
            **({"dtick": 1} if 1.5 < top < 12 else {}),
            "gridcolor": "#e5e5e5",
            "linecolor": "#888",
        },
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "showlegend": True,
    }
