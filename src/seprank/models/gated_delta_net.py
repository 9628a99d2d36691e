"""Gated delta rule: a memory that fades as a whole and is corrected key by key, with and without squashing."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .base.matrix import MatrixCell, apply, outer, projections
from .base.squashed import SquashedCell, affine, affine_shapes
from .base.stacked import Shapes, States, Weights


class GatedDeltaNet(MatrixCell, SquashedCell):
    r"""Gated DeltaNet with one head, and with the output gate and the projection of its layer.

    With $x$ the input of a layer, $q$, $k$, $v$ linear in it, a forgetting factor $\alpha$ and a writing strength β,

    $$S' = \alpha S (1 - \beta k k^\top) + \beta v k^\top, \qquad y = W_o \, (r \odot \mathrm{norm}(S' q))$$

    As published, nonlinearity="sigmoid", $q = \mathrm{silu}(W_q x)$ and $k = \mathrm{silu}(W_k x)$ divided by their
    lengths, $v = \mathrm{silu}(W_v x)$, $\alpha = \exp(-e^a\, \mathrm{softplus}(w_\alpha \cdot x + b_\alpha))$,
    $\beta = \sigma(w_\beta \cdot x + b_\beta)$, $r = \mathrm{silu}(W_r x)$, and norm divides by the root mean square.
    The short convolutions before $q$, $k$ and $v$ are left out.

    Without these functions, nonlinearity="identity", it is polynomial: $q$, $k$, $v$ and $r$ are linear in x, α and β
    affine. The state is affine in the one before. The output gate weighs the rows of $S' q$ by the last input, so that
    a read-out sees all of $S$: a single layer has rank at most $R^2 + 1$. For `DeltaRule`, which has no such gate, it
    is at most $R + 1$.

    Initialisation: as in `SquashedCell`, $b_\alpha$ between 1/2 and 1, $b_\beta$ between 0 and 1/2; as published, $e^a$
    begins between 1 and 16 and softplus between 0.001 and 0.1.

    Source: Yang, Kautz, Hatamizadeh 2024, "Gated delta networks: improving Mamba2 with delta rule" (arXiv:2412.06464),
        equation 10 and section 3.4.

    Example:
        >>> from seprank import certify
        >>> certify(GatedDeltaNet(3, 2), length=6).rank
        5
    """

    SQUASHING = "sigmoid"
    BEGINNINGS = (("forget", 0.5, 1.0), ("beta", 0.0, 0.5))

    def parameter_shapes(self, below: int) -> Shapes:
        units = self.hidden_size
        shapes: Shapes = {f"weight_{name}": (units, below) for name in ("q", "k", "v", "gate")}
        shapes |= affine_shapes(below, {"forget": 1}) | affine_shapes(below, {"beta": 1})
        shapes |= {"weight_out": (units, units)}
        return {**shapes, "log_rate": (1,)} if self.squashes else shapes

    def reset_layer(self, layer: Weights) -> None:
        super().reset_layer(layer)
        if self.squashes:
            nn.init.uniform_(layer["log_rate"], 1.0, 16.0).log_()
            steps = nn.init.uniform_(layer["bias_forget"], -6.9, -2.3).exp_()
            steps.expm1_().log_()  # softplus gives the step back

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        q, k, v = map(self.silu, projections(layer, x))
        keep, beta = affine(layer, "forget", x), self.sigmoid(affine(layer, "beta", x))
        if self.squashes:
            q, k = F.normalize(q, dim=1), F.normalize(k, dim=1)
            keep = torch.exp(-torch.exp(layer["log_rate"]) * F.softplus(keep))
        faded = state[0] * keep.unsqueeze(2)
        memory = faded + outer(beta * (v - apply(faded, k)), k)
        seen = apply(memory, q)
        if self.squashes:
            seen = F.rms_norm(seen, (self.hidden_size,), eps=1e-5)
        gate = self.silu(F.linear(x, layer["weight_gate"]))
        return F.linear(gate * seen, layer["weight_out"]), (memory,)
