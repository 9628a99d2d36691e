"""LSTM without its squashing functions, and with them."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from .base.squashed import TorchTwin
from .base.stacked import Shapes, States, Weights


class ArithmeticLSTM(TorchTwin):
    r"""Arithmetic LSTM: gates, candidates and outputs of an LSTM, multiplied as they are.

    With $x$ the input of a layer and $h$, $c$ its hidden and cell state after the step before,

    $$i = W_{ii} x + W_{hi} h + b_i, \quad f = W_{if} x + W_{hf} h + b_f, \quad
      g = W_{ig} x + W_{hg} h + b_g, \quad o = W_{io} x + W_{ho} h + b_o$$

    $$c' = f \odot c + i \odot g, \qquad h' = o \odot c'$$

    These are the equations of `torch.nn.LSTM` without σ and tanh, nonlinearity="identity". With nonlinearity="tanh"
    they are those of `nn.LSTM`: $i$, $f$, $o$ pass through σ, $g$ through tanh, and $h' = o \odot \tanh(c')$. So
    are the parameters, each $b$ the sum of two; `TorchTwin` says how weights are copied.

    A step is not affine in the state: $h'$ has degree 3 in $(h, c)$. The rank of a single layer therefore grows
    with the length, as it does for a Recurrent Arithmetic Circuit from depth 2 on.

    Shape:
        state (hidden, cell), each (num_layers, batch, hidden_size).

    Source: Hochreiter, Schmidhuber 1997 (doi:10.1162/neco.1997.9.8.1735), forget gate by Gers, Schmidhuber, Cummins
        2000 (doi:10.1162/089976600300015015), in the form of the documentation of torch.nn.LSTM.

    Example:
        >>> from seprank import certify
        >>> [certify(ArithmeticLSTM(2, 1), length=length).rank for length in (2, 4, 6)]
        [6, 28, 190]
    """

    gates = 4

    def state_shapes(self) -> Shapes:
        return {"hidden": (self.hidden_size,), "cell": (self.hidden_size,)}

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        hidden, cell = state
        from_input = F.linear(x, layer["weight_ih"], layer["bias_ih"])
        i, f, g, o = (from_input + F.linear(hidden, layer["weight_hh"], layer["bias_hh"])).chunk(4, 1)
        cell = self.sigmoid(f) * cell + self.sigmoid(i) * self.tanh(g)
        hidden = self.sigmoid(o) * self.tanh(cell)
        return hidden, (hidden, cell)
