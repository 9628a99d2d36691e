"""One way to call a module as torch.nn.RNN is called: output, state = run(module, input, state)."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from types import FunctionType
from typing import Any

from torch import Tensor

from ..settings.hints import Hints
from .contract import ConventionError
from .first_state import FirstOne, begin
from .results import Selection, describe


@dataclass(frozen=True)
class Calling:
    """How a module is called, whatever it returns."""

    step: bool
    """Whether with one step at a time, (batch, features), and not with pieces of sequences"""
    batch_first: bool = True
    """Of whole pieces: (batch, time, ...) or (time, batch, ...)"""
    method: str = ""
    """Which of its methods is called; by default the module itself"""
    state: tuple[str, ...] = ()
    """Arguments that take the state"""
    first: FirstOne | None = None
    """How the first state is made; None if the argument is left out at first"""
    call: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments"""

    def raw(self, module: Any, inputs: Tensor, state: Any, *, begun: bool) -> Any:
        """What a call returns; the state is passed if the sequences have begun."""
        function = getattr(module, self.method) if self.method else module
        further = {name: v(inputs) if isinstance(v, FunctionType) else v for name, v in self.call.items()}
        if not self.state or not begun:
            return function(inputs, **further)
        values = [state] if len(self.state) == 1 else list(state)
        if self.state[0] == "":  # by place, as torch.nn.RNN takes it
            return function(inputs, *values, **further)
        return function(inputs, **dict(zip(self.state, values, strict=True)), **further)

    def start(self, module: Any, inputs: Tensor, batch: int) -> tuple[Any, bool]:
        """The first state, and whether one is passed at all."""
        if self.first is None:
            return None, False
        return begin(self.first, module, inputs, batch), True

    def try_out(self, module: Any, sequences: Tensor) -> Any:
        """What a call on sequences (batch, time, ...) returns, or on their first step."""
        inputs = sequences[:, 0] if self.step else sequences if self.batch_first else sequences.transpose(0, 1)
        state, begun = self.start(module, inputs, len(sequences))
        return self.raw(module, inputs, state, begun=begun)

    def __str__(self) -> str:
        if self.step:
            said = ["step cell" if not self.method else f"step cell {self.method}"]
        else:
            said = ["sequences" if self.batch_first else "sequences, time first"]
        if any(self.state):
            said.append(f"state as {' and '.join(self.state)}")
        return ", ".join([*said, *([str(self.first)] if self.first is not None else [])])


@dataclass(frozen=True)
class Reading:
    """A way of calling a module and of reading what it returns, with the convention of `torch.nn.RNN`."""

    calling: Calling
    selection: Selection

    def run(self, module: Any, pieces: Tensor, state: Any = None, *, begun: bool | None = None) -> tuple[Tensor, Any]:
        """Output and state after pieces of sequences, in the module's order of axes; without a state from the start."""
        calling = self.calling
        begun = state is not None if begun is None else begun
        if calling.step:
            return self._steps(module, pieces, state, begun)
        if not begun:
            state, begun = calling.start(module, pieces, pieces.shape[0 if calling.batch_first else 1])
        return self._read(calling.raw(module, pieces, state, begun=begun))

    def _steps(self, module: Any, pieces: Tensor, state: Any, begun: bool) -> tuple[Tensor, Any]:
        output: Tensor | None = None
        for step in pieces.unbind(1):
            if not begun:
                state, begun = self.calling.start(module, step, len(step))
            output, state = self._read(self.calling.raw(module, step, state, begun=begun))
            begun = True
        assert output is not None
        if not 2 <= output.ndim <= max(2, pieces.ndim - 1) or len(output) != len(pieces):
            raise ConventionError(
                f"a step cell must return an output {(len(pieces), 'channels')}, got {tuple(output.shape)}"
            )
        return output.flatten(1), state

    def _read(self, result: Any) -> tuple[Tensor, Any]:
        output, state = self.selection.of(result)
        if not isinstance(output, Tensor):
            raise ConventionError(f"the output must be a tensor, got {type(output).__name__} in {describe(result)}")
        return output, state

    @property
    def plain(self) -> bool:
        """Whether it is the convention of `torch.nn.RNN`, batch first, which need not be mentioned."""
        calling = self.calling
        said = any(calling.state) or calling.step or calling.first or not calling.batch_first
        return not said and not str(self.selection)

    def __str__(self) -> str:
        return ", ".join(filter(None, [str(self.calling), str(self.selection)]))


@dataclass(frozen=True)
class Parameters:
    """The arguments of a function beside its inputs."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    known: bool = True
    """False for a function that does not say what it takes"""


def parameters_of(function: Any, hints: Hints) -> Parameters:
    """The arguments of a function, or a module's forward, beside its inputs and those that the user gives."""
    target, bound = getattr(function, "forward", function), set(hints.call)
    if isinstance(function, partial):  # which knows of a module only that it takes anything
        inner = getattr(function.func, "forward", function.func)
        target, bound = partial(inner, *function.args, **function.keywords), bound | set(function.keywords)
    try:
        found = list(inspect.signature(target).parameters.values())
    except (ValueError, TypeError):
        return _of_schema(target, hints)
    positional = [p for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][1:]
    named = [*positional, *(p for p in found if p.kind is p.KEYWORD_ONLY)]
    rest = [p for p in named if p.name not in bound]
    return Parameters(
        tuple(p.name for p in rest if p.default is p.empty),
        tuple(p.name for p in rest if p.default is not p.empty),
        known=not any(p.kind is p.VAR_POSITIONAL for p in found) or bool(positional),
    )


def _of_schema(target: Any, hints: Hints) -> Parameters:
    """Of a method that TorchScript has compiled."""
    schema = getattr(target, "schema", None)
    arguments = [a for a in getattr(schema, "arguments", [])[2:] if a.name not in hints.call]
    return Parameters(
        tuple(a.name for a in arguments if not a.has_default_value()),
        tuple(a.name for a in arguments if a.has_default_value()),
        known=schema is not None,
    )
