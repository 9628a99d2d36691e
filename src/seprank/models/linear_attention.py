"""Linear attention: a matrix of sums of products of keys and values."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from .base.stacked import Shapes, StackedCell, States, Weights


class LinearAttention(StackedCell):
    r"""Causal linear attention, one head, as a recurrent network with a matrix for its state.

    With $x$ the input of a layer and $q = W_q x$, $k = W_k x$, $v = W_v x$,

    $$S' = S + v k^\top, \qquad y = S' q$$

    which is attention $y_t = \sum_{s \le t} v_s \langle k_s, q_t \rangle$ without softmax, plus what the initial
    matrix gives. Keys, queries and values have `hidden_size` entries; $y$ is the input of the next layer. The feature
    map of keys and queries is the identity and the normaliser is left out: the first would be a polynomial of one's
    own choice, the second is a division.

    The state is affine in the one before, and a read-out sees it through $w^\top S$, which has $R$ entries: a single
    layer has rank at most $R + 1$.

    Shape:
        state (num_layers, batch, hidden_size, hidden_size), rows for values and columns for keys.

    Source: Katharopoulos, Vyas, Pappas, Fleuret 2020 (arXiv:2006.16236), section 3.4; this form, without feature map
        and normaliser, in Schlag, Irie, Schmidhuber 2021 (arXiv:2102.11174).

    Example:
        >>> from seprank import certify
        >>> certify(LinearAttention(4, 3), length=6).rank
        4
    """

    def parameter_shapes(self, below: int) -> Shapes:
        return {f"weight_{name}": (self.hidden_size, below) for name in "qkv"}

    def state_shapes(self) -> Shapes:
        return {"state": (self.hidden_size, self.hidden_size)}

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        q, k, v = (F.linear(x, layer[f"weight_{name}"]) for name in "qkv")
        memory = state[0] + v.unsqueeze(2) * k.unsqueeze(1)
        return apply(memory, q), (memory,)


def apply(memory: Tensor, vectors: Tensor) -> Tensor:
    """Matrices (batch, n, m) times vectors (batch, m), keeping whatever order in memory they have.

    Example:
        >>> import torch
        >>> apply(torch.ones(5, 2, 3), torch.ones(5, 3)).shape
        torch.Size([5, 2])
    """
    return (memory * vectors.unsqueeze(1)).sum(2)
