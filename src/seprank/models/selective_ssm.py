"""Selective state-space model in polynomial form: the input decides what is kept."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from .base.squashed import affine, affine_shapes
from .base.stacked import Shapes, StackedCell, States, Weights


class SelectiveSSM(StackedCell):
    r"""State-space layers whose decay depends on the input.

    With $x$ the input of a layer,

    $$h' = (W_a x + b_a) \odot h + (W_b x + b_b), \qquad y = C h'$$

    $y$ is the input of the next layer. In S6, the layer of Mamba, the decay is $\exp(\Delta A)$ with
    $\Delta = \mathrm{softplus}(W x + b)$; here it is affine in $x$, and so is what is added. `s6.S6` is the original,
    to be measured. The state is affine in the one before, so that a single layer has rank at most $R + 1$.

    Initialisation: $W_a = 0$ and $b_a$ uniform between 1/2 and 1, so that at first all inputs are kept equally long,
    and nothing grows.

    Source: after Gu, Dao 2023 (arXiv:2312.00752), Algorithm 2, with decay and input affine.

    Example:
        >>> from seprank import certify
        >>> certify(SelectiveSSM(4, 3), length=6).rank
        4
    """

    def parameter_shapes(self, below: int) -> Shapes:
        units = self.hidden_size
        maps = affine_shapes(below, {"decay": units}) | affine_shapes(below, {"in": units})
        return maps | {"weight_out": (units, units)}

    def reset_layer(self, layer: Weights) -> None:
        nn.init.zeros_(layer["weight_decay"])
        nn.init.uniform_(layer["bias_decay"], 0.5, 1.0)

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        hidden = affine(layer, "decay", x) * state[0] + affine(layer, "in", x)
        return F.linear(hidden, layer["weight_out"]), (hidden,)
