"""States that are matrices, into which products of values and keys are added."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from .stacked import Shapes, StackedCell, Weights


class MatrixCell(StackedCell):
    """A stacked cell whose state is a matrix S, rows for values and columns for keys.

    Shape:
        state (num_layers, batch, hidden_size, hidden_size).
    """

    def state_shapes(self) -> Shapes:
        return {"state": (self.hidden_size, self.hidden_size)}


def projections(layer: Weights, x: Tensor) -> list[Tensor]:
    """Queries, keys and values of an input: $W_q x$, $W_k x$ and $W_v x$."""
    return [F.linear(x, layer[f"weight_{name}"]) for name in "qkv"]


def outer(values: Tensor, keys: Tensor) -> Tensor:
    """$v k^T$ of vectors (batch, n) and (batch, m)."""
    return values.unsqueeze(2) * keys.unsqueeze(1)


def apply(memory: Tensor, vectors: Tensor) -> Tensor:
    """Matrices (batch, n, m) times vectors (batch, m), keeping whatever order in memory they have.

    Example:
        >>> import torch
        >>> apply(torch.ones(5, 2, 3), torch.ones(5, 3)).shape
        torch.Size([5, 2])
    """
    return (memory * vectors.unsqueeze(1)).sum(2)
