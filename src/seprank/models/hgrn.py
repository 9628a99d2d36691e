"""Hierarchically gated recurrent network: forget gates with lower bounds that rise from layer to layer."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .base.squashed import SquashedCell, affine, affine_shapes
from .base.stacked import Shapes, States, Weights


class HGRN(SquashedCell):
    r"""Hierarchically gated recurrent network: each unit has a complex state, which is rotated and decays.

    With $x$ the input of layer $k$, complex $h$ and $c$, and phases $\theta$,

    $$h' = \lambda \odot e^{i \theta} \odot h + (1 - \lambda) \odot c, \qquad
      y = W_o\, \mathrm{norm}(g \odot [\mathrm{Re}\, h', \mathrm{Im}\, h']) + b_o$$

    As published, nonlinearity="sigmoid", real and imaginary part of $c$ are $\mathrm{silu}(W x + b)$,
    $g = \sigma(W_g x + b_g)$, norm is the layer norm, here without weights of its own, and
    $\lambda = \gamma^k + (1 - \gamma^k) \odot \sigma(W_\mu x + b_\mu)$. The lower bounds $\gamma^k$ grow with
    the layer: $\gamma^k$ is the sum over the layers below $k$ of the softmax, over all layers, of a vector per layer,
    so that $\gamma^1 = 0$. Phases are kept as $t = \tan(\theta / 2)$, of which cos and sin are rational functions.

    Without these functions, nonlinearity="identity", it is polynomial: $c$, λ and $g$ are affine in the input, the
    bounds are part of λ, and $e^{i \theta}$ is replaced by a complex number of any modulus, so that generic ranks are
    at least those with phases. The state is affine in the one before, and a single layer has rank at most $2 R + 1$.

    Initialisation: as in `SquashedCell`, the bias of λ between 1/2 and 1; rotations have modulus 1.

    Shape:
        state: real and imaginary part, each (num_layers, batch, hidden_size).

    Source: Qin, Yang, Zhong 2023, "Hierarchically gated recurrent neural network for sequence modeling"
        (arXiv:2311.04823), section 3.

    Example:
        >>> from seprank import certify
        >>> certify(HGRN(3, 2), length=6).rank
        5
    """

    SQUASHING = "sigmoid"
    BEGINNINGS = (("forget", 0.5, 1.0),)

    def parameter_shapes(self, below: int) -> Shapes:
        units = self.hidden_size
        rows = {"real": units, "imag": units, "forget": units, "gate": 2 * units}
        shapes = affine_shapes(below, rows) | affine_shapes(2 * units, {"out": units})
        return shapes | dict.fromkeys(("tangent", "level") if self.squashes else ("turn_real", "turn_imag"), (units,))

    def state_shapes(self) -> Shapes:
        return {"real": (self.hidden_size,), "imag": (self.hidden_size,)}

    def reset_layer(self, layer: Weights) -> None:
        super().reset_layer(layer)
        if not self.squashes:
            phase = nn.init.uniform_(layer["turn_real"], -math.pi, math.pi).clone()
            layer["turn_real"].copy_(phase.cos())
            layer["turn_imag"].copy_(phase.sin())

    def layer(self, number: int) -> Weights:
        """The parameters of a layer; as published with cosine and sine of its phases, and its lower bounds."""
        layer = super().layer(number)
        if not self.squashes:
            return layer
        square = layer["tangent"] * layer["tangent"]
        turn = {"turn_real": (1 - square) / (1 + square), "turn_imag": 2 * layer["tangent"] / (1 + square)}
        levels = torch.stack([getattr(self, f"level_l{one}") for one in range(self.num_layers)])
        return layer | turn | {"least": levels.softmax(0)[:number].sum(0)}

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        (real, imag), keep = state, self.sigmoid(affine(layer, "forget", x))
        if self.squashes:
            keep = layer["least"] + (1 - layer["least"]) * keep
        take, cos, sin = 1 - keep, layer["turn_real"], layer["turn_imag"]
        turned = cos * real - sin * imag, sin * real + cos * imag
        real = keep * turned[0] + take * self.silu(affine(layer, "real", x))
        imag = keep * turned[1] + take * self.silu(affine(layer, "imag", x))
        seen = self.sigmoid(affine(layer, "gate", x)) * torch.cat([real, imag], 1)
        if self.squashes:
            seen = F.layer_norm(seen, (2 * self.hidden_size,))
        return affine(layer, "out", seen), (real, imag)
