"""Memory that models take inside is found by a probe, and blocks are sized by it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seprank import measure, profile
from seprank.adapters import adapt
from seprank.measurement.allocation import AllocationWatch, footprint
from seprank.startend import Halves
from seprank.system.memory import MemoryBudgetError

pytestmark = pytest.mark.usefixtures("one_thread")

WIDE = 50_000


class Wide(nn.Module):
    """Makes a tensor of 50,000 numbers per sequence on the way to three outputs, and notes its largest batch."""

    def __init__(self) -> None:
        super().__init__()
        self.input_size = 2

    def forward(self, x: Tensor) -> Tensor:
        BATCHES.append(len(x))
        scale = torch.linspace(0, 1, WIDE, dtype=x.dtype)
        inside = x.sum(1)[:, :1] * scale
        return torch.sin(inside)[:, :: WIDE // 2] + x[:, 0]


BATCHES: list[int] = []


@pytest.mark.slow
def test_what_is_alive_at_once_is_counted() -> None:
    with AllocationWatch() as watch:
        first = torch.zeros(1000)  # 4000 bytes
        second = first + 1  # 8000 alive
        part = second[:10]
        del second
        third = torch.ones(1000)  # 12000: `part` keeps `second`
        del part
        first.add_(third).view(10, 100)  # 8000 alive, nothing new
        torch.ones(500)
    assert watch.most == 12_000


def test_a_probe_finds_what_a_pair_takes() -> None:
    halves = Halves(vectors=torch.zeros(3, 2, 2, dtype=torch.float64))
    found = footprint(adapt(Wide(), torch.ones(8, 4, 2, dtype=torch.float64), length=4), halves, halves)
    # two tensors of the width at once, and a margin of a quarter
    assert 2 * 8 * WIDE <= found.per_pair <= 1.3 * 2 * 8 * WIDE
    assert 0 <= found.fixed - 8 * WIDE < 10_000  # scale


def test_blocks_fit_the_memory() -> None:
    BATCHES.clear()
    memory = 256 * 2**20
    measure(Wide(), length=4, starts=32, ends=32, memory=memory, progress=False)
    assert 16 <= max(BATCHES) <= memory // 4 // (2 * 8 * WIDE)
    with pytest.raises(MemoryBudgetError, match=r"running 16 pairs of sequences takes about .* more --memory"):
        measure(Wide(), length=4, starts=32, ends=32, memory=32 * 2**20, progress=False)


WITHIN = """
import sys, torch
from seprank import measure

class Wide(torch.nn.Module):
    input_size = 2

    def forward(self, x):
        inside = x[..., :1] * torch.linspace(0, 1, 4000, dtype=x.dtype)  # 100 times its output
        return torch.sin(inside).cumsum(1).reshape(*x.shape[:2], 40, 100).sum(3) + x[:, :1, :1]

def peak():
    # not getrusage: what the process that started this one had in memory counts there
    [line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024

torch.set_num_threads(1)
# what is loaded at the first call
measure(lambda x: x.cumsum(1).tanh(), length=4, inputs=2, starts=16, ends=16, progress=False)
before = peak()
measure(Wide(), length=8, starts=48, ends=48, memory=512 * 2**20, progress=False)
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="what a process has had in memory is read from /proc")
def test_the_memory_asked_for_is_kept() -> None:
    done = subprocess.run([sys.executable, "-c", WITHIN], capture_output=True, text=True, timeout=300, check=True)
    assert 0 < int(done.stdout) <= 1.2 * 512 * 2**20


class Tagger(nn.Module):
    """An LSTM and a readout; with its state, or one tensor."""

    def __init__(self, *, pair: bool) -> None:
        super().__init__()
        self.input_size, self.pair = 4, pair
        self.rnn, self.out = nn.LSTM(4, 16, batch_first=True), nn.Linear(16, 4)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> Any:
        output, state = self.rnn(x, state if self.pair else None)
        return (self.out(output), state) if self.pair else self.out(output)


def steps_of_profile(tagger: nn.Module) -> int:
    """Steps of its LSTM that a profile takes."""
    counted, original = 0, nn.LSTM.forward

    def count(self: nn.LSTM, x: Tensor, state: Any = None) -> Any:
        nonlocal counted
        counted += x.shape[0] * x.shape[1]
        return original(self, x, state)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.LSTM, "forward", count)
        profile(tagger, length=32, cuts=[8, 16, 24], starts=64, ends=64, progress=False)
    return counted


def test_one_tensor_costs_no_more_steps_than_a_pair() -> None:
    """Whole sequences would take three times 32 steps of every pair where a state takes 24, 16 and 8."""
    pair, tensor = (steps_of_profile(Tagger(pair=pair)) for pair in (True, False))
    assert 64 * 64 * (24 + 16 + 8) <= tensor <= 1.5 * pair
