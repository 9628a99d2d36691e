"""Modules whose certificates have the fields that most have not."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def squashed() -> nn.Module:
    """One layer of torch's GRU."""
    return nn.GRU(2, 1, batch_first=True)


class Rational(nn.Module):
    """Divides by its state, and has a decay that is a function of a parameter and one of positions."""

    def __init__(self) -> None:
        super().__init__()
        self.input_size = 1
        self.rate = nn.Parameter(torch.rand(2))
        self.into = nn.Linear(1, 2)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """h' = exp(rate) h + cos(1) (W x + b), y = x / h"""
        h = x.new_ones(len(x), 2) if state is None else state
        for t in x.unbind(1):
            h = self.rate.exp() * h + torch.cos(torch.ones(1)) * self.into(t)
            y = t / h
        return y, h


def rational() -> nn.Module:
    """Of `Rational`."""
    return Rational()


class Attention(nn.Module):
    """Self-attention without a softmax, each position with a vector of its own, so that splits differ."""

    def __init__(self) -> None:
        super().__init__()
        self.input_size = 2
        self.query, self.key, self.value = (nn.Linear(2, 2, bias=False) for _ in range(3))
        self.position = nn.Parameter(torch.rand(4, 2))

    def forward(self, x: Tensor) -> Any:
        """Outputs at all positions."""
        x = x + self.position
        return (self.query(x) @ self.key(x).mT) @ self.value(x)


def attention() -> nn.Module:
    """Of `Attention`."""
    return Attention()


class Named(nn.Module):
    """Gives several values by name, and wants to be told a form."""

    def __init__(self) -> None:
        super().__init__()
        self.input_size = 2
        self.into = nn.Linear(2, 2)

    def forward(self, x: Tensor, *, form: str) -> dict[str, Tensor]:
        """Products of sums over all steps, and other values that differ."""
        if form != "plain":
            raise ValueError(form)
        total = self.into(x).sum(1)
        return {"a": total, "b": 2 * total, "c": 3 * total, "result": total * total, "d": 4 * total}


def named() -> nn.Module:
    """Of `Named`."""
    return Named()
