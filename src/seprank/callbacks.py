"""Watch a model's long-term memory while it is trained: callbacks for Lightning and for Hugging Face's Trainer.

At regular steps the model is measured on a fixed small set of sequences. How many steps back it remembers (reach,
half and mean of its memory curve), and entropy, effective rank and interaction share at one cut go to the trainer's own
loggers. The classes are made when they are first asked for, because they derive from classes of packages that this one
does not need.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .question import check_whole
from .system.extras import need

if TYPE_CHECKING:
    from .memory_curve import MemoryCurve

    LightningMemory: Any
    HFMemory: Any

FIGURES = ("entropy", "effective_rank", "interaction")
CURVE_FIGURES = ("reach", "half", "mean")


class Probe:
    """Measures a model on fixed sequences.

    Args:
        starts, ends: halves as `measure` takes them.
        sequences: whole ones for the memory curve, at least 64, (count, steps, ...); by default each start with an end.
        curve: whether there is to be a memory curve.
        every: training steps between two measurements.
        model: from what is trained to the model to measure; by default itself.
        prefix: put before the names of the figures.
        settings: further settings of `measure`; those that `remember` has, too, hold for both.

    Raises:
        ValueError: there are too few sequences for a curve.
    """

    def __init__(
        self,
        starts: Tensor,
        ends: Tensor,
        *,
        sequences: Tensor | None = None,
        curve: bool = True,
        every: int = 100,
        model: Callable[[Any], Any] = lambda module: module,
        prefix: str = "memory/",
        **settings: Any,
    ) -> None:
        self.starts, self.ends, self.every = starts, ends, check_whole("every", every, 1)
        self._sequences = _sequences(starts, ends, sequences) if curve else None
        self._model, self._prefix, self._settings = model, prefix, settings
        self.history: list[tuple[int, dict[str, float]]] = []
        """(step, figures) of every measurement"""

    def due(self, step: int) -> bool:
        """Whether to measure after this step; not twice after the same."""
        return step % self.every == 0 and (not self.history or self.history[-1][0] != step)

    def __call__(self, trained: nn.Module, step: int) -> dict[str, float]:
        """The figures of the model as it is now, by the names they are logged under."""
        values = self.at_cut(trained)
        found = self.curve(trained)
        values |= {} if found is None else curve_figures(found)
        figures = {self._prefix + name: float(value) for name, value in values.items()}
        self.history.append((step, figures))
        return figures

    def at_cut(self, trained: nn.Module) -> dict[str, float]:
        """Entropy, effective rank and interaction share between starts and ends."""
        from .measurement import measure

        steps = self.starts.shape[1]
        found = measure(
            self._model(trained),
            length=steps + self.ends.shape[1],
            cut=steps,
            starts=self.starts,
            ends=self.ends,
            progress=False,
            **self._settings,
        )
        values = (found.entropy, found.effective_rank, found.shares.interaction)
        return dict(zip(FIGURES, values, strict=True))

    def curve(self, trained: nn.Module) -> MemoryCurve | None:
        """The memory curve on the sequences; None where none is wanted."""
        from .memory_curve import remember
        from .settings.remember_settings import shared_with_measure

        if self._sequences is None:
            return None
        return remember(
            self._model(trained),
            length=self._sequences.shape[1],
            data=self._sequences,
            progress=False,
            **shared_with_measure(self._settings),
        )


def curve_figures(curve: MemoryCurve) -> dict[str, float]:
    """What is logged of a memory curve."""
    return dict(zip(CURVE_FIGURES, (float(curve.reach()), float(curve.half), curve.mean), strict=True))


def _sequences(starts: Tensor, ends: Tensor, given: Tensor | None) -> Tensor:
    """Those for the memory curve."""
    from .settings.remember_settings import FEWEST

    count = min(len(starts), len(ends)) if given is None else len(given)
    if count < 2 * FEWEST:
        what = "starts and as many ends" if given is None else "sequences"
        raise ValueError(
            f"a memory curve needs at least {2 * FEWEST} {what}, got {count}; give more, or sequences, or curve=False"
        )
    return torch.cat([starts[:count], ends[:count]], 1) if given is None else given


def __getattr__(name: str) -> Any:
    makers = {"LightningMemory": _lightning_memory, "HFMemory": _hf_memory}
    if name not in makers:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(makers)}")
    return makers[name]()


@cache
def _lightning_memory() -> type[Any]:
    need("lightning", "train", "watching a Lightning run")
    from lightning.pytorch import Callback

    class LightningMemory(Callback):
        """Callback for Lightning's Trainer; arguments as `Probe`, `every` counts optimizer steps."""

        def __init__(self, starts: Tensor, ends: Tensor, **settings: Any) -> None:
            self.probe = Probe(starts, ends, **settings)

        def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
            step = trainer.global_step
            if self.probe.due(step):
                figures = self.probe(pl_module, step)
                for logger in trainer.loggers:
                    logger.log_metrics(figures, step=step)

    return LightningMemory


@cache
def _hf_memory() -> type[Any]:
    need("transformers", "hf", "watching a Hugging Face run")
    from transformers import TrainerCallback

    class HFMemory(TrainerCallback):
        """Callback for Hugging Face's Trainer; arguments as `Probe`. Call `attach` so that it can log."""

        def __init__(self, starts: Tensor, ends: Tensor, **settings: Any) -> None:
            self.probe = Probe(starts, ends, **settings)
            self._trainer: Any = None

        def attach(self, trainer: Any) -> Any:
            """Add this callback to a trainer, whose `log` it will use; returns the trainer."""
            self._trainer = trainer
            trainer.add_callback(self)
            return trainer

        def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
            if self._trainer is None:
                raise RuntimeError("HFMemory must be given to a trainer by memory.attach(trainer), to log through it")
            if self.probe.due(state.global_step):
                self._trainer.log(self.probe(model, state.global_step))

    return HFMemory
