"""Pictures of measurements: the spectrum, the shares of the variance, and the profile over cuts or lengths."""

from __future__ import annotations

from typing import Any

from ..measurement import Measurement, Profile
from ..result.document import Figure, Section, report_page
from ..result.palette import COLOURS


def memory_page(title: str, found: Measurement, profile: Profile | None = None) -> str:
    """A page about a measurement, and about its profile if there is one.

    Args:
        title: heading.
        found: the measurement.
        profile: measurements at several cuts or lengths.

    Returns:
        HTML that needs no other file and no network.
    """
    plots = [_spectrum(found), _shares(found), *([] if profile is None else [_profile(profile)])]
    sections = [Section(heading, text, [Figure(figure)]) for heading, text, figure in plots]
    return report_page(title, "", sections, summary=str(found), wrap=True)


def _layout(figure: Any, **settings: Any) -> Any:
    figure.update_layout(template="plotly_white", height=380, margin={"t": 20}, font={"size": 14}, **settings)
    return figure


def _spectrum(record: Measurement) -> tuple[str, str, Any]:
    import plotly.graph_objects as go

    values = [value for value in record.singular_values if value > 0]
    figure = go.Figure()
    figure.add_scatter(
        x=list(range(1, len(values) + 1)),
        y=values,
        mode="lines+markers",
        name="singular values",
        line={"color": COLOURS[0]},
        marker={"size": 5},
    )
    figure.add_scatter(
        x=[1, len(values)],
        y=[values[0] * record.tolerance] * 2,
        mode="lines",
        name="tolerance",
        line={"dash": "dash", "color": "#777"},
    )
    _layout(
        figure, xaxis={"title": "number"}, yaxis={"title": "singular value", "type": "log", "exponentformat": "power"}
    )
    text = "Each is the weight of one product of a function of the start and a function of the end."
    return "Spectrum of the Start-End matrix", text, figure


def _shares(record: Measurement) -> tuple[str, str, Any]:
    import plotly.graph_objects as go

    shares = vars(record.shares)
    figure = go.Figure()
    for name, colour in zip(("start", "end", "interaction"), COLOURS, strict=False):
        figure.add_bar(
            y=["variance"],
            x=[shares[name]],
            name=name,
            orientation="h",
            marker={"color": colour},
            text=[f"{name} {100 * shares[name]:.1f} %"],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
        )
    _layout(figure, barmode="stack", xaxis={"tickformat": ".0%", "range": [0, 1]}, showlegend=True)
    figure.update_layout(height=200)
    text = "What the start explains alone, what the end explains alone, and what depends on both jointly."
    return "Shares of the output's variance", text, figure


def _profile(profile: Profile) -> tuple[str, str, Any]:
    import plotly.graph_objects as go

    over, points = profile.over, profile.points
    where = [getattr(point, over) for point in points]
    figure = go.Figure()
    shares = [point.shares.interaction for point in points]
    lines = [
        ("entropy", "entropy (nats)", [point.entropy for point in points], {"yaxis": "y", "symbol": "circle"}),
        ("interaction", "interaction share", shares, {"yaxis": "y2", "symbol": "square"}),
    ]
    for (key, name, values, look), colour in zip(lines, COLOURS, strict=False):
        figure.add_scatter(
            x=where,
            y=values,
            name=name,
            yaxis=look["yaxis"],
            mode="lines+markers",
            line={"color": colour},
            marker={"symbol": look["symbol"], "size": 8},
            error_y={"array": [point.errors[key].standard_error for point in points]},
        )
    _layout(
        figure,
        xaxis={"title": "cut: steps in the start" if over == "cut" else "length of the sequence"},
        yaxis={"title": "entropy (nats)", "rangemode": "tozero"},
        yaxis2={
            "title": "interaction share",
            "overlaying": "y",
            "side": "right",
            "range": [0, 1],
            "tickmode": "linear",
            "dtick": 0.2,
            "showgrid": False,
        },
        legend={"orientation": "h", "y": 1.12},
    )
    return f"Over the {over}", "Bars are one standard error of sampling.", figure
