"""A copy of a module that is called as torch.nn.RNN is, for whoever needs a module and not only its outputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..settings.hints import Hints
from .choose import search
from .contract import CallFailed, Undetermined
from .copies import copy_module
from .reading import Reading, parameters_of
from .refusal import Refused


class _Forward:
    """In place of a module's own `forward`, which it calls."""

    def __init__(self, module: nn.Module, reading: Reading) -> None:
        self._module, self.reading = module, reading

    def __call__(self, pieces: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return self.reading.run(_Original(self._module), pieces, state)


class _Original:
    """A module as its class has it."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return type(self._module).forward(self._module, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def like_rnn(module: nn.Module, example: Tensor, said: Hints | None = None) -> tuple[nn.Module, str]:
    """The module with the convention of `torch.nn.RNN`, and how it is read, nothing if it has that convention.

    The copy has the same parameters under the same names; only its `forward` is another: it loops over the steps of a
    cell, begins in the state that the module wants, and returns (output, state). The way is found by `adapt` on real
    numbers. A module that keeps no state is returned as it is.

    Args:
        module: in evaluation mode.
        example: sequences (batch, time, features) or token ids (batch, time), in float64 if they are vectors.
        said: what the user says.

    Raises:
        ConventionError: ways differ, the first state is not known, or further arguments are wanted.

    Example:
        >>> cell, read_as = like_rnn(nn.GRUCell(2, 3), torch.randn(4, 5, 2, dtype=torch.float64))
        >>> read_as, cell(torch.zeros(1, 7, 2))[0].shape
        ('step cell', torch.Size([1, 3]))
    """
    try:
        found = _searched(module, example, said or Hints())
    except Refused as refused:
        if type(refused.error) is Undetermined or parameters_of(module, said or Hints()).required:
            raise refused.error from refused.error.__cause__
        return module, ""
    if found is None or found.plain or not isinstance(module, nn.Module):
        return module, ""
    copied = copy_module(module)
    copied.forward = _Forward(copied, found)
    first = found.calling.step or found.calling.batch_first
    if getattr(copied, "batch_first", True) is not first:
        copied.batch_first = first  # type: ignore[assignment]
    return copied, str(found)


def _searched(module: nn.Module, example: Tensor, said: Hints) -> Reading | None:
    """How the module is read, in float64 or else in its own arithmetic."""
    with torch.no_grad():
        try:
            return search(copy_module(module).double().eval(), example, said).reading
        except Refused as refused:
            if not isinstance(refused.error, CallFailed):
                raise
            own = example.float() if example.is_floating_point() else example
            return search(copy_module(module).eval(), own, said, barred=refused.checked).reading
