"""Minimal LSTM: gates that do not see the state, with and without their sigmoids."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from .base.squashed import SquashedCell, affine, affine_shapes
from .base.stacked import Shapes, States, Weights


class MinLSTM(SquashedCell):
    r"""Minimal LSTM: forget gate, input gate and candidate of an LSTM, all of the input alone.

    With $x$ the input of a layer and $h$ its state after the step before,

    $$f = \sigma(W_f x + b_f), \qquad i = \sigma(W_i x + b_i), \qquad h' = f \odot h + i \odot (W_n x + b_n)$$

    This is nonlinearity="sigmoid", as published. With `normalize`, both gates are divided by their sum, $f / (f + i)$
    and $i / (f + i)$, so that the scale of the state does not depend on time; this is the form that the paper trains.
    Without σ, nonlinearity="identity", the cell is polynomial, or rational where it normalizes; both can be certified.
    The state is affine in the one before, unit by unit, so that a single layer has rank at most $R + 1$.

    Initialisation: as in `SquashedCell`, $b_f$ between 1/2 and 1, $b_i$ between 0 and 1.

    Args:
        normalize: divide the gates by their sum.

    Source: Feng, Tung, Ahmed, Bengio, Hajimirsadeghi 2024, "Were RNNs all we needed?" (arXiv:2410.01201), section 3.2.

    Example:
        >>> from seprank import certify
        >>> certify(MinLSTM(4, 3), length=6).rank
        4
    """

    OPTIONS: ClassVar[dict[str, Any]] = {**SquashedCell.OPTIONS, "normalize": False}
    SQUASHING = "sigmoid"
    BEGINNINGS = (("forget", 0.5, 1.0), ("input", 0.0, 1.0))
    normalize: bool

    def parameter_shapes(self, below: int) -> Shapes:
        return affine_shapes(below, dict.fromkeys(("forget", "input", "in"), self.hidden_size))

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        keep, take = (self.sigmoid(affine(layer, gate, x)) for gate in ("forget", "input"))
        if self.normalize:
            total = keep + take
            keep, take = keep / total, take / total
        hidden = keep * state[0] + take * affine(layer, "in", x)
        return hidden, (hidden,)
