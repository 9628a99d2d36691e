"""A faster way through the equations of torch.nn.LSTM, for double precision on a processor."""

from __future__ import annotations

import torch
from torch import Tensor, nn

State = tuple[Tensor, Tensor]


class SigmoidLSTM:
    r"""The function of an `nn.LSTM`, with its weights, by another route: every tanh is a sigmoid.

    In float64, torch takes about three times as long for a tanh as for a sigmoid, and an LSTM needs two per unit. With
    $\tanh(x) = 2 \sigma(2 x) - 1$ the factor 2 goes into the weights of the gate $g$ once, and into the cell state,
    which is carried as $C = 2 c$:

    $$C_t = \sigma(f) \odot C_{t-1} + 4\, \sigma(i) \odot (\sigma(2 g) - \tfrac12), \qquad
      h_t = \sigma(o) \odot (2 \sigma(C_t) - 1)$$

    with the gates $i, f, o, g$ affine in $x_t$ and $h_{t-1}$ as ever. Results differ from `nn.LSTM` by rounding
    (1e-13; 2 σ - 1 loses relative, not absolute, accuracy near 0). Tensors run as [unit, pair], so that a step is
    one product of the weights with all pairs, and every gate is contiguous.

    Arguments, layout and results of a call are those of the module, whose weights are read at every call; there is
    no gradient. Several layers, `proj_size` and `bias=False` are supported, both directions are not; dropout is not
    applied, as in evaluation mode.

    Args:
        module: the LSTM.

    Raises:
        ValueError: it is bidirectional.

    Source: Hochreiter, Schmidhuber 1997 (doi:10.1162/neco.1997.9.8.1735), in the form of the documentation of
        torch.nn.LSTM; the identity is elementary.

    Example:
        >>> module = torch.nn.LSTM(3, 5, batch_first=True, dtype=torch.float64)
        >>> x = torch.ones(2, 7, 3, dtype=torch.float64)
        >>> torch.allclose(SigmoidLSTM(module)(x)[0], module(x)[0], rtol=0, atol=1e-13)
        True
    """

    def __init__(self, module: nn.LSTM) -> None:
        if module.bidirectional:
            raise ValueError("the cell runs forward in time only, got a bidirectional LSTM; call the module itself")
        self._module = module
        self.batch_first = module.batch_first

    @torch.no_grad()
    def __call__(self, input: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run the layers on sequences (batch, time, features), or (time, batch, features) as the module takes them.

        Raises:
            ValueError: the input has another shape.
        """
        return self.run(self.project(input), state)

    @torch.no_grad()
    def project(self, input: Tensor) -> Tensor:
        """What the first layer makes of its inputs, so that it is done once for sequences that are run repeatedly.

        Returns:
            W_x x + b, (batch, time, 4 hidden_size) or (time, batch, 4 hidden_size), for `run`.

        Raises:
            ValueError: the input has another shape.
        """
        if input.ndim != 3 or input.shape[2] != self._module.input_size or 0 in input.shape[:2]:
            layout = "(batch, time, input_size)" if self.batch_first else "(time, batch, input_size)"
            raise ValueError(
                f"input must be {layout} with input_size {self._module.input_size}, got {tuple(input.shape)}"
            )
        from_input, _, bias, *_ = self._weights(0)
        return self._outward(_project(self._inward(input), from_input, bias))

    @torch.no_grad()
    def run(self, projected: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Outputs and last state, from projected inputs."""
        sequence = self._inward(projected)
        hidden, cell = self._first_state(sequence) if state is None else (t.transpose(1, 2) for t in state)
        last_hidden, last_cell = [], []
        for layer in range(self._module.num_layers):
            from_input, from_hidden, bias, *projection = self._weights(layer)
            if layer > 0:
                sequence = _project(sequence, from_input, bias)
            sequence, last = _run_layer(sequence, from_hidden, projection, hidden[layer], cell[layer])
            last_hidden.append(sequence[-1])
            last_cell.append(last)
        return self._outward(sequence), (
            torch.stack(last_hidden).transpose(1, 2),
            torch.stack(last_cell).transpose(1, 2),
        )

    def _inward(self, sequence: Tensor) -> Tensor:
        """(time, units, batch) from the order of axes of the module."""
        return sequence.permute(1, 2, 0) if self.batch_first else sequence.transpose(1, 2)

    def _outward(self, sequence: Tensor) -> Tensor:
        return sequence.permute(2, 0, 1) if self.batch_first else sequence.transpose(1, 2)

    def _first_state(self, sequence: Tensor) -> State:
        """Zeros, (layers, units, batch)."""
        layers, batch = self._module.num_layers, sequence.shape[2]
        units = self._module.hidden_size
        outputs = self._module.proj_size or units
        return sequence.new_zeros(layers, outputs, batch), sequence.new_zeros(layers, units, batch)

    def _weights(self, layer: int) -> list[Tensor]:
        """W_x, W_h, b and perhaps the projection, gates in the order i, f, o, g with the factor 2 in g."""
        module, weights = self._module, self._module.all_weights[layer]
        units, per_layer = module.hidden_size, 4 if module.bias else 2
        from_input, from_hidden, *others = [_reorder(w, units) for w in weights[:per_layer]]
        bias = others[0] + others[1] if others else from_input.new_zeros(4 * units)
        return [from_input, from_hidden, bias.unsqueeze(1), *weights[per_layer:]]


def _reorder(weight: Tensor, units: int) -> Tensor:
    """Rows i, f, g, o to i, f, o, 2g."""
    first_two, g, o = weight.split([2 * units, units, units])
    return torch.cat([first_two, o, 2 * g])


def _project(sequence: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """W x + b at every step, (time, rows of W, batch)."""
    result = sequence.new_empty(len(sequence), len(weight), sequence.shape[2])
    for step, out in zip(sequence, result, strict=True):
        torch.addmm(bias, weight, step, out=out)
    return result


def _run_layer(
    projected: Tensor, from_hidden: Tensor, projection: list[Tensor], hidden: Tensor, cell: Tensor
) -> tuple[Tensor, Tensor]:
    """One layer over (time, 4 units, batch): its outputs (time, units, batch), and its last cell state."""
    units, batch = cell.shape
    gates, squashed = cell.new_empty(4 * units, batch), cell.new_empty(units, batch)
    i, f, o, g = gates.split(units)
    carried, minus_one = 2 * cell.contiguous(), cell.new_tensor(-1.0)
    output = hidden.new_empty(len(projected), *hidden.shape)
    for step, result in zip(projected, output, strict=True):
        torch.addmm(step, from_hidden, hidden, out=gates).sigmoid_()
        carried.mul_(f).addcmul_(i, g.sub_(0.5), value=4)
        torch.sigmoid(carried, out=squashed)
        torch.add(minus_one, squashed, alpha=2, out=squashed)
        if projection:
            hidden = torch.mm(projection[0], squashed.mul_(o), out=result)
        else:
            hidden = torch.mul(o, squashed, out=result)
    return output, carried / 2
