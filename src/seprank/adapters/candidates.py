"""The ways in which a module can be read, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..settings.hints import Hints
from .contract import SequenceModel
from .first_state import FirstOne, FromMethod, Given, first_states
from .inner import InnerStates, recurrent_parts
from .reading import Calling, Parameters, Reading, parameters_of
from .recurrent import Recurrent
from .results import Selection, output_key, selections
from .whole import Whole

Kind = Literal["state", "steps", "whole", "own"]
"""With a state at a cut; step by step; a function of whole sequences; an adapter for its class"""

_MOST_ARGUMENTS = 4
"""Optional arguments that are tried as the state"""


@dataclass(frozen=True)
class Candidate:
    """A way to read a module."""

    name: str
    make: Callable[[], SequenceModel]
    kind: Kind
    reading: Reading | None = None
    full: bool = False
    """Whether it is checked on sequences of full length, because the module itself does not hand out a state"""
    reference: Callable[[], SequenceModel] | None = None
    """A model with which it must agree"""
    plain: bool = False
    """Whether a result need not mention it"""
    must_show_time: bool = False
    """Whether the outputs at all steps must show which axis is time, because nothing else does"""


@dataclass(frozen=True)
class Failed:
    """A way in which the module could not even be called."""

    name: str
    error: Exception
    kind: Kind


Found = Iterator[Candidate | Failed]


class Candidates:
    """The ways to read a module, or function, of unknown class.

    Args:
        few: a few sequences (batch, time, ...) to see what it returns.
        hints: what the user said.
        length: of the sequences, if functions of whole sequences may refuse any other.
    """

    def __init__(self, module: Any, few: Tensor, hints: Hints, length: int | None) -> None:
        self._module, self._few, self._hints, self._length = module, few, hints, length
        self._parameters = parameters_of(module, hints)

    def with_state(self, *, batch_first: bool) -> Found:
        """Called with a whole piece and a state, as `torch.nn.RNN`."""
        yield from self._called(False, batch_first, "", self._parameters)

    def by_steps(self) -> Found:
        """Called with one step and a state, as `torch.nn.LSTMCell`."""
        yield from self._called(True, True, "", self._parameters)

    def by_method(self) -> Found:
        """Through its method `step`, which must agree with the module itself."""
        step = getattr(self._module, "step", None)
        if not isinstance(self._module, nn.Module) or not callable(step):
            return
        for found in self._called(True, True, "step", parameters_of(step, self._hints)):
            if isinstance(found, Candidate):
                yield replace(found, reference=lambda: self._itself(Calling(False, call=self._hints.call)))

    def by_parts(self, *, batch_first: bool) -> Found:
        """Through the states of modules inside, if the module itself returns none."""
        calling = Calling(False, batch_first, call=self._hints.call)
        try:
            names = recurrent_parts(self._module, partial(calling.try_out, self._module, self._few))
        except Exception:
            return
        if not names:
            return
        whole = partial(self._itself, calling)

        def make() -> SequenceModel:
            key = self._output_key(calling)
            inner = InnerStates(self._module, names, Reading(calling, Selection(key, None)))
            return Recurrent(inner, self._few, batch_first=batch_first)

        yield Candidate(f"sequences, the state that of {' and '.join(names)} inside", make, "state", None, True, whole)

    def whole_only(self) -> Found:
        """As a function of the whole sequence and nothing else."""
        if not self._parameters.required:
            yield from self.whole(batch_first=True, supposed=False)

    def whole(self, *, batch_first: bool, supposed: bool) -> Found:
        """As a function of the whole sequence; `supposed` if the order of its axes is only a guess."""
        firsts: Iterator[FirstOne | None] = iter([None])
        names = self._parameters.required
        if names:  # with an assumed state, a step cell would pass as a function without memory
            every = first_states(self._module, self._hints, len(names))
            firsts = (first for first in every if isinstance(first, FromMethod | Given))
        for first in firsts:
            state = names if first is not None else ()
            calling = Calling(False, batch_first, "", state, first, self._hints.call)
            try:
                selection = Selection(self._output_key(calling), None)
            except (ImportError, MemoryError):
                raise
            except Exception as error:
                yield Failed(f"whole {calling}", error, "whole")
                continue
            reading = Reading(calling, selection)
            make, shown = partial(self._whole, reading), supposed and not batch_first
            yield Candidate(f"whole {reading}", make, "whole", reading, must_show_time=shown)

    def _called(self, step: bool, batch_first: bool, method: str, parameters: Parameters) -> Found:
        for names, first in self._states(step, parameters):
            calling = Calling(step, batch_first, method, names, first, self._hints.call)
            kind: Kind = "steps" if step else "state"
            try:
                with torch.no_grad():
                    result = calling.try_out(self._module, self._few.clone())
                chosen = selections(result, self._hints)
            except (ImportError, MemoryError):
                raise
            except Exception as error:
                yield Failed(str(calling), error, kind)
                continue
            for selection in chosen:
                if _may_be(selection, result, names):
                    reading = Reading(calling, selection)
                    make = partial(self._recurrent, reading)
                    yield Candidate(str(reading), make, kind, reading, plain=reading.plain)

    def _states(self, step: bool, parameters: Parameters) -> Iterator[tuple[tuple[str, ...], FirstOne | None]]:
        """Arguments that may take the state, with ways to make the first state."""
        required, optional = parameters.required, parameters.optional
        said = self._hints.state
        if isinstance(said, str) and said in (*required, *optional):
            groups: list[tuple[str, ...]] = [(said,)]
        elif required:
            groups = [required]
        else:
            groups = [(name,) for name in optional[:_MOST_ARGUMENTS]]
            groups += [optional[:count] for count in (2, 3) if count <= len(optional)]
        for group in groups:
            firsts: Iterator[FirstOne | None] = iter([None])
            if required or callable(said) or (isinstance(said, str) and callable(getattr(self._module, said, None))):
                firsts = first_states(self._module, self._hints, len(group))
            for first in firsts:
                yield self._by_place(group, parameters), first

    def _by_place(self, group: tuple[str, ...], parameters: Parameters) -> tuple[str, ...]:
        """Empty names for arguments that directly follow the inputs, which every module takes by position."""
        if self._hints.call:  # its arguments may stand in between
            return group
        beside = (*parameters.required, *parameters.optional)
        return ("",) * len(group) if beside[: len(group)] == group else group

    def _recurrent(self, reading: Reading) -> Recurrent:
        first = reading.calling.step or reading.calling.batch_first
        return Recurrent(partial(reading.run, self._module), self._few, batch_first=first)

    def _whole(self, reading: Reading) -> Whole:
        calling = reading.calling
        return Whole(
            lambda x: reading.run(self._module, x)[0], self._few, batch_first=calling.batch_first, length=self._length
        )

    def _itself(self, calling: Calling) -> Whole:
        """The module called on whole sequences, to compare with."""
        return self._whole(Reading(calling, Selection(self._output_key(calling), None)))

    def _output_key(self, calling: Calling) -> Any:
        with torch.no_grad():
            result = calling.try_out(self._module, self._few.clone())
        batch, steps = self._few.shape[:2]
        return output_key(result, self._hints, batch, steps, batch_first=calling.batch_first)


def _may_be(selection: Selection, result: Any, names: tuple[str, ...]) -> bool:
    """Whether the parts read as the state match the arguments that take them."""
    if selection.state is None:
        return len(names) == 1
    return len(selection.state) == len(names) or len(names) == 1
