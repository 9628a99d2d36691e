"""Copying memory: repeat what was read, long after it was read. Two variants that must not be compared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..question import keep_whole
from .task import Batch, Task, one_hot


class Copying(Task):
    """What both variants share: n symbols, a blank (number n) and a signal (n + 1); m symbols to repeat at the end."""

    symbols: int
    memory: int
    delay: int
    goal: ClassVar = ("data_accuracy", 0.99)
    every_step: ClassVar = True
    _ahead: ClassVar[int]
    """Steps from the signal to the first symbol that is due"""

    def __post_init__(self) -> None:
        keep_whole(self, "symbols", 2)
        keep_whole(self, "memory", 1)
        keep_whole(self, "delay", self._ahead)

    @property
    def inputs(self) -> int:
        return self.symbols + 2

    @property
    def length(self) -> int:
        return 2 * self.memory + self.delay

    @property
    def cut(self) -> int:
        """Within the symbols: after them all end halves would be alike, and nothing could depend on them."""
        return max(self.memory // 2, 1)

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        blank = self.symbols
        data = torch.randint(self.symbols, (size, self.memory), generator=generator)
        tokens = torch.full((size, self.length), blank)
        tokens[:, : self.memory] = data
        tokens[:, self.memory + self.delay - self._ahead] = blank + 1
        targets = torch.full((size, self.length), blank)
        targets[:, -self.memory :] = data
        return Batch(one_hot(tokens, self.inputs), targets)

    def baselines(self) -> dict[str, float]:
        """Blanks where blanks are due, then a uniform guess."""
        blanks = self.length - self.memory
        return {
            "loss": self.memory * math.log(self.symbols) / self.length,
            "accuracy": (blanks + self.memory / self.symbols) / self.length,
            "data_accuracy": 1 / self.symbols,
        }

    def score(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        scores = super().score(outputs, targets)
        right = outputs[:, -self.memory :].argmax(-1) == targets[:, -self.memory :]
        return scores | {"data_accuracy": right.float().mean().item()}


@dataclass(frozen=True)
class CopyingMemory(Copying):
    """Repeat m symbols; the recall is part of the waiting time, and the first symbol is due on the recall step.

    The input is m symbols, drawn uniformly from n, then B + m blanks, of which the one at position m + B (from 0) is
    the recall signal. The target is m + B blanks and then the m symbols, so that each symbol is due exactly m + B
    steps after it was read. n + 2 classes in and out, T = 2m + B, the loss is over all T positions.

    Solved at a data accuracy (over the last m positions) of 0.99.

    Source: Levine, Sharir, Ziv, Shashua 2017 (arXiv:1710.09431), section 5.

    Example:
        >>> task = CopyingMemory(symbols=4, memory=2, delay=1)
        >>> batch = task.batch(1, seed=0, stream="train", index=0)
        >>> batch.inputs.argmax(-1).tolist(), batch.targets.tolist()
        ([[1, 3, 4, 5, 4]], [[4, 4, 4, 1, 3]])
    """

    name: ClassVar = "copying-memory"
    _ahead: ClassVar = 0

    symbols: int = 32
    """n: different symbols"""
    memory: int = 30
    """m: symbols to remember"""
    delay: int = 60
    """B: blanks between the last symbol and the recall signal"""

    @property
    def outputs(self) -> int:
        return self.symbols + 2


@dataclass(frozen=True)
class CopyingMemoryArjovsky(Copying):
    """Repeat m symbols after a marker, in the variant of most papers on unitary networks.

    The input is m symbols, drawn uniformly from n, then D - 1 blanks, the marker and m blanks; recall starts on the
    step after the marker. n + 2 classes in, n + 1 out (the marker is never due), length D + 2m, the loss is over all
    positions.

    Solved at a data accuracy (over the last m positions) of 0.99.

    Source: Arjovsky, Shah, Bengio 2016 (arXiv:1511.06464), section 4.1, where the delay is called T.

    Example:
        >>> task = CopyingMemoryArjovsky(symbols=4, memory=2, delay=2)
        >>> batch = task.batch(1, seed=0, stream="train", index=0)
        >>> batch.inputs.argmax(-1).tolist(), batch.targets.tolist()
        ([[1, 3, 4, 5, 4, 4]], [[4, 4, 4, 4, 1, 3]])
    """

    name: ClassVar = "copying-memory-arjovsky"
    _ahead: ClassVar = 1

    symbols: int = 8
    """n: different symbols"""
    memory: int = 10
    """m: symbols to remember"""
    delay: int = 100
    """D: steps from the last symbol to the marker"""

    @property
    def outputs(self) -> int:
        return self.symbols + 1
