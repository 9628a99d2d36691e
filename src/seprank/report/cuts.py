"""Why depth helps at varying length: rank at every cut of one length, and at every length for one cut."""

from __future__ import annotations

from collections.abc import Sequence

from ..certification.summary import Summary
from ..result.document import Figure, Section
from .rank_tables import by_depth, layers, rank_table, ranks_chart


def cuts_section(by_cut: Sequence[Summary], by_length: Sequence[Summary]) -> Section:
    """Ranks at all cuts of one length, and at the middle cuts of lengths that one layer cannot follow."""
    return Section(
        "Why do deep networks win at varying length?",
        _sentence(by_length),
        [
            Figure(
                ranks_chart(_named(by_length), log=False, height=0.58),
                "Rank at the middle cut against length, both axes plain. The line of one layer is flat: a longer "
                "sequence gives it nothing more to remember with. That of two layers rises at every step.",
            ),
            Figure(
                ranks_chart(_named(by_cut), "cut", height=0.58),
                "Rank at every cut of one length, logarithmic. One layer carries the same at each. Deeper networks "
                "carry more the longer the end is, because every later step asks the start anew, until the start is "
                "too short to answer. Open markers are certified from below and not known to be exact.",
            ),
            rank_table("rank-by-length", by_length, "Certified ranks at the middle cut, long sequences"),
            rank_table("rank-by-cut", by_cut, "Certified ranks at every cut"),
        ],
    )


def _sentence(records: Sequence[Summary]) -> str:
    """From the ranks at the greatest length that all depths have."""
    ranks = {depth: {r.length: r.rank for r in found} for depth, found in by_depth(records).items()}
    lengths = sorted(set.intersection(*(set(found) for found in ranks.values())))
    low, high = min(ranks), max(ranks)
    flat = len({ranks[low][length] for length in lengths}) == 1
    grown = f"{ranks[high][lengths[0]]:,} at length {lengths[0]} to {ranks[high][lengths[-1]]:,} at {lengths[-1]}"
    first = f"is {ranks[low][lengths[0]]:,} at every length" if flat else "grows as well"
    return (
        f"The rank of {layers(low)} {first}; that of {layers(high)} of the same width grows from {grown}. A "
        f"shallow network would need a width of its own for each length ({ranks[high][lengths[-1]]:,} for the longest "
        "here), a deep one has the memory that the sequence at hand needs."
    )


def _named(records: Sequence[Summary]) -> dict[str, list[Summary]]:
    return {f"depth {depth}": found for depth, found in by_depth(records).items()}
