"""A page of every measure of memory of one model, each with what it sees and what it cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..memory_curve import MemoryCurve
from ..neighbours.overview import Measure, Overview
from ..result.document import SURE, Figure, Section, Table, report_page
from ..result.palette import COLOURS
from .memory_curve import curve_sections

Record = Mapping[str, Any]


def neighbours_page(found: Overview) -> str:
    """The page, as HTML that needs no other file and no network.

    Args:
        found: the measures of a model.
    """
    lead = (
        "Memory is measured in several ways, which answer different questions and may disagree. Here is each, with "
        "what it sees and what it cannot."
    )
    sections = [Section("At a glance", "", [_glance(found)]), *(_section(measure) for measure in found.measures)]
    return report_page(f"{found.model}: every measure of memory, length {found.length}", lead, sections)


def _glance(found: Overview) -> Table:
    rows = [
        {
            "measure": measure.title,
            "what came out": measure.sentence(),
            "sees": measure.sees,
            "cannot see": measure.blind,
            SURE: _sure(measure),
        }
        for measure in found.measures
    ]
    return Table("measures", rows, "The measures of this model")


def _sure(measure: Measure) -> str:
    if measure.result is None:
        return "none for this model"
    if measure.name == "rank":
        return "certified"
    if measure.name == "capacity" and measure.to_dict()["result"]["kind"] == "exact":
        return "proved, in balls"
    if measure.name in ("size", "hankel"):
        return "floating point"
    return "measured, 90 % intervals"


def _section(measure: Measure) -> Section:
    text = f"{measure.sentence()} It sees {measure.sees}. It cannot see {measure.blind}."
    drawn = _FIGURES.get(measure.name)
    if measure.result is None or drawn is None:
        return Section(measure.title, text)
    return Section(measure.title, text, drawn(measure.to_dict()["result"]))


def _memory(record: Record) -> list[Figure | Table]:
    return [*curve_sections({"memory": MemoryCurve.from_dict(record)})[0].parts]


def _spectrum(record: Record) -> list[Figure | Table]:
    values = [value for value in record["singular_values"] if value > 0]
    figure = _lines({"singular values": (range(1, len(values) + 1), values)}, "number", "singular value", log=True)
    return [Figure(figure, f"{record['starts']} starts and {record['ends']} ends, cut {record['cut']}.")]


def _size(record: Record) -> list[Figure | Table]:
    lines = {
        f"singular values above {record['threshold']:.0e}": (record["positions"], record["tolerance"]),
        "by entropy": (record["positions"], record["entropy"]),
    }
    if record["certified"] is not None:
        lines["certified rank"] = (record["positions"], record["certified"])
    caption = f"Of {record['length']} steps, all {record['channels']} channels together; {record['kind']}."
    return [Figure(_lines(lines, "position", "effective state-size"), caption)]


def _capacity(record: Record) -> list[Figure | Table]:
    lags = range(len(record["per_lag"]))
    figure = _lines({"memory capacity": (lags, record["per_lag"])}, "steps back", "capacity", errors=record["errors"])
    caption = (
        f"Proved, each to {max(record['errors']):.0e}."
        if record["kind"] == "exact"
        else f"{record['samples']:,} sampled states; bars are 90 % intervals; 95 % of inputs that the state cannot "
        f"know stay below {record['noise']:.2g}."
    )
    return [Figure(figure, caption)]


def _gradients(record: Record) -> list[Figure | Table]:
    shown = [lag for lag, value in enumerate(record["values"]) if value > 0]
    lines = {"mean squared gradient": (shown, [record["values"][lag] for lag in shown])}
    caption = f"{record['samples']} sequences, {record['source']}."
    return [Figure(_lines(lines, "steps back", "squared gradient", log=True), caption)]


def _hankel(record: Record) -> list[Figure | Table]:
    numbers = range(1, record["units"] + 1)
    lines = {
        "Hankel singular values": (numbers, record["values"]),
        f"between halves of {record['length']} steps": (numbers, record["at_cut"]),
        "rounding": (numbers, [record["floor"]] * record["units"]),
    }
    caption = f"Spectral radius {record['radius']:.4g}; the second tends to the first with the length."
    return [Figure(_lines(lines, "number", "singular value", log=True), caption)]


_FIGURES: Mapping[str, Callable[[Record], list[Figure | Table]]] = {
    "memory_curve": _memory,
    "spectrum": _spectrum,
    "size": _size,
    "capacity": _capacity,
    "gradients": _gradients,
    "hankel": _hankel,
}


def _lines(lines: Mapping[str, Any], x: str, y: str, *, log: bool = False, errors: Any = None) -> Any:
    import plotly.graph_objects as go

    figure = go.Figure()
    for (name, (places, values)), colour in zip(lines.items(), COLOURS, strict=False):
        figure.add_scatter(
            x=list(places),
            y=list(values),
            name=name,
            mode="lines+markers",
            line={"color": colour},
            marker={"size": 5},
            error_y=None if errors is None else {"array": list(errors), "width": 0, "thickness": 1},
        )
    figure.update_layout(
        template="plotly_white",
        height=380,
        margin={"t": 20},
        font={"size": 14},
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    )
    figure.update_xaxes(title=x)
    figure.update_yaxes(
        title=y, **({"type": "log", "exponentformat": "power", "nticks": 8} if log else {"rangemode": "tozero"})
    )
    return figure
