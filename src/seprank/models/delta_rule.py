"""Delta rule: linear attention that replaces what a key held before."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from .base.matrix import MatrixCell, apply, outer, projections
from .base.stacked import Shapes, States, Weights


class DeltaRule(MatrixCell):
    r"""Fast weights by the delta rule: what is stored at a key is moved towards the new value.

    With $x$ the input of a layer, $q = W_q x$, $k = W_k x$, $v = W_v x$ and the writing strength $\beta = w_\beta
    \cdot x + b_\beta$, a number,

    $$S' = S + \beta\, (v - S k)\, k^\top, \qquad y = S' q$$

    In the paper, keys and queries are normalised and β passes through a sigmoid; here nothing is squashed. $y$ is
    the input of the next layer. The state is affine in the one before, $S' = S (1 - \beta k k^\top) + \beta v
    k^\top$, and a read-out sees it through $w^\top S$, which has $R$ entries: a single layer has rank at most $R + 1$.

    Source: Schlag, Irie, Schmidhuber 2021, "Linear transformers are secretly fast weight programmers"
        (arXiv:2102.11174), section 4.2.

    Example:
        >>> from seprank import certify
        >>> certify(DeltaRule(4, 3), length=6).rank
        4
    """

    def parameter_shapes(self, below: int) -> Shapes:
        shapes: Shapes = {f"weight_{name}": (self.hidden_size, below) for name in "qkv"}
        return {**shapes, "weight_beta": (1, below), "bias_beta": (1,)}

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        q, k, v = projections(layer, x)
        beta = F.linear(x, layer["weight_beta"], layer["bias_beta"])
        memory = state[0] + outer(beta * (v - apply(state[0], k)), k)
        return apply(memory, q), (memory,)
