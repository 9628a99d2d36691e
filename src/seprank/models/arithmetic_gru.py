"""GRU without its squashing functions, and with them."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from .base.squashed import TorchTwin
from .base.stacked import States, Weights


class ArithmeticGRU(TorchTwin):
    r"""Arithmetic GRU: reset gate, update gate and candidate of a GRU, multiplied as they are.

    With $x$ the input of a layer and $h$ its state after the step before,

    $$r = W_{ir} x + b_{ir} + W_{hr} h + b_{hr}, \qquad z = W_{iz} x + b_{iz} + W_{hz} h + b_{hz}$$

    $$n = W_{in} x + b_{in} + r \odot (W_{hn} h + b_{hn}), \qquad h' = (1 - z) \odot n + z \odot h$$

    These are the equations of `torch.nn.GRU` without σ and tanh, nonlinearity="identity". With nonlinearity="tanh" they
    are those of `nn.GRU`: $r$ and $z$ pass through σ, $n$ through tanh. So are the parameters; `TorchTwin` says how
    weights are copied.

    A step has degree 3 in the state, so that the rank of a single layer grows with the length.

    Source: Cho et al. 2014 (arXiv:1406.1078), in the form of the documentation of torch.nn.GRU, which applies the
        reset gate after the matrix, and in which z keeps the old state.

    Example:
        >>> from seprank import certify
        >>> [certify(ArithmeticGRU(2, 1), length=length).rank for length in (2, 4, 6)]
        [4, 10, 28]
    """

    gates = 3

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        (hidden,) = state
        from_input = F.linear(x, layer["weight_ih"], layer["bias_ih"]).chunk(3, 1)
        from_hidden = F.linear(hidden, layer["weight_hh"], layer["bias_hh"]).chunk(3, 1)
        r, z = (self.sigmoid(a + b) for a, b in zip(from_input[:2], from_hidden[:2], strict=True))
        n = self.tanh(from_input[2] + r * from_hidden[2])
        hidden = (1 - z) * n + z * hidden
        return hidden, (hidden,)
