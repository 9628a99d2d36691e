"""The base of recurrent models: stacked layers, layouts, checks, initial states."""

from __future__ import annotations

from abc import ABC, abstractmethod
from inspect import Parameter, signature
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...question import check_whole
from .layout import is_batched

Shapes = dict[str, tuple[int, ...]]
Weights = dict[str, Tensor]
States = tuple[Tensor, ...]


class StackedCell(nn.Module, ABC):
    """Layers of one cell in the calling convention of `torch.nn.RNN`, each fed with the outputs of the one below.

    A subclass says what a layer's parameters are (`parameter_shapes`), what its state is (`state_shapes`, by default
    one vector of `hidden_size` numbers), what happens in a step (`cell`), and which keyword arguments it has
    (`OPTIONS`). Parameters are named as in `nn.RNN`: `weight_hh` of layer 1 is `weight_hh_l1`. The states before the
    first step are parameters, `initial_<name of the state>` (num_layers, ...): a zero state would make every product
    zero. The docstring of a cell says only what is not as it is here.

    Args:
        input_size: M, features per time step.
        hidden_size: R, width of every layer.
        num_layers: L, depth.
        batch_first: input and output are (batch, time, features) rather than (time, batch, features).
        device, dtype: of the parameters.
        options: of the cell.

    Shape:
        input (batch, time, input_size), state None or as returned; returns the top layer's outputs
        (batch, time, hidden_size) and the last states of all layers: a tensor (num_layers, batch, ...), or a tuple of
        such where the cell keeps several. Without the batch dimension throughout, too.

    Raises:
        ValueError: a size below 1, or inputs that do not fit.
        TypeError: a keyword argument that the cell does not have.

    Example:
        >>> class Sum(StackedCell):
        ...     def parameter_shapes(self, below):
        ...         return {"weight_ih": (self.hidden_size, below)}
        ...
        ...     def cell(self, layer, x, state):
        ...         total = state[0] + x @ layer["weight_ih"].T
        ...         return total, (total,)
        >>> output, state = Sum(4, 3, num_layers=2)(torch.ones(5, 7, 4))
        >>> output.shape, state.shape
        (torch.Size([5, 7, 3]), torch.Size([2, 5, 3]))
    """

    OPTIONS: ClassVar[dict[str, Any]] = {}
    """Further keyword arguments, with their defaults"""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        batch_first: bool = True,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        if unknown := options.keys() - self.OPTIONS.keys():
            raise TypeError(f"{type(self).__name__}() got an unexpected keyword argument {min(unknown)!r}")
        self.input_size = check_whole("input_size", input_size, 1)
        self.hidden_size = check_whole("hidden_size", hidden_size, 1)
        self.num_layers = check_whole("num_layers", num_layers, 1)
        self.batch_first = batch_first
        for name, value in (self.OPTIONS | options).items():
            setattr(self, name, value)
        self.check_options()
        shapes = {
            f"{name}_l{layer}": shape
            for layer in range(self.num_layers)
            for name, shape in self.parameter_shapes(self.hidden_size if layer else self.input_size).items()
        }
        shapes |= {f"initial_{name}": (self.num_layers, *shape) for name, shape in self.state_shapes().items()}
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape, device=device, dtype=dtype)))
        self.reset_parameters()

    def __init_subclass__(cls, **more: Any) -> None:
        """Add the options to the signature that help and inspection show."""
        super().__init_subclass__(**more)
        own = signature(StackedCell.__init__)
        *first, device, dtype, _ = list(own.parameters.values())[1:]
        options = [Parameter(name, Parameter.KEYWORD_ONLY, default=value) for name, value in cls.OPTIONS.items()]
        cls.__signature__ = own.replace(parameters=[*first, *options, device, dtype])  # type: ignore[attr-defined]

    def check_options(self) -> None:
        """Check or complete the values of `OPTIONS`, which are attributes already; called before the shapes."""

    @abstractmethod
    def parameter_shapes(self, below: int) -> Shapes:
        """Names and shapes of the parameters of a layer whose inputs have `below` features."""

    def state_shapes(self) -> Shapes:
        """Names and shapes of the state of a layer for one sequence."""
        return {"state": (self.hidden_size,)}

    @abstractmethod
    def cell(self, layer: Weights, x: Tensor, state: States) -> tuple[Tensor, States]:
        """One step of a layer: outputs (batch, hidden_size) and the new state.

        Args:
            layer: its parameters by the names of `parameter_shapes`.
            x: the inputs of the step (batch, below).
            state: each (batch, ...), in the order of `state_shapes`.
        """

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw new parameters from torch's generator: uniformly in ±1/sqrt(hidden_size), as torch does, except for
        those that `reset_layer` redraws; each class says how.
        """
        bound = self.hidden_size**-0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)
        for number in range(self.num_layers):
            self.reset_layer(StackedCell.layer(self, number))

    def reset_layer(self, layer: Weights) -> None:
        """Redraw the parameters of a layer that follow another distribution."""

    def initial_states(self, batch: int) -> Tensor | States:
        """The learned states before the first step, for `batch` sequences; the default of `state`."""
        return self._packed(self._first(batch))

    def forward(self, input: Tensor, state: Tensor | States | None = None) -> tuple[Tensor, Tensor | States]:
        batched = is_batched(input, input_size=self.input_size, batch_first=self.batch_first)
        sequence = input if batched else input.unsqueeze(0 if self.batch_first else 1)
        sequence = sequence.transpose(0, 1) if self.batch_first else sequence
        batch = sequence.shape[1]
        output, states = self.run(sequence, self._first(batch) if state is None else self._given(state, batch, batched))
        if not batched:
            return output.squeeze(1), self._packed(tuple(s.squeeze(1) for s in states))
        return output.transpose(0, 1) if self.batch_first else output, self._packed(states)

    def layer(self, number: int) -> Weights:
        """The parameters of a layer, by the names of `parameter_shapes`."""
        return {name: getattr(self, f"{name}_l{number}") for name in self.parameter_shapes(1)}

    def run(self, sequence: Tensor, states: States) -> tuple[Tensor, States]:
        """Outputs of the top layer (time, batch, hidden_size), and the last states of all layers.

        All steps of one layer after the other; a subclass may use a faster order.

        Args:
            sequence: (time, batch, input_size).
            states: before the first step, each (num_layers, batch, ...).
        """
        steps, last = sequence.unbind(0), []
        for number in range(self.num_layers):
            layer, state, outputs = self.layer(number), tuple(s[number] for s in states), []
            for x in steps:
                output, state = self.cell(layer, x, state)
                outputs.append(output)
            steps = tuple(outputs)
            last.append(state)
        return torch.stack(steps), tuple(torch.stack(s) for s in zip(*last, strict=True))

    def _first(self, batch: int) -> States:
        initial = [getattr(self, f"initial_{name}").unsqueeze(1) for name in self.state_shapes()]
        return tuple(s.expand(-1, batch, *s.shape[2:]) for s in initial)

    def _packed(self, states: States) -> Tensor | States:
        return states[0] if len(states) == 1 else states

    def _given(self, state: Tensor | States, batch: int, batched: bool) -> States:
        """The caller's state with a batch dimension; refuses one that does not fit."""
        states = (state,) if isinstance(state, Tensor) else tuple(state)
        size = (batch,) if batched else ()
        wanted = [(self.num_layers, *size, *shape) for shape in self.state_shapes().values()]
        got = [tuple(s.shape) for s in states]
        if got != wanted:
            shown = " and ".join(map(str, wanted))
            raise ValueError(f"state must have shape {shown} for this input, got {' and '.join(map(str, got))}")
        return states if batched else tuple(s.unsqueeze(1) for s in states)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}, num_layers={self.num_layers}, batch_first={self.batch_first}"
