"""A training run from its settings to its record."""

from __future__ import annotations

import json
import logging
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..settings.resources import find_device
from ..settings.train_settings import TrainSettings
from ..system.extras import need
from ..system.files import check_folder, write_whole
from ..system.lock import acquire
from ..system.memory import check_weights, default_budget
from ..system.progress import bars
from ..system.versions import versions
from .evaluation import Evaluation
from .history import History
from .network import build_network
from .train_record import Outcome, TrainRecord

if TYPE_CHECKING:
    from .learner import Learner

CHECKPOINT, CURVE, RESULT, SETTINGS, WEIGHTS = (
    "checkpoint.ckpt",
    "curve.csv",
    "result.json",
    "settings.json",
    "weights.safetensors",
)


def fit(
    settings: TrainSettings,
    *,
    folder: str | Path,
    device: str = "cpu",
    logger: Any = None,
    progress: bool = True,
) -> TrainRecord:
    """Train a network on a task until it is solved or the steps are used up.

    The same call resumes a run that was interrupted in any way, and gives the numbers of an uninterrupted one. At most
    the steps since the last validation are repeated. A run that has ended is not repeated.

    Args:
        settings: all that decides the numbers.
        folder: where curve.csv, checkpoint, weights and result.json are kept; one folder for one run.
        device: "cpu", "cuda" or "auto". On a card the numbers agree with those of the processor only as far as
            rounding lets them.
        logger: a logger of Lightning that gets the curve, too.
        progress: show loss and baseline on standard error if it is a terminal.

    Returns:
        The record: `outcome` (solved, unsolved or diverged), `steps` taken, `solved_at` (the step of the validation
        that found the task solved, or None), `test` (scores on the test sequences, None if diverged), `baselines` (of
        the task, exact), `width`, `parameters`, `curve` and `memory` (lists of rows), `remembered` (memory curves
        before and after), `seconds` and `versions`.

    Raises:
        ImportError: lightning, or what the task's data need, is not installed.
        ValueError: the device is another or there is none, the folder holds a run with other settings, or another
            process is training in it, or the network does not fit in memory.

    Example:
        >>> import tempfile
        >>> settings = TrainSettings(
        ...     task="copying-memory", task_settings={"symbols": 2, "memory": 1, "delay": 0}, model="gru", width=8,
        ...     steps=4, batch=8, evaluate_every=2, validation=16, test=16,
        ... )
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     record = fit(settings, folder=folder)
        >>> record["steps"], [row["step"] for row in record["curve"]]
        (4, [0, 2, 4])
    """
    device = find_device(device)
    check_weights(settings.count_parameters(settings.network_width), default_budget())
    folder = Path(folder)
    check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    busy = ValueError(f"another process is training in {folder}; wait for it, or give another folder")
    with ExitStack() as stack:
        stack.callback(acquire(folder / "lock", busy).release)
        _claim(folder, settings)
        if (folder / RESULT).is_file():
            done: TrainRecord = json.loads((folder / RESULT).read_text("utf-8"))
            return done
        result = _run(settings, folder, device, logger, progress)
        write_whole(folder / RESULT, json.dumps(result, allow_nan=False))
        (folder / CHECKPOINT).unlink(missing_ok=True)
        return result


def _claim(folder: Path, settings: TrainSettings) -> None:
    """Claim the folder for these settings; refuse the folder of another run."""
    text = json.dumps(settings.to_dict(), indent=2, sort_keys=True, allow_nan=False)
    path = folder / SETTINGS
    if not path.is_file():
        write_whole(path, text)
    elif path.read_text("utf-8") != text:
        theirs, ours = json.loads(path.read_text("utf-8")), json.loads(text)
        name = next(name for name in sorted(theirs | ours) if theirs.get(name) != ours.get(name))
        raise ValueError(
            f"{folder} holds a run with {name} {theirs.get(name)!r}, this one has {ours.get(name)!r}; "
            "give another folder"
        )


def _run(settings: TrainSettings, folder: Path, device: str, logger: Any, progress: bool) -> TrainRecord:
    begin = time.perf_counter()
    need("lightning", "train", "training")
    from . import learner as needed

    evaluation = Evaluation(settings, device)
    network = build_network(settings)
    learner = needed.Learner(settings, network)
    diverged: int | None = None
    with _quiet_lightning(), _interruptible(), bars(progress) as report:

        def say(step: int) -> None:
            report("train", step, settings.steps, evaluation.text())

        watch = needed.Watch(evaluation, folder / CHECKPOINT, folder / CURVE, say)
        trainer = _trainer(settings, folder, device, logger, watch)
        try:
            _train(trainer, learner, folder / CHECKPOINT)
        except needed.NonFiniteLoss as error:
            diverged = error.step
    evaluation.seen.write(folder / CURVE)
    save_weights(learner, folder / WEIGHTS)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return _result(settings, evaluation.seen, diverged, parameters=parameters, seconds=time.perf_counter() - begin)


def _trainer(settings: TrainSettings, folder: Path, device: str, logger: Any, watch: Any) -> Any:
    from lightning.pytorch import Trainer

    kind, _, number = device.partition(":")
    return Trainer(
        accelerator="gpu" if kind == "cuda" else kind,
        devices=[int(number)] if number else 1,
        max_steps=settings.steps,
        gradient_clip_val=settings.clip,
        callbacks=[watch],
        logger=logger if logger is not None else False,
        default_root_dir=folder,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def _train(trainer: Any, learner: Learner, checkpoint: Path) -> None:
    from torch.utils.data import DataLoader

    from .learner import Batches

    # Each pass draws a number it does not use here: from a generator of its own, not from torch's global one.
    batches: DataLoader[Any] = DataLoader(Batches(learner), batch_size=None, generator=torch.Generator())
    trainer.fit(learner, batches, ckpt_path=checkpoint if checkpoint.is_file() else None, weights_only=True)


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Silence Lightning's hints on hardware and workers."""
    log = logging.getLogger("lightning.pytorch")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\..*")
            yield
    finally:
        log.setLevel(level)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Lightning swallows Ctrl-C; here it is a KeyboardInterrupt, as everywhere."""
    try:
        yield
    except SystemExit as end:
        if not isinstance(end.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, signal.default_int_handler)
        raise KeyboardInterrupt from None


def save_weights(learner: Learner, path: Path) -> None:
    """The network's parameters as safetensors."""
    from safetensors.torch import save_file

    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in learner.network.state_dict().items()}
    write_whole(path, lambda draft: save_file(tensors, draft))


def _result(
    settings: TrainSettings, seen: History, diverged: int | None, *, parameters: int, seconds: float
) -> TrainRecord:
    solved = seen.solved_at
    outcome: Outcome = "diverged" if diverged is not None else "unsolved" if solved is None else "solved"
    return {
        "outcome": outcome,
        "steps": seen.curve[-1]["step"] if diverged is None else diverged,
        "solved_at": solved,
        "test": seen.test,
        "baselines": settings.task_built.baselines(),
        "width": settings.network_width,
        "parameters": parameters,
        "curve": seen.curve,
        "memory": seen.memory,
        "remembered": seen.remembered,
        "seconds": round(seconds, 3),
        "versions": versions("seprank", "torch"),
    }
