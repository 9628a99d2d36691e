"""How many steps back does a network remember, before and after it learned to repeat the input of 8 steps ago?

python examples/how_far_back.py [curves.png]
"""

import sys

import torch
from torch import Tensor, nn

from seprank import MemoryCurve, MemoryCurves, remember

DELAY, LENGTH = 8, 32


class Echo(nn.Module):
    """A recurrent network with a read-out: an ordinary module, called like `torch.nn.GRU`."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.recurrent = nn.GRU(1, width, batch_first=True)
        self.readout = nn.Linear(width, 1)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        outputs, state = self.recurrent(x, state)
        return self.readout(outputs), state


def train(model: nn.Module, steps: int = 500) -> None:
    """Teach it to say at each step what came in `DELAY` steps before."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(steps):
        x = torch.randn(64, LENGTH, 1)
        loss = (model(x)[0][:, DELAY:] - x[:, :-DELAY]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


def curves() -> dict[str, MemoryCurve]:
    """The memory curve before and after training."""
    torch.manual_seed(0)
    model = Echo()
    untrained = remember(model, length=LENGTH, inputs=1, progress=False)
    train(model)
    return {"untrained": untrained, "trained": remember(model, length=LENGTH, inputs=1, progress=False)}


if __name__ == "__main__":
    found = curves()
    for name, curve in found.items():
        print(f"{name}: {curve.sentence()}")
    if len(sys.argv) > 1:
        MemoryCurves(found).export(sys.argv[1])
