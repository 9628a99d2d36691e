"""A module in the prime field, with drawn weights and halves, ready to evaluate Start-End matrices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._pytree import tree_leaves

from ..adapters import State
from ..adapters.copies import copy_module
from ..adapters.explained import explained
from ..adapters.outside import fill_outside
from ..adapters.split import Cut, joined, read_as
from ..adapters.structure import map_tensors
from ..field import (
    DivisorVanishes,
    Functions,
    Notes,
    PrimeField,
    Weights,
    admit_table,
    constant,
    draw_elements,
    outside,
    read,
    read_weights,
)
from ..field.arithmetic import Int64
from ..kernels import is_worth_compiling
from ..models import spec_of
from ..question import check_readout
from ..startend import Halves, Matrix, Progress, StartEndMatrix, Values, pairs_per_block
from ..system.quiet import quiet
from .asked import Question
from .checks import answer, check_entries, check_residues, check_sequences
from .recording import Recorded
from .words import draw_words

_REMEDY = (
    "it is called as module(x) and module(x, state), and must return (output, state): wrap it in a module whose "
    "forward(self, x, state=None) does, and say how many inputs there are"
)


class _Checked(StartEndMatrix):
    """A Start-End matrix that, each time it grows, compares some entries with their pairs run alone."""

    def __init__(self, run: Run, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._run = run

    def _fill(self, values: Values, states: State, ends: Halves) -> None:
        if not self._run.recorded.fill(values, states, ends, self._report):
            super()._fill(values, states, ends)

    def grow(self, starts: Halves, ends: Halves, *, states: State | None = None) -> Matrix:
        values = super().grow(starts, ends, states=states)
        self._run.check_entries(starts, ends, values.reshape(len(starts), len(ends), self._run.channels))
        return values


class Run:
    """A module in the prime field with drawn weights, which evaluates the Start-End matrix of its question.

    Made by `enter`. Streams of random numbers: "parameter/<name>" for each parameter, "templates", "readout",
    "starts" and "ends".
    """

    def __init__(
        self, copies: list[nn.Module], weights: Weights, question: Question, field: PrimeField, device: str
    ) -> None:
        self.question = question
        self._field = field
        self.device = device
        self._functions = field.functions = Functions(
            self._draw_function, field.renew, field.notes, integers=question.templates != "ids"
        )
        self._values = self._draw_weights(weights)
        self._module, self._spare = copies
        module = self._module
        field.parameters_are_drawn = True
        self._alphabet = self._make_alphabet(module) if question.domain == "tokens" else None
        self.model = read_as(
            self._call,
            self._example(),
            Cut(question.length, question.cut, question.split),
            batch_first=getattr(module, "batch_first", True),
        )
        self.channels = self._columns_per_end()
        self._readout_weights = self._draw("readout", (self.model.channels,))
        self.recorded = Recorded(field, self.model, self._read, self._on_spare)
        self.notes = Notes()
        """Notes of the field from the time of the checks"""

    def matrix(self, budget: int, progress: Progress | None = None) -> StartEndMatrix:
        """An empty Start-End matrix of this run; its blocks fit the budget in bytes."""
        layers = getattr(self._module, "num_layers", 1)
        features = 1 if self.question.templates == "ids" else self._example().shape[2]
        model, steps = self.model, max(self.question.halves.values())
        if not model.splits:
            steps, features = self.question.length, features * self.question.length
        return _Checked(
            self,
            model,
            self._read,
            channels=self.channels,
            block=pairs_per_block(
                max(features, model.channels, model.state_size // layers),
                16 * (steps * (features + model.channels) + 4 * model.state_size),
                budget // 4,
                self.device,
            ),
            progress=progress,
            read=read,
            undefined=DivisorVanishes,
        )

    def samples(self, side: str, count: int) -> Halves:
        """The first `count` halves of a side, "starts" or "ends"."""
        question, steps = self.question, self.question.halves[side]
        if question.domain == "functional":
            return Halves(vectors=self._draw(side, (count, steps, question.inputs)))
        words = draw_words(question.seed, side, count, steps=steps, letters=question.inputs)
        return Halves(words=words, alphabet=self._alphabet)

    def entries(self, budget: int, rows: Sequence[int], ends: Sequence[int], samples: tuple[int, int]) -> Values:
        """The entries (rows, ends, channels) at some starts and ends, numbered within `samples` of each."""
        first = self.samples("starts", samples[0]).only(np.asarray(rows, dtype=np.int64))
        second = self.samples("ends", samples[1]).only(np.asarray(ends, dtype=np.int64))
        return self.matrix(budget).grow(first, second).reshape(len(rows), len(ends), self.channels)

    def check(self, count: int = 3) -> None:
        """Run some sequences alone and among others, at once and in halves, again, and on other representatives.

        Raises:
            ConventionError: the values differ. The message names the check: `batch`, `halves`, `repeat` or `residues`.
        """
        starts, ends = self.samples("starts", count), self.samples("ends", count)
        both = min(len(starts), len(ends))
        first, second = starts.sequences(0, both), ends.sequences(0, both)
        found = check_sequences(self.model, first, second)
        sequences = joined(self.model, first, second)
        with self._on_spare(), self._field.far():
            far = answer(self.model, sequences).output
        check_residues(found, far, self.question.prime)
        if self.notes == Notes():
            self.notes = deepcopy(self._field.notes)

    def expect(self, pairs: int) -> None:
        """Say how many pairs are to come: in integers, which take NumPy eight times as long, a program may pay."""
        if isinstance(self._field.arithmetic, Int64):
            is_worth_compiling(64 * pairs * self.model.state_size * max(self.question.halves.values()))

    def outside(self) -> AbstractContextManager[None]:
        """Outside of the field for a while."""
        return self._field.left()

    @contextmanager
    def _on_spare(self) -> Iterator[None]:
        """Use the other copy of the module, for runs that may leave other values than residues in its caches."""
        module, self._module = self._module, self._spare
        try:
            yield
        finally:
            self._module = module

    def check_entries(self, starts: Halves, ends: Halves, values: Values) -> None:
        """Compare some entries (starts, ends, channels) with their pairs run alone."""

        def alone(row: int, end: int) -> Values:
            pair = joined(self.model, starts.sequences(row, row + 1), ends.sequences(end, end + 1))
            try:
                return read(self._read(self.model(self.model.pieces(pair), None)[0]))[:, 0]
            except DivisorVanishes:
                return np.full(self.channels, np.nan)

        check_entries(values, alone)

    def _elements(self, name: str, shape: Sequence[int]) -> Tensor:
        """Random elements, not yet in the field."""
        values = draw_elements(self.question.seed, name, int(np.prod(shape)), self.question.prime)
        return torch.from_numpy(values).reshape(tuple(shape)).to(self.device)

    def _draw(self, name: str, shape: Sequence[int]) -> Tensor:
        return self._field.admit(self._elements(name, shape))

    def _draw_weights(self, weights: Weights) -> dict[str, Tensor]:
        """Learned parameters drawn at random, everything else with its own values."""
        values = {}
        with outside():
            for name, tensor in weights.kept.items():
                kept = tensor.to(self.device)
                values[name] = self._functions.constant(self._field.admit(kept, name), kept)
        for name, shape in weights.drawn.items():
            rows = weights.rows.get(name, {})
            values[name] = admit_table(self._field, self._elements(f"parameter/{name}", shape), rows)
            if not rows:
                self._functions.parameter(values[name], name)
        return values

    def _draw_function(self, text: str, count: int) -> Tensor:
        """Elements that stand for a function of a parameter."""
        return self._field.renew(self._elements(f"function/{text}", [count]))

    def _call(self, inputs: Tensor, state: Any) -> Any:
        """Call the module with the drawn weights; errors are explained in terms of the question."""
        # Blocks and states are reused, so the module must not write into them: admitted tensors are read-only.
        inputs, state = map_tensors(self._read_only, (inputs, state))
        self._functions.forget(inputs)
        arguments = (inputs,) if state is None else (inputs, state)
        told = f" with {self.question.inputs} inputs per step,"
        with explained(self._module, inputs, _REMEDY, told):
            result = functional_call(self._module, self._values, arguments)
            self._functions.give_out(tree_leaves(result))
            return result

    def _read_only(self, leaf: Tensor) -> Tensor:
        return self._field.admit(leaf) if leaf.is_floating_point() else leaf.clone()

    def _make_alphabet(self, module: nn.Module) -> Tensor:
        letters, templates = self.question.inputs, self.question.templates
        features = self.question.features(module)
        if features is None:
            return torch.arange(letters, device=self.device)
        if isinstance(templates, tuple):
            residues = [[constant(entry, self.question.prime) for entry in row] for row in templates]
            return self._field.admit(torch.tensor(residues, dtype=torch.float64, device=self.device))
        if templates == "one-hot":
            if features != letters:
                raise ValueError(f"one-hot templates need inputs = {features} for this module, got {letters}")
            return self._field.admit(torch.eye(letters, dtype=torch.float64, device=self.device))
        return self._draw("templates", (letters, features))

    def _example(self) -> Tensor:
        """Three sequences on which to try the module."""
        steps = self.question.length
        if self._alphabet is None:
            return self._draw("example", (3, steps, self.question.inputs))
        letters = torch.arange(3 * steps, device=self.device).reshape(3, steps) % len(self._alphabet)
        return self._alphabet[letters]

    def _columns_per_end(self) -> int:
        channels = self.model.channels
        return channels if check_readout(self.question.readout, channels) == "all" else 1

    def _read(self, output: Tensor) -> Tensor:
        """The columns of an end from the last output (channels, pairs)."""
        readout = self.question.readout
        if readout == "all":
            return output
        return (
            output[readout : readout + 1] if isinstance(readout, int) else self._readout_weights.unsqueeze(0) @ output
        )


@contextmanager
def enter(module: nn.Module, question: Question, *, arithmetic: str, device: str) -> Iterator[Run]:
    """Enter the prime field with a copy of the module, in evaluation mode, on one thread, and check its calls.

    Raises:
        NotPolynomial: the module does something that has no meaning modulo a prime.
        ConventionError: it does not follow the calling convention, fails on inputs of this size, cannot be copied, or
            fails `Run.check`.
    """
    # Copies, because anything that forward caches on the module would be residues.
    copies = [copy_module(module).eval() for _ in range(2)]
    weights = read_weights(copies[0])
    if spec_of(module) is None:  # models of the registry keep nothing outside
        where, batch_first = Cut(question.length, question.cut), getattr(module, "batch_first", True)
        fill_outside(module, where, question.features(module), batch_first=batch_first)
    with quiet(device, cudnn=False), PrimeField(question.prime, arithmetic=arithmetic, squash=question.squash) as field:
        run = Run(copies, weights, question, field, device)
        run.check()
        yield run
