"""A module as a function from whole sequences to an output for each step, as training needs it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .code import FactoryError

_BATCH, _STEPS, _SEED = 2, 3, 0
_CLOSE = 1e-4
"""Relative difference that float32 may make"""


def outputs_of(module: nn.Module, sequences: Tensor, state: Any = None) -> tuple[Tensor, Any]:
    """Outputs at all steps (batch, time, features) and the last state, which is None for a module that has none.

    Args:
        module: of the convention of `nn.RNN`, or one that returns its outputs alone.
        sequences: (batch, time, features); turned for a module that says `batch_first = False`.
        state: where it begins, as it was returned.
    """
    turned = getattr(module, "batch_first", True) is False
    given = sequences.transpose(0, 1) if turned else sequences
    found = module(given) if state is None else module(given, state)
    output, last = (found[0], found[1]) if isinstance(found, tuple) else (found, None)
    return (output.transpose(0, 1) if turned else output), last


def count_outputs(module: nn.Module, inputs: int, name: str) -> int:
    """How many numbers a module gives at each step, found by running it.

    Raises:
        FactoryError: it cannot be run on sequences of this many features, gives no output for each step, or mixes the
            sequences of a batch.
    """
    sequences = torch.randn(_BATCH, _STEPS, inputs, generator=torch.Generator().manual_seed(_SEED))
    given = f"sequences (batch, time, {inputs}) in float32"
    was, _ = module.training, module.eval()
    try:
        with torch.no_grad():
            together = outputs_of(module, sequences)[0]
            alone = [outputs_of(module, one.unsqueeze(0))[0] for one in sequences]
    except Exception as error:
        raise FactoryError(
            f"{name} must take {given}, as the task has them, and failed with {type(error).__name__}: {error}; let its "
            "forward take (input, state=None) and its factory an argument inputs or input_size"
        ) from error
    finally:
        module.train(was)
    if not isinstance(together, Tensor) or together.ndim != 3 or together.shape[:2] != sequences.shape[:2]:
        got = tuple(together.shape) if isinstance(together, Tensor) else type(together).__name__
        raise FactoryError(
            f"{name} must return outputs at all steps, ({_BATCH}, {_STEPS}, features) for input "
            f"{tuple(sequences.shape)}, alone or followed by its state, got {got}; return output, state as nn.RNN does"
        )
    if not _agree(together, alone):
        raise FactoryError(
            f"{name} gives a sequence another output alone than in a batch, so it cannot be trained on batches; "
            "if its input is (time, batch, features), set batch_first = False on it"
        )
    return int(together.shape[2])


def _agree(together: Tensor, alone: list[Tensor]) -> bool:
    if any(one.shape != together[:1].shape for one in alone):
        return False
    scale = float(together.abs().max())
    return float((together - torch.cat(alone)).abs().max()) <= _CLOSE * max(scale, 1e-30)
