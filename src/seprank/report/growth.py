"""What depth buys: rank against length, one line per depth, with the paper's bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ..certification.summary import Summary
from ..result.document import Figure, Section
from ..result.palette import COLOURS
from .rank_tables import by_depth, rank_table, ranks_chart

_DRAWN = 10**300
"""Values that a float can hold"""


def growth_section(records: Sequence[Summary], sentence: str) -> Section:
    """Certified ranks of several depths, of one width and number of inputs, at growing length, and what they say."""
    caption = (
        "Certified rank against length on a logarithmic axis, cut in the middle; full markers are exact. Dashed, in "
        "the colour of its depth: what is proved in advance, for one layer the rank itself and for two a lower bound "
        "(both Theorem 1 of the paper), for three the power bound, which implies the paper's Conjecture 1 here. One "
        "layer stays at its width; each further layer starts another curve, which leaves the one below it behind."
    )
    lines = {f"depth {depth}": found for depth, found in by_depth(records).items()}
    return Section(
        "What does depth buy?",
        sentence,
        [
            Figure(ranks_chart(lines, beside=partial(_draw_stated, lines)), caption),
            rank_table("rank-against-length", records, "Certified ranks at the middle cut"),
        ],
    )


def _draw_stated(lines: Mapping[str, Sequence[Summary]], axes: Any, name: str, number: int) -> None:
    """What is proved that the ranks of a line are, or are at least."""
    known = {record.length: value for record in lines[name] if (value := _stated(record)) is not None}
    places = sorted(length for length, value in known.items() if value < _DRAWN)
    source = "paper" if int(lines[name][0].depth or 0) <= 2 else "power bound"
    style = {"ls": "--", "lw": 1, "color": COLOURS[number % len(COLOURS)]}
    axes.plot(places, [known[place] for place in places], **style, label=f"{source}, {name}")


def _stated(record: Summary) -> int | None:
    return max((bound.value for bound in record.bounds if bound.kind in ("exact", "lower")), default=None)
