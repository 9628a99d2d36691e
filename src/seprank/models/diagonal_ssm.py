"""Diagonal state-space model: linear and time-invariant."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from .base.stacked import Shapes, StackedCell, States, Weights


class DiagonalSSM(StackedCell):
    r"""Linear time-invariant state-space layers with a diagonal transition.

    With $x$ the input of a layer,

    $$h' = a \odot h + B x, \qquad y = C h'$$

    $y$ is the input of the next layer. This is the recurrence that S4D and its kin run after discretisation; $a$ is
    real here, and there is no non-linearity between layers. The network is a sum over time, like Elman's, so that
    its rank is 2 at every width, depth and length.

    Initialisation: $a$ uniform between 1/2 and 1, the rest as in `StackedCell`.

    Source: Gupta, Gu, Berant 2022 (arXiv:2203.14343); Gu, Gupta, Goel, Ré 2022 (arXiv:2206.11893).

    Example:
        >>> from seprank import certify
        >>> certify(DiagonalSSM(4, 3, num_layers=2), length=6).rank
        2
    """

    def parameter_shapes(self, below: int) -> Shapes:
        units = self.hidden_size
        return {"decay": (units,), "weight_in": (units, below), "weight_out": (units, units)}

    def reset_layer(self, layer: Weights) -> None:
        nn.init.uniform_(layer["decay"], 0.5, 1.0)

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        hidden = layer["decay"] * state[0] + F.linear(x, layer["weight_in"])
        return F.linear(hidden, layer["weight_out"]), (hidden,)
