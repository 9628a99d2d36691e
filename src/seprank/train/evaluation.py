"""Validation, test and measurement of memory between two epochs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ..callbacks import FIGURES, Probe, curve_figures
from ..settings.remember_settings import FEWEST
from ..settings.train_settings import TrainSettings
from ..sources.steps import outputs_of
from .history import History
from .train_record import Row

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

    def __init__(self, settings: TrainSettings, device: str) -> None:
        self._settings, self._device = settings, device
        self._probe = _probe(settings) if settings.memory_every else None
        self._baseline = settings.task_built.baselines()["loss"]
        self.seen = History()

    def look(self, learner: Learning, step: int) -> bool:
        """Add to the curve what the network does at this step; True if the task is solved."""
        settings, task, seen = self._settings, self._settings.task_built, self.seen
        scores = self._scores(learner.network, "validation", settings.validation)
        losses, learner.losses = learner.losses, []
        seen.add(step, float(torch.stack(losses).mean()) if losses else None, scores)
        last = step >= settings.steps
        if task.solved(scores) or last:
            seen.test = self._scores(learner.network, "test", settings.test)
            if task.solved(seen.test):
                seen.solved_at = step
        last = last or seen.solved_at is not None
        if self._probe is not None and (last or step % settings.memory_every == 0):
            self._measure(self._probe, learner.network, step, keep=last or step == 0)
        return seen.solved_at is not None

    def _measure(self, probe: Probe, network: nn.Module, step: int, *, keep: bool) -> None:
        """Add memory to the learning curve, and keep the whole memory curve if asked to."""
        figures: Row
        try:
            figures = dict(probe.at_cut(network))
            curve = probe.curve(network)
        except ValueError as error:  # an output that does not vary has no memory to speak of
            figures, curve = {**dict.fromkeys(FIGURES), "why": str(error)}, None
        if curve is not None:
            figures |= curve_figures(curve)
            if keep:
                numbers = {name: value for name, value in curve.summary().items() if name != "seconds"}
                self.seen.remembered.append({"step": step, **numbers, "sentence": curve.sentence()})
        self.seen.memory.append({"step": step, **figures})

    def _scores(self, network: nn.Module, stream: str, count: int) -> dict[str, float]:
        batches = self._settings.task_built.batches(
            stream, seed=self._settings.seed, count=count, size=EVALUATION_BATCH
        )
        return evaluate(network, self._settings.task_built, batches, self._device)

    def text(self) -> str:
        """Loss and baseline, for people."""
        rows = self.seen.curve
        return f"loss {rows[-1]['loss']:.4f}, baseline {self._baseline:.4f}" if rows else ""


def _probe(settings: TrainSettings) -> Probe:
    task, count = settings.task_built, settings.memory_samples
    starts, ends = task.halves(count, seed=settings.seed, cut=settings.memory_cut)
    sequences = task.sequences(count, seed=settings.seed)
    enough = len(sequences) >= 2 * FEWEST
    return Probe(starts, ends, sequences=sequences, curve=enough, seed=settings.seed)


@torch.no_grad()
def evaluate(network: nn.Module, task: Any, batches: Iterable[Any], device: str = "cpu") -> dict[str, float]:
    """Mean scores of a network over batches, each sequence counting the same."""
    network.eval()
    totals: dict[str, float] = {}
    count = 0
    for batch in batches:
        size = len(batch.inputs)
        scores = task.score(outputs_of(network, batch.inputs.to(device))[0], batch.targets.to(device))
        totals = {name: totals.get(name, 0.0) + value * size for name, value in scores.items()}
        count += size
    network.train()
    return {name: total / count for name, total in totals.items()}
