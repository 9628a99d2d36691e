"""Gated linear attention: a matrix of sums of products whose columns fade, with and without sigmoids."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .base.squashed import SquashedCell, affine
from .base.stacked import Shapes, States, Weights
from .linear_attention import apply

SLOWNESS = 16
"""τ: the root of a sigmoid that a forget gate is, so that it begins near 1"""


class GLA(SquashedCell):
    r"""Gated linear attention, one head, with the output gate and the projection of its layer.

    With $x$ the input of a layer and $q = W_q x$, $k = W_k x$, $v = W_v x$,

    $$S' = S \, \mathrm{diag}(\alpha) + v k^\top, \qquad y = W_o \, (r \odot \mathrm{norm}(S' q))$$

    $$\alpha = \sigma(W_\alpha x + b_\alpha)^{1/\tau}, \qquad r = \mathrm{silu}(W_r x + b_r)$$

    with τ = 16 and norm the layer norm without weights of its own, which $W_r$ would absorb. Without σ, silu, norm and
    root, nonlinearity="identity", it is polynomial: α and r are affine in x. $y$ is the input of the next layer.

    The state is affine in the one before. As the output gate weighs the rows of $S' q$ by the last input, a read-out
    sees all of $S$ and not one combination of its rows: a single layer has rank at most $R^2 + 1$, where that of
    `LinearAttention`, which has no such gate, is at most $R + 1$. The paper makes $W_\alpha$ a product of two matrices
    of rank 16, to save parameters; here it is any matrix.

    Initialisation: as in `StackedCell`; without σ, $b_\alpha$ is uniform between 1/2 and 1 and $W_\alpha$ a quarter of
    what it is otherwise, so that nothing grows at first.

    Args:
        nonlinearity: "identity" (can be certified) or "sigmoid" (as published).

    Shape:
        state (num_layers, batch, hidden_size, hidden_size), rows for values and columns for keys.

    Source: Yang, Wang, Shen, Panda, Kim 2023, "Gated linear attention transformers with hardware-efficient training"
        (arXiv:2312.06635), equation 3 for the recurrence, section 4.4 for gates and output.

    Example:
        >>> from seprank import certify
        >>> certify(GLA(3, 2), length=6).rank
        5
    """

    SQUASHING = "sigmoid"
    BEGINNINGS = (("forget", 0.5, 1.0),)

    def parameter_shapes(self, below: int) -> Shapes:
        units = self.hidden_size
        projections = {f"weight_{name}": (units, below) for name in ("q", "k", "v", "forget", "gate")}
        return {**projections, "bias_forget": (units,), "bias_gate": (units,), "weight_out": (units, units)}

    def state_shapes(self) -> Shapes:
        return {"state": (self.hidden_size, self.hidden_size)}

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        q, k, v = (F.linear(x, layer[f"weight_{name}"]) for name in "qkv")
        keep = affine(layer, "forget", x)
        if self.squashes:
            keep = torch.exp(F.logsigmoid(keep) / SLOWNESS)
        memory = state[0] * keep.unsqueeze(1) + v.unsqueeze(2) * k.unsqueeze(1)
        seen = apply(memory, q)
        if self.squashes:
            seen = F.layer_norm(seen, (self.hidden_size,))
        return F.linear(self.silu(affine(layer, "gate", x)) * seen, layer["weight_out"]), (memory,)
