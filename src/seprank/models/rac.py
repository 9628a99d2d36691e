"""Recurrent Arithmetic Circuit."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class RAC(nn.Module):
    r"""Recurrent Arithmetic Circuit: hidden state and input meet by element-wise product.

    With $h^{t,0} = x^t$ the input, layer $l$ computes

    $$h^{t,l} = (W_H^l\, h^{t-1,l}) \odot (W_I^l\, h^{t,l-1})$$

    It is Multiplicative Integration (Wu et al. 2016) with the non-linearity left out. Names and calling
    convention are those of `torch.nn.RNN`; there is no bias, and the state before the first step is a parameter,
    because a zero state would make every product zero.

    Initialisation: every `weight_hh` and every upper `weight_ih` is a random signed permutation, the first
    `weight_ih` and the initial state are random signs. On one-hot inputs all states then have entries of
    magnitude exactly 1, at every depth and length. No network of products can do that for all inputs: after t
    more steps an input enters layer l with degree C(t + l - 1, l - 1), so its scale comes back to that power. With
    vectors of unit norm a single layer loses about half a decimal order every three steps; depth multiplies that.

    Args:
        input_size: M, features per time step.
        hidden_size: R, width of every layer.
        num_layers: L, depth.
        batch_first: input and output are (batch, time, features) rather than (time, batch, features).
        device, dtype: of the parameters.

    Shape:
        input (batch, time, input_size), state (num_layers, batch, hidden_size) or None; returns the top
        layer's states (batch, time, hidden_size) and the last state of every layer (num_layers, batch,
        hidden_size). Without the batch dimension throughout, too.

    Raises:
        ValueError: a size below 1, or inputs that do not fit.

    Source: Levine, Sharir, Ziv, Shashua 2017 (arXiv:1710.09431), equations 4 and 5.

    Example:
        >>> output, state = RAC(4, 3, num_layers=2)(torch.eye(4).expand(5, 4, 4))
        >>> output.shape, state.shape
        (torch.Size([5, 4, 3]), torch.Size([2, 5, 3]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        batch_first: bool = True,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, value in [("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)]:
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.batch_first = batch_first
        for layer in range(num_layers):
            below = input_size if layer == 0 else hidden_size
            for name, columns in [("ih", below), ("hh", hidden_size)]:
                weight = torch.empty(hidden_size, columns, device=device, dtype=dtype)
                self.register_parameter(f"weight_{name}_l{layer}", nn.Parameter(weight))
        self.initial_state = nn.Parameter(torch.empty(num_layers, hidden_size, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters from torch's generator; see the class for the law and its reason."""
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                signs = torch.randint(0, 2, parameter.shape, device=parameter.device) * 2.0 - 1.0
                if name not in ("weight_ih_l0", "initial_state"):
                    signs *= torch.eye(self.hidden_size, device=parameter.device)[torch.randperm(self.hidden_size)]
                parameter.copy_(signs)

    def forward(self, input: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        batched = self._check(input, state)
        sequence = input if batched else input.unsqueeze(0 if self.batch_first else 1)
        if self.batch_first:
            sequence = sequence.transpose(0, 1)
        if state is None:
            state = self.initial_state.unsqueeze(1).expand(-1, sequence.shape[1], -1)
        elif not batched:
            state = state.unsqueeze(1)
        weights = [self._weights(layer) for layer in range(self.num_layers)]
        states = list(state.unbind(0))
        output = []
        for step in F.linear(sequence, self._weights(0)[0]).unbind(0):
            states[0] = F.linear(states[0], weights[0][1]) * step
            for layer in range(1, self.num_layers):
                from_input, recurrent = weights[layer]
                states[layer] = F.linear(states[layer], recurrent) * F.linear(states[layer - 1], from_input)
            output.append(states[-1])
        return self._arrange(torch.stack(output), torch.stack(states), batched)

    def _weights(self, layer: int) -> tuple[Tensor, Tensor]:
        return getattr(self, f"weight_ih_l{layer}"), getattr(self, f"weight_hh_l{layer}")

    def _arrange(self, output: Tensor, state: Tensor, batched: bool) -> tuple[Tensor, Tensor]:
        """From (time, batch, hidden_size) and (num_layers, batch, hidden_size) to what was asked for."""
        if not batched:
            return output.squeeze(1), state.squeeze(1)
        return (output.transpose(0, 1) if self.batch_first else output), state

    def _check(self, input: Tensor, state: Tensor | None) -> bool:
        """Whether the input is batched; refuses shapes that do not fit."""
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size:
            layout = "(batch, time, input_size)" if self.batch_first else "(time, batch, input_size)"
            raise ValueError(
                f"input must be {layout} or (time, input_size) with input_size {self.input_size}, "
                f"got {tuple(input.shape)}"
            )
        batched = input.ndim == 3
        if input.shape[1 if batched and self.batch_first else 0] == 0:
            raise ValueError(f"input must have at least one time step, got shape {tuple(input.shape)}")
        batch = (input.shape[0 if self.batch_first else 1],) if batched else ()
        expected = (self.num_layers, *batch, self.hidden_size)
        if state is not None and state.shape != expected:
            raise ValueError(f"state must have shape {expected} for this input, got {tuple(state.shape)}")
        return batched

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}, num_layers={self.num_layers}, batch_first={self.batch_first}"
