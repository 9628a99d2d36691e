"""Second-order recurrent network: every product of a hidden unit and an input."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from .base.stacked import Shapes, StackedCell, States, Weights


class SecondOrder(StackedCell):
    r"""Linear second-order recurrent network: the state is bilinear in the last state and the input.

    With $h^{t,0} = x^t$ the input, layer $l$ computes

    $$h^{t,l}_i = \sum_{j,k} A^l_{ijk}\, h^{t-1,l}_j\, h^{t,l-1}_k$$

    On one-hot inputs a layer is a weighted automaton, with $A_{\cdot\cdot k}$ the transition matrix of letter $k$.
    The Recurrent Arithmetic Circuit is the case $A_{ijk} = (W_H)_{ij} (W_I)_{ik}$, where these matrices are not free
    but $A_{\cdot\cdot k} = \mathrm{diag}(W_I e_k) W_H$.

    Initialisation: every $A_{\cdot\cdot k}$ is a random orthogonal matrix, so that a layer keeps the length of its
    state on one-hot inputs; the initial state is uniform in ±1/sqrt(hidden_size).

    Source: Giles, Miller, Chen, Chen, Sun, Lee 1992 (doi:10.1162/neco.1992.4.3.393), without its non-linearity as in
        Rabusseau, Li, Precup 2019 (arXiv:1807.01406), definition of the linear 2-RNN.

    Example:
        >>> from seprank import certify
        >>> certify(SecondOrder(4, 3), length=6).rank
        3
    """

    def parameter_shapes(self, below: int) -> Shapes:
        return {"weight": (self.hidden_size, self.hidden_size, below)}

    def reset_layer(self, layer: Weights) -> None:
        for matrix in layer["weight"].unbind(2):
            nn.init.orthogonal_(matrix)

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        matrices = F.linear(x, layer["weight"].flatten(0, 1)).unflatten(1, (self.hidden_size, self.hidden_size))
        hidden = (matrices * state[0].unsqueeze(1)).sum(2)
        return hidden, (hidden,)
