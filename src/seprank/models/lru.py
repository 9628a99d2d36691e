"""Linear Recurrent Unit: a diagonal complex recurrence, as pairs of real numbers."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .base.stacked import Shapes, StackedCell, States, Weights


class LRU(StackedCell):
    r"""Linear Recurrent Unit: linear, time-invariant, with complex eigenvalues.

    With $x$ the input of a layer and complex $h$, $\lambda$, $B$ and $C$,

    $$h' = \lambda \odot h + \gamma \odot B x, \qquad y = \mathrm{Re}(C h') + D x$$

    $y$ is the input of the next layer; the non-linear blocks between layers are left out. Complex numbers are stored as
    real and imaginary part. The network is a sum over time, so that its rank is 2 at every width, depth and length.

    With `exponential`, the eigenvalues are $\lambda = \exp(-e^\nu + i e^\theta)$ and $\gamma = e^g$, as published,
    which keeps $|\lambda| < 1$ while $\nu$, $\theta$ and $g$ are learnt. Otherwise real and imaginary part of $\lambda$
    are themselves the parameters. Each form reaches all eigenvalues near those of the other, so that generic ranks are
    the same; the second is polynomial in its parameters, and is the one to certify.

    Initialisation: λ uniform on the unit disc, γ the root of $1 - |\lambda|^2$, B normal with variance 1 / (2 columns),
    C with 1 / columns, D with 1 / columns.

    Args:
        exponential: the parametrisation that is stable in training.

    Shape:
        state: real and imaginary part, each (num_layers, batch, hidden_size).

    Source: Orvieto, Smith, Gu, Fernando, Gulcehre, Pascanu, De 2023, "Resurrecting recurrent neural networks for long
        sequences" (arXiv:2303.06349), section 3 and appendix A.

    Example:
        >>> from seprank import certify
        >>> certify(LRU(4, 3, num_layers=2), length=6).rank
        2
    """

    OPTIONS: ClassVar[dict[str, Any]] = {"exponential": False}
    exponential: bool

    def parameter_shapes(self, below: int) -> Shapes:
        units = self.hidden_size
        diagonal = ("nu", "theta", "log_gamma") if self.exponential else ("decay_real", "decay_imag", "gamma")
        matrices = {f"weight_in_{part}": (units, below) for part in ("real", "imag")}
        matrices |= {f"weight_out_{part}": (units, units) for part in ("real", "imag")}
        return {**dict.fromkeys(diagonal, (units,)), **matrices, "weight_skip": (units, below)}

    def state_shapes(self) -> Shapes:
        return {"real": (self.hidden_size,), "imag": (self.hidden_size,)}

    def reset_layer(self, layer: Weights) -> None:
        for name, weight in layer.items():
            if name.startswith("weight"):
                variance = (0.5 if name.startswith("weight_in") else 1.0) / weight.shape[1]
                nn.init.normal_(weight, std=variance**0.5)
        square, turn = (torch.rand(self.hidden_size).clamp(1e-6, 1 - 1e-6) for _ in range(2))
        modulus, phase, gamma = square.sqrt(), 2 * math.pi * turn, (1 - square).sqrt()
        if self.exponential:
            values = {"nu": (-modulus.log()).log(), "theta": phase.log(), "log_gamma": gamma.log()}
        else:
            values = {"decay_real": modulus * phase.cos(), "decay_imag": modulus * phase.sin(), "gamma": gamma}
        for name, value in values.items():
            layer[name].copy_(value)

    def layer(self, number: int) -> Weights:
        """The parameters of a layer, eigenvalues as real and imaginary part."""
        layer = super().layer(number)
        if not self.exponential:
            return layer
        modulus, phase = torch.exp(-torch.exp(layer["nu"])), torch.exp(layer["theta"])
        real, imag = modulus * torch.cos(phase), modulus * torch.sin(phase)
        return layer | {"decay_real": real, "decay_imag": imag, "gamma": torch.exp(layer["log_gamma"])}

    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        (real, imag), (a, b) = state, (layer["decay_real"], layer["decay_imag"])
        added = [layer["gamma"] * F.linear(x, layer[f"weight_in_{part}"]) for part in ("real", "imag")]
        real, imag = a * real - b * imag + added[0], a * imag + b * real + added[1]
        seen = F.linear(real, layer["weight_out_real"]) - F.linear(imag, layer["weight_out_imag"])
        return seen + F.linear(x, layer["weight_skip"]), (real, imag)
