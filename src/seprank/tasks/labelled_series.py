"""Tasks on a finite set of labelled series, in three fixed parts."""

from __future__ import annotations

import math
from abc import abstractmethod
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from .task import Batch, Task, check_stream, generator

Counts = tuple[int, ...]


class LabelledSeries(Task):
    """Classify whole series of one number per step.

    Training goes through seeded epochs; validation and test series have a fixed order. Batches of "train" follow a
    stream of epochs, each a permutation of the training part that depends on the seed and the number of the epoch; a
    batch may reach into the next epoch. Batches of "validation" and "test" go round their part, which no seed changes.
    """

    inputs: ClassVar = 1

    @property
    @abstractmethod
    def class_counts(self) -> dict[str, Counts]:
        """Series per class in each part, known without the data."""

    @abstractmethod
    def parts(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Series (count, time, features) and classes (count,) of each part; `ImportError` without their package."""

    @property
    def outputs(self) -> int:
        return len(self.class_counts["train"])

    def available(self, stream: str) -> int:
        check_stream(stream)
        return sum(self.class_counts[stream])

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Training series at random, with repetition."""
        series, classes = self._parts["train"]
        rows = torch.randint(len(series), (size,), generator=generator)
        return Batch(series[rows], classes[rows])

    def baselines(self) -> dict[str, float]:
        """On the test part, of the class shares of the training part and of its most frequent class."""
        train, test = self.class_counts["train"], self.class_counts["test"]
        share = [count / sum(train) for count in train]
        loss = -sum(count * math.log(p) for count, p in zip(test, share, strict=True) if count) / sum(test)
        return {"loss": loss, "accuracy": test[share.index(max(share))] / sum(test)}

    @cached_property
    def _parts(self) -> dict[str, tuple[Tensor, Tensor]]:
        return self.parts()

    def _find(self, size: int, *, seed: int, stream: str, index: int) -> Batch:
        series, classes = self._parts[stream]
        first = index * size
        if stream == "train":
            rows = self._epochs(seed, first, first + size, len(series))
        else:
            rows = torch.arange(first, first + size) % len(series)
        return Batch(series[rows], classes[rows])

    def _epochs(self, seed: int, first: int, last: int, count: int) -> Tensor:
        """Places `first` to `last` of one permutation after the other."""
        epochs = range(first // count, (last - 1) // count + 1)
        order = torch.cat([torch.randperm(count, generator=generator(seed, "train", epoch)) for epoch in epochs])
        return order[first - epochs[0] * count :][: last - first]

    def _two_sets(self, count: int, seed: int) -> Tensor:
        """Test series; each set has no series twice, and the sets share none if there are enough."""
        series, _ = self._parts["test"]
        if count > len(series):
            raise ValueError(f"count must be at most {len(series)}, the number of test series, got {count}")
        order = torch.randperm(len(series), generator=generator(seed, "halves", 0))
        return series[torch.cat([order[:count], order.flip(0)[:count]])]


def shares(classes: Tensor, *sizes: int, seed: int = 0) -> list[Tensor]:
    """Numbers of series, ascending, for parts of given sizes with nearly equal class shares; the rest is the last part.

    Series are put in order of their classes (count,), at random within a class, and every part is taken at regular
    distances from those that are left.
    """
    order = torch.randperm(len(classes), generator=torch.Generator().manual_seed(seed))
    left = order[classes[order].argsort(stable=True)]
    parts = []
    for size in sizes:
        taken = _regular(len(left), size)
        parts.append(left[taken].sort().values)
        left = left[~taken]
    return [*parts, left.sort().values]


def share_counts(counts: Counts, *sizes: int) -> list[Counts]:
    """Series per class in each part that `shares` makes, from the series per class in all."""
    classes = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    parts = shares(classes, *sizes)
    return [tuple(torch.bincount(classes[part], minlength=len(counts)).tolist()) for part in parts]


def _regular(count: int, chosen: int) -> Tensor:
    """A mask of `count` places with `chosen` of them at distances that differ by at most 1."""
    steps = torch.arange(count + 1) * chosen // count
    return steps[1:] > steps[:-1]
