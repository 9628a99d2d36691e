"""What Lightning needs to know of a run. Imported only by functions, because it needs lightning."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.utils.data import IterableDataset

from ..settings.train_settings import TrainSettings
from ..sources.steps import outputs_of
from ..system.files import write_whole
from ..tasks import Batch
from .evaluation import Evaluation
from .history import History
from .network import Network


class NonFiniteLoss(ArithmeticError):
    """The loss became infinite or not a number; `step` says after how many optimizer steps."""

    def __init__(self, step: int) -> None:
        super().__init__(f"the loss was not finite after {step} steps; use a smaller rate, or a smaller clip")
        self.step = step


class Learner(LightningModule):
    """A network with the loss of its task and the optimizer of its settings."""

    def __init__(self, settings: TrainSettings, network: Network) -> None:
        super().__init__()
        self.settings, self.network = settings, network
        self.losses: list[Tensor] = []
        """Training losses since the last validation"""

    def training_step(self, batch: Batch, number: int) -> Tensor:
        loss: Tensor = self.settings.task_built.loss(outputs_of(self.network, batch.inputs)[0], batch.targets)
        if not torch.isfinite(loss):
            raise NonFiniteLoss(self.trainer.global_step)
        self.losses.append(loss.detach())
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.RMSprop(self.network.parameters(), lr=self.settings.rate, alpha=self.settings.decay)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        return Batch(batch.inputs.to(device), batch.targets.to(device))


class Batches(IterableDataset[Batch]):
    """The training batches from the learner's present step to the next validation.

    Each depends on its number alone, so that a resumed run sees the same batches as an uninterrupted one.
    """

    def __init__(self, learner: Learner) -> None:
        self._learner = learner

    def __iter__(self) -> Iterator[Batch]:
        settings = self._learner.settings
        first = self._learner.trainer.global_step
        for index in range(first, first + settings.evaluate_every - first % settings.evaluate_every):
            yield settings.task_built.batch(settings.batch, seed=settings.seed, stream="train", index=index)


class Watch(Callback):
    """Between two epochs: evaluates the network, stops when the task is solved, and writes a checkpoint.

    What was seen is kept in the checkpoint, and written as `curve`; `say` is called with each step.
    """

    def __init__(self, evaluation: Evaluation, checkpoint: Path, curve: Path, say: Callable[[int], None]) -> None:
        self.evaluation, self._checkpoint, self._curve, self._say = evaluation, checkpoint, curve, say

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.global_step == 0:
            self._look(trainer, pl_module)
        # A run may have been killed after it had solved its task and before that was written down.
        trainer.should_stop = self.evaluation.seen.solved_at is not None

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        self._say(trainer.global_step)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._look(trainer, pl_module)
        # First the checkpoint, then the row that reports it: whatever is reported can be resumed.
        write_whole(self._checkpoint, trainer.save_checkpoint)
        self.evaluation.seen.write(self._curve)

    def _look(self, trainer: Trainer, learner: Any) -> None:
        trainer.should_stop = self.evaluation.look(learner, trainer.global_step)
        for logger in trainer.loggers:
            logger.log_metrics(self.evaluation.seen.numbers(), step=trainer.global_step)

    def state_dict(self) -> dict[str, Any]:
        return asdict(self.evaluation.seen)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.evaluation.seen = History(**state_dict)
