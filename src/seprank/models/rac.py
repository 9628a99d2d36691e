"""Recurrent Arithmetic Circuit."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from .base.recurrence import ProductLayer, ordinary, product_step, run_layers, times_projected
from .base.stacked import Shapes, StackedCell, States, Weights


class RAC(StackedCell):
    r"""Recurrent Arithmetic Circuit: hidden state and input meet by element-wise product.

    With $h^{t,0} = x^t$ the input, layer $l$ computes

    $$h^{t,l} = (W_H^l\, h^{t-1,l}) \odot (W_I^l\, h^{t,l-1})$$

    It is Multiplicative Integration (Wu et al. 2016) without the non-linearity. There is no bias, and the state before
    the first step is a parameter, because a zero state would make every product zero.

    Initialisation: every `weight_hh` and every upper `weight_ih` is a random signed permutation, the first
    `weight_ih` and the initial state are random signs. On one-hot inputs all states then have entries of
    magnitude exactly 1, at every depth and length. No network of products can do that for all inputs: after t
    more steps, an input enters layer l with degree C(t + l - 1, l - 1), and so does its scale. With vectors of unit
    norm, a single layer loses about half a decimal order every three steps; depth multiplies that.

    For training over hundreds of steps, `normalize` divides the state of each layer by its root mean square after
    each step. As every layer is homogeneous in its own state and in its input, this removes only one positive factor
    per sequence, layer and step: outputs keep their direction. A state that is zero stays zero. The result is not
    polynomial and cannot be certified.

    Args:
        input_size: M, features per time step.
        hidden_size: R, width of every layer.
        num_layers: L, depth.
        batch_first, device, dtype: as in `torch.nn.RNN`.
        normalize: keep the root mean square of every state at 1.

    Shape:
        input (batch, time, input_size), state (num_layers, batch, hidden_size) or None; returns the top
        layer's states (batch, time, hidden_size) and the last state of every layer.

    Raises:
        ValueError: a size below 1, or inputs that do not fit.

    Source: Levine, Sharir, Ziv, Shashua 2017 (arXiv:1710.09431), equations 4 and 5.

    Example:
        >>> output, state = RAC(4, 3, num_layers=2)(torch.eye(4).expand(5, 4, 4))
        >>> output.shape, state.shape
        (torch.Size([5, 4, 3]), torch.Size([2, 5, 3]))
    """

    OPTIONS: ClassVar[dict[str, Any]] = {"normalize": False}
    normalize: bool

    def parameter_shapes(self, below: int) -> Shapes:
        return {"weight_ih": (self.hidden_size, below), "weight_hh": (self.hidden_size, self.hidden_size)}

    def reset_parameters(self) -> None:
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                signs = torch.randint(0, 2, parameter.shape, device=parameter.device) * 2.0 - 1.0
                if name not in ("weight_ih_l0", "initial_state"):
                    signs *= torch.eye(self.hidden_size, device=parameter.device)[torch.randperm(self.hidden_size)]
                parameter.copy_(signs)

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        hidden = product_step(F.linear(x, layer["weight_ih"]), state[0], layer["weight_hh"], self.normalize)
        return hidden, (hidden,)

    def run(self, sequence: Tensor, states: States) -> tuple[Tensor, States]:
        """All layers on all steps: for training, one layer after the other; else, one step after the other.

        Step by step, states stay in cache, and what lower layers gave before is not kept.
        """
        layers = [self.layer(number) for number in range(self.num_layers)]
        if ordinary(sequence, states[0], *(weight for layer in layers for weight in layer.values())):
            weights = [(layer["weight_ih"], layer["weight_hh"], self.normalize) for layer in layers]
            output, last = run_layers(ProductLayer.apply, sequence, states[0], weights)
            return output, (last,)
        hidden = list(states[0].unbind(0))
        into, back = ([layer[name].T for layer in layers] for name in ("weight_ih", "weight_hh"))
        top = []
        for projected in (sequence @ into[0]).unbind(0):
            below = projected
            for number in range(self.num_layers):
                carried = hidden[number] @ back[number]
                hidden[number] = times_projected(carried, below @ into[number] if number else below, self.normalize)
                below = hidden[number]
            top.append(below)
        return torch.stack(top), (torch.stack(hidden),)

    def extra_repr(self) -> str:
        return super().extra_repr() + (", normalize=True" if self.normalize else "")
