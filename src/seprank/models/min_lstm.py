"""Minimal LSTM: gates that do not see the state, with and without their sigmoids."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from .base.squashed import SquashedCell, affine
from .base.stacked import Shapes, States, Weights


class MinLSTM(SquashedCell):
    r"""Minimal LSTM: forget gate, input gate and candidate of an LSTM, all of the input alone.

    With $x$ the input of a layer and $h$ its state after the step before,

    $$f = \sigma(W_f x + b_f), \qquad i = \sigma(W_i x + b_i), \qquad h' = f \odot h + i \odot (W_n x + b_n)$$

    With `normalize` both gates are divided by their sum, $f / (f + i)$ and $i / (f + i)$, which makes the scale of the
    state independent of time; this is the form that the paper trains. Without σ and division the cell is polynomial,
    without σ alone it is rational, and can be certified, too. The state is affine in the one before, unit by unit, so
    that a single layer has rank at most $R + 1$ in either form.

    Initialisation: as in `StackedCell`; without σ, $b_f$ is uniform between 1/2 and 1, $b_i$ between 0 and 1, and $W_f$
    a quarter of what it is otherwise, so that nothing grows at first.

    Args:
        nonlinearity: "identity" (can be certified) or "sigmoid" (as published).
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
        units, gates = self.hidden_size, ("forget", "input", "in")
        return {f"weight_{gate}": (units, below) for gate in gates} | {f"bias_{gate}": (units,) for gate in gates}

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        keep, take = (self.sigmoid(affine(layer, gate, x)) for gate in ("forget", "input"))
        if self.normalize:
            total = keep + take
            keep, take = keep / total, take / total
        hidden = keep * state[0] + take * affine(layer, "in", x)
        return hidden, (hidden,)
