"""Architectures by one measure: certified ranks, and what is measured in floating point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..comparison import Cell
from ..measurement import Measurement
from ..result.chart import chart, label, legend_above, look
from ..result.document import SURE, Figure, Section, Share, Table
from ..result.palette import COLOURS
from .image import interval
from .rank_tables import rank_table, ranks_chart, shown_rank


def architectures_section(cells: Sequence[Cell], measured: dict[str, Measurement]) -> Section:
    """Certified ranks, all at one length, and measurements by name of model, side by side.

    Of models that can be certified, one layer is measured.
    """
    text = (
        "What is built from sums and products alone can be certified. What squashes (tanh, sigmoid) need not have a "
        "finite rank, and is measured: how many equally strong products of a function of the start and one of the end "
        "its outputs are worth (effective rank), with random weights. The two answer different questions: what a "
        "network can carry, and what one with these weights does carry."
    )
    certified = Figure(
        _certified(cells),
        f"Certified ranks at length {cells[0].length} and width {cells[0].width}, a line for each architecture, "
        "logarithmic. Full markers are exact, open ones certified from below. A second layer helps those that multiply "
        "what they are given; additive ones stay "
        "where they are, and their two markers coincide.",
    )
    return Section(
        "One measure across architectures",
        text,
        [
            certified,
            Figure(
                _measured(measured),
                "Effective rank with freshly drawn weights (all output channels), bars are 90 % intervals. Close to 1: "
                "networks whose start and end mostly add up, such as squashed and gated ones. Further right: those "
                "that multiply the state by the input, and those that turn the state unchanged. Their order is not "
                "that of the certified ranks.",
            ),
            _table(cells, measured),
            rank_table("architectures-certified", cells, "Certified ranks of all architectures and depths"),
        ],
    )


def _certified(cells: Sequence[Cell]) -> str:
    models = list(dict.fromkeys(cell.model for cell in cells))

    def draw(axes: Any) -> None:
        for number, depth in enumerate(sorted({cell.depth or 0 for cell in cells})):
            looks = look(number) | {"linestyle": "", "ms": 7}
            for exact in (True, False):
                line = [c for c in cells if c.depth == depth and c.rank is not None and c.exact == exact]
                places = [models.index(cell.model) for cell in line]
                ranks = [float(cell.rank or 0) for cell in line]
                more = {} if exact else {"mfc": "none"}
                axes.plot(ranks, places, **looks, **more, label=f"depth {depth}, {'exact' if exact else 'at least'}")
        _names(axes, models)
        axes.set(xlabel="certified rank", xscale="log")
        legend_above(axes)

    return chart(draw, 0.23 + 0.042 * len(models))


def _measured(measured: dict[str, Measurement]) -> str:
    ranks = [found.errors["effective_rank"] for found in measured.values()]

    def draw(axes: Any) -> None:
        errors = [[f.estimate - f.low for f in ranks], [f.high - f.estimate for f in ranks]]
        axes.errorbar([f.estimate for f in ranks], range(len(ranks)), xerr=errors, fmt="D", ms=5, color=COLOURS[2])
        _names(axes, list(measured))
        axes.set(xlabel="measured effective rank")

    return chart(draw, 0.19 + 0.042 * len(ranks))


def _names(axes: Any, models: Sequence[str]) -> None:
    """The models from top to bottom."""
    axes.set_yticks(range(len(models)), [label(name) for name in models], fontsize=9)
    axes.set_ylim(len(models) - 0.5, -0.5)


def _table(cells: Sequence[Cell], measured: dict[str, Measurement]) -> Table:
    shallow = {cell.model: cell for cell in cells if cell.depth == min(c.depth or 0 for c in cells)}
    rows = []
    for name in [*shallow, *(name for name in measured if name not in shallow)]:
        row: dict[str, Any] = {"model": name, "certified rank": None, SURE: "not polynomial: cannot be certified"}
        if name in shallow:
            row |= {"certified rank": shown_rank(shallow[name]), SURE: shallow[name].known.sentence}
        if name in measured:
            found = measured[name]
            row |= {
                "effective rank": found.effective_rank,
                "interaction share": Share(found.shares.interaction),
                "how sure (measured)": interval(found, "effective_rank"),
            }
        rows.append(row)
    return Table("architectures", rows, "One layer: certified without squashing, measured with it")


def integration_section(cells: Sequence[Cell]) -> Section:
    """What multiplicative integration does: variants of one layer against length."""
    lines: dict[str, list[Cell]] = {}
    for cell in cells:
        lines.setdefault(cell.model, []).append(cell)
    caption = (
        "One layer of each, equal width, logarithmic. Flat at 2: additive (elman). Flat at the width or one above: one "
        "product of state and input per step (rac, second_order and cp_rnn coincide; mi_rnn). Rising: gates that are "
        "themselves functions of the state multiply it with itself at each step (arithmetic_lstm). Open markers: "
        "certified from below; where that line turns flat it has reached the number of samples, not its rank."
    )
    table = rank_table("integration", cells, "Variants of one layer")
    return Section(
        "What does multiplicative integration do?",
        _integration(cells),
        [Figure(ranks_chart(lines, height=0.69), caption), table],
    )


def _integration(cells: Sequence[Cell]) -> str:
    last = max(cell.length for cell in cells)
    found = {cell.model: cell for cell in cells if cell.length == last and cell.rank is not None}
    said = ", ".join(f"{name} {'' if c.exact else 'at least '}{c.rank:,}" for name, c in found.items())
    return (
        f"At length {last} and width {cells[0].width}, one layer carries: {said}. Adding input and state leaves two "
        "threads at most, the start's own contribution and the end's; multiplying them opens as many as there are "
        "units; multiplying the state with itself opens more with every step."
    )
