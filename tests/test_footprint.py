"""Memory that models take inside is found by a probe, and blocks are sized by it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from seprank import measure
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
