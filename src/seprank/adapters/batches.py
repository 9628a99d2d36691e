"""Batches: where they are in the tensors of a state, how they are repeated, and which to try a module on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .contract import ConventionError


def batch_axis(two: Any, three: Any) -> int | None:
    """The axis in which a state tensor of a batch of two differs from that of a batch of three.

    Returns:
        None for what is no tensor, and for a tensor that does not depend on the batch.

    Raises:
        ConventionError: more than one axis differs, or by other sizes.

    Example:
        >>> batch_axis(torch.zeros(1, 2, 5), torch.zeros(1, 3, 5))
        1
    """
    if not isinstance(two, Tensor):
        return None
    axes = [axis for axis, (a, b) in enumerate(zip(two.shape, three.shape, strict=False)) if a != b]
    if len(axes) > 1 or two.ndim != three.ndim or (axes and (two.shape[axes[0]], three.shape[axes[0]]) != (2, 3)):
        raise ConventionError(
            f"each tensor of the state must have one batch axis, got shapes {tuple(two.shape)} and "
            f"{tuple(three.shape)} for batches of 2 and 3"
        )
    return axes[0] if axes else None


def repeat_rows(leaf: Tensor, axis: int, rows: range, copies: int) -> Tensor:
    """Some rows of an axis, each repeated `copies` times in a row; in new memory, which a module may write into.

    Example:
        >>> repeat_rows(torch.arange(4), 0, range(1, 3), 2)
        tensor([1, 1, 2, 2])
    """
    axis %= leaf.ndim
    chosen = leaf.narrow(axis, rows.start, len(rows)).unsqueeze(axis + 1)
    repeated = chosen.expand(*leaf.shape[:axis], len(rows), copies, *leaf.shape[axis + 1 :]).flatten(axis, axis + 1)
    return repeated.clone() if 1 in (copies, len(rows)) else repeated  # else `flatten` has copied


def three_sequences(example: Tensor) -> Tensor:
    """Three sequences out of an example (batch, time, ...), repeated where it is smaller.

    They have two to eight steps: twice as many, which is what is run to try a module, are no more than the example
    has, if it has four.
    """
    rows = torch.arange(3, device=example.device) % len(example)
    steps = torch.arange(min(max(2, example.shape[1] // 2), 8), device=example.device) % example.shape[1]
    return example[rows][:, steps]
