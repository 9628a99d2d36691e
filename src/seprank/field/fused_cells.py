"""Steps of torch's LSTM and GRU by their definition, in the place of operations that fuse them on graphics cards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def lstm_cell(
    from_input: Tensor, carried: Tensor, cell: Tensor, *biases: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """New state and cell; and nothing, in the place of what gradients would need.

    Args:
        from_input, carried: input and state by their weights, (batch, 4 x units).
        cell: before the step, (batch, units).
        biases: of both products.

    Source: the equations of `torch.nn.LSTM`.
    """
    i, f, g, o = _added(from_input + carried, *biases).chunk(4, 1)
    cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(cell), cell, cell.new_zeros(0)


def gru_cell(
    from_input: Tensor, carried: Tensor, state: Tensor, first: Tensor | None = None, second: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """New state; and nothing, in the place of what gradients would need.

    Args:
        from_input, carried: input and state by their weights, (batch, 3 x units).
        state: before the step, (batch, units).
        first, second: biases of both products.

    Source: the equations of `torch.nn.GRU`.
    """
    (r, z, n), (own_r, own_z, own_n) = (_added(*pair).chunk(3, 1) for pair in ((from_input, first), (carried, second)))
    new = torch.tanh(n + torch.sigmoid(r + own_r) * own_n)
    return new + torch.sigmoid(z + own_z) * (state - new), state.new_zeros(0)


def _added(total: Tensor, *biases: Tensor | None) -> Tensor:
    for bias in biases:
        total = total if bias is None else total + bias
    return total


CELLS: dict[Any, Callable[..., Any]] = {
    torch.ops.aten._thnn_fused_lstm_cell.default: lstm_cell,
    torch.ops.aten._thnn_fused_gru_cell.default: gru_cell,
}
"""What torch's modules call for each step where cuDNN is off, see `system.quiet`"""
