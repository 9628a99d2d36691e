"""torch's own recurrent modules in float64, through their faster cells."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .recurrent import Recurrent
from .sigmoid_cell import SigmoidCell, SigmoidGRU, SigmoidLSTM, SigmoidRNN

CELLS: dict[type, type[SigmoidCell]] = {nn.RNN: SigmoidRNN, nn.GRU: SigmoidGRU, nn.LSTM: SigmoidLSTM}
"""Of these modules themselves; a class that is derived from one may compute anything"""


def fast_cell(module: nn.Module) -> SigmoidCell | None:
    """The cell of a module that has one: in float64 on a processor, with no dropout to apply and no hook to call.

    Example:
        >>> fast_cell(torch.nn.GRU(3, 5)) is None, type(fast_cell(torch.nn.GRU(3, 5, dtype=torch.float64))).__name__
        (True, 'SigmoidGRU')
    """
    cell = CELLS.get(type(module))
    if cell is None or not isinstance(module, nn.RNNBase) or module.bidirectional or module.mode == "RNN_RELU":
        return None
    weight = module.all_weights[0][0]
    hooked = module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module)
    if weight.dtype != torch.float64 or weight.device.type != "cpu" or hooked:
        return None
    return None if module.training and module.dropout > 0 else cell(module)


_TOGETHER = 2**21
"""Numbers that are projected at once, 16 MiB: beyond the cache, and above all in fresh memory, they are slow"""


class FastCell(Recurrent):
    """A module run by its `fast_cell`.

    Short inputs are projected in `pieces`, once for all the starts they follow; long ones while they are run, some
    steps at a time. `example` and `width` are as in `Recurrent`.

    Example:
        >>> module, example = torch.nn.LSTM(4, 5, dtype=torch.float64), torch.zeros(3, 2, 4, dtype=torch.float64)
        >>> FastCell(module, SigmoidLSTM(module), example).channels
        5
    """

    def __init__(self, module: nn.RNNBase, cell: SigmoidCell, example: Tensor, *, width: int | None = None) -> None:
        self._cell = cell
        self._features, self._rows = module.input_size, len(module.all_weights[0][0])
        first = module.batch_first
        plain = Recurrent(module, example, batch_first=first, layout="columns")
        super().__init__(cell.run, example, batch_first=first, layout="columns", width=width, plain=plain)

    def history(self, pieces: Tensor) -> Tensor | None:
        return None  # the check of the module itself sees it

    def pieces(self, sequences: Tensor) -> Tensor:
        """Sequences (batch, time, features); if they are short, as inputs of the gates, (batch, time, rows)."""
        columns = super().pieces(sequences)
        count = sequences.shape[0] * sequences.shape[1] * self._rows
        # The last axis tells the two apart, so it must differ.
        return columns if count > _TOGETHER or self._features == self._rows else self._projected(columns)

    def _run(self, pieces: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Outputs, or of long inputs the last one alone, and the state."""
        if pieces.shape[2] == self._rows != self._features:
            return super()._run(pieces, state)
        steps = max(1, _TOGETHER // (len(pieces) * self._rows))
        for part in pieces.split(steps, 1):
            output, state = super()._run(self._projected(part), state)
        return output[:, -1] if self._cell.batch_first else output[-1], state

    def _projected(self, pieces: Tensor) -> Tensor:
        if self._cell.batch_first:
            return self._cell.project(pieces)
        return self._cell.project(pieces.transpose(0, 1)).transpose(0, 1)
