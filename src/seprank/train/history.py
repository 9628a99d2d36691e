"""What was seen during a run: losses and scores, and long-term memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..system.files import csv_text, write_whole
from .train_record import Row


class Curve:
    """Rows of a learning curve, in memory and as a CSV file.

    Args:
        path: of the CSV file; written whole, so that it never holds half a row.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows: list[Row] = []
        """step, train_loss and the scores of the validation"""
        self.memory: list[Row] = []
        """step, entropy, effective_rank, interaction, which are None where the output did not vary; and reach, half and
        mean of the memory curve, where there is one"""

    def add(self, step: int, train_loss: float | None, scores: Mapping[str, float]) -> None:
        """Add a validation; before the first step there is no training loss."""
        loss = {} if train_loss is None else {"train_loss": train_loss}
        self.rows.append({"step": step, **loss, **scores})

    def add_memory(self, step: int, figures: Mapping[str, Any]) -> None:
        """Add a measurement of long-term memory."""
        self.memory.append({"step": step, **figures})

    def numbers(self) -> dict[str, float]:
        """The newest row with the memory measured at the same step, for a logger."""
        row = self.rows[-1]
        memory = self.memory[-1] if self.memory and self.memory[-1]["step"] == row["step"] else {}
        both = row | {f"memory/{name}": value for name, value in memory.items()}
        return {name: value for name, value in both.items() if isinstance(value, float)}

    def write(self) -> None:
        """Write the CSV file: one line per validation, with memory where it was measured."""
        memory = {row["step"]: row for row in self.memory}
        lines = [row | {f"memory_{k}": v for k, v in memory.get(row["step"], {}).items()} for row in self.rows]
        write_whole(self._path, csv_text([{k: v for k, v in line.items() if k != "memory_step"} for line in lines]))
