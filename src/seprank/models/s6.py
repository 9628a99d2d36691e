"""Selective state-space model, in the calling convention of torch.nn.RNN."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..question import check_whole


class S6(nn.Module):
    r"""Selective state-space layers (S6), written step by step: a reference in double precision.

    With $u_t = W_{in}\, x_t$, channel $d$ and state component $n$, a layer computes

    $$\Delta_t = \mathrm{softplus}(w_\Delta \cdot u_t + b_\Delta), \quad B_t = W_B u_t, \quad C_t = W_C u_t$$

    $$h_t^{dn} = e^{\Delta_t^d A^{dn}} h_{t-1}^{dn} + \frac{e^{\Delta_t^d A^{dn}} - 1}{A^{dn}} B_t^n u_t^d, \qquad
      y_t^d = \sum_n C_t^n h_t^{dn}$$

    which is the paper's Algorithm 2 with its zero-order hold. The input chooses through $\Delta$, $B$ and $C$ what is
    kept. $y$ is the input of the next layer. Of the Mamba block around it, the convolution, the gate and the
    residual are left out. $A = -\exp(\mathrm{A\_log})$ is negative; it starts at $-1, \dots, -N$ in every channel
    and steps $\Delta$ between 0.001 and 0.1, as in the paper. exp and softplus are no polynomials: this model can be
    measured, but not certified.

    Args:
        input_size: features per time step.
        hidden_size: channels of every layer.
        num_layers: depth.
        state_size: N, numbers kept per channel.
        batch_first: input and output are (batch, time, features) rather than (time, batch, features).
        device, dtype: of the parameters; float64 by default.

    Shape:
        input (batch, time, input_size), state (num_layers, batch, hidden_size, state_size) or None for zeros;
        returns the last layer's outputs (batch, time, hidden_size) and the new state.

    Raises:
        ValueError: a size below 1, or an input of another shape.

    Source: Gu, Dao 2023 (arXiv:2312.00752), Algorithm 2 and equation 4.

    Example:
        >>> output, state = S6(4, 3, num_layers=2)(torch.ones(5, 7, 4, dtype=torch.float64))
        >>> output.shape, state.shape
        (torch.Size([5, 7, 3]), torch.Size([2, 5, 3, 16]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        state_size: int = 16,
        batch_first: bool = True,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        super().__init__()
        self.input_size = check_whole("input_size", input_size, 1)
        self.hidden_size = check_whole("hidden_size", hidden_size, 1)
        self.num_layers = check_whole("num_layers", num_layers, 1)
        self.state_size = check_whole("state_size", state_size, 1)
        self.batch_first = batch_first
        for layer in range(self.num_layers):
            for name, shape in self._shapes(self.hidden_size if layer else self.input_size).items():
                parameter = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
                self.register_parameter(f"{name}_l{layer}", parameter)
        self.reset_parameters()

    def _shapes(self, below: int) -> dict[str, tuple[int, ...]]:
        units, size = self.hidden_size, self.state_size
        return {
            "weight_in": (units, below),
            "A_log": (units, size),
            "weight_B": (size, units),
            "weight_C": (size, units),
            "weight_delta": (1, units),
            "bias_delta": (units,),
        }

    def reset_parameters(self) -> None:
        """Draw new parameters from torch's generator: matrices uniform in ±1/sqrt(columns), the rest as above."""
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if name.startswith("A_log"):
                    steps = torch.arange(1, self.state_size + 1, device=parameter.device, dtype=parameter.dtype)
                    parameter.copy_(steps.log().expand_as(parameter))
                elif name.startswith("bias"):
                    delta = torch.exp(parameter.uniform_(math.log(0.001), math.log(0.1)))
                    parameter.copy_(torch.log(torch.expm1(delta)))  # softplus gives delta back
                else:
                    bound = parameter.shape[1] ** -0.5
                    parameter.uniform_(-bound, bound)

    def forward(self, input: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if input.ndim != 3 or input.shape[2] != self.input_size or 0 in input.shape[:2]:
            layout = "(batch, time, input_size)" if self.batch_first else "(time, batch, input_size)"
            raise ValueError(f"input must be {layout} with input_size {self.input_size}, got {tuple(input.shape)}")
        sequence = input.transpose(0, 1) if self.batch_first else input
        if state is None:
            state = input.new_zeros(self.num_layers, sequence.shape[1], self.hidden_size, self.state_size)
        last = []
        for layer, before in enumerate(state):
            sequence, after = self._run_layer(layer, sequence, before)
            last.append(after)
        return sequence.transpose(0, 1) if self.batch_first else sequence, torch.stack(last)

    def _run_layer(self, layer: int, sequence: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs (time, batch, units) and the last state (batch, units, state_size)."""
        weights = {name: getattr(self, f"{name}_l{layer}") for name in self._shapes(1)}
        a = -torch.exp(weights["A_log"])
        u = F.linear(sequence, weights["weight_in"])
        delta = F.softplus(F.linear(u, weights["weight_delta"]) + weights["bias_delta"])
        b, c = F.linear(u, weights["weight_B"]), F.linear(u, weights["weight_C"])
        outputs = []
        for u_t, delta_t, b_t, c_t in zip(u, delta, b, c, strict=True):
            exponent = delta_t.unsqueeze(2) * a
            state = torch.exp(exponent) * state + torch.expm1(exponent) / a * (u_t.unsqueeze(2) * b_t.unsqueeze(1))
            outputs.append((state @ c_t.unsqueeze(2)).squeeze(2))
        return torch.stack(outputs), state

    def extra_repr(self) -> str:
        return (
            f"{self.input_size}, {self.hidden_size}, num_layers={self.num_layers}, state_size={self.state_size}, "
            f"batch_first={self.batch_first}"
        )
