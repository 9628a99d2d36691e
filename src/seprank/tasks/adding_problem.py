"""The adding problem: the sum of two marked numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from ..question import keep_whole
from .task import Batch, Task


@dataclass(frozen=True)
class AddingProblem(Task):
    """Add two numbers that are marked among others, one in each half.

    Two features per step: a number uniform in [0, 1), and a mark that is 1 at one uniform position of the first T // 2
    steps and at one of the others, else 0. One answer, after the last step: the sum of the two marked numbers. The
    loss is the squared error; the constant 1 has 1/6, the variance of a sum of two uniform numbers.

    Solved at a squared error of 0.01.

    Source: Hochreiter, Schmidhuber 1997 (doi:10.1162/neco.1997.9.8.1735), section 5.4, in the form of Arjovsky, Shah,
        Bengio 2016 (arXiv:1511.06464).

    Example:
        >>> batch = AddingProblem(length=6).batch(3, seed=0, stream="train", index=0)
        >>> batch.inputs[..., 1].tolist()[0]
        [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
        >>> torch.equal(batch.targets, batch.inputs.prod(2).sum(1, keepdim=True))
        True
    """

    name: ClassVar = "adding-problem"
    goal: ClassVar = ("squared_error", 0.01)
    inputs: ClassVar = 2
    outputs: ClassVar = 1

    length: int = 100
    """T: steps"""

    def __post_init__(self) -> None:
        keep_whole(self, "length", 2)

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        half = self.length // 2
        numbers = torch.rand((size, self.length), generator=generator)
        first = torch.randint(half, (size, 1), generator=generator)
        second = torch.randint(half, self.length, (size, 1), generator=generator)
        marks = torch.zeros(size, self.length).scatter_(1, torch.cat([first, second], 1), 1.0)
        total = numbers.gather(1, first) + numbers.gather(1, second)
        return Batch(torch.stack([numbers, marks], 2), total)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.mse_loss(self._answers(outputs), targets)

    def score(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        with torch.no_grad():
            error = self.loss(outputs, targets).item()
        return {"loss": error, "squared_error": error}

    def baselines(self) -> dict[str, float]:
        """The constant 1."""
        return {"loss": 1 / 6, "squared_error": 1 / 6}
