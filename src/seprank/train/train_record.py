"""What comes of a training run, as it is kept: plain values for JSON."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

Outcome = Literal["solved", "unsolved", "diverged"]

Row = dict[str, Any]
"""A step, and what was seen there: a loss and scores whose names depend on the task, or figures of memory"""


class TrainRecord(TypedDict):
    """The record of a training run."""

    outcome: Outcome
    steps: int
    """Taken, or at which it diverged"""
    solved_at: int | None
    """The step of the validation that found the task solved"""
    test: dict[str, float] | None
    """Scores on the test sequences, None if it diverged"""
    baselines: dict[str, float]
    """Of the task, exact"""
    width: int | None
    """None for a factory of the user's own that takes none"""
    parameters: int
    curve: list[Row]
    """step, train_loss and the scores of the validation"""
    memory: list[Row]
    """step, entropy, effective_rank, interaction, which are None where the output did not vary; and reach, half and
    mean of the memory curve, where there is one"""
    remembered: NotRequired[list[Row]]
    """Memory curves before and after, each with its step; runs of early versions have none"""
    seconds: float
    versions: dict[str, str]
