"""The adapter for a module."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..settings.hints import Hints
from .agreement import Checked, check, failure, output_of, tolerance
from .arrays import OverArrays
from .batches import Trial
from .candidates import Candidate, Candidates, Failed, Found
from .contract import CheckFailed, ConventionError, SequenceModel, Undetermined
from .copies import unwrapped
from .first_state import Zeros
from .library import order_of, own_adapters
from .reading import parameters_of
from .recurrent import Recurrent
from .refusal import Attempt, Refused, call_failed, refusal
from .rescaled import NotHomogeneous, Rescaled
from .rounding import difference, precision


def adapt(
    module: Any,
    example: Tensor,
    *,
    batch_first: bool | None = None,
    output: str | int | None = None,
    state: str | Callable[[int], Any] | None = None,
    call: Mapping[str, Any] | None = None,
    length: int | None = None,
    rescale: bool = False,
) -> Checked:
    """The adapter for a module, tried on an example, having passed every check of `agreement`.

    Ways to read the module are tried in a fixed order, and the first that passes is taken; docs/adapters.md has the
    table. Known classes come first: an adapter, `nn.RNN`, `nn.GRU`, `nn.LSTM`, an `nn.Sequential` with such a member, a
    model of Hugging Face transformers. Then (output, state) from whole pieces; step cells; its method `step`; recurrent
    modules inside; and a function of whole sequences, which is slower: `splits` is False. Each is tried batch first,
    then time first. A step cell can often be read in several ways that all pass: these must agree.

    Args:
        module: a module, or any function of sequences. It is not copied: put it in evaluation mode.
        example: at least one sequence of at least one step that the module takes, in the type and on the device of
            its inputs: vectors (batch, time, features) or token ids (batch, time), always batch first.
        batch_first: whether the module itself takes (batch, time, ...) or (time, batch, ...); by default its
            attribute `batch_first`; if it has none, both orders are tried.
        output: name or place of the output in what a call returns, such as "logits".
        state: name of the argument or the field that holds the state, such as "past_key_values", or of the method that
            makes the first one; or a function from the size of a batch to the first one.
        call: further arguments by name, such as {"sr": 16000}. A function among them is called with the inputs.
        length: of the sequences, if functions of whole sequences may refuse any other; `example` has it.
        rescale: take `Rescaled` if the module is homogeneous.

    Returns:
        The adapter, with `floor` as measured on the example, and how it was read.

    Raises:
        CallFailed: the module fails on the example.
        CheckFailed: a check fails; the error says which and by how much.
        ConventionError: it returns something else, or can be read in two ways that differ.
        TypeError: it cannot be called, or the example is not a batch of sequences.

    Example:
        >>> model = adapt(torch.nn.LSTM(3, 5), torch.zeros(1, 2, 3))
        >>> state = model(model.pieces(torch.zeros(4, 7, 3)), None)[1]
        >>> output, _ = model(model.pieces(torch.zeros(8, 2, 3)), model.spread(state, 0, 4, 2))
        >>> output.shape
        torch.Size([5, 8])
    """
    try:
        said = Hints(batch_first=batch_first, output=output, state=state, call=call or {})
        return search(module, example, said, length=length, rescale=rescale)
    except Refused as refused:
        raise refused.error from refused.error.__cause__


def search(
    module: Any,
    example: Tensor,
    said: Hints,
    *,
    length: int | None = None,
    rescale: bool = False,
    barred: frozenset[str] = frozenset(),
) -> Checked:
    """As `adapt`, except that ways with a barred name are not tried.

    Raises:
        Refused: no way passes; it holds the error for the user.
    """
    if not callable(module):
        raise TypeError(f"module must be a torch.nn.Module or a function of sequences, got {type(module).__name__}")
    if not isinstance(example, Tensor) or example.ndim < 2 or 0 in example.shape:
        shown = tuple(example.shape) if isinstance(example, Tensor) else type(example).__name__
        raise TypeError(f"example must be sequences (batch, time, features) or token ids (batch, time), got {shown}")
    found = _Search(unwrapped(module), example, said, length, barred)
    model = found.model()
    return _rescaled(model, Trial.short(example)) or model if rescale and isinstance(model.model, Recurrent) else model


class _Search:
    """The ways to read a module, tried one after the other."""

    def __init__(self, module: Any, example: Tensor, said: Hints, length: int | None, barred: frozenset[str]) -> None:
        self._module, self._example, self._said, self._length = module, example, said, length
        self._barred = barred
        self._attempts: list[Attempt] = []

    def model(self) -> Checked:
        """The first that passes."""
        if isinstance(self._module, SequenceModel):
            return self._only(Candidate("an adapter", lambda: self._module, "own", plain=True))
        for ways in self._groups():
            passed = list(self._passing(ways))
            if passed:
                found = self._agreed(passed)
                self._require_state(found)
                return found
        raise refusal(self._module, self._attempts, self._said, self._example)

    def _require_state(self, found: Checked) -> None:
        """Refuse a name of the state that is no argument, no method, and no part of what is returned."""
        name, reading = self._said.state, found.reading
        if not isinstance(name, str) or callable(getattr(self._module, name, None)):
            return
        takes = parameters_of(self._module, self._said)
        returns = () if reading is None else reading.selection.state or ()
        if name not in (*takes.required, *takes.optional, *returns):
            error = ConventionError(
                f"state={name!r} names no argument and no method of {type(self._module).__name__}, and no part of "
                "what it returns; name one of these, or leave it out"
            )
            raise Refused(error)

    def _passing(self, ways: Found) -> Iterator[tuple[Candidate, Checked]]:
        """The first way that passes; all of them for a step cell, where several may pass that differ."""
        for way in ways:
            model = self._tried(way)
            if model is not None and isinstance(way, Candidate):
                yield way, model
                if way.kind != "steps":
                    return

    def _groups(self) -> Iterator[Found]:
        few = self._few()
        own = own_adapters(self._module, few, self._said, self._length)
        if own:
            yield iter(own)
        arrays = [] if isinstance(self._module, nn.Module) else [OverArrays(self._module)]
        for module in [self._module, *arrays]:
            ways = Candidates(module, few, self._said, self._length)
            order = order_of([self._module], self._said.batch_first)
            supposed = order is None and not _layers_are_time_first(self._module)
            for number, first in enumerate([True, False] if order is None else [order]):
                if not own:
                    yield ways.with_state(batch_first=first)
                if not own and number == 0 and not self._takes_sequences():
                    yield ways.by_steps()
                    yield ways.by_method()
                yield ways.by_parts(batch_first=first)
                yield ways.whole(batch_first=first, supposed=supposed)

    def _tried(self, way: Candidate | Failed) -> Checked | None:
        """The model read in this way if it passes; a failure is noted."""
        if way.name in self._barred:
            return None
        try:
            return self._checked(way)
        except ConventionError as error:
            if isinstance(error, CheckFailed) and error.check == "repeat":  # however it is read
                raise Refused(error, frozenset([way.name])) from error
            self._attempts.append(Attempt(way.name, error, way.kind == "whole"))
        return None

    def _takes_sequences(self) -> bool:
        """Whether it ran on pieces and states and failed a check: then it is not a step cell, even if that passes."""
        return any(isinstance(a.error, CheckFailed) for a in self._attempts)

    def _only(self, way: Candidate) -> Checked:
        try:
            return self._checked(way)
        except ConventionError as error:
            raise Refused(error, frozenset([way.name])) from error

    def _checked(self, way: Candidate | Failed) -> Checked:
        try:
            if isinstance(way, Failed):
                raise way.error
            model = way.make()
            full = way.full or (self._length is not None and not model.splits)
            trial = Trial.full(self._example) if full else Trial.short(self._example)
            found = check(model, trial)
            if way.reference is not None:
                _require_same(found, way.reference(), trial)
            if way.must_show_time:
                _require_time(found, trial)
            if way.reading is not None and isinstance(way.reading.calling.first, Zeros):
                _require_alive(found, way, trial)
            found.read_as, found.reading = "" if way.plain else way.name, way.reading
            return found
        except (ConventionError, ImportError, MemoryError):
            raise
        except Exception as error:
            raise call_failed(self._module, tuple(self._example.shape), self._example.dtype, error) from error

    def _agreed(self, passed: list[tuple[Candidate, Checked]]) -> Checked:
        """The first of several; where they differ the user must say which is meant."""
        (first, model), *others = passed
        if first.kind == "steps" and first.reference is None:
            others += self._as_sequences(first)
        sequences, _ = Trial.short(self._example).pairs()
        expected = output_of(model, sequences)
        for way, other in others:
            limit = max(model.agreement.tolerance, other.agreement.tolerance)
            if difference(output_of(other, sequences), expected) > limit:
                error = Undetermined(
                    f"{type(self._module).__name__} can be read as {first.name}, and as {way.name}, and their outputs "
                    "differ; say which is meant: output= is the name or the place of the output in what it returns, "
                    "state= that of the state, or a function from the size of a batch to the first state; a function "
                    "of whole sequences is lambda x: module(x)[0]"
                )
                raise Refused(error)
        return model

    def _as_sequences(self, cell: Candidate) -> list[tuple[Candidate, Checked]]:
        """A step cell that also takes whole sequences, read as a function of these."""
        known = len(self._attempts)
        found = list(self._passing(Candidates(self._module, self._few(), self._said, self._length).whole_only()))
        if any(isinstance(a.error, Undetermined) for a in self._attempts[known:]):
            raise refusal(self._module, self._attempts, self._said, self._example)
        return found

    def _few(self) -> Tensor:
        """A few sequences: short ones, or of the given length, which may be the only one that a member takes."""
        if self._length is None:
            return Trial.short(self._example).starts
        trial = Trial.full(self._example)
        return torch.cat([trial.starts, trial.ends], 1)


def _require_same(model: Checked, reference: SequenceModel, trial: Trial) -> None:
    """Refuse a way to continue a module, not its own, that does not end in the module's output."""
    sequences, _ = trial.pairs()
    expected = output_of(reference, sequences)
    apart = difference(output_of(model, sequences), expected)
    limit = max(model.agreement.tolerance, tolerance(precision(expected)))
    if apart > limit:
        raise failure("halves", apart, limit)


