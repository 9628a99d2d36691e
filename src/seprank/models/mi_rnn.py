"""Multiplicative Integration: the general form, with products and sums."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from .base.squashed import SquashedCell
from .base.stacked import Shapes, States, Weights


class MIRNN(SquashedCell):
    r"""Multiplicative Integration RNN: hidden state and input meet by a product and by a sum.

    With $h^{t,0} = x^t$ the input, $u = W_I^l\, h^{t,l-1}$ and $v = W_H^l\, h^{t-1,l}$, layer $l$ computes

    $$h^{t,l} = \phi(\alpha \odot v \odot u + \beta_1 \odot v + \beta_2 \odot u + b)$$

    $\alpha = 0$ is Elman's network, $\beta_1 = \beta_2 = b = 0$ the Recurrent Arithmetic Circuit. In the paper φ is
    tanh, nonlinearity="tanh". With the identity, nonlinearity="identity", a layer is affine in its state, so that a
    single layer has rank at most $R + 1$.

    Initialisation: as in `StackedCell`, but $\alpha = 1$, $\beta_1 = \beta_2 = 1/2$, $b = 0$.

    Source: Wu, Zhang, Zhang, Bengio, Salakhutdinov 2016, "On Multiplicative Integration with Recurrent Neural
        Networks" (arXiv:1606.06630), the general form.

    Example:
        >>> from seprank import certify
        >>> certify(MIRNN(4, 3), length=6).rank
        4
    """

    def parameter_shapes(self, below: int) -> Shapes:
        units = self.hidden_size
        vectors = dict.fromkeys(("alpha", "beta_1", "beta_2", "bias"), (units,))
        return {"weight_ih": (units, below), "weight_hh": (units, units), **vectors}

    def reset_layer(self, layer: Weights) -> None:
        for name, value in {"alpha": 1.0, "beta_1": 0.5, "beta_2": 0.5, "bias": 0.0}.items():
            nn.init.constant_(layer[name], value)

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        u, v = F.linear(x, layer["weight_ih"]), F.linear(state[0], layer["weight_hh"])
        total = layer["alpha"] * v * u + layer["beta_1"] * v + layer["beta_2"] * u + layer["bias"]
        hidden = self.tanh(total)
        return hidden, (hidden,)
