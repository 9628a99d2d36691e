"""Second-order recurrent network whose tensor has a given CP rank."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from ..question import check_whole
from .base.stacked import Shapes, StackedCell, States, Weights


class CPRNN(StackedCell):
    r"""Bilinear recurrent network with a factored tensor: state and input meet in F products.

    With $h^{t,0} = x^t$ the input, layer $l$ computes

    $$h^{t,l} = C^l \left((U^l h^{t-1,l}) \odot (V^l h^{t,l-1})\right)$$

    which is a second-order network with the tensor $A_{ijk} = \sum_{f=1}^F C_{if} U_{fj} V_{fk}$, of CP rank at most F.
    $C = 1$ is the Recurrent Arithmetic Circuit; $F$ of $R \min(R, M)$ or more reaches every tensor.

    Initialisation: $C$ and $U$ (semi-)orthogonal, $V$ random signs, the initial state uniform in
    ±1/sqrt(hidden_size). With $F = R$ a layer then keeps the length of its state on one-hot inputs.

    Args:
        rank: F, products per layer; by default `hidden_size`.

    Source: Lizaire, Rizvi-Martel, Gamal Abdel Hameed, Rabusseau 2024 (arXiv:2406.05045), the CPRNN without
        non-linearity and first-order terms; the form goes back to Sutskever, Martens, Hinton 2011, "Generating text
        with recurrent neural networks" (ICML), the multiplicative RNN.

    Example:
        >>> from seprank import certify
        >>> certify(CPRNN(4, 3, rank=5), length=6).rank
        3
    """

    OPTIONS: ClassVar[dict[str, Any]] = {"rank": None}
    rank: int

    def check_options(self) -> None:
        given: int | None = self.rank
        self.rank = self.hidden_size if given is None else check_whole("rank", given, 1)

    def parameter_shapes(self, below: int) -> Shapes:
        return {
            "weight_ih": (self.rank, below),
            "weight_hh": (self.rank, self.hidden_size),
            "weight_out": (self.hidden_size, self.rank),
        }

    def reset_layer(self, layer: Weights) -> None:
        nn.init.orthogonal_(layer["weight_hh"])
        nn.init.orthogonal_(layer["weight_out"])
        layer["weight_ih"].bernoulli_().mul_(2).sub_(1)

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        products = F.linear(state[0], layer["weight_hh"]) * F.linear(x, layer["weight_ih"])
        hidden = F.linear(products, layer["weight_out"])
        return hidden, (hidden,)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, rank={self.rank}"
