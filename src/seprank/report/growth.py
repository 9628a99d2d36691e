"""Rank against length, one line per network."""

from __future__ import annotations

from itertools import cycle

from jinja2 import Template

# Okabe and Ito's palette, told apart by colour-blind readers, with a marker for each so that print works too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("circle", "square", "diamond", "triangle-up", "cross", "star")

_PAGE = Template(
    """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{ title }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h1 { font-size: 1.3rem }
</style></head>
<body><h1>{{ title }}</h1>
<p>{{ sentence }}</p>
{{ figure }}
<p>Every marker is a certified rank: a lower bound on the generic Start-End separation rank, proved by a minor that is
not zero modulo a prime. The certificates lie beside this file; <code>seprank verify</code> rechecks them.</p>
</body></html>
""",
    autoescape=True,
)

Points = list[tuple[int, int]]
"""(length, rank)"""


def growth_page(title: str, series: dict[str, Points], *, limit: tuple[str, Points], sentence: str) -> str:
    """A page with ranks against length on a logarithmic axis.

    Args:
        title: heading of page.
        series: a line for each name.
        limit: name and points of a dashed line.
        sentence: what it means.

    Returns:
        HTML that needs no other file and no network.
    """
    import plotly.graph_objects as go
    from markupsafe import Markup

    figure = go.Figure()
    # Labels above and below in turn, so that those of neighbouring lines keep clear of each other.
    places = cycle(("top left", "bottom right"))
    for (name, points), colour, marker, place in zip(series.items(), COLOURS, MARKERS, places, strict=False):
        lengths, ranks = zip(*points, strict=True)
        figure.add_scatter(
            x=lengths,
            y=ranks,
            name=name,
            mode="lines+markers+text",
            text=[f"{rank:,}" for rank in ranks],
            textposition=place,
            line={"color": colour, "width": 2},
            marker={"symbol": marker, "size": 10},
            hovertemplate="length %{x}<br>rank %{y:,}<extra>" + name + "</extra>",
        )
    name, points = limit
    lengths, ranks = zip(*points, strict=True)
    figure.add_scatter(x=lengths, y=ranks, name=name, mode="lines", line={"color": "#777", "dash": "dash"})
    figure.update_layout(
        template="plotly_white",
        height=520,
        margin={"t": 20},
        xaxis={"title": "length T of the sequence", "tickvals": list(lengths)},
        yaxis={"title": "Start-End separation rank", "type": "log", "dtick": 1},
        legend={"x": 0.02, "y": 0.98},
        font={"size": 14},
    )
    html = figure.to_html(full_html=False, include_plotlyjs=True, config={"displayModeBar": False})
    page: str = _PAGE.render(title=title, sentence=sentence, figure=Markup(html))
    return page
