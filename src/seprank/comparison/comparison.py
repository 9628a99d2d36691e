"""What a comparison found: one cell for each network and length, as values, as text, as CSV."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from ..result.chart import legend_above, look
from ..result.panels import Panel, page_figure
from ..result.result import STRICT, Plain, Result, Row, without
from ..result.sureness import Sureness
from ..result.text import text_table
from .cell import Cell

if TYPE_CHECKING:
    from ..result.document import Section

_CAPTION = (
    "A line for each depth: certified rank against length, proved from below. A full marker is exact; an open one is "
    "what more samples do not raise; an open triangle may be raised by more samples. Dotted: the least proved upper "
    "bound, up to the edge of the panel."
)
_RAISED = (Sureness.OPEN, Sureness.LIMITED)
"""What more samples may raise"""


@dataclass(frozen=True, repr=False)
class Comparison(Result):
    """The answer of `compare`."""

    __pydantic_config__ = STRICT
    NOUN: ClassVar[str] = "comparison"
    TABULAR: ClassVar[bool] = True
    ACROSS: ClassVar[int] = 3

    inputs: int
    domain: str
    width: int | None
    """The common width, None at equal parameters"""
    parameters: int | None
    """The wanted number of parameters, None at equal width"""
    max_samples: int
    """Maximum number of samples per side"""
    seed: int
    wanted: int
    """How many cells were asked for; more than there are if it was interrupted"""
    cells: list[Cell]
    model_settings: dict[str, Any] = field(default_factory=dict)
    """What the factories of the user's own were called with"""

    @property
    def failed(self) -> list[Cell]:
        """The cells that have no rank, or not the curve that was asked for."""
        return [cell for cell in self.cells if cell.failure is not None]

    @property
    def deviation(self) -> tuple[float, float] | None:
        """Least and greatest relative deviation from the wanted number of parameters, None at equal width.

        Over networks whose width could be chosen.
        """
        counts = [cell.parameters for cell in self.cells if cell.width is not None]
        if self.parameters is None or not counts:
            return None
        return min(counts) / self.parameters - 1, max(counts) / self.parameters - 1

    def to_dict(self) -> Plain:
        """The comparison as plain values for JSON."""
        content = {name: value for name, value in vars(self).items() if name != "cells"}
        cells = [cell.to_dict() for cell in self.cells]
        return content | {"deviation": self.deviation, "complete": len(cells) == self.wanted, "cells": cells}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Comparison:
        """The comparison that `to_dict` gave; what follows from the rest is worked out anew."""
        own = without(content, "deviation", "complete")
        if isinstance(cells := own.get("cells"), list):
            own["cells"] = [without(cell, "verdict") for cell in cells]
        return super().from_dict(own)

    def records(self) -> list[Row]:
        """A row for each cell, seconds left out: the same question gives the same rows."""
        return [without(cell.to_dict(), "seconds") for cell in self.cells]

    def headline(self) -> str:
        """What was compared, in a sentence."""
        sizes = f"width {self.width}" if self.parameters is None else f"{self.parameters:,} parameters"
        settings = "".join(f", {name}={value}" for name, value in self.model_settings.items())
        return (
            f"Start-End rank at equal {sizes}: inputs {self.inputs}, cut in the middle, domain {self.domain}, "
            f"at most {self.max_samples:,} samples a side, seed {self.seed}{settings}"
        )

    def panels(self) -> list[Panel]:
        """Ranks against length, a panel for each model, all of one scale."""
        models = list(dict.fromkeys(cell.model for cell in self.cells))
        return [Panel(name, partial(self._draw, name, first=name == models[0]), _CAPTION) for name in models]

    def sections(self) -> list[Section]:
        """One figure of all panels, and the table."""
        from ..result.document import Figure, Section

        panels = self.panels()
        drawn = Figure(page_figure(panels, self.ACROSS), scrolls=True) if panels else None
        return [*([Section("Rank against length", _CAPTION, [drawn])] if drawn else []), super().sections()[-1]]

    def _draw(self, model: str, axes: Any, *, first: bool) -> None:
        """A line for each depth, and its least upper bound, dotted, up to the edge of the panel."""
        top = 10 * max([10, *(cell.rank for cell in self.cells if cell.rank)])
        for number, depth in enumerate(dict.fromkeys(cell.depth for cell in self.cells)):
            found = [cell for cell in self.cells if (cell.model, cell.depth) == (model, depth)]
            line = sorted((cell for cell in found if cell.rank is not None), key=lambda cell: cell.length)
            looks, lengths = look(number), [cell.length for cell in line]
            axes.plot(lengths, [cell.rank for cell in line], **looks, mfc="white", label=_depth(depth))
            for exact, marker in ((True, looks["marker"]), (False, "^")):
                kept = [c for c in line if (c.exact if exact else c.known.sureness in _RAISED)]
                fill = {} if exact else {"mfc": "white"}
                axes.plot(
                    [c.length for c in kept],
                    [c.rank for c in kept],
                    **(looks | {"linestyle": "", "marker": marker}),
                    **fill,
                )
            limits = [math.nan if c.upper_bound is None else float(min(c.upper_bound, 10 * top)) for c in line]
            axes.plot(lengths, limits, ":", color=looks["color"], lw=1)
        axes.set(xlabel="length T", ylabel="certified rank", yscale="log", ylim=(0.8, top))
        axes.set_xticks(sorted({cell.length for cell in self.cells}))
        if first:
            legend_above(axes)

    def table(self) -> str:
        """A line for each network, a column for each length."""
        lengths, rows = list(dict.fromkeys(cell.length for cell in self.cells)), []
        for model, depth in dict.fromkeys((cell.model, cell.depth) for cell in self.cells):
            found = {cell.length: cell for cell in self.cells if (cell.model, cell.depth) == (model, depth)}
            first = next(iter(found.values()))
            name = f"{model}*" if first.skeleton else model
            sizes = ["own" if size is None else f"{size:,}" for size in (depth, first.width)]
            ranks = [entry for length in lengths for entry in self._entries(found.get(length))]
            rows.append([name, *sizes, f"{first.parameters:,}", *ranks])
        heads = [head for length in lengths for head in (f"T={length}", *(["reach"] if self.measured else []))]
        return text_table(rows, heads=["model", "depth", "width", "parameters", *heads])

    @property
    def measured(self) -> bool:
        """Whether there are curves, too."""
        return any(cell.reach is not None for cell in self.cells)

    def _entries(self, cell: Cell | None) -> list[str]:
        entry = "" if cell is None else cell.known.entry
        return [entry, "" if cell is None else cell.remembered] if self.measured else [entry]

    def notes(self) -> list[str]:
        """How to read the table: its signs, deviations, failures, and whether it is complete."""
        notes = [
            "=n: the rank is n, certified and a proved upper bound.  n ≤u: certified n, which more samples do not",
            "raise; proved upper bound u.  ≥n ≤u: certified n, limited by the samples; more may raise it.",
        ]
        if self.measured:
            notes += [
                "reach: measured with the weights of this seed, how many steps back more than 1 % of the output's",
                "variance comes from; ≥ where that is the first step. In brackets the mean age, in steps.",
            ]
        if any(cell.skeleton for cell in self.cells):
            notes.append("*: the rank is that of the network without activations, softmax and norms.")
        for own in dict.fromkeys(cell.model for cell in self.cells if cell.width is None):
            notes.append(f"{own} takes no width: it is compared as it is made, not at the size asked for.")
        if self.deviation is not None:
            low, high = (f"{100 * part:+.1f} %" for part in self.deviation)
            notes.append(f"Parameters deviate by {low} to {high}: widths are whole numbers, the nearest is taken.")
        notes += [f"{c.model}, {_depth(c.depth)}, length {c.length} failed: {c.failure}" for c in self.failed]
        if len(self.cells) < self.wanted:
            notes.append(f"Interrupted after {len(self.cells)} of {self.wanted} cells.")
        return notes

    def __str__(self) -> str:
        return "\n".join([self.headline(), "", self.table(), "", *self.notes()])


def _depth(depth: int | None) -> str:
    return "depth its own" if depth is None else f"depth {depth}"
