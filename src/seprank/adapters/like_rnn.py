"""A copy of a module that is called as torch.nn.RNN is, for whoever needs a module and not only its outputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..settings.hints import Hints
from .agreement import Checked
from .choose import search
from .contract import CallFailed, Undetermined
from .copies import copy_module
from .reading import Reading, parameters_of
from .refusal import Refused


class _Forward:
    """In place of a module's own `forward`, which it calls."""

    def __init__(self, module: nn.Module, reading: Reading, *, keeps_state: bool) -> None:
        self._module, self._reading, self._keeps_state = module, reading, keeps_state

    def __call__(self, pieces: Tensor, state: Any = None) -> Any:
        output, after = self._reading.run(_Original(self._module), pieces, state)
        return (output, after) if self._keeps_state else output


class _Original:
    """A module as its class has it."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return type(self._module).forward(self._module, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def like_rnn(
    module: nn.Module, example: Tensor, said: Hints | None = None, *, length: int | None = None
) -> tuple[nn.Module, str]:
    """The module with the convention of `torch.nn.RNN`, and how it is read; "" if it has that convention already.

    The copy has the same parameters under the same names; only its `forward` differs: it loops over the steps of a
    cell, begins in the state that the module needs, and returns (output, state), or the output alone if the module is
    a function of whole sequences. How to read the module is found as `adapt` finds it, on real numbers.

    Args:
        module: in evaluation mode.
        example: sequences (batch, time, features) or token ids (batch, time), in float64 if they are vectors.
        said: what the user says.
        length: of the sequences, if functions of whole sequences may refuse any other; `example` has it.

    Raises:
        ConventionError: ways to read it differ, the first state is not known, an argument is missing, or it cannot be
            read as the user says.

    Example:
        >>> cell, read_as = like_rnn(nn.GRUCell(2, 3), torch.randn(4, 5, 2, dtype=torch.float64))
        >>> read_as, cell(torch.zeros(1, 7, 2))[0].shape
        ('step cell', torch.Size([1, 3]))
    """
    said = said or Hints()
    try:
        found = _searched(module, example, said, length)
    except Refused as refused:
        if said != Hints() or type(refused.error) is Undetermined or parameters_of(module, said).required:
            raise refused.error from refused.error.__cause__
        return module, ""
    reading = found.reading
    if reading is None or not isinstance(module, nn.Module):
        return module, ""
    returns = found.model.splits or reading.selection.output is None  # (output, state), or a tensor
    if reading.plain and not reading.calling.call and returns:
        return module, ""
    copied = copy_module(module)
    copied.forward = _Forward(copied, reading, keeps_state=found.model.splits)
    first = reading.calling.step or reading.calling.batch_first
    if getattr(copied, "batch_first", True) is not first:
        copied.batch_first = first  # type: ignore[assignment]
    return copied, found.read_as or str(reading)


def _searched(module: nn.Module, example: Tensor, said: Hints, length: int | None) -> Checked:
    """How the module is read, in float64 or else in its own arithmetic."""
    with torch.no_grad():
        try:
            return search(copy_module(module).double().eval(), example, said, length=length)
        except Refused as refused:
            if not isinstance(refused.error, CallFailed):
                raise
            own = example.float() if example.is_floating_point() else example
            return search(copy_module(module).eval(), own, said, length=length, barred=refused.checked)
