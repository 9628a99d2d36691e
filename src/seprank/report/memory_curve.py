"""Figures of memory curves for pages: logarithmic, linear with its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ..memory_curve import MemoryCurve
from ..result.document import SURE, AtLeast, Figure, Section, Table, report_page
from ..result.palette import COLOURS


def curve_page(title: str, summary: str, curves: Mapping[str, MemoryCurve]) -> str:
    """A page about memory curves.

    Args:
        title: heading.
        summary: the curves in words.
        curves: by the name to show.

    Returns:
        HTML that needs no other file and no network.
    """
    return report_page(title, "", curve_sections(curves), summary=summary, wrap=True)


MOST = 6
"""Curves in a figure, as there are colours"""


def curves_section(curves: Sequence[tuple[str, MemoryCurve]]) -> Section:
    """What models remember: sentences, figures of the first few, a table of all.

    Args:
        curves: name and curve of each; names may occur several times.
    """
    names = _told_apart([name for name, _ in curves])
    every = dict(zip(names, (curve for _, curve in curves), strict=True))
    drawn = dict(list(every.items())[:MOST])
    text = " ".join(f"{name}: {curve.sentence()}" for name, curve in drawn.items())
    left = f" The first {MOST} of {len(every)} are drawn." if len(every) > MOST else ""
    figures = [
        Figure(part.picture, f"{each.heading}. {each.text}{left}")
        for each in curve_sections(drawn)
        for part in each.parts
        if isinstance(part, Figure)
    ]
    return Section("How many steps back", text, [*figures, _table(every)])


def _told_apart(names: Sequence[str]) -> list[str]:
    """Names with numbers where they occur several times."""
    again = [names[:place].count(name) for place, name in enumerate(names)]
    return [
        name if names.count(name) == 1 else f"{name} ({number + 1})" for name, number in zip(names, again, strict=True)
    ]


def _table(curves: Mapping[str, MemoryCurve]) -> Table:
    rows = []
    for name, curve in curves.items():
        low, high = curve.reach_interval()
        rows.append(
            {
                "what": name,
                "length": curve.length,
                "reach": AtLeast(curve.reach()) if curve.at_least() else curve.reach(),
                "half": curve.half,
                "mean age": curve.mean,
                SURE: f"measured; 90 % interval of the reach {low:,} to {high:,}, {curve.samples} pairs of sequences",
                "threshold": curve.threshold,
                "largest rounding floor": max(curve.floor),
                "read-out": str(curve.readout),
                "seed": curve.seed,
                "notes": "; ".join(curve.notes),
            }
        )
    caption = (
        "Steps back with more than the threshold (reach) and with more than half (half) of the variance before them"
    )
    return Table("memory-curves", rows, caption)


def curve_sections(curves: Mapping[str, MemoryCurve]) -> list[Section]:
    """Heading, text and figure of each scale; the parts of a single curve, too."""
    curves = {escape(name): curve for name, curve in curves.items()}
    return [
        Section(
            "Memory, on a logarithmic scale",
            "Bands are 90 % intervals. The dotted line is the floor that rounding leaves; open triangles stand where "
            "nothing rises above it.",
            [Figure(logarithmic(curves))],
        ),
        Section(
            "Memory, on a linear scale",
            "The share of the output's variance that depends on older inputs.",
            [Figure(_linear(curves))],
        ),
    ]


def logarithmic(curves: Mapping[str, MemoryCurve]) -> Any:
    """Memory by lag, with intervals and floors."""
    figure = _figure()
    for (name, curve), colour in zip(curves.items(), _colours(curves), strict=True):
        shown = [i for i, value in enumerate(curve.memory) if value > 0]
        _band(figure, curve, shown, colour)
        _line(figure, name, [curve.lags[i] for i in shown], [curve.memory[i] for i in shown], colour)
        figure.add_scatter(
            x=curve.lags,
            y=curve.floor,
            mode="lines",
            name=f"rounding floor, {name}",
            line={"dash": "dot", "color": colour, "width": 1},
        )
        hidden = [i for i, value in enumerate(curve.memory) if value == 0]
        figure.add_scatter(
            x=[curve.lags[i] for i in hidden],
            y=[curve.intervals["memory"][i][1] for i in hidden],
            mode="markers",
            marker={"symbol": "triangle-down-open", "color": colour},
            showlegend=False,
            hovertemplate="lag %{x}: below %{y:.1e}<extra></extra>",
        )
    figure.update_yaxes(title="memory", type="log", exponentformat="power", nticks=8)
    return figure


def _linear(curves: Mapping[str, MemoryCurve]) -> Any:
    figure = _figure()
    if len(curves) == 1:
        _parts(figure, next(iter(curves.values())))
    for (name, curve), colour in zip(curves.items(), _colours(curves), strict=True):
        _band(figure, curve, range(len(curve.lags)), colour)
        _line(figure, name, curve.lags, curve.memory, colour)
    figure.update_yaxes(title="memory", range=[0, 1.02], tickformat=".0%")
    return figure


def _figure() -> Any:
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.update_layout(
        template="plotly_white",
        height=400,
        margin={"t": 20},
        font={"size": 14},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    )
    figure.update_xaxes(title="steps back", type="log", dtick=1)
    return figure


def _line(figure: Any, name: str, lags: Sequence[int], values: Sequence[float], colour: str) -> None:
    figure.add_scatter(
        x=lags,
        y=values,
        mode="lines+markers",
        name=name,
        line={"color": colour},
        marker={"size": 5},
        hovertemplate="lag %{x}: %{y:.3g}<extra></extra>",
    )


def _band(figure: Any, curve: MemoryCurve, places: Any, colour: str) -> None:
    lags = [curve.lags[i] for i in places]
    low = [max(curve.intervals["memory"][i][0], curve.floor[i]) for i in places]
    high = [curve.intervals["memory"][i][1] for i in places]
    figure.add_scatter(
        x=[*lags, *reversed(lags)],
        y=[*high, *reversed(low)],
        fill="toself",
        fillcolor=colour,
        opacity=0.25,
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
    )


def _parts(figure: Any, curve: MemoryCurve) -> None:
    """What the past explains alone, and what it does jointly with later inputs, stacked."""
    alone = [min(max(value, 0.0), most) for value, most in zip(curve.carried, curve.memory, strict=True)]
    rest = [most - value for value, most in zip(alone, curve.memory, strict=True)]
    for label, values, colour in (("carried alone", alone, "#9ecae1"), ("jointly with later inputs", rest, "#fdbe85")):
        figure.add_scatter(
            x=curve.lags,
            y=values,
            stackgroup="parts",
            mode="none",
            name=label,
            fillcolor=colour,
            hovertemplate="%{y:.3g}<extra></extra>",
        )


def _colours(curves: Mapping[str, MemoryCurve]) -> list[str]:
    return [COLOURS[number % len(COLOURS)] for number in range(len(curves))]
