"""A short training result: what one layer and several learn of a task in the same number of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ..result.document import SURE, Figure, Section, Table
from ..result.palette import COLOURS, MARKERS
from .ranks import laid_out

Run = tuple[Mapping[str, Any], Mapping[str, Any]]
"""Settings and result of a training run, as a store has them"""
HEADING = "What is learnt with it?"


def learning_section(runs: Sequence[Run]) -> Section:
    """Learning curves and test scores of training runs on one task."""
    task = runs[0][0]["task"]
    text = (
        f"Networks that differ in depth only, trained on {task} for up to {runs[0][0]['steps']:,} steps. These are "
        "single short runs with one seed: they show that training works and what it looks like, and decide nothing "
        "about depth."
    )
    caption = (
        "Loss on validation sequences against steps, a line for each network. The dashed line is the loss of the best "
        "answer that does not look at the input: what falls below it has learnt to remember. A line ends where the "
        "task is solved."
    )
    return Section(HEADING, text, [Figure(_figure(runs), caption), _table(runs)])


def missing_section(reason: str) -> Section:
    """In place of the result, what to install."""
    return Section(HEADING, f"Not computed: {reason}.")


def _name(settings: Mapping[str, Any]) -> str:
    return f"{settings['model']}, depth {settings['depth']}"


def _figure(runs: Sequence[Run]) -> Any:
    import plotly.graph_objects as go

    figure = go.Figure()
    for number, (settings, result) in enumerate(runs):
        figure.add_scatter(
            x=[row["step"] for row in result["curve"]],
            y=[row["loss"] for row in result["curve"]],
            name=escape(_name(settings)),
            mode="lines+markers",
            line={"color": COLOURS[number % len(COLOURS)], "width": 2},
            marker={"symbol": MARKERS[number % len(MARKERS)], "size": 9},
        )
    baseline = runs[0][1]["baselines"].get("loss")
    if baseline is not None:
        most = max(row["step"] for _, result in runs for row in result["curve"])
        look = {"dash": "dash", "color": "#555"}
        figure.add_scatter(x=[0, most], y=[baseline] * 2, name="looking at no input", mode="lines", line=look)
    laid_out(figure, 400)
    figure.update_xaxes(title="steps")
    figure.update_yaxes(title="loss", rangemode="tozero")
    return figure


def _table(runs: Sequence[Run]) -> Table:
    rows = []
    for settings, result in runs:
        scores = result["test"] or {}
        rows.append(
            {
                "network": _name(settings),
                "parameters": result["parameters"],
                "outcome": result["outcome"],
                "steps": result["steps"],
                **{f"test {name}": value for name, value in scores.items()},
                SURE: f"measured on {settings['test']:,} test sequences, one run, seed {settings['seed']}",
                "seconds": result["seconds"],
            }
        )
    return Table("training", rows, "Scores on sequences that no training step has seen")
