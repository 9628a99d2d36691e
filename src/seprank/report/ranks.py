"""Certified ranks as rows and lines: what tables and figures of reports have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from ..certification.summary import Summary
from ..comparison import Cell
from ..result.document import SURE, AtLeast, Table, shortened
from ..result.palette import COLOURS, MARKERS
from ..system.names import quoted_name

Ranked = Summary | Cell
"""A certified rank: the answer of a certificate, or a cell of a comparison"""


def rank_table(name: str, records: Sequence[Ranked], caption: str) -> Table:
    """Networks with rank, least upper bound and how sure the rank is."""
    rows = [_row(record) for record in records]
    return Table(name, rows, caption, shown=tuple(rows[0])[: list(rows[0]).index(SURE) + 1] if rows else None)


def _row(record: Ranked) -> dict[str, Any]:
    # Ranks that differ in what was asked are of different matrices.
    asked = {"domain": record.domain, "read-out": record.readout} if isinstance(record, Summary) else {}
    drawn = {"seed": record.seed, "prime": record.prime} if isinstance(record, Summary) else {}
    return {
        "model": quoted_name(record.model),
        "depth": record.depth,
        "width": record.width,
        "length": record.length,
        "cut": record.cut,
        **asked,
        "rank": shown_rank(record),
        "proved: at most": record.upper_bound,
        SURE: record.known.sentence,
        "samples": record.samples,
        **drawn,
        "seconds": record.seconds,
    }


def shown_rank(record: Ranked) -> int | None:
    """The rank; with its sign where it is only known to be at least that."""
    return record.rank if record.rank is None or record.exact else AtLeast(record.rank)


def add_ranks(figure: Any, records: Iterable[Ranked], name: str, number: int, over: str = "length") -> None:
    """A line of certified ranks over length or cut; open markers are not exact."""
    found = sorted((r for r in records if r.rank is not None), key=lambda r: int(getattr(r, over)))
    figure.add_scatter(
        x=[getattr(record, over) for record in found],
        y=[record.rank for record in found],
        name=escape(shortened(name)),
        mode="lines+markers",
        line={"color": COLOURS[number % len(COLOURS)], "width": 2},
        cliponaxis=False,
        marker={"symbol": [symbol(record, number) for record in found], "size": 9, "line": {"width": 2}},
        customdata=[escape(f"{record.known.sign} {record.rank:,}: {record.known.sentence}") for record in found],
        hovertemplate=over + " %{x}<br>rank %{customdata}<extra>" + escape(name) + "</extra>",
    )


def depths_of(records: Iterable[Summary]) -> list[int]:
    """The depths that there are, ascending."""
    return sorted({int(record.depth or 0) for record in records})


def symbol(record: Ranked, number: int) -> str:
    """The marker of a line, open where the rank is not known to be exact."""
    return MARKERS[number % len(MARKERS)] + ("" if record.exact else "-open")


def laid_out(figure: Any, height: int = 420, **settings: Any) -> Any:
    """The look of all figures of a report: readable on a phone, legend below."""
    figure.update_layout(
        template="plotly_white",
        height=height,
        margin={"t": 10, "l": 10, "r": 10, "b": 10},
        font={"size": 13},
        legend={"orientation": "h", "y": -0.22, "yanchor": "top", "x": 0},
        dragmode=False,
        **settings,
    )
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return figure
