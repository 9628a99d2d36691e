"""mLSTM: an LSTM whose cell is a matrix and whose gates do not see the state, with and without exponential gates."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .base.matrix import MatrixCell, apply, outer
from .base.squashed import SquashedCell, affine, affine_shapes
from .base.stacked import Shapes, States, Weights


class MLSTM(MatrixCell, SquashedCell):
    r"""Matrix LSTM of the xLSTM, with one head.

    With $x$ the input of a layer, $q = W_q x + b_q$, $k = W_k x / \sqrt R + b_k$, $v = W_v x + b_v$, numbers
    $i = \exp(w_i \cdot x + b_i)$ and $f = \sigma(w_f \cdot x + b_f)$, and $o = \sigma(W_o x + b_o)$,

    $$C' = f\, C + i\, v k^\top, \qquad n' = f\, n + i\, k, \qquad y = o \odot C' q \,/ \max(|n' \cdot q|, 1)$$

    As published, nonlinearity="exp", $C$ and $n$ are kept divided by $e^m$ with $m' = \max(\log f + m, \log i)$, which
    does not change $y$, and no exponential overflows.

    With nonlinearity="identity", exp, σ and the division are left out, together with $n$ and $m$, which only the
    divisor reads, and $\sqrt R$, which $W_k$ absorbs: $y = o \odot C' q$, a polynomial. The larger of two numbers has
    no counterpart among polynomials, so that `certify(..., squash="identity")` refuses the form with "exp"; this one
    can be certified. The state is affine in the one before, and $o$ weighs the rows of $C' q$ by the last input: a
    single layer has rank at most $R^2 + 1$, and less where inputs are few (docs/theory.md, "One layer of mLSTM").

    Initialisation: as in `SquashedCell`, $b_f$ between 1/2 and 1, $b_i$ between 0 and 1; n and m are zero.

    Shape:
        state (num_layers, batch, hidden_size, hidden_size); with "exp" a tuple of this, (num_layers, batch,
        hidden_size) and (num_layers, batch, 1): C, n and m.

    Source: Beck, Pöppel, Spanring, Auer, Prudnikova, Kopp, Klambauer, Brandstetter, Hochreiter 2024, "xLSTM: extended
        long short-term memory" (arXiv:2405.04517), equations 19 to 27, and 15 to 17 for m.

    Example:
        >>> from seprank import certify
        >>> certify(MLSTM(3, 2), length=6).rank
        5
    """

    SQUASHING = "exp"
    BEGINNINGS = (("forget", 0.5, 1.0), ("input", 0.0, 1.0))

    def parameter_shapes(self, below: int) -> Shapes:
        units = self.hidden_size
        rows = dict.fromkeys(("q", "k", "v", "out"), units) | {"input": 1, "forget": 1}
        return affine_shapes(below, rows)

    def state_shapes(self) -> Shapes:
        shapes = super().state_shapes()
        return shapes | {"normalizer": (self.hidden_size,), "scale": (1,)} if self.squashes else shapes

    def reset_parameters(self) -> None:
        super().reset_parameters()
        if self.squashes:
            for name in ("normalizer", "scale"):
                nn.init.zeros_(self.get_parameter(f"initial_{name}"))

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        q, v = affine(layer, "q", x), affine(layer, "v", x)
        root = self.hidden_size**-0.5 if self.squashes else 1
        k = F.linear(x, layer["weight_k"]) * root + layer["bias_k"]
        out = self.sigmoid(affine(layer, "out", x))
        keep, take = affine(layer, "forget", x), affine(layer, "input", x)
        if not self.squashes:
            memory = _added(state[0], keep, take, v, k)
            return out * apply(memory, q), (memory,)
        memory, normalizer, before = state
        kept = F.logsigmoid(keep) + before
        scale = torch.maximum(kept, take)
        keep, take = torch.exp(kept - scale), torch.exp(take - scale)
        memory, normalizer = _added(memory, keep, take, v, k), keep * normalizer + take * k
        divisor = torch.maximum((normalizer * q).sum(1, keepdim=True).abs(), torch.exp(-scale))
        return out * apply(memory, q) / divisor, (memory, normalizer, scale)


def _added(memory: Tensor, keep: Tensor, take: Tensor, v: Tensor, k: Tensor) -> Tensor:
    """$f C + i v k^T$"""
    return keep.unsqueeze(2) * memory + outer(take * v, k)
