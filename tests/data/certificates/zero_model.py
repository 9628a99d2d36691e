"""A module whose output is zero, so that its rank is 0; a certificate in this folder is about this text."""

import torch


class Zero(torch.nn.Module):
    input_size = 1

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor, state: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        output = self.weight * x[:, -1] * 0
        return output, output


def build() -> torch.nn.Module:
    return Zero()
