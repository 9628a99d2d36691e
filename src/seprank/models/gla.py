"""Gated linear attention: a matrix of sums of products whose columns fade, with and without sigmoids."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .base.matrix import MatrixCell, apply, outer, projections
from .base.squashed import SquashedCell, affine
from .base.stacked import Shapes, States, Weights

SLOWNESS = 16
"""τ: the root of a sigmoid that a forget gate is, so that it begins near 1"""


class GLA(MatrixCell, SquashedCell):
    r"""Gated linear attention with one head, and with the output gate and the projection of its layer.

    With $x$ the input of a layer and $q = W_q x$, $k = W_k x$, $v = W_v x$,

    $$S' = S \, \mathrm{diag}(\alpha) + v k^\top, \qquad y = W_o \, (r \odot \mathrm{norm}(S' q))$$

    $$\alpha = \sigma(W_\alpha x + b_\alpha)^{1/\tau}, \qquad r = \mathrm{silu}(W_r x + b_r)$$

    with τ = 16, and the layer norm without weights of its own, which $W_r$ would absorb. That is
    nonlinearity="sigmoid"; without σ, silu, norm and root, nonlinearity="identity", it is polynomial: α and r are
    affine in x. $y$ is the input of the next layer.

    The state is affine in the one before. The output gate weighs the rows of $S' q$ by the last input, so that a
    read-out sees all of $S$ and not one combination of its rows: a single layer has rank at most $R^2 + 1$. For
    `LinearAttention`, which has no such gate, it is at most $R + 1$. In the paper, $W_\alpha$ is a product of two
    matrices of rank 16, to save parameters; here it is any matrix.

    Initialisation: as in `SquashedCell`, $b_\alpha$ between 1/2 and 1.

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
        shapes: Shapes = {f"weight_{name}": (units, below) for name in ("q", "k", "v", "forget", "gate")}
        return {**shapes, "bias_forget": (units,), "bias_gate": (units,), "weight_out": (units, units)}

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        q, k, v = projections(layer, x)
        keep = affine(layer, "forget", x)
        if self.squashes:
            keep = torch.exp(F.logsigmoid(keep) / SLOWNESS)
        memory = state[0] * keep.unsqueeze(1) + outer(v, k)
        seen = apply(memory, q)
        if self.squashes:
            seen = F.layer_norm(seen, (self.hidden_size,))
        return F.linear(self.silu(affine(layer, "gate", x)) * seen, layer["weight_out"]), (memory,)
