"""nn.LSTM in float64, through its faster cell."""

from __future__ import annotations

from torch import Tensor, nn

from .lstm_cell import SigmoidLSTM
from .recurrent import Recurrent


class FastLSTM(Recurrent):
    """An `nn.LSTM` run by `SigmoidLSTM`; inputs are projected in `pieces`, once for all the starts they follow.

    Args:
        module: the LSTM.
        example: three short sequences (3, 2, features).
        width: as in `Recurrent`.

    Raises:
        ValueError: the module is bidirectional, or the example has another number of features.

    Example:
        >>> import torch
        >>> example = torch.zeros(3, 2, 4, dtype=torch.float64)
        >>> FastLSTM(torch.nn.LSTM(4, 5, dtype=torch.float64), example).channels
        5
    """

    def __init__(self, module: nn.LSTM, example: Tensor, *, width: int | None = None) -> None:
        self._cell = SigmoidLSTM(module)
        self._plain = Recurrent(module, example, batch_first=module.batch_first, layout="columns")
        first = self._cell.batch_first
        super().__init__(self._cell.run, example, batch_first=first, layout="columns", width=width)

    def plain(self) -> Recurrent:
        """The module itself."""
        return self._plain

    def history(self, pieces: Tensor) -> Tensor | None:
        """Left to the module itself."""
        return None

    def pieces(self, sequences: Tensor) -> Tensor:
        """Sequences (batch, time, features) as inputs of the gates, (batch, time, 4 hidden_size)."""
        columns = super().pieces(sequences)
        if self._cell.batch_first:
            return self._cell.project(columns)
        return self._cell.project(columns.transpose(0, 1)).transpose(0, 1)
