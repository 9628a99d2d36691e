"""Memory watched during training, by Lightning and by Hugging Face's Trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seprank import callbacks, measure, remember

FIGURES = {f"memory/{name}" for name in ("entropy", "effective_rank", "interaction", "reach", "half", "mean")}


def halves() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(64, 3, 2, generator=generator), torch.randn(64, 3, 2, generator=generator)


class Last(nn.Module):
    """A GRU and a readout, called like nn.RNN."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.readout = nn.GRU(2, 4, batch_first=True), nn.Linear(4, 1)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        output, state = self.rnn(x, state)
        return self.readout(output), state


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of other packages about themselves
def test_lightning_logs_the_figures(tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning.pytorch")
    from lightning.pytorch.loggers import CSVLogger

    class Task(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.model = Last()

        def training_step(self, batch: Any, _: int) -> Tensor:
            (x,) = batch
            return nn.functional.mse_loss(self.model(x)[0][:, -1, 0], x[:, 0, 0] * x[:, -1, 0])

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=0.01)

    starts, ends = halves()
    memory = callbacks.LightningMemory(starts, ends, every=4, model=lambda task: task.model)
    data = torch.randn(64, 6, 2, generator=torch.Generator().manual_seed(1))
    logger = CSVLogger(tmp_path)
    trainer = lightning.Trainer(
        max_steps=8,
        logger=logger,
        callbacks=[memory],
        accelerator="cpu",
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    task = Task()
    trainer.fit(task, torch.utils.data.DataLoader(torch.utils.data.TensorDataset(data), batch_size=8))
    assert [step for step, _ in memory.probe.history] == [4, 8]
    logger.save()
    header, *rows = (Path(logger.log_dir) / "metrics.csv").read_text().splitlines()
    assert FIGURES.issubset(header.split(","))
    assert len(rows) >= 2
    now = measure(task.model, length=6, cut=3, starts=starts, ends=ends, progress=False)
    assert memory.probe.history[-1][1]["memory/entropy"] == pytest.approx(now.entropy)
    curve = remember(task.model, length=6, data=torch.cat([starts, ends], 1), progress=False)
    assert memory.probe.history[-1][1]["memory/mean"] == pytest.approx(curve.mean)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of other packages about themselves
def test_hugging_face_trainer_logs_the_figures(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    config = transformers.GPT2Config(n_embd=8, n_layer=1, n_head=2, vocab_size=11, n_positions=16)
    generator = torch.Generator().manual_seed(0)
    model = transformers.GPT2LMHeadModel(config)
    tokens = torch.randint(0, 11, (64, 6), generator=generator)
    memory = callbacks.HFMemory(tokens[:16, :3], tokens[16:, 3:], sequences=tokens, every=2)
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path),
        max_steps=4,
        per_device_train_batch_size=8,
        report_to=[],
        use_cpu=True,
        save_strategy="no",
        disable_tqdm=True,
    )
    rows = [{"input_ids": row, "labels": row} for row in tokens]
    trainer = memory.attach(transformers.Trainer(model=model, args=arguments, train_dataset=rows))
    trainer.train()
    logged = [entry for entry in trainer.state.log_history if entry.keys() >= FIGURES]
    assert [entry["step"] for entry in logged] == [2, 4]
    assert all(entry["memory/effective_rank"] >= 1 for entry in logged)


def test_probe_is_due_every_so_many_steps_and_once() -> None:
    probe = callbacks.Probe(*halves(), every=3)
    assert [step for step in range(1, 8) if probe.due(step)] == [3, 6]
    probe(Last(), 3)
    assert not probe.due(3)
    with pytest.raises(ValueError, match="every must be at least 1"):
        callbacks.Probe(*halves(), every=0)


class Old(nn.Module):
    """The input of three steps ago."""

    input_size, batch_first = 2, True

    def forward(self, x: Tensor) -> Tensor:
        return x[:, -4, 0]


def test_a_probe_says_how_many_steps_back() -> None:
    figures = callbacks.Probe(*halves())(Old(), 100)
    assert figures.keys() == FIGURES
    assert [figures[f"memory/{name}"] for name in ("reach", "half", "mean")] == [3.0, 3.0, 3.0]
    with pytest.raises(ValueError, match="64 starts and as many ends, got 20"):
        callbacks.Probe(*(half[:20] for half in halves()))
    with pytest.raises(ValueError, match="64 sequences, got 10"):
        callbacks.Probe(*halves(), sequences=torch.zeros(10, 6, 2))
    without = callbacks.Probe(*(half[:20] for half in halves()), curve=False)(Old(), 100)
    assert without.keys() == {f"memory/{name}" for name in callbacks.FIGURES}


def test_a_callback_that_does_not_exist() -> None:
    with pytest.raises(AttributeError, match="LightningMemory, HFMemory"):
        callbacks.KerasMemory  # noqa: B018
