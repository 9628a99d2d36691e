"""What a comparison found: one cell for each network and length, as values, as text, as CSV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..system.files import csv_text
from .cell import Cell
from .table import table


@dataclass(frozen=True)
class Comparison:
    """The answer of `compare`."""

    inputs: int
    domain: str
    width: int | None
    """The common width, None at equal parameters"""
    parameters: int | None
    """The wanted number of parameters, None at equal width"""
    max_samples: int
    """Most samples on a side"""
    seed: int
    wanted: int
    """How many cells were asked for; more than there are if it was interrupted"""
    cells: list[Cell]

    @property
    def failed(self) -> list[Cell]:
        """The cells that have no rank."""
        return [cell for cell in self.cells if cell.verdict == "failed"]

    @property
    def deviation(self) -> tuple[float, float] | None:
        """Least and greatest relative deviation from the wanted number of parameters, None at equal width."""
        if self.parameters is None or not self.cells:
            return None
        counts = [cell.parameters for cell in self.cells]
        return min(counts) / self.parameters - 1, max(counts) / self.parameters - 1

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain values for JSON."""
        content = {name: value for name, value in vars(self).items() if name != "cells"}
        cells = [cell.to_dict() for cell in self.cells]
        return content | {"deviation": self.deviation, "complete": len(cells) == self.wanted, "cells": cells}

    def to_csv(self) -> str:
        """A line for each cell, seconds left out: the same question gives the same text."""
        rows = [cell.to_dict() for cell in self.cells]
        return csv_text([{name: value for name, value in row.items() if name != "seconds"} for row in rows])

    def heading(self) -> str:
        """What was compared, in a sentence."""
        sizes = f"width {self.width}" if self.parameters is None else f"{self.parameters:,} parameters"
        return (
            f"Start-End rank at equal {sizes}: inputs {self.inputs}, cut in the middle, domain {self.domain}, "
            f"at most {self.max_samples:,} samples a side, seed {self.seed}"
        )

    def notes(self) -> list[str]:
        """What the table needs to be read: its signs, deviations, failures, and whether it is whole."""
        notes = [
            "=n: the rank is n, certified and a proved upper bound.  n ≤u: certified n, which more samples do not",
            "raise; proved upper bound u.  ≥n ≤u: certified n, limited by the samples; more may raise it.",
        ]
        if self.deviation is not None:
            low, high = (f"{100 * part:+.1f} %" for part in self.deviation)
            notes.append(f"Parameters deviate by {low} to {high}: widths are whole numbers, the nearest is taken.")
        notes += [f"{c.model}, depth {c.depth}, length {c.length} failed: {c.failure}" for c in self.failed]
        if len(self.cells) < self.wanted:
            notes.append(f"Interrupted after {len(self.cells)} of {self.wanted} cells.")
        return notes

    def __str__(self) -> str:
        return "\n".join([self.heading(), "", *table(self.cells), "", *self.notes()])
