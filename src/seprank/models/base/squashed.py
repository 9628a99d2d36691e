"""Cells in two forms: with squashing functions, to be trained, and without, to be certified."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...question import check_choice
from .stacked import Shapes, StackedCell, Weights


def affine(layer: Weights, name: str, x: Tensor) -> Tensor:
    """$W x + b$ with the parameters `weight_<name>` and `bias_<name>` of a layer."""
    return F.linear(x, layer[f"weight_{name}"], layer[f"bias_{name}"])


def affine_shapes(below: int, rows: Mapping[str, int]) -> Shapes:
    """Shapes of the parameters that `affine` reads, for maps with these numbers of rows: weights, then biases."""
    weights: Shapes = {f"weight_{name}": (count, below) for name, count in rows.items()}
    return weights | {f"bias_{name}": (count,) for name, count in rows.items()}


class SquashedCell(StackedCell):
    """A stacked cell whose squashing functions can be left out.

    Initialisation: as in `StackedCell`. An affine gate without its squashing function is a factor of its own size at
    every step: near 0 everything is forgotten, above 1 everything grows. So without squashing, the gates in
    `BEGINNINGS` get biases between two given numbers, and a quarter of the usual weights.

    Args:
        input_size, hidden_size, num_layers, batch_first, device, dtype: as in `StackedCell`.
        nonlinearity: "identity" for the equations without squashing functions, which are polynomial and can be
            certified; the value of `SQUASHING`, which each class names, for the original, to be trained and measured.

    Raises:
        ValueError: `nonlinearity` is unknown, a size is below 1, or inputs do not fit.
    """

    OPTIONS: ClassVar[dict[str, Any]] = {"nonlinearity": "identity"}
    SQUASHING: ClassVar[str] = "tanh"
    """Name of the original form, after its main squashing function"""
    BEGINNINGS: ClassVar[tuple[tuple[str, float, float], ...]] = ()
    """Affine gates that begin elsewhere in the polynomial form, with the bounds of their biases"""
    nonlinearity: str

    def reset_layer(self, layer: Weights) -> None:
        for name, low, high in () if self.squashes else self.BEGINNINGS:
            nn.init.uniform_(layer[f"bias_{name}"], low, high)
            layer[f"weight_{name}"].mul_(0.25)

    def check_options(self) -> None:
        check_choice("nonlinearity", self.nonlinearity, ("identity", self.SQUASHING))

    @property
    def squashes(self) -> bool:
        """Whether it is the original, with its squashing functions."""
        return self.nonlinearity != "identity"

    def tanh(self, x: Tensor) -> Tensor:
        return torch.tanh(x) if self.squashes else x

    def sigmoid(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x) if self.squashes else x

    def silu(self, x: Tensor) -> Tensor:
        return F.silu(x) if self.squashes else x

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, nonlinearity={self.nonlinearity!r}"


class TorchTwin(SquashedCell):
    """A squashed cell with the parameters of torch's own module.

    With nonlinearity="tanh" it computes the same function as torch's module, so that a trained network can be measured
    and its polynomial form certified. Weights can be copied both ways: `twin.load_state_dict(original.state_dict())`
    sets the initial states to zero, as in torch's module; `original.load_state_dict(twin.state_dict(), strict=False)`
    drops them, and `original(x, twin.initial_states(batch))` passes them in.

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
    """Affine maps per layer, concatenated in each parameter"""

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
    """Complete weights of torch's module, which has no initial states, by zeros."""
    for name, parameter in module.named_parameters():
        if name.startswith("initial_"):
            weights.setdefault(prefix + name, torch.zeros_like(parameter))
