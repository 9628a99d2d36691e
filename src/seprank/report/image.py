"""One Start-End matrix: as an image, its spectrum, and its certified rank."""

from __future__ import annotations

from collections.abc import Sequence
from math import asinh
from statistics import median
from typing import Any

from ..certification.summary import Summary
from ..measurement import Measurement
from ..result.chart import chart, legend_above
from ..result.document import SURE, AtLeast, Figure, Section, Table
from ..result.palette import COLOURS
from ..system.extras import need
from .findings import Matrix
from .rank_tables import shown_rank


def matrix_section(matrix: Matrix) -> Section:
    """How long-term memory is measured."""
    values, certificate, measurement = matrix.values, matrix.certificate, matrix.measurement
    rank, length, cut = certificate.rank, certificate.length, certificate.cut
    text = (
        f"Run the network on every start (the first {cut} steps) followed by every end (the other {length - cut}), and "
        "write the outputs into a matrix: a row for each start, a column for each end. If start and end were "
        f"independent, all rows would be multiples of one row: rank 1. This network's matrix has rank {rank:,}, "
        "however many starts and ends are tried: that is how many independent threads run from the start to the end."
    )
    image = Figure(
        _image(values),
        f"The Start-End matrix of {len(values)} starts and {len(values[0])} ends, random weights. Every row is a "
        "start, every column an end; orange is positive, blue negative, on a scale that shows small values, too. Look "
        "for rows that are not multiples of each other: the end answers differently to them.",
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
        {
            "quantity": "rank",
            "means": "all threads, however weak",
            "value": shown_rank(certificate),
            SURE: certificate.known.sentence,
        },
        {
            "quantity": "upper bound of the rank",
            "means": "no weights and no samples give more",
            "value": certificate.upper_bound,
            SURE: "proved bound",
        },
        {
            "quantity": "numerical rank",
            "means": "threads that floating point tells from rounding",
            "value": numerical_rank(measurement),
            SURE: f"measured, tolerance {measurement.tolerance:.1e}, {samples}",
        },
    ]
    rows += [
        {"quantity": name, "means": means, "value": measurement.errors[key].estimate, SURE: interval(measurement, key)}
        for key, name, means in _MEASURED
    ]
    caption = (
        "The same matrix in numbers. The rank counts all threads, the effective rank those of equal strength: with "
        "random weights one thread outweighs the others, so that both are right. An interval that may be too narrow "
        "rests on samples too few for a distribution with such rare large values."
    )
    return Table("one-matrix", rows, caption)


_MEASURED = (
    ("effective_rank", "effective rank", "threads of equal strength that the output is worth"),
    ("interaction", "share of interaction", "of the output's variance, what start and end explain only jointly"),
)


def numerical_rank(measurement: Measurement) -> int:
    """The numerical rank; only a lower bound if all singular values count."""
    found = measurement.numerical_rank
    return AtLeast(found) if measurement.numerical_rank_is_bound else found


def interval(measurement: Measurement, name: str) -> str:
    """How certain a measured figure is."""
    figure = measurement.errors[name]
    text = f"measured, 90 % interval {figure.low:.4g} to {figure.high:.4g}"
    doubtful = " (may be too narrow)" if any("too narrow" in n or "too small" in n for n in measurement.notes) else ""
    return text + doubtful


def _image(values: Sequence[Sequence[float]]) -> str:
    unit = median(abs(value) for row in values for value in row) or 1.0
    shown = [[asinh(value / unit) for value in row] for row in values]
    most = max(abs(value) for row in shown for value in row)

    def draw(axes: Any) -> None:
        colours = need("matplotlib.colors", "draw", "drawing").LinearSegmentedColormap.from_list
        scale = colours("signs", [COLOURS[0], "#ffffff", COLOURS[1]])
        axes.imshow(shown, cmap=scale, vmin=-most, vmax=most, interpolation="nearest")
        axes.set(xlabel="ends", ylabel="starts")
        axes.grid(visible=False)

    return chart(draw, 0.69)


def _spectrum(measurement: Measurement, rank: int) -> str:
    panel = measurement.panels()[0]

    def draw(axes: Any) -> None:
        panel.draw(axes)
        axes.axvline(rank + 0.5, ls=":", lw=2.5, color=COLOURS[1], label=f"certified rank {rank:,}")
        legend_above(axes)

    return chart(draw, panel.height)
