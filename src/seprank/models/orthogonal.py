"""Recurrent network whose recurrent matrices stay orthogonal."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import orthogonal

from .base.recurrence import ModReluLayer, modrelu_step, ordinary, run_layers
from .base.stacked import Shapes, StackedCell, States, Weights


class OrthogonalRNN(StackedCell):
    r"""Orthogonal recurrent network with modReLU: neither states nor gradients are stretched on their way through time.

    With $h^{t,0} = x^t$ the input, layer $l$ computes

    $$h^{t,l} = \sigma(W_H^l\, h^{t-1,l} + W_I^l\, h^{t,l-1}), \qquad
      \sigma(z) = \mathrm{sign}(z) \odot \max(|z| + b^l, 0)$$

    with $W_H^l$ orthogonal: it is $Q (1 - A / 2)^{-1} (1 + A / 2)$, where $Q$ is the orthogonal matrix at the start and
    the skew-symmetric $A$ is learnt (`torch.nn.utils.parametrizations.orthogonal` with the Cayley map, which
    is several times faster than the exponential). This is the real form of unitary networks, which it represents here.

    Initialisation: $W_H$ has blocks that rotate by angles uniform in ±π, with a last entry of ±1 if the width is odd;
    $W_I$ is normal with variance 2 / columns; the bias is uniform in ±0.01; the initial state is zero, and is learnt.

    Args:
        input_size, hidden_size, num_layers, batch_first, device, dtype: as in `StackedCell`. The parametrisation of
            torch does not work on the device "meta".

    Shape:
        state (num_layers, batch, hidden_size). The recurrent matrix of layer l is `module.recurrent[l].weight`; of its
        parameter, which has the same shape, only what is below the diagonal counts.

    Source: Arjovsky, Shah, Bengio 2016 (arXiv:1511.06464) for modReLU and the initial bias near 0; Lezcano-Casado,
        Martínez-Rubio 2019 (arXiv:1901.08428) and their program for the real form, the parametrisation and the law of
        input weights and bias; Henaff, Szlam, LeCun 2016 (arXiv:1602.06662) for the rotations at the start.

    Example:
        >>> output, state = OrthogonalRNN(4, 6, num_layers=2)(torch.ones(5, 7, 4))
        >>> output.shape, state.shape
        (torch.Size([5, 7, 6]), torch.Size([2, 5, 6]))
    """

    def __init__(self, *sizes: Any, device: Any = None, dtype: torch.dtype | None = None, **settings: Any) -> None:
        super().__init__(*sizes, device=device, dtype=dtype, **settings)
        # In modules of their own: torch gives a parametrised module another class, and this one is to keep its own.
        self.recurrent = nn.ModuleList(
            orthogonal(
                nn.Linear(self.hidden_size, self.hidden_size, bias=False, device=device, dtype=dtype),
                orthogonal_map="cayley",
            )
            for _ in range(self.num_layers)
        )
        self.reset_parameters()

    def parameter_shapes(self, below: int) -> Shapes:
        return {"weight_ih": (self.hidden_size, below), "bias": (self.hidden_size,)}

    def layer(self, number: int) -> Weights:
        weight: Tensor = self.recurrent[number].weight  # type: ignore[assignment]
        return super().layer(number) | {"weight_hh": weight}

    def reset_parameters(self) -> None:
        for number in range(self.num_layers):
            layer = super().layer(number)
            nn.init.kaiming_normal_(layer["weight_ih"], nonlinearity="relu")
            nn.init.uniform_(layer["bias"], -0.01, 0.01)
        nn.init.zeros_(self.get_parameter("initial_state"))
        for linear in getattr(self, "recurrent", ()):  # not there yet while the class it is derived from is made
            linear.weight = _rotations(self.hidden_size).to(linear.weight)

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        hidden = modrelu_step(F.linear(x, layer["weight_ih"]), state[0], layer["weight_hh"], layer["bias"])
        return hidden, (hidden,)

    def run(self, sequence: Tensor, states: States) -> tuple[Tensor, States]:
        layers = [self.layer(number) for number in range(self.num_layers)]
        if not ordinary(sequence, states[0], *(weight for layer in layers for weight in layer.values())):
            return super().run(sequence, states)
        weights = [(layer["weight_ih"], layer["weight_hh"], layer["bias"]) for layer in layers]
        output, last = run_layers(ModReluLayer.apply, sequence, states[0], weights)
        return output, (last,)


def _rotations(size: int) -> Tensor:
    """An orthogonal matrix of 2 x 2 rotations by random angles, and ±1 if a row is left."""
    angles = torch.rand(size // 2, dtype=torch.float64) * 2 * math.pi - math.pi
    cosine, sine = angles.cos(), angles.sin()
    blocks = torch.stack([cosine, -sine, sine, cosine], 1).reshape(-1, 2, 2)
    left = torch.randint(0, 2, (size % 2, 1, 1), dtype=torch.float64) * 2 - 1
    matrix: Tensor = torch.block_diag(*blocks, *left)
    return matrix
