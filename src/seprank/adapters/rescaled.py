"""Products of many steps without overflow: states as a mantissa and a power of two."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .contract import SequenceModel, State, Values
from .recurrent import Recurrent


class NotHomogeneous(ValueError):
    """Scaling a state of the model changes more than the scale of what follows."""


class Rescaled(SequenceModel):
    r"""A recurrent model that multiplies its states, with every layer's state scaled to about 1 after every step.

    Such a model is homogeneous: if the state of layer j is multiplied by $2^{e_j}$, one step multiplies the state of
    layer l by $2^{\sum_j D_{lj} e_j}$, and the output likewise, with whole numbers $D_{lj}$. For the Recurrent
    Arithmetic Circuit D is 1 on and below the diagonal. D is found by trial. Scaling by powers of two commutes with
    rounding, so the mantissas are those of the plain run to the last bit, wherever that does not overflow.

    The scale differs between sequences, so the outputs carry it: they have one row more than the model has channels,
    the exponent, and `combine` brings a matrix of them to one scale.

    Args:
        model: a module with the convention of `nn.RNN` in float64, its state one tensor (layers, batch, units).
        example: short sequences (batch, time, features) to try it on.

    Raises:
        NotHomogeneous: the module is not homogeneous in the states of its layers, has another state, or is not float64.

    Example:
        >>> from seprank.models.rac import RAC
        >>> example = torch.ones(3, 2, 2, dtype=torch.float64)
        >>> model = Rescaled(Recurrent(RAC(2, 3, num_layers=2).double(), example), example)
        >>> model.degrees.tolist()
        [[1.0, 0.0], [1.0, 1.0]]
    """

    splits = True

    def __init__(self, model: Recurrent, example: Tensor) -> None:
        self._model = model
        step = model.pieces(_positive(example[:, :1]) if example.is_floating_point() else example[:, :1])
        output, state = model(step, None)
        if len(state) != 1 or not isinstance(state[0], Tensor) or state[0].ndim != 3:
            raise NotHomogeneous("only a state of one tensor (layers, batch, units) can be rescaled, as nn.RNN's is")
        if output.dtype != torch.float64 or state[0].dtype != torch.float64:
            raise NotHomogeneous(f"exponents need float64, got a module in {output.dtype}; call .double() on it")
        if model.layout != "columns":
            raise NotHomogeneous("a module that calls .view() on its tensors cannot be rescaled; use .reshape() in it")
        self.degrees, self.output_degrees = self._find_degrees(step, state[0])
        """Power to which the scale of each old layer enters each new one, (layers, layers), and the output (layers,)"""
        self.channels = self._model.channels + 1
        """Output channels, and one row for the exponent"""
        self.state_size = self._model.state_size + len(self.degrees)
        self.width = self._model.width

    def _find_degrees(self, step: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Multiply the state of each layer by 2 and by 1/8, and see by which power the results are multiplied."""
        state = _positive(state)
        expected = self._step(step, state)
        rows = []
        for layer in range(len(state)):
            scales = torch.ones(len(state), 1, 1).to(state)
            found = []
            for power in (1, -3):
                scales[layer] = 2.0**power
                found.append(self._step(step, state * scales))
            rows.append([_degree(*results) for results in zip(expected, *found, strict=True)])
        degrees = torch.tensor(rows, dtype=state.dtype, device=state.device).T
        return degrees[:-1], degrees[-1]

    def _step(self, step: Tensor, state: Tensor) -> list[Tensor]:
        """States of the layers, and the output, after a step."""
        try:
            output, (after,) = self._model(step, [state])
        except Exception as error:
            raise NotHomogeneous(f"this module takes no scaled state: {type(error).__name__}: {error}") from error
        return [*after, output]

    def pieces(self, sequences: Tensor) -> Tensor:
        return self._model.pieces(sequences)

    @torch.no_grad()
    def __call__(self, pieces: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Run step by step on sequences (batch, time, features), scaling in between.

        Returns:
            Rows (channels, batch), of which the last is the exponent: the output is the others times 2^exponent. And
            the mantissas and exponents of the states.
        """
        exponents = pieces.new_zeros(len(self.degrees), len(pieces)) if state is None else state[1]
        mantissas: State | None = None if state is None else state[:1]
        mantissa = output = output_exponent = exponents
        for step in pieces.split(1, 1):
            output, (raw,) = self._model(step, mantissas)
            output_exponent = self.output_degrees @ exponents
            mantissa, shift = self._normalise(raw)
            mantissas, exponents = [mantissa], self.degrees @ exponents + shift
        return torch.cat([output, output_exponent.unsqueeze(0)]), [mantissa, exponents]

    def plain(self) -> Recurrent:
        return self._model

    def values(self, output: Tensor, state: State) -> list[Tensor]:
        mantissas, exponents = state
        return [torch.ldexp(output[:-1], output[-1]), torch.ldexp(mantissas, exponents.unsqueeze(1))]

    def _normalise(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """The state with the largest unit of each layer in [0.5, 1), and the powers of two (layers, batch)."""
        _, powers = torch.frexp(state.abs().amax(1))
        return state * _power_of_two(-powers).unsqueeze(1), powers.to(state.dtype)

    def spread(self, state: State, first: int, last: int, copies: int) -> State:
        exponents = state[1][:, first:last].repeat_interleave(copies, 1)
        return [*self._model.spread(state[:1], first, last, copies), exponents]

    def join(self, states: list[State]) -> State:
        return [*self._model.join([state[:1] for state in states]), torch.cat([state[1] for state in states], 1)]

    @staticmethod
    def combine(values: Values) -> Values:
        """Outputs (starts, ends, channels - 1) over one power of two from values whose last channel is the exponent.

        The largest is in [0.5, 1). One common factor changes no figure of a spectrum. Entries below 2^-1074 of the
        largest become zero.
        """
        mantissas, powers = np.frexp(values[..., :-1])
        powers = powers + values[..., -1:]
        top = powers[mantissas != 0].max(initial=-np.inf)
        shift = np.clip(powers - top, -1200, 0) if np.isfinite(top) else np.zeros_like(powers)
        return np.ldexp(mantissas, shift.astype(np.int64))


def _positive(like: Tensor) -> Tensor:
    """Unrelated numbers between 0.5 and 1.5, so that nothing is zero by accident."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand(like.shape, generator=generator, dtype=like.dtype).to(like.device) + 0.5


def _power_of_two(powers: Tensor) -> Tensor:
    """2^powers, exactly: torch.ldexp goes through pow, which is not."""
    return (powers.to(torch.int64).clamp(-1022, 1023) + 1023).bitwise_left_shift(52).view(torch.float64)


def _degree(before: Tensor, doubled: Tensor, eighth: Tensor) -> float:
    """The d for which results are exactly 2^d and 2^-3d times what they were."""
    largest = before.abs().argmax()
    factor = doubled.flatten()[largest] / before.flatten()[largest]
    degree = float(torch.log2(factor.abs()).round()) if factor != 0 else 0.0
    for power, found in ((1, doubled), (-3, eighth)):
        if not torch.equal(found, before * 2.0 ** (power * degree)):
            raise NotHomogeneous(
                "this module cannot be rescaled: it is not homogeneous in the states of its layers (multiplying one by "
                "2 does not multiply the results by a power of 2), as products such as the Recurrent Arithmetic "
                "Circuit are; measure it as it is, with a shorter length if it overflows"
            )
    return degree
