"""Gated delta rule: a memory that fades as a whole and is corrected key by key, with and without squashing."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .base.squashed import SquashedCell, affine
from .base.stacked import Shapes, States, Weights
from .linear_attention import apply


class GatedDeltaNet(SquashedCell):
    r"""Gated DeltaNet, one head, with the output gate and the projection of its layer.

    With $x$ the input of a layer, $q$, $k$, $v$ linear in it, a forgetting factor $\alpha$ and a writing strength β,

    $$S' = \alpha S (1 - \beta k k^\top) + \beta v k^\top, \qquad y = W_o \, (r \odot \mathrm{norm}(S' q))$$

    As published, $q = \mathrm{silu}(W_q x)$ and $k = \mathrm{silu}(W_k x)$ divided by their lengths,
    $v = \mathrm{silu}(W_v x)$, $\alpha = \exp(-e^a\, \mathrm{softplus}(w_\alpha \cdot x + b_\alpha))$,
    $\beta = \sigma(w_\beta \cdot x + b_\beta)$, $r = \mathrm{silu}(W_r x)$, and norm divides by the root mean square.
    The short convolutions before $q$, $k$ and $v$ are left out.

    Without these functions, nonlinearity="identity", it is polynomial: $q$, $k$, $v$ and $r$ are linear in x, α and β
    affine. The state is affine in the one before. As the output gate weighs the rows of $S' q$ by the last input, a
    read-out sees all of $S$: a single layer has rank at most $R^2 + 1$, where that of `DeltaRule`, which has no such
    gate, is at most $R + 1$.

    Initialisation: as in `StackedCell`; as published α begins with $e^a$ between 1 and 16 and softplus between 0.001
    and 0.1. Without squashing, $b_\alpha$ is uniform between 1/2 and 1, $b_\beta$ between 0 and 1/2, and $w_\alpha$,
    $w_\beta$ are a quarter of what they are otherwise, so that nothing grows at first.

    Args:
        nonlinearity: "identity" (can be certified) or "sigmoid" (as published).

    Shape:
        state (num_layers, batch, hidden_size, hidden_size), rows for values and columns for keys.

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
        for name in ("forget", "beta"):
            shapes |= {f"weight_{name}": (1, below), f"bias_{name}": (1,)}
        shapes |= {"weight_out": (units, units)}
        return {**shapes, "log_rate": (1,)} if self.squashes else shapes

    def state_shapes(self) -> Shapes:
        return {"state": (self.hidden_size, self.hidden_size)}

    def reset_layer(self, layer: Weights) -> None:
        super().reset_layer(layer)
        if self.squashes:
            nn.init.uniform_(layer["log_rate"], 1.0, 16.0).log_()
            steps = nn.init.uniform_(layer["bias_forget"], -6.9, -2.3).exp_()
            steps.expm1_().log_()  # softplus gives the step back

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        q, k, v = (self.silu(F.linear(x, layer[f"weight_{name}"])) for name in "qkv")
        keep, beta = affine(layer, "forget", x), self.sigmoid(affine(layer, "beta", x))
        if self.squashes:
            q, k = F.normalize(q, dim=1), F.normalize(k, dim=1)
            keep = torch.exp(-torch.exp(layer["log_rate"]) * F.softplus(keep))
        faded = state[0] * keep.unsqueeze(2)
        memory = faded + (beta * (v - apply(faded, k))).unsqueeze(2) * k.unsqueeze(1)
        seen = apply(memory, q)
        if self.squashes:
            seen = F.rms_norm(seen, (self.hidden_size,), eps=1e-5)
        gate = self.silu(F.linear(x, layer["weight_gate"]))
        return F.linear(gate * seen, layer["weight_out"]), (memory,)
