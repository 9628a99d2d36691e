"""Cells that exist in two forms: with squashing functions, as they are trained, and without, as they are certified."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...question import check_choice
from .stacked import Shapes, StackedCell


class SquashedCell(StackedCell):
    """A stacked cell whose squashing functions can be left out.

    Args:
        input_size, hidden_size, num_layers, batch_first, device, dtype: as in `StackedCell`.
        nonlinearity: that of `SQUASHING` for the original with its squashing functions, which can be trained and
            measured; "identity" for the same equations without them, which are polynomial and can be certified.

    Raises:
        ValueError: `nonlinearity` is unknown, a size is below 1, or inputs do not fit.
    """

    OPTIONS: ClassVar[dict[str, Any]] = {"nonlinearity": "identity"}
    SQUASHING: ClassVar[str] = "tanh"
    """What the original's form is called: after the function that squashes most"""
    nonlinearity: str

    def check_options(self) -> None:
        check_choice("nonlinearity", self.nonlinearity, ("identity", self.SQUASHING))

    @property
    def squashes(self) -> bool:
        """Whether it is the original, with its squashing functions."""
        return self.nonlinearity != "identity"

    def tanh(self, x: Tensor) -> Tensor:
        """Between -1 and 1, or as it is."""
        return torch.tanh(x) if self.squashes else x

    def sigmoid(self, x: Tensor) -> Tensor:
        """A gate between 0 and 1, or as it is."""
        return torch.sigmoid(x) if self.squashes else x

    def silu(self, x: Tensor) -> Tensor:
        """x times its own sigmoid, or as it is."""
        return F.silu(x) if self.squashes else x

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, nonlinearity={self.nonlinearity!r}"


class TorchTwin(SquashedCell):
    """A squashed cell with the parameters of torch's own module of that kind.

    With nonlinearity="tanh" it is the function of torch's module, so that a trained network can be measured and its
    polynomial form certified. Weights go both ways: `twin.load_state_dict(original.state_dict())` makes the initial
    states zero, as they are in torch's module; `original.load_state_dict(twin.state_dict(), strict=False)` leaves them
    out, and `original(x, twin.initial_states(batch))` brings them back.

    Example:
        >>> from seprank.models.arithmetic_lstm import ArithmeticLSTM
        >>> original, x = torch.nn.LSTM(4, 3, batch_first=True), torch.ones(5, 7, 4)
        >>> twin = ArithmeticLSTM(4, 3, nonlinearity="tanh")
        >>> twin.load_state_dict(original.state_dict())
        <All keys matched successfully>
        >>> torch.allclose(twin(x)[0], original(x)[0], atol=1e-6)
        True
    """

    gates: int
    """Affine maps per layer, one after the other in each parameter"""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.register_load_state_dict_pre_hook(_start_from_zero)

    def parameter_shapes(self, below: int) -> Shapes:
        rows = self.gates * self.hidden_size
        return {
            "weight_ih": (rows, below),
            "weight_hh": (rows, self.hidden_size),
            "bias_ih": (rows,),
            "bias_hh": (rows,),
        }


def _start_from_zero(module: nn.Module, weights: dict[str, Any], prefix: str, *_: Any) -> None:
    """Weights of torch's module come without initial states: there, the first state is zero."""
    for name, parameter in module.named_parameters():
        if name.startswith("initial_"):
            weights.setdefault(prefix + name, torch.zeros_like(parameter))
