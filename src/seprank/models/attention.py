"""Self-attention over whole sequences, with and without softmax."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..question import check_choice, check_whole
from .base.layout import is_batched


class Attention(nn.Module):
    r"""Layers of multi-head self-attention, softmax and normalisation left out: a polynomial of the whole sequence.

    With $x^j$ the inputs of a layer and heads $h$ of $a = R / H$ units,

    $$y^i = \sum_h O_h \sum_j V_h x^j \, \langle Q_h x^i, K_h x^j \rangle$$

    summed over all positions $j$, or those up to $i$ where it is `causal`. The first layer is fed with $E x^j$, an
    embedding of the inputs into the width. With `feed_forward` each layer ends in a product of two linear maps,
    $y \mapsto C (A y \odot B y)$. There are no positions: a permutation of the inputs permutes the outputs, unless it
    is causal. Adding positions to the inputs would only shift the vectors, which changes no rank.

    `nonlinearity="softmax"` weights the positions by $\operatorname{softmax}_j (\langle Q_h x^i, K_h x^j \rangle /
    \sqrt a)$, as is usual; that is not polynomial, and is measured instead of certified.

    Args:
        input_size: M, features per position.
        hidden_size: R, width of every layer, d_x in the paper.
        num_layers: L, depth.
        batch_first: input and output are (batch, time, features) rather than (time, batch, features).
        num_heads: H, which divides `hidden_size`.
        feed_forward: end each layer in a product of two linear maps.
        causal: a position sees itself and those before it.
        nonlinearity: None or "softmax".
        device, dtype: of the parameters.

    Shape:
        input (batch, time, input_size); returns (batch, time, hidden_size), a tensor and no state. Without the batch
        dimension, too.

    Raises:
        ValueError: a size below 1, heads that do not divide the width, or inputs that do not fit.

    Source: Levine, Wies, Sharir, Bata, Shashua 2020 (arXiv:2006.12467), for the form without softmax; Vaswani et al.
        2017 (arXiv:1706.03762), equation 1; Shazeer 2020 (arXiv:2002.05202), the bilinear layer, for the products.

    Example:
        >>> from seprank import certify
        >>> certify(Attention(3, 3), length=4).rank
        4
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        batch_first: bool = True,
        *,
        num_heads: int = 1,
        feed_forward: bool = False,
        causal: bool = False,
        nonlinearity: str | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.input_size = check_whole("input_size", input_size, 1)
        self.hidden_size = check_whole("hidden_size", hidden_size, 1)
        self.num_layers = check_whole("num_layers", num_layers, 1)
        self.num_heads = check_whole("num_heads", num_heads, 1)
        if self.hidden_size % self.num_heads:
            raise ValueError(f"num_heads must divide hidden_size, got {self.num_heads} for {self.hidden_size}")
        if nonlinearity is not None:
            check_choice("nonlinearity", nonlinearity, ("softmax",))
        self.batch_first, self.causal, self.feed_forward = batch_first, bool(causal), bool(feed_forward)
        self.nonlinearity = nonlinearity

        def square() -> nn.Parameter:
            return nn.Parameter(torch.empty(self.hidden_size, self.hidden_size, device=device, dtype=dtype))

        self.weight_in = nn.Parameter(torch.empty(self.hidden_size, self.input_size, device=device, dtype=dtype))
        for layer in range(self.num_layers):
            for name in self.parameter_names():
                setattr(self, f"{name}_l{layer}", square())
        self.reset_parameters()

    def parameter_names(self) -> list[str]:
        """Names of the matrices of a layer, each (hidden_size, hidden_size); heads are blocks of rows of q, k and v."""
        names = ["weight_q", "weight_k", "weight_v", "weight_out"]
        return [*names, "weight_gate", "weight_value", "weight_product"] if self.feed_forward else names

    def reset_parameters(self) -> None:
        """Draw all parameters uniformly in ±1/sqrt(hidden_size), as torch does, from torch's generator."""
        bound = self.hidden_size**-0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        batched = is_batched(input, input_size=self.input_size, batch_first=self.batch_first)
        sequence = input if batched else input.unsqueeze(0 if self.batch_first else 1)
        hidden = F.linear(sequence if self.batch_first else sequence.transpose(0, 1), self.weight_in)
        for number in range(self.num_layers):
            hidden = self._layer(number, hidden)
        output = hidden if self.batch_first else hidden.transpose(0, 1)
        return output if batched else output.squeeze(0 if self.batch_first else 1)

    def _layer(self, number: int, x: Tensor) -> Tensor:
        """One layer on (batch, time, hidden_size)."""
        weight: dict[str, Tensor] = {name: getattr(self, f"{name}_l{number}") for name in self.parameter_names()}
        q, k, v = (self._heads(F.linear(x, weight[f"weight_{name}"])) for name in "qkv")
        mixed = torch.matmul(self._weights(torch.matmul(q, k.transpose(2, 3))), v)
        output = F.linear(mixed.transpose(1, 2).reshape(x.shape), weight["weight_out"])
        if not self.feed_forward:
            return output
        product = F.linear(output, weight["weight_gate"]) * F.linear(output, weight["weight_value"])
        return F.linear(product, weight["weight_product"])

    def _heads(self, x: Tensor) -> Tensor:
        """(batch, heads, time, units)"""
        return x.reshape(*x.shape[:2], self.num_heads, -1).transpose(1, 2)

    def _weights(self, scores: Tensor) -> Tensor:
        """How much each position (second last) takes of each other (last)."""
        if self.nonlinearity is None:
            return scores.tril() if self.causal else scores
        scores = scores * (self.num_heads / self.hidden_size) ** 0.5
        if self.causal:
            future = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
            scores = scores.masked_fill(future, float("-inf"))
        return scores.softmax(-1)

    def extra_repr(self) -> str:
        return (
            f"{self.input_size}, {self.hidden_size}, num_layers={self.num_layers}, batch_first={self.batch_first}, "
            f"num_heads={self.num_heads}, feed_forward={self.feed_forward}, causal={self.causal}, "
            f"nonlinearity={self.nonlinearity!r}"
        )
