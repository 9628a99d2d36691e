"""Validation, test and memory between two epochs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ..measurement.callbacks import Probe
from .curve import Curve
from .settings import TrainSettings

EVALUATION_BATCH = 500
"""Sequences evaluated at once"""


@runtime_checkable
class Learning(Protocol):
    """A network while it learns."""

    network: nn.Module
    losses: list[Tensor]
    """Training losses since the last look"""


class Evaluation:
    """Looks at a network from time to time, and knows when it has solved its task.

    Solved is what the task says of a test on `settings.test` sequences; the test is taken when a validation, on
    fewer sequences, reaches the goal, and at the end.
    """

    def __init__(self, settings: TrainSettings, curve: Curve, device: str) -> None:
        self._settings, self.curve, self._device = settings, curve, device
        self._probe = _probe(settings) if settings.memory_every else None
        self._baseline = settings.task_built.baselines()["loss"]
        self.solved_at: int | None = None
        self.test: dict[str, float] | None = None
        """Scores of the newest test"""

    def look(self, learner: Learning, step: int) -> bool:
        """Add to the curve what the network does at this step; True if the task is solved."""
        settings, task = self._settings, self._settings.task_built
        scores = self._scores(learner.network, "validation", settings.validation)
        losses, learner.losses = learner.losses, []
        self.curve.add(step, float(torch.stack(losses).mean()) if losses else None, scores)
        last = step >= settings.steps
        if task.solved(scores) or last:
            self.test = self._scores(learner.network, "test", settings.test)
            if task.solved(self.test):
                self.solved_at = step
        last = last or self.solved_at is not None
        if self._probe is not None and (last or step % settings.memory_every == 0):
            self.curve.add_memory(step, remember(self._probe, learner.network, step))
        return self.solved_at is not None

    def state(self) -> dict[str, Any]:
        """All that a run taken up again must know, of plain types."""
        return {"curve": self.curve.rows, "memory": self.curve.memory, "solved_at": self.solved_at, "test": self.test}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to what `state` returned."""
        self.curve.rows, self.curve.memory = state["curve"], state["memory"]
        self.solved_at, self.test = state["solved_at"], state["test"]

    def _scores(self, network: nn.Module, stream: str, count: int) -> dict[str, float]:
        batches = self._settings.task_built.batches(
            stream, seed=self._settings.seed, count=count, size=EVALUATION_BATCH
        )
        return evaluate(network, self._settings.task_built, batches, self._device)

    def text(self) -> str:
        """Loss and baseline, for people."""
        return f"loss {self.curve.rows[-1]['loss']:.4f}, baseline {self._baseline:.4f}" if self.curve.rows else ""


def _probe(settings: TrainSettings) -> Probe:
    starts, ends = settings.task_built.halves(settings.memory_samples, seed=settings.seed, cut=settings.memory_cut)
    return Probe(starts, ends, every=1, prefix="", seed=settings.seed)


def remember(probe: Probe, network: nn.Module, step: int) -> dict[str, Any]:
    """Entropy, effective rank and interaction share; none of them of an output that does not vary."""
    try:
        return probe(network, step)
    except ValueError as error:
        return {"entropy": None, "effective_rank": None, "interaction": None, "why": str(error)}


@torch.no_grad()
def evaluate(network: nn.Module, task: Any, batches: Iterable[Any], device: str = "cpu") -> dict[str, float]:
    """Mean scores of a network over batches, each sequence counting the same."""
    network.eval()
    totals: dict[str, float] = {}
    count = 0
    for batch in batches:
        size = len(batch.inputs)
        scores = task.score(network(batch.inputs.to(device))[0], batch.targets.to(device))
        totals = {name: totals.get(name, 0.0) + value * size for name, value in scores.items()}
        count += size
    network.train()
    return {name: total / count for name, total in totals.items()}
