"""torch's own recurrent modules in float64, through their faster cells."""

from __future__ import annotations

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


class FastCell(Recurrent):
    """A module run by its `fast_cell`; inputs are projected in `pieces`, once for all the starts they follow.

    Args:
        module: the module.
        cell: of it.
        example: three short sequences (3, 2, features).
        width: as in `Recurrent`.

    Raises:
        ValueError: the example has another number of features.

    Example:
        >>> module, example = torch.nn.LSTM(4, 5, dtype=torch.float64), torch.zeros(3, 2, 4, dtype=torch.float64)
        >>> FastCell(module, SigmoidLSTM(module), example).channels
        5
    """

    def __init__(self, module: nn.RNNBase, cell: SigmoidCell, example: Tensor, *, width: int | None = None) -> None:
        self._cell = cell
        first = module.batch_first
        plain = Recurrent(module, example, batch_first=first, layout="columns")
        super().__init__(cell.run, example, batch_first=first, layout="columns", width=width, plain=plain)

    def history(self, pieces: Tensor) -> Tensor | None:
        """Left to the module itself."""
        return None

    def pieces(self, sequences: Tensor) -> Tensor:
        """Sequences (batch, time, features) as inputs of the gates, (batch, time, gates x units)."""
        columns = super().pieces(sequences)
        if self._cell.batch_first:
            return self._cell.project(columns)
        return self._cell.project(columns.transpose(0, 1)).transpose(0, 1)
