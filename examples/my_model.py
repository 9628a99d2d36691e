"""A model of your own in fifteen lines of plain PyTorch: two affine maps of input and state, multiplied.

seprank certify examples/my_model.py:build --length 6
"""

import torch
from torch import nn


class ProductCell(nn.Module):
    """h' = (A x + B h + a) * (C x + D h + c), element by element; called like torch.nn.RNN."""

    def __init__(self, inputs: int = 2, width: int = 2) -> None:
        super().__init__()
        self.input_size = inputs
        self.left, self.right = nn.Linear(inputs + width, width), nn.Linear(inputs + width, width)
        self.start = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor, state: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        h = self.start.expand(len(x), -1) if state is None else state
        for step in x.unbind(1):
            both = torch.cat([step, h], 1)
            h = self.left(both) * self.right(both)
        return h, h


def build(width: int = 2) -> nn.Module:
    """What the command line calls; `--set width=3` sets the width."""
    return ProductCell(width=width)


if __name__ == "__main__":
    from seprank import certify

    for length in (2, 4, 6, 8):
        print(f"length {length}: rank {certify(build(), length=length).rank}")
