"""Elman's network: hidden state and input are added."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from .base.squashed import TorchTwin
from .base.stacked import States, Weights


class Elman(TorchTwin):
    r"""Elman's recurrent network: hidden state and input meet by a sum.

    With $h^{t,0} = x^t$ the input, layer $l$ computes

    $$h^{t,l} = \phi(W_H^l\, h^{t-1,l} + W_I^l\, h^{t,l-1} + b^l)$$

    With $\phi$ the identity, nonlinearity="identity", the whole network is a sum over time,
    $y = f(\text{start}) + g(\text{end})$: its separation rank is 2 at every width, depth and length, the baseline for
    all others. With nonlinearity="tanh", $\phi = \tanh$, it is `torch.nn.RNN`. As there, $b$ is the sum of two
    parameters, `bias_ih` and `bias_hh`; `TorchTwin` says how weights are copied.

    Source: Elman 1990, "Finding structure in time" (doi:10.1207/s15516709cog1402_1), in the form of the documentation
        of torch.nn.RNN.

    Example:
        >>> from seprank import certify
        >>> certify(Elman(4, 3, num_layers=2), length=6).rank
        2
    """

    gates = 1

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        from_input = F.linear(x, layer["weight_ih"], layer["bias_ih"])
        hidden = self.tanh(from_input + F.linear(state[0], layer["weight_hh"], layer["bias_hh"]))
        return hidden, (hidden,)
