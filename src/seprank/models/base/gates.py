"""Gates that are affine in the input: how they begin, so that nothing grows over a long sequence."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .stacked import Weights


def affine(layer: Weights, name: str, x: Tensor) -> Tensor:
    """$W x + b$ with the parameters `weight_<name>` and `bias_<name>` of a layer."""
    return nn.functional.linear(x, layer[f"weight_{name}"], layer[f"bias_{name}"])


def begin_at(layer: Weights, name: str, low: float, high: float) -> None:
    """Draw an affine gate anew: its bias uniform between two numbers, its weights a quarter of what they were.

    A gate without a sigmoid is a factor of its own size at every step: near 0 all is forgotten, above 1 all grows.
    """
    nn.init.uniform_(layer[f"bias_{name}"], low, high)
    with torch.no_grad():
        layer[f"weight_{name}"].mul_(0.25)
