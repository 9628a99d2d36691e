"""Certified ranks as rows and lines: what tables and figures of reports have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from ..result.document import SURE, Table
from ..result.palette import COLOURS, MARKERS
from ..theory import shown_error

Record = dict[str, Any]
"""A certified rank as plain values, what `Certificate.summary` or `Cell.to_dict` gives"""


_ASKED = {"domain": "domain", "readout": "read-out"}
"""What else a certificate answers, where the record says it: ranks that differ in it are of different matrices"""


def sureness(record: Record) -> str:
    """How near the certified rank is to the truth, in words."""
    if record.get("failure"):
        return f"failed: {record['failure']}"
    if record["exact"]:
        return "exact: certified, and a proved upper bound"
    if record["saturated"]:
        error = record.get("error")
        return "certified lower bound; saturated" + ("" if error is None else f", error at most {shown_error(error)}")
    if record["rank"] < record["samples"]:
        return "certified lower bound; how likely it is to be the rank is not known"
    return f"certified lower bound, limited by {record['samples']:,} samples"


def size(record: Record, name: str) -> Any:
    """A size of the network, wherever the record has it."""
    return record[name] if name in record else record["settings"].get(name)


def rank_table(name: str, records: Sequence[Record], caption: str) -> Table:
    """Networks with rank, least upper bound and how sure the rank is."""
    rows = [
        {
            "model": record["model"],
            "depth": size(record, "depth"),
            "width": size(record, "width"),
            "length": record["length"],
            "cut": record["cut"],
            **{shown: record[name] for name, shown in _ASKED.items() if name in record},
            "rank": record["rank"],
            "proved: at most": record["upper_bound"],
            SURE: sureness(record),
            "samples": record["samples"],
            "seed": record.get("seed"),
            "prime": record.get("prime"),
            "seconds": record.get("seconds"),
        }
        for record in records
    ]
    return Table(name, rows, caption, shown=tuple(rows[0])[: list(rows[0]).index(SURE) + 1] if rows else None)


def symbol(record: Record, marker: str) -> str:
    """The marker, open where the rank is not known to be exact."""
    return marker if record["exact"] else f"{marker}-open"


def add_ranks(figure: Any, records: Iterable[Record], name: str, number: int, over: str = "length") -> None:
    """A line of certified ranks; open markers are not exact."""
    found = sorted((r for r in records if r["rank"] is not None), key=lambda r: int(r[over]))
    marker = MARKERS[number % len(MARKERS)]
    figure.add_scatter(
        x=[record[over] for record in found],
        y=[record["rank"] for record in found],
        name=escape(name),
        mode="lines+markers",
        line={"color": COLOURS[number % len(COLOURS)], "width": 2},
        cliponaxis=False,
        marker={"symbol": [symbol(record, marker) for record in found], "size": 9, "line": {"width": 2}},
        customdata=[escape(sureness(record)) for record in found],
        hovertemplate=over + " %{x}<br>rank %{y:,}<br>%{customdata}<extra>" + escape(name) + "</extra>",
    )


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
