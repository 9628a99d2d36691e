"""What depth buys: rank against length, one line per depth, with the paper's bounds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ..certification.summary import Summary
from ..result.chart import chart, legend_above
from ..result.document import Figure, Section
from ..result.palette import COLOURS
from .rank_tables import add_ranks, depths_of, rank_table

_DRAWN = 10**300
"""Values that a float can hold"""


def growth_section(records: Sequence[Summary], sentence: str) -> Section:
    """Certified ranks of several depths at growing length.

    Args:
        records: of certificates, all of one width and number of inputs.
        sentence: what they say.
    """
    caption = (
        "Certified rank against length on a logarithmic axis, cut in the middle; full markers are exact. Dashed, in "
        "the colour of its depth: what is proved in advance, for one layer the rank itself and for two a lower bound "
        "(both Theorem 1 of the paper), for three the power bound, which implies the paper's Conjecture 1 here. One "
        "layer stays at its width; each further layer starts another curve, which leaves the one below it behind."
    )
    return Section(
        "What does depth buy?",
        sentence,
        [
            Figure(chart(partial(_draw, records)), caption),
            rank_table("rank-against-length", records, "Certified ranks at the middle cut"),
        ],
    )


def stated(record: Summary) -> int | None:
    """What is proved that the rank is, or is at least."""
    return max((bound.value for bound in record.bounds if bound.kind in ("exact", "lower")), default=None)


def _draw(records: Sequence[Summary], axes: Any) -> None:
    for number, depth in enumerate(depths_of(records)):
        line = [record for record in records if record.depth == depth]
        line.sort(key=lambda record: int(record.length))
        add_ranks(axes, line, f"depth {depth}", number)
        known = [(record.length, value) for record in line if (value := stated(record)) is not None and value < _DRAWN]
        name = f"{'paper' if depth <= 2 else 'power bound'}, depth {depth}"
        axes.plot(
            [k[0] for k in known], [k[1] for k in known], "--", lw=1, color=COLOURS[number % len(COLOURS)], label=name
        )
    axes.set(xlabel="length T of the sequence", ylabel="Start-End separation rank", yscale="log")
    axes.set_xticks(sorted({record.length for record in records}))
    legend_above(axes)
