"""Certified ranks as tables and charts, which several sections of reports show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from ..certification.summary import Summary
from ..comparison import Cell
from ..result.chart import chart, label, legend_above, look
from ..result.document import SURE, AtLeast, Table
from ..system.names import quoted_name

Ranked = Summary | Cell
"""A certified rank: the answer of a certificate, or a cell of a comparison"""


def rank_table(name: str, records: Sequence[Ranked], caption: str) -> Table:
    """Networks with rank, least upper bound and how sure the rank is; what all have in common is in the caption."""
    rows = [_row(record) for record in records]
    if not rows:
        return Table(name, rows, caption)
    asked = list(rows[0])[: list(rows[0]).index("rank")]
    same = [column for column in asked if len(rows) > 1 and len({row[column] for row in rows}) == 1]
    shown = [column for column in list(rows[0])[: list(rows[0]).index(SURE) + 1] if column not in same]
    common = ", ".join(f"{column} {rows[0][column]}" for column in same)
    return Table(name, rows, f"{caption}: {common}" if common else caption, shown=tuple(shown))


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
    """The rank, marked where it is only a lower bound."""
    return record.rank if record.rank is None or record.exact else AtLeast(record.rank)


def ranks_chart(
    lines: Mapping[str, Sequence[Ranked]],
    over: Literal["length", "cut"] = "length",
    *,
    log: bool = True,
    ticks: bool = True,
    height: float = 0.68,
    beside: Callable[[Any, str, int], None] | None = None,
) -> str:
    """Certified ranks by network over length or cut, as SVG; `beside` draws more of a line by its name and number."""
    every = [record for line in lines.values() for record in line]
    title = "length T of the sequence" if over == "length" else f"cut: steps in the start, of {every[0].length}"

    def draw(axes: Any) -> None:
        for number, (name, line) in enumerate(lines.items()):
            _add_ranks(axes, line, name, number, over)
            if beside is not None:
                beside(axes, name, number)
        axes.set(xlabel=title, ylabel="Start-End rank", **({"yscale": "log"} if log else {"ylim": (0, None)}))
        if ticks:
            axes.set_xticks(sorted({getattr(record, over) for record in every}))
        legend_above(axes)

    return chart(draw, height)


def _add_ranks(axes: Any, records: Iterable[Ranked], name: str, number: int, over: str) -> None:
    """A line of certified ranks; open markers are not exact."""
    found = sorted((r for r in records if r.rank is not None), key=lambda r: int(getattr(r, over)))
    places, ranks = [getattr(record, over) for record in found], [float(record.rank or 0) for record in found]
    looks = look(number)
    axes.plot(places, ranks, **looks, mfc="white", label=label(name))
    exact = [i for i, record in enumerate(found) if record.exact]
    axes.plot([places[i] for i in exact], [ranks[i] for i in exact], **(looks | {"linestyle": ""}))


def by_depth(records: Iterable[Summary]) -> dict[int, list[Summary]]:
    """The records of each depth, ascending."""
    found: dict[int, list[Summary]] = {}
    for record in sorted(records, key=lambda record: int(record.depth or 0)):
        found.setdefault(int(record.depth or 0), []).append(record)
    return found


def layers(depth: int) -> str:
    return "one layer" if depth == 1 else f"{depth} layers"
