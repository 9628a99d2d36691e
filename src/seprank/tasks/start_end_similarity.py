"""Start-end similarity: how much of the end equals the start?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..question import keep_whole
from .task import Batch, Task, one_hot


@dataclass(frozen=True)
class StartEndSimilarity(Task):
    """Say in how many places a word in the second half equals a word in the first half.

    A class k is drawn uniformly from 0..C. The first word is uniform in [n]^m; the second equals it at round(k m / C)
    positions (ties to even), chosen without replacement, and has one of the n - 1 other symbols, uniformly, at each
    other position. If m = T / 2 the input is one word after the other. Otherwise the first word starts at a uniform
    position p of the first half such that it fits, the second at p + T / 2, and a blank (number n) fills the rest.
    Symbols to be compared are always T / 2 steps apart. One answer, after the last step; C + 1 classes.

    Solved at an accuracy of 0.99.

    Source: Levine, Sharir, Ziv, Shashua 2017 (arXiv:1710.09431), section 5.

    Example:
        >>> task = StartEndSimilarity(length=8, symbols=4, compared=4)
        >>> batch = task.batch(2, seed=0, stream="train", index=0)
        >>> batch.inputs.argmax(-1).tolist(), batch.targets.tolist()
        ([[1, 1, 1, 3, 1, 1, 1, 3], [1, 1, 2, 1, 1, 0, 2, 3]], [2, 1])
    """

    name: ClassVar = "start-end-similarity"
    goal: ClassVar = ("accuracy", 0.99)

    length: int = 60
    """T: steps, an even number"""
    symbols: int = 32
    """n: different symbols"""
    compared: int = 30
    """m: symbols of a word, at most T / 2"""
    levels: int = 2
    """C: one less than the number of classes"""

    def __post_init__(self) -> None:
        if keep_whole(self, "length", 4) % 2:
            raise ValueError(f"length must be even, got {self.length}; use {self.length + 1}")
        keep_whole(self, "symbols", 2)
        if keep_whole(self, "compared", 2) > self.length // 2:
            raise ValueError(f"compared must be at most half of the length, {self.length // 2}, got {self.compared}")
        if keep_whole(self, "levels", 1) > self.compared:
            raise ValueError(
                f"levels must be at most compared, {self.compared}, or two classes would be the same, got {self.levels}"
            )

    @property
    def inputs(self) -> int:
        return self.symbols + (2 * self.compared < self.length)

    @property
    def outputs(self) -> int:
        return self.levels + 1

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        half, m, n = self.length // 2, self.compared, self.symbols
        classes = torch.randint(self.levels + 1, (size,), generator=generator)
        equal = torch.tensor([round(k * m / self.levels) for k in range(self.levels + 1)])[classes]
        first = torch.randint(n, (size, m), generator=generator)
        others = (first + torch.randint(1, n, (size, m), generator=generator)) % n
        # The first k places of a random permutation are k positions drawn without replacement.
        permutation = torch.rand((size, m), generator=generator).argsort(1)
        second = torch.where(permutation < equal[:, None], first, others)
        places = torch.randint(half - m + 1, (size, 1), generator=generator) + torch.arange(m)
        tokens = torch.full((size, self.length), n)
        tokens.scatter_(1, places, first)
        tokens.scatter_(1, places + half, second)
        return Batch(one_hot(tokens, self.inputs), classes)

    def baselines(self) -> dict[str, float]:
        """A uniform guess."""
        return {"loss": math.log(self.outputs), "accuracy": 1 / self.outputs}


class MatchCount(nn.Module):
    r"""The number of equal symbols of both halves, as a polynomial: $\sum_{i=1}^{T/2} \langle a_i, b_i \rangle$.

    What the task asks for when the words fill the halves. It keeps the last T / 2 inputs and adds the scalar product
    of each input with the one T / 2 steps before it. On one-hot inputs its Start-End matrix at the middle cut is a sum
    of T / 2 blocks that each have rank n and share the constant function: rank $\frac{T}{2} (n - 1) + 1$.

    Args:
        symbols: n, features per step.
        length: T, an even number.

    Shape:
        input (batch, time, symbols), state None or as it is returned; returns the count so far (batch, time, 1).

    Example:
        >>> from seprank import certify
        >>> certify(MatchCount(3, 4), length=4, domain="tokens", templates="one-hot").rank
        5
    """

    def __init__(self, symbols: int = 3, length: int = 4) -> None:
        super().__init__()
        self.input_size = symbols
        self.length = length

    def forward(
        self, input: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        batch, half = len(input), self.length // 2
        kept, count = (
            (input.new_zeros(batch, half, self.input_size), input.new_zeros(batch)) if state is None else state
        )
        counts = []
        for x in input.unbind(1):
            count = count + (kept[:, 0] * x).sum(1)
            kept = torch.cat([kept[:, 1:], x.unsqueeze(1)], 1)
            counts.append(count)
        return torch.stack(counts, 1).unsqueeze(2), (kept, count)
