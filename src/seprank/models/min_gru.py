"""Minimal GRU: gates that do not see the state, with and without their sigmoid."""

from __future__ import annotations

from torch import Tensor

from .base.squashed import SquashedCell, affine, affine_shapes
from .base.stacked import Shapes, States, Weights


class MinGRU(SquashedCell):
    r"""Minimal GRU: update gate and candidate of a GRU, both of the input alone.

    With $x$ the input of a layer and $h$ its state after the step before,

    $$z = \sigma(W_z x + b_z), \qquad h' = (1 - z) \odot h + z \odot (W_n x + b_n)$$

    This is nonlinearity="sigmoid", as published; without σ, nonlinearity="identity", it is polynomial. The state is
    affine in the one before, unit by unit, so that a single layer has rank at most $R + 1$. A GRU, whose gates see the
    state, has a rank that grows with the length.

    Initialisation: as in `SquashedCell`, $b_z$ between 0 and 1/2.

    Source: Feng, Tung, Ahmed, Bengio, Hajimirsadeghi 2024, "Were RNNs all we needed?" (arXiv:2410.01201), section 3.1.

    Example:
        >>> from seprank import certify
        >>> certify(MinGRU(4, 3), length=6).rank
        4
    """

    SQUASHING = "sigmoid"
    BEGINNINGS = (("update", 0.0, 0.5),)

    def parameter_shapes(self, below: int) -> Shapes:
        units = self.hidden_size
        return affine_shapes(below, {"update": units}) | affine_shapes(below, {"in": units})

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        update = self.sigmoid(affine(layer, "update", x))
        hidden = (1 - update) * state[0] + update * affine(layer, "in", x)
        return hidden, (hidden,)
