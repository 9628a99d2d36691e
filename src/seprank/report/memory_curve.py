"""What models remember, in a report: sentences, figures, a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..memory_curve import MemoryCurve, MemoryCurves
from ..result.chart import chart
from ..result.document import SURE, AtLeast, Figure, Section, Table

MOST = 6
"""Curves in a figure, as there are colours"""


def curves_section(curves: Sequence[tuple[str, MemoryCurve]]) -> Section:
    """What models remember: sentences, figures of the first few, a table of all; names may occur several times."""
    names = _told_apart([name for name, _ in curves])
    every = dict(zip(names, (curve for _, curve in curves), strict=True))
    drawn = dict(list(every.items())[:MOST])
    text = " ".join(f"{name}: {curve.sentence()}" for name, curve in drawn.items())
    left = f" The first {MOST} of {len(every)} are drawn." if len(every) > MOST else ""
    figures = [
        Figure(chart(panel.draw, panel.height), f"{panel.title}. {panel.caption}{left}")
        for panel in MemoryCurves(drawn).panels()
    ]
    return Section("How many steps back", text, [*figures, _table(every)])


def _told_apart(names: Sequence[str]) -> list[str]:
    """The names, numbered where they occur several times."""
    again = [names[:place].count(name) for place, name in enumerate(names)]
    return [
        name if names.count(name) == 1 else f"{name} ({number + 1})" for name, number in zip(names, again, strict=True)
    ]


def _table(curves: Mapping[str, MemoryCurve]) -> Table:
    rows = []
    for name, curve in curves.items():
        low, high = curve.reach_interval()
        rows.append(
            {
                "what": name,
                "length": curve.length,
                "reach": AtLeast(curve.reach()) if curve.at_least() else curve.reach(),
                "half": curve.half,
                "mean age": curve.mean,
                SURE: f"measured; 90 % interval of the reach {low:,} to {high:,}, {curve.samples} pairs of sequences",
                "threshold": curve.threshold,
                "largest rounding floor": max(curve.floor),
                "read-out": str(curve.readout),
                "seed": curve.seed,
                "notes": "; ".join(curve.notes),
            }
        )
    caption = (
        "Steps back with more than the threshold (reach) and with more than half (half) of the variance before them"
    )
    return Table("memory-curves", rows, caption)
