"""A module of one's own; a certificate in this folder is about this text."""

import torch
from torch import nn


class ProductCell(nn.Module):
    """h' = (A x + B h + a) * (C x + D h + c), element by element."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.input_size = 2
        self.left, self.right = nn.Linear(2 + width, width), nn.Linear(2 + width, width)
        self.start = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor, state: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        h = self.start.expand(len(x), -1) if state is None else state
        for step in x.unbind(1):
            both = torch.cat([step, h], 1)
            h = self.left(both) * self.right(both)
        return h, h


def build(width: int) -> nn.Module:
    return ProductCell(width)
