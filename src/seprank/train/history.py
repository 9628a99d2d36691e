"""What was seen during a run: losses and scores, and long-term memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..system.files import csv_text, write_whole
from .train_record import Row


@dataclass
class History:
    """Everything that a resumed run must know, of plain types, as a checkpoint keeps it."""

    curve: list[Row] = field(default_factory=list)
    """step, train_loss and the scores of the validation"""
    memory: list[Row] = field(default_factory=list)
    """step, entropy, effective_rank, interaction, which are None where the output did not vary; and reach, half and
    mean of the memory curve, where there is one"""
    solved_at: int | None = None
    """The step of the validation that found the task solved"""
    test: dict[str, float] | None = None
    """Scores of the newest test"""
    remembered: list[Row] = field(default_factory=list)
    """Memory curves of the first and of the last look, each with its step"""

    def add(self, step: int, train_loss: float | None, scores: Mapping[str, float]) -> None:
        """Add a validation; before the first step there is no training loss."""
        loss = {} if train_loss is None else {"train_loss": train_loss}
        self.curve.append({"step": step, **loss, **scores})

    def numbers(self) -> dict[str, Any]:
        """The newest row with the memory measured at the same step, for a logger."""
        row = self.curve[-1]
        memory = self.memory[-1] if self.memory and self.memory[-1]["step"] == row["step"] else {}
        both = row | {f"memory/{name}": value for name, value in memory.items()}
        return {name: value for name, value in both.items() if isinstance(value, float)}

    def write(self, path: Path) -> None:
        """Write a CSV file, whole: one line per validation, with memory where it was measured."""
        memory = {row["step"]: row for row in self.memory}
        lines = [row | {f"memory_{k}": v for k, v in memory.get(row["step"], {}).items()} for row in self.curve]
        write_whole(path, csv_text([{k: v for k, v in line.items() if k != "memory_step"} for line in lines]))
