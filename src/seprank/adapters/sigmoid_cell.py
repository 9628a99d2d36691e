"""torch's recurrent modules evaluated faster, for double precision on a CPU."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Layer(NamedTuple):
    """The weights of a layer, its gates in the order and with the factors that a cell needs."""

    from_input: Tensor
    """W_x, (gates x units, features)"""
    from_hidden: Tensor
    """W_h, (gates x units, units)"""
    of_input: Tensor | None
    """b_x, (gates x units, 1); None for a module without bias"""
    of_hidden: Tensor | None
    """b_h"""
    projection: Tensor | None
    """From the units to the output, of an `nn.LSTM` with `proj_size`"""


class SigmoidCell(ABC):
    r"""A recurrent module of torch, with its weights, in which every tanh is computed as a sigmoid.

    In float64 torch takes three to four times as long for a tanh as for a sigmoid. With $\tanh(x) = 2 \sigma(2 x) - 1$
    the factor 2 is put into the weights of the gate, once. Results differ from the module's by rounding (1e-13;
    2 σ - 1 loses relative, not absolute, accuracy near 0). Tensors are [unit, pair], so that a step is one product of
    the weights with all pairs, and every gate is contiguous; inputs are projected all at once.

    Arguments, layout and results of a call are those of the module, whose weights are read at every call; there is
    no gradient. Several layers and `bias=False` are supported, bidirectional modules are not; dropout is not applied.

    Args:
        module: `nn.RNN` with tanh, `nn.GRU` or `nn.LSTM`, as its cell requires.

    Raises:
        ValueError: it is bidirectional.

    Source: the equations are those of the documentation of torch.
    """

    def __init__(self, module: nn.RNNBase) -> None:
        if module.bidirectional:
            kind = type(module).__name__
            raise ValueError(f"the cell runs forward in time only, got a bidirectional {kind}; call the module itself")
        self._module = module
        self.batch_first = module.batch_first

    @abstractmethod
    def _ordered(self, weight: Tensor) -> Tensor:
        """Rows of gates brought from the module's order to the order and factors of `_run_layer`."""

    @abstractmethod
    def _run_layer(self, projected: Tensor, layer: Layer, state: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """One layer on projected inputs (time, gates x units, batch), from a state of tensors (units, batch).

        Returns:
            Its outputs (time, units, batch), and the rest of its state beside the last output.
        """

    def _offset(self, layer: Layer) -> Tensor:
        """What is added to the projected inputs; by default both biases."""
        if layer.of_input is None or layer.of_hidden is None:
            return layer.from_input.new_zeros(len(layer.from_input), 1)
        return layer.of_input + layer.of_hidden

    def _first_state(self, sequence: Tensor) -> list[Tensor]:
        """Zeros, (layers, units, batch)."""
        return [sequence.new_zeros(self._module.num_layers, self._module.hidden_size, sequence.shape[2])]

    @torch.no_grad()
    def __call__(self, input: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Run the layers on sequences (batch, time, features), or (time, batch, features) as the module takes them."""
        return self.run(self.project(input), state)

    @torch.no_grad()
    def project(self, input: Tensor) -> Tensor:
        """The inputs of the first layer's gates, so that they are computed once for sequences that are run repeatedly.

        Returns:
            W_x x + b, (batch, time, gates x units) or (time, batch, gates x units), for `run`.

        Raises:
            ValueError: the input has another shape.
        """
        if input.ndim != 3 or input.shape[2] != self._module.input_size or 0 in input.shape[:2]:
            layout = "(batch, time, input_size)" if self.batch_first else "(time, batch, input_size)"
            raise ValueError(
                f"input must be {layout} with input_size {self._module.input_size}, got {tuple(input.shape)}"
            )
        return self._outward(self._project(self._inward(input), self._layer(0)))

    @torch.no_grad()
    def run(self, projected: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Outputs and last state, from projected inputs."""
        sequence = self._inward(projected)
        if state is None:
            given = self._first_state(sequence)
        else:
            given = [part.transpose(1, 2) for part in ([state] if isinstance(state, Tensor) else state)]
        last = []
        for number in range(self._module.num_layers):
            layer = self._layer(number)
            if number > 0:
                sequence = self._project(sequence, layer)
            sequence, beside = self._run_layer(sequence, layer, [part[number] for part in given])
            last.append([sequence[-1], *beside])
        parts = tuple(torch.stack(part).transpose(1, 2) for part in zip(*last, strict=True))
        return self._outward(sequence), parts if len(parts) > 1 else parts[0]

    def _inward(self, sequence: Tensor) -> Tensor:
        """(time, units, batch) from the order of axes of the module."""
        return sequence.permute(1, 2, 0) if self.batch_first else sequence.transpose(1, 2)

    def _outward(self, sequence: Tensor) -> Tensor:
        return sequence.permute(2, 0, 1) if self.batch_first else sequence.transpose(1, 2)

    def _project(self, sequence: Tensor, layer: Layer) -> Tensor:
        """W x + b at every step, (time, rows of W, batch)."""
        weight, offset = layer.from_input, self._offset(layer)
        result = sequence.new_empty(len(sequence), len(weight), sequence.shape[2])
        for step, out in zip(sequence, result, strict=True):
            torch.addmm(offset, weight, step, out=out)
        return result

    def _layer(self, number: int) -> Layer:
        """The weights as they are now."""
        from_input, from_hidden, *others = self._module.all_weights[number]
        of_input, of_hidden = others[:2] if self._module.bias else (None, None)
        return Layer(
            self._ordered(from_input),
            self._ordered(from_hidden),
            None if of_input is None else self._ordered(of_input).unsqueeze(1),
            None if of_hidden is None else self._ordered(of_hidden).unsqueeze(1),
            others[-1] if self._module.proj_size else None,
        )


class SigmoidRNN(SigmoidCell):
    r"""`nn.RNN` with tanh: $h_t = 2 \sigma(2 (W_x x_t + W_h h_{t-1} + b)) - 1$."""

    def _ordered(self, weight: Tensor) -> Tensor:
        return 2 * weight

    def _run_layer(self, projected: Tensor, layer: Layer, state: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        (hidden,) = state
        squashed, minus_one = torch.empty_like(hidden), hidden.new_tensor(-1.0)
        output = hidden.new_empty(len(projected), *hidden.shape)
        for step, result in zip(projected, output, strict=True):
            torch.addmm(step, layer.from_hidden, hidden, out=squashed).sigmoid_()
            hidden = torch.add(minus_one, squashed, alpha=2, out=result)
        return output, []


class SigmoidGRU(SigmoidCell):
    r"""`nn.GRU`: gates r and z as ever, $n_t = 2 \sigma(2 (W_x x_t + b_x + r_t \odot (W_h h_{t-1} + b_h))) - 1$.

    Source: Cho et al. 2014 (arXiv:1406.1078), in the form of the documentation of torch.nn.GRU.
    """

    def _ordered(self, weight: Tensor) -> Tensor:
        """Rows r, z, n to r, z, 2n."""
        units = self._module.hidden_size
        return torch.cat([weight[: 2 * units], 2 * weight[2 * units :]])

    def _offset(self, layer: Layer) -> Tensor:
        """Of gate n, the bias of the hidden state is multiplied by r."""
        offset = super()._offset(layer)
        if layer.of_input is not None:
            own = 2 * self._module.hidden_size
            offset[own:] = layer.of_input[own:]
        return offset

    def _run_layer(self, projected: Tensor, layer: Layer, state: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        (hidden,) = state
        units, batch = hidden.shape
        gates, new = hidden.new_empty(2 * units, batch), hidden.new_empty(units, batch)
        minus_one = hidden.new_tensor(-1.0)
        r, z = gates.split(units)
        of_gates, of_new = layer.from_hidden.split([2 * units, units])
        bias = hidden.new_zeros(units, 1) if layer.of_hidden is None else layer.of_hidden[2 * units :]
        output = hidden.new_empty(len(projected), units, batch)
        for step, result in zip(projected, output, strict=True):
            torch.addmm(step[: 2 * units], of_gates, hidden, out=gates).sigmoid_()
            torch.addmm(bias, of_new, hidden, out=new)
            torch.addcmul(step[2 * units :], new, r, out=new).sigmoid_()
            torch.add(minus_one, new, alpha=2, out=new)
            hidden = torch.lerp(new, hidden, z, out=result)  # (1 - z) n + z h
        return output, []


class SigmoidLSTM(SigmoidCell):
    r"""`nn.LSTM`, also with `proj_size`. The cell state is carried as $C = 2 c$, so that its tanh takes no factor:

    $$C_t = \sigma(f) \odot C_{t-1} + 4\, \sigma(i) \odot (\sigma(2 g) - \tfrac12), \qquad
      h_t = \sigma(o) \odot (2 \sigma(C_t) - 1)$$

    with the gates $i, f, o, g$ affine in $x_t$ and $h_{t-1}$ as ever.

    Source: Hochreiter, Schmidhuber 1997 (doi:10.1162/neco.1997.9.8.1735), in the form of the documentation of
        torch.nn.LSTM.

    Example:
        >>> module = torch.nn.LSTM(3, 5, batch_first=True, dtype=torch.float64)
        >>> x = torch.ones(2, 7, 3, dtype=torch.float64)
        >>> torch.allclose(SigmoidLSTM(module)(x)[0], module(x)[0], rtol=0, atol=1e-13)
        True
    """

    def _ordered(self, weight: Tensor) -> Tensor:
        """Rows i, f, g, o to i, f, o, 2g."""
        units = self._module.hidden_size
        first_two, g, o = weight.split([2 * units, units, units])
        return torch.cat([first_two, o, 2 * g])

    def _first_state(self, sequence: Tensor) -> list[Tensor]:
        layers, batch, units = self._module.num_layers, sequence.shape[2], self._module.hidden_size
        return [sequence.new_zeros(layers, size, batch) for size in (self._module.proj_size or units, units)]

    def _run_layer(self, projected: Tensor, layer: Layer, state: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        hidden, cell = state
        units, batch = cell.shape
        gates, squashed = cell.new_empty(4 * units, batch), cell.new_empty(units, batch)
        i, f, o, g = gates.split(units)
        carried, minus_one = 2 * cell.contiguous(), cell.new_tensor(-1.0)
        output = hidden.new_empty(len(projected), *hidden.shape)
        for step, result in zip(projected, output, strict=True):
            torch.addmm(step, layer.from_hidden, hidden, out=gates).sigmoid_()
            carried.mul_(f).addcmul_(i, g.sub_(0.5), value=4)
            torch.sigmoid(carried, out=squashed)
            torch.add(minus_one, squashed, alpha=2, out=squashed)
            if layer.projection is None:
                hidden = torch.mul(o, squashed, out=result)
            else:
                hidden = torch.mm(layer.projection, squashed.mul_(o), out=result)
        return output, [carried / 2]
