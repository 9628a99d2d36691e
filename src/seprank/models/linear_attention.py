"""Linear attention: a matrix of sums of products of keys and values."""

from __future__ import annotations

from torch import Tensor

from .base.matrix import MatrixCell, apply, outer, projections
from .base.stacked import Shapes, States, Weights


class LinearAttention(MatrixCell):
    r"""Causal linear attention with one head, as a recurrent network whose state is a matrix.

    With $x$ the input of a layer and $q = W_q x$, $k = W_k x$, $v = W_v x$,

    $$S' = S + v k^\top, \qquad y = S' q$$

    which is attention $y_t = \sum_{s \le t} v_s \langle k_s, q_t \rangle$ without softmax, plus what the initial
    matrix contributes. Keys, queries and values have `hidden_size` entries; $y$ is the input of the next layer. The
    feature map is the identity, as any polynomial could take its place; the normaliser, a division, is left out.

    The state is affine in the one before, and a read-out sees it through $w^\top S$, which has $R$ entries: a single
    layer has rank at most $R + 1$.

    Source: Katharopoulos, Vyas, Pappas, Fleuret 2020 (arXiv:2006.16236), section 3.4; this form, without feature map
        and normaliser, in Schlag, Irie, Schmidhuber 2021 (arXiv:2102.11174).

    Example:
        >>> from seprank import certify
        >>> certify(LinearAttention(4, 3), length=6).rank
        4
    """

    def parameter_shapes(self, below: int) -> Shapes:
        return {f"weight_{name}": (self.hidden_size, below) for name in "qkv"}

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        q, k, v = projections(layer, x)
        memory = state[0] + outer(v, k)
        return apply(memory, q), (memory,)
