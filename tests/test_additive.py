"""Linear time-invariant networks of any kind are sums over time: certified at 2, and exact by a proved bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seprank import certify
from seprank.models import MODELS

pytestmark = pytest.mark.usefixtures("one_thread")
M = 2


class ByConvolution(nn.Module):
    """A diagonal complex state-space layer as a convolution with its kernel, with a skip connection"""

    def __init__(self) -> None:
        super().__init__()
        self.input_size = M
        self.real, self.imag, self.skip = (nn.Parameter(torch.randn(M, n)) for n in (3, 3, 1))
        self.out = nn.Linear(M, M)
        self.register_buffer("decay", torch.full((3, 1), -0.5))
        self.register_buffer("turn", 3.0 * torch.arange(3)[:, None])

    def forward(self, x: Tensor) -> Tensor:
        steps = 0.1 * torch.arange(x.shape[1]).to(x)
        size, angle = torch.exp(self.decay * steps), self.turn * steps
        kernel = self.real @ (size * torch.cos(angle)) - self.imag @ (size * torch.sin(angle))
        before = F.pad(x.transpose(1, 2), (x.shape[1] - 1, 0))
        y = F.conv1d(before, kernel.flip(-1)[:, None], groups=M).transpose(1, 2)
        return self.out(y + x * self.skip.squeeze(1))


class ByScan(nn.Module):
    """A diagonal real state-space layer step by step, behind a norm, with a residual connection"""

    def __init__(self) -> None:
        super().__init__()
        self.input_size = M
        self.decay = nn.Parameter(torch.rand(3))
        self.norm, self.b, self.c = nn.LayerNorm(M), nn.Linear(M, 3, bias=False), nn.Linear(3, M)

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        h = x.new_zeros(len(x), 3) if h is None else h
        outputs = []
        for step in self.norm(x).unbind(1):
            h = torch.exp(-torch.exp(self.decay)) * h + self.b(step)
            outputs.append(self.c(h))
        return x + torch.stack(outputs, 1), h


class Filters(nn.Module):
    """Two causal convolutions, the second with gaps"""

    def __init__(self) -> None:
        super().__init__()
        self.input_size = M
        self.first, self.second = nn.Conv1d(M, 4, 3), nn.Conv1d(4, M, 2, dilation=2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(F.pad(x.transpose(1, 2), (2, 0)))
        return self.second(F.pad(y, (2, 0))).transpose(1, 2)


class MovingAverage(nn.Module):
    """Exponential moving averages, their decay a sigmoid"""

    def __init__(self) -> None:
        super().__init__()
        self.input_size = M
        self.decay, self.out = nn.Parameter(torch.rand(M)), nn.Linear(M, M)

    def forward(self, x: Tensor) -> Tensor:
        decay, means = torch.sigmoid(self.decay), [x[:, 0]]
        for step in x.unbind(1)[1:]:
            means.append(decay * means[-1] + (1 - decay) * step)
        return self.out(torch.stack(means, 1))


class RunningMean(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.input_size = M
        self.into, self.out = nn.Linear(M, 3), nn.Linear(3, M)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.into(x).cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None])


class MixedPositions(nn.Module):
    """One weight for each pair of positions, as in a mixer of tokens, with norm and residual"""

    def __init__(self) -> None:
        super().__init__()
        self.input_size = M
        self.weight, self.norm, self.out = nn.Parameter(torch.randn(5, 5)), nn.LayerNorm(M), nn.Linear(M, M)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.out(torch.einsum("ts,bsf->btf", self.weight.tril(), self.norm(x)))


class Stacked(nn.Module):
    """Layers with residual connections, of which some have a state"""

    def __init__(self) -> None:
        super().__init__()
        self.input_size = M
        recurrent = (nn.RNN(M, M, batch_first=True), ByScan(), nn.RNN(M, M, nonlinearity="relu", batch_first=True))
        self.layers = nn.ModuleList([nn.Linear(M, M), recurrent[0], nn.LayerNorm(M), *recurrent[1:], nn.Dropout(0.5)])

    def forward(self, x: Tensor, state: list[Tensor] | None = None) -> tuple[Tensor, list[Tensor]]:
        before, after = list(state or []), []
        for layer in self.layers:
            if isinstance(layer, nn.RNN | ByScan):
                y, h = layer(x, before.pop(0) if before else None)
                after.append(h)
            else:
                y = layer(x)
            x = x + y
        return x, after


class Gated(MovingAverage):
    """The counter-example: the last input gates the average"""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.out(x)


def registered(name: str) -> Callable[[], nn.Module]:
    return lambda: MODELS[name].build(inputs=M, width=3, depth=2)


KINDS: dict[str, tuple[Callable[[], nn.Module], str | None, str]] = {
    "diagonal_ssm": (registered("diagonal_ssm"), None, "additive"),
    "lru": (registered("lru"), None, "additive"),
    "elman": (registered("elman"), None, "additive"),
    "state space by convolution": (ByConvolution, None, "degrees: joint"),
    "state space by scan": (ByScan, "identity", "degrees: joint"),
    "convolutions": (Filters, None, "degrees: joint"),
    "moving average": (MovingAverage, None, "degrees: joint"),
    "running mean": (RunningMean, None, "degrees: joint"),
    "mixed positions": (MixedPositions, "identity", "degrees: joint"),
    "nn.RNN": (lambda: nn.RNN(M, 3, 2, batch_first=True), "identity", "degrees: joint"),
    "nn.RNN, relu, time first": (lambda: nn.RNN(M, 3, nonlinearity="relu"), "identity", "degrees: joint"),
    "stacked": (Stacked, "identity", "degrees: joint"),
}


FAST = ("elman", "convolutions", "running mean")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in FAST), id=name) for name in KINDS]
)
def test_it_is_exact_at_two(name: str) -> None:
    make, squash, proof = KINDS[name]
    settings: dict[str, Any] = {"length": 5, "samples": 6, "progress": False}
    found = certify(make(), squash=squash, **settings)
    assert (found.rank, found.exact, found.upper_bound) == (2, True, 2)
    assert proof in [bound.name for bound in found.bounds if bound.value == 2]


def test_a_gate_is_not_additive() -> None:
    found = certify(Gated(), length=5, samples=6, progress=False)
    assert found.rank == M + 1
    assert all(bound.value > M for bound in found.bounds)
