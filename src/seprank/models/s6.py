"""Selective state-space model: the recurrence of Mamba."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..question import check_whole
from .base.stacked import Shapes, StackedCell, States, Weights


class S6(StackedCell):
    r"""Selective state-space layers (S6), step by step.

    With $u_t = W_{in}\, x_t$, channel $d$ and state component $n$, a layer computes

    $$\Delta_t = \mathrm{softplus}(w_\Delta \cdot u_t + b_\Delta), \quad B_t = W_B u_t, \quad C_t = W_C u_t$$

    $$h_t^{dn} = e^{\Delta_t^d A^{dn}} h_{t-1}^{dn} + \frac{e^{\Delta_t^d A^{dn}} - 1}{A^{dn}} B_t^n u_t^d, \qquad
      y_t^d = \sum_n C_t^n h_t^{dn} + D^d u_t^d$$

    which is the paper's Algorithm 2 with its zero-order hold. Through $\Delta$, $B$ and $C$ the input decides what is
    kept. $y$ is the input of the next layer. D is not in the paper's equations but in its program, so that layers can
    be stacked. Of the Mamba block around it, the convolution, the gate and the residual are left out. exp and softplus
    are not polynomial: this model can be trained and measured; its polynomial counterpart is
    `selective_ssm.SelectiveSSM`.

    Initialisation: $A = -\exp(\mathrm{A\_log})$ is $-1, \dots, -N$ in every channel, and steps $\Delta$ are between
    0.001 and 0.1, as in the paper; D is 1, other matrices are uniform in ±1/sqrt(columns); the first state is zero,
    and is learnt.

    Args:
        state_size: N, numbers kept per channel, of which there are `hidden_size`.

    Shape:
        state (num_layers, batch, hidden_size, state_size).

    Source: Gu, Dao 2023 (arXiv:2312.00752), Algorithm 2 and equation 4.

    Example:
        >>> output, state = S6(4, 3, num_layers=2)(torch.ones(5, 7, 4))
        >>> output.shape, state.shape
        (torch.Size([5, 7, 3]), torch.Size([2, 5, 3, 16]))
    """

    OPTIONS: ClassVar[dict[str, Any]] = {"state_size": 16}
    state_size: int

    def check_options(self) -> None:
        self.state_size = check_whole("state_size", self.state_size, 1)

    def parameter_shapes(self, below: int) -> Shapes:
        units, size = self.hidden_size, self.state_size
        return {
            "weight_in": (units, below),
            "A_log": (units, size),
            "weight_B": (size, units),
            "weight_C": (size, units),
            "weight_delta": (1, units),
            "bias_delta": (units,),
            "D": (units,),
        }

    def state_shapes(self) -> Shapes:
        return {"state": (self.hidden_size, self.state_size)}

    @torch.no_grad()
    def reset_parameters(self) -> None:
        nn.init.zeros_(self.get_parameter("initial_state"))
        for number in range(self.num_layers):
            layer = self.layer(number)
            for name in ("weight_in", "weight_B", "weight_C", "weight_delta"):
                bound = layer[name].shape[1] ** -0.5
                nn.init.uniform_(layer[name], -bound, bound)
            nn.init.ones_(layer["D"])
            decays = torch.arange(1, self.state_size + 1, device=layer["A_log"].device, dtype=layer["A_log"].dtype)
            layer["A_log"].copy_(decays.log().expand_as(layer["A_log"]))
            steps = nn.init.uniform_(layer["bias_delta"], math.log(0.001), math.log(0.1)).exp_()
            steps.expm1_().log_()  # softplus gives the step back

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        u, a = F.linear(x, layer["weight_in"]), -torch.exp(layer["A_log"])
        delta = F.softplus(F.linear(u, layer["weight_delta"]) + layer["bias_delta"])
        b, c = F.linear(u, layer["weight_B"]), F.linear(u, layer["weight_C"])
        exponent = delta.unsqueeze(2) * a
        added = torch.expm1(exponent) / a * (u.unsqueeze(2) * b.unsqueeze(1))
        hidden = torch.exp(exponent) * state[0] + added
        return (hidden @ c.unsqueeze(2)).squeeze(2) + layer["D"] * u, (hidden,)
