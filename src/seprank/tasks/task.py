"""What every task is: seeded batches, a loss, scores, exact baselines, and halves to measure a network on."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ..question import check_choice, check_cut, check_seed, check_whole

STREAMS = ("train", "validation", "test")
"""Where batches come from; sequences of one stream are independent of those of another"""
_HALVES = "halves"
_SEEDS_PER_STREAM = 2**30
_SMALLER_IS_BETTER = ("loss", "squared_error")


class Batch(NamedTuple):
    """Sequences and what is to be learnt of them."""

    inputs: Tensor
    """(batch, time, features) float32"""
    targets: Tensor
    """(batch, time) or (batch,) class numbers, or (batch, 1) numbers"""


class Task(ABC):
    """What a sequence network is trained on. A subclass is a frozen dataclass whose fields are its parameters.

    Two tasks with equal name, version and parameters make the same batches, on every machine with the same torch:
    a batch depends on nothing but (seed, stream, index) and its size. No state of a generator can be lost: a run that
    is resumed at step 700 asks for batch 700.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    """Raised when the same parameters and seed give other batches than before"""
    goal: ClassVar[tuple[str, float]]
    """The score that says whether the task is solved, and the value it must reach"""
    every_step: ClassVar[bool] = False
    """Whether the outputs of all steps count, or only the one after the last step"""

    @property
    @abstractmethod
    def inputs(self) -> int:
        """Features per step."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Numbers the network must give per step: one per class, or 1."""

    @property
    @abstractmethod
    def length(self) -> int:
        """T: steps of a sequence."""

    @property
    def cut(self) -> int:
        """c: steps of a start half, by default."""
        return self.length // 2

    @abstractmethod
    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` fresh sequences, all at once."""

    @abstractmethod
    def baselines(self) -> dict[str, float]:
        """Exact scores of the best answer that looks at no input, by the names of `score`."""

    def available(self, stream: str) -> int | None:
        """How many different sequences a stream has, None where each batch is fresh."""
        check_stream(stream)
        return None

    def settings(self) -> dict[str, Any]:
        """The parameters by name."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]  # every subclass is a dataclass

    def batch(self, size: int, *, seed: int, stream: str, index: int, device: torch.device | str = "cpu") -> Batch:
        """One batch of a stream.

        Args:
            size: sequences.
            seed: of the run.
            stream: "train", "validation" or "test".
            index: number of the batch in its stream, from 0.
            device: where the batch is needed; it is drawn on the processor, so that it is the same everywhere.

        Raises:
            ValueError: an argument is out of range.
        """
        check_stream(stream)
        size, index = check_whole("size", size, 1), check_whole("index", index, 0)
        found = self._find(size, seed=check_seed(seed), stream=stream, index=index)
        return Batch(*(tensor.to(device) for tensor in found))

    def batches(self, stream: str, *, seed: int, count: int, size: int) -> Iterator[Batch]:
        """Consecutive batches with `count` sequences in all, or the whole of a finite stream; the last may be short.

        Example:
            >>> from seprank.tasks import build_task
            >>> task = build_task("adding-problem", length=20)
            >>> [len(batch.inputs) for batch in task.batches("test", seed=0, count=25, size=10)]
            [10, 10, 5]
        """
        available = self.available(stream)
        left = check_whole("count", count, 1) if available is None else available
        size = check_whole("size", size, 1)
        for index in range(math.ceil(left / size)):
            inputs, targets = self.batch(size, seed=seed, stream=stream, index=index)
            yield Batch(inputs[:left], targets[:left])
            left -= size

    def halves(self, count: int, *, seed: int, cut: int | None = None) -> tuple[Tensor, Tensor]:
        """Start halves and end halves of test sequences, to measure a network on this task's own data.

        Every start is from another sequence than every end, so that any start can be put before any end, as
        `seprank.measure(network, length=task.length, cut=cut, starts=starts, ends=ends)` does.

        Args:
            count: halves of each kind.
            seed: of the run; the sequences are in no batch of it, unless the test data are finite.
            cut: c; by default the task's `cut`, T // 2 unless it says otherwise.

        Returns:
            Starts (count, cut, features) and ends (count, T - cut, features).
        """
        _, cut = check_cut(self.length, self.cut if cut is None else cut)
        sequences = self.sequences(count, seed=seed)
        count = len(sequences) // 2
        return sequences[:count, :cut], sequences[count:, cut:]

    def sequences(self, count: int, *, seed: int) -> Tensor:
        """The whole sequences that `halves` are of: (2 x count, T, features), the second half those of the ends."""
        return self._two_sets(check_whole("count", count, 1), check_seed(seed))

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """What training minimizes: the mean cross-entropy.

        Args:
            outputs: of the network at all steps (batch, time, outputs).
            targets: of the batch.
        """
        return F.cross_entropy(self._answers(outputs).flatten(0, -2), targets.flatten())

    def score(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """Scores of outputs: means over the batch of "loss" and whatever else the task counts."""
        with torch.no_grad():
            right = (self._answers(outputs).argmax(-1) == targets).float()
            return {"loss": self.loss(outputs, targets).item(), "accuracy": right.mean().item()}

    def solved(self, scores: dict[str, float]) -> bool:
        """Whether scores reach the goal; scores that are not finite never do."""
        metric, threshold = self.goal
        value = scores[metric]
        return value <= threshold if metric in _SMALLER_IS_BETTER else value >= threshold

    def _answers(self, outputs: Tensor) -> Tensor:
        """The outputs that count."""
        if outputs.ndim != 3 or outputs.shape[1:] != (self.length, self.outputs):
            wanted = f"(batch, {self.length}, {self.outputs})"
            raise ValueError(f"outputs must be {wanted}, at all steps, got {tuple(outputs.shape)}")
        return outputs if self.every_step else outputs[:, -1]

    def _find(self, size: int, *, seed: int, stream: str, index: int) -> Batch:
        return self.draw(size, generator(seed, stream, index))

    def _two_sets(self, count: int, seed: int) -> Tensor:
        """2 * count sequences of the test distribution, the second half independent of the first."""
        return self.draw(2 * count, generator(seed, _HALVES, 0)).inputs


def generator(seed: int, stream: str, index: int) -> torch.Generator:
    """The random numbers of one batch.

    Torch's generator on the processor takes 32 bits of its seed and ignores the rest. Two of them number the stream, so
    that streams never share a seed; the others go through all their values in strides that depend on (seed, stream),
    so that the first 2^30 batches of a stream never share one either.
    """
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    first, stride = (int.from_bytes(digest[place : place + 8], "big") for place in (0, 8))
    number = (*STREAMS, _HALVES).index(stream)
    place = (first + (2 * stride + 1) * index) % _SEEDS_PER_STREAM
    return torch.Generator().manual_seed(number * _SEEDS_PER_STREAM + place)


def one_hot(tokens: Tensor, letters: int) -> Tensor:
    """Tokens (batch, time) as vectors (batch, time, letters) of one 1 each."""
    return torch.eye(letters)[tokens]


def check_stream(stream: str) -> None:
    """Refuse a stream that does not exist."""
    check_choice("stream", stream, STREAMS)
