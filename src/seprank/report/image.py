"""One Start-End matrix: as an image, its spectrum, and its certified rank."""

from __future__ import annotations

from collections.abc import Sequence
from math import asinh
from statistics import median
from typing import Any

from ..certification.summary import Summary
from ..measurement import Measurement
from ..result.document import SURE, AtLeast, Figure, Section, Table
from ..result.palette import COLOURS
from .findings import Matrix
from .ranks import laid_out, shown_rank


def matrix_section(matrix: Matrix) -> Section:
    """How long-term memory is measured."""
    values, certificate, measurement = matrix.values, matrix.certificate, matrix.measurement
    rank, length, cut = certificate.rank, certificate.length, certificate.cut
    text = (
        f"Run the network on every start (the first {cut} steps) followed by every end (the other {length - cut}), and "
        "write the outputs into a matrix: a row for each start, a column for each end. Were start and end independent, "
        f"all rows would be multiples of one, rank 1. This network's matrix has rank {rank:,}, however "
        "many starts and ends are tried: so many independent threads run from the start to the end."
    )
    image = Figure(
        _image(values),
        f"The Start-End matrix of {len(values)} starts and {len(values[0])} ends, random weights. Every row is a "
        "start, every column an end; orange is positive, blue negative, on a scale that shows small values, too. Look "
        "for rows that are no multiple of another: the end answers differently to them.",
    )
    spectrum = Figure(
        _spectrum(measurement, rank),
        f"Its singular values. After number {rank:,} (the certified rank, dotted line) they fall to the size of "
        "rounding errors, below the dashed tolerance. The certificate needs no tolerance: it counts in whole "
        "numbers modulo a prime.",
    )
    return Section("How is long-term memory measured?", text, [image, spectrum, _table(certificate, measurement)])


def _table(certificate: Summary, measurement: Measurement) -> Table:
    samples = f"{measurement.starts} starts, {measurement.ends} ends"
    rows: list[dict[str, Any]] = [
        {"quantity": "rank", "value": shown_rank(certificate), SURE: certificate.known.sentence},
        {
            "quantity": "upper bound of the rank",
            "value": certificate.upper_bound,
            SURE: "proved bound",
        },
        {
            "quantity": "numerical rank",
            "value": numerical_rank(measurement),
            SURE: f"measured, tolerance {measurement.tolerance:.1e}, {samples}",
        },
    ]
    rows += [
        {"quantity": label, "value": measurement.errors[name].estimate, SURE: interval(measurement, name)}
        for name, label in (("effective_rank", "effective rank"), ("interaction", "share of interaction"))
    ]
    return Table("one-matrix", rows, "The same matrix in numbers")


def numerical_rank(measurement: Measurement) -> int:
    """The numerical rank, which is only a bound where all singular values count."""
    found = measurement.numerical_rank
    return AtLeast(found) if measurement.numerical_rank_is_bound else found


def interval(measurement: Measurement, name: str) -> str:
    """How sure a measured figure is."""
    figure = measurement.errors[name]
    text = f"measured, 90 % interval {figure.low:.3g} to {figure.high:.3g}"
    doubtful = " (may be too narrow)" if any("too narrow" in n or "too small" in n for n in measurement.notes) else ""
    return text + doubtful


def _image(values: Sequence[Sequence[float]]) -> Any:
    import plotly.graph_objects as go

    unit = median(abs(value) for row in values for value in row) or 1.0
    shown = [[asinh(value / unit) for value in row] for row in values]
    most = max(abs(value) for row in shown for value in row)
    figure = go.Figure()
    figure.add_heatmap(
        z=[[round(value, 3) for value in row] for row in shown],
        colorscale=[[0, COLOURS[0]], [0.5, "#ffffff"], [1, COLOURS[1]]],
        zmin=-most,
        zmax=most,
        showscale=False,
        hovertemplate="start %{y}, end %{x}<extra></extra>",
    )
    laid_out(figure, 420)
    figure.update_xaxes(title="ends", showgrid=False)
    figure.update_yaxes(title="starts", showgrid=False, autorange="reversed")
    return figure


def _spectrum(measurement: Measurement, rank: int) -> Any:
    import plotly.graph_objects as go

    figure = go.Figure()
    values = measurement.singular_values
    positive = [value / values[0] for value in values if value > 0]
    figure.add_scatter(
        x=list(range(1, len(positive) + 1)),
        y=positive,
        mode="markers",
        name="singular values, relative to the largest",
        marker={"color": COLOURS[0], "size": 6},
    )
    ends = [1, len(positive)]
    figure.add_scatter(
        x=ends, y=[measurement.tolerance] * 2, mode="lines", name="tolerance", line={"dash": "dash", "color": "#555"}
    )
    figure.add_scatter(
        x=[rank + 0.5] * 2,
        y=[min(positive), 1],
        mode="lines",
        name=f"certified rank {rank:,}",
        line={"dash": "dot", "color": COLOURS[1], "width": 3},
    )
    laid_out(figure, 400)
    figure.update_xaxes(title="number")
    figure.update_yaxes(title="singular value", type="log", exponentformat="power", nticks=8)
    return figure
