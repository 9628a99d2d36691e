"""The input shapes of the registered models."""

from __future__ import annotations

from torch import Tensor


def is_batched(input: Tensor, *, input_size: int, batch_first: bool) -> bool:
    """Whether the input has a batch dimension; `ValueError` if its shape does not fit, or it has no time step."""
    if input.ndim not in (2, 3) or input.shape[-1] != input_size:
        layout = "(batch, time, input_size)" if batch_first else "(time, batch, input_size)"
        raise ValueError(
            f"input must be {layout} or (time, input_size) with input_size {input_size}, got {tuple(input.shape)}"
        )
    batched = input.ndim == 3
    if input.shape[1 if batched and batch_first else 0] == 0:
        raise ValueError(f"input must have at least one time step, got shape {tuple(input.shape)}")
    return batched