def _require_time(model: Checked, trial: Trial) -> None:
    """Refuse time first without evidence: a function that mixes the sequences of a batch would pass as one of steps.

    Outputs at all steps that depend on earlier steps alone are evidence.
    """
    sequences, _ = trial.pairs()
    if model.model.history(sequences.clone()) is None or model.looks_ahead:
        raise CheckFailed(
            "batch",
            "it passes if it is read time first, but so would a function that mixes the sequences of a batch; say "
            "batch_first=False if the module takes (time, batch, ...)",
        )


def _require_alive(model: Checked, way: Candidate, trial: Trial) -> None:
    """Refuse an assumed first state from which the outputs do not depend on the sequences."""
    sequences, _ = trial.pairs()
    output = output_of(model, sequences)
    if output.shape[1] > 1 and bool((output == output[:, :1]).all()):
        raise Undetermined(
            f"read as {way.name}, outputs are the same for all sequences; say in which state sequences begin, "
            "state=lambda batch: torch.ones(batch, ...)"
        )


def _rescaled(model: Checked, trial: Trial) -> Checked | None:
    """The same model, rescaled; None if it is not homogeneous (most are not), or only near the probes."""
    try:
        assert isinstance(model.model, Recurrent)
        found = check(Rescaled(model.model, trial.starts), trial)
    except (NotHomogeneous, CheckFailed):
        return None
    found.read_as, found.reading = model.read_as, model.reading
    return found


def _layers_are_time_first(module: Any) -> bool:
    """Whether all layers inside that state their order of axes take time first, as nn.TransformerEncoder's do."""
    layers = module.modules() if isinstance(module, nn.Module) else ()
    return {bool(layer.batch_first) for layer in layers if hasattr(layer, "batch_first")} == {False}
