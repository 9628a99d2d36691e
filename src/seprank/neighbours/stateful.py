"""Models as the measures here use them: copied, adapted and checked, with states as vectors and a step function."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from ..adapters import SequenceModel, State
from ..adapters.alphabet import Alphabet, find_alphabet
from ..adapters.contract import is_inexact
from ..measurement.inputs import halved, whole_sequences
from ..measurement.measured_model import Subject, adapt_to, prepared
from ..settings.floating import FloatingSettings
from .linear import Array, LinearNetwork, Step, from_matrices, read_linear
from .tracking import slow_kernels

TRIED = 64
"""Sequences on which a model is checked"""


class Meaningless(ValueError):
    """A measure has no meaning for this model; the text says why."""


@dataclass(frozen=True)
class Opened:
    """A checked model and what it reads."""

    subject: Subject
    alphabet: Alphabet

    @property
    def run(self) -> SequenceModel:
        """The model with its plain kernels, the definition against which faster ones are checked."""
        return self.subject.model.plain()

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the model, without the last where it says that states were rescaled: `run` does not do that."""
        return self.subject.notes[:-1] if self.subject.rescaled else self.subject.notes

    @property
    def channels(self) -> int:
        return self.run.channels

    def pieces(self, sequences: Tensor) -> Tensor:
        """Sequences (batch, time, features) in the form the model reads."""
        return self.run.pieces(self.subject.version.cast(sequences))


@contextmanager
def opened(
    model: Any, settings: FloatingSettings, *, length: int, inputs: int | None = None, whole: bool = True
) -> Iterator[Opened]:
    """A copy of a model that reads vectors, adapted and checked on random sequences of this length.

    Functions of whole sequences also run on shorter ones, unless `whole` says that they may refuse any other length.
    `Meaningless` says that it reads token ids, `ConventionError` that it cannot be called or fails a check.
    """
    alphabet = find_alphabet(model, inputs, length=max(length, 2), said=settings.hints)
    if alphabet.tokens is not None:
        raise Meaningless(
            "the model reads token ids, which are names, not numbers; give the part of it that reads vectors, "
            "such as what follows its embedding"
        )
    if alphabet.axes:
        raise Meaningless(f"a step of the model has {len(alphabet.axes)} axes; give a part of it that reads vectors")
    samples = whole_sequences(alphabet, length=max(length, 2), starts=TRIED, ends=TRIED, seed=settings.seed)
    with prepared(model, settings) as versions:
        for version in versions:
            slow_kernels(version.model)
        subject = adapt_to(versions, halved(samples, max(1, length // 2)), settings, length if whole else 1)
        yield Opened(subject, alphabet)


class Vectors:
    """States of a model with a state of fixed size, as vectors; `Meaningless` if it has none, or one that grows.

    The shapes of a state are those after `pieces` of one step of one sequence.
    """

    def __init__(self, model: SequenceModel, pieces: Tensor) -> None:
        if not model.splits:
            raise Meaningless("the model keeps no state, so there is nothing to read the past from")
        if model.state_numbers(2) != model.state_numbers(1):
            raise Meaningless("the model keeps every input it has read, so its state holds all of the past as it is")
        self._model = model
        self._leaves, self._spec = tree_flatten(model(pieces, None)[1])
        self._shapes = [tuple(_real(leaf).shape) for leaf in self._leaves if _is_number(leaf)]
        self.units = sum(int(np.prod(shape)) for shape in self._shapes)
        """Numbers in a state"""

    def read(self, state: State, count: int) -> Array:
        """The states of `count` sequences as (count, units)."""
        return np.stack([self._vector(self._model.spread(state, row, row + 1, 1)) for row in range(count)])

    def _vector(self, state: State) -> Array:
        numbers = [_real(leaf).reshape(-1).double() for leaf in tree_flatten(state)[0] if _is_number(leaf)]
        found: Array = torch.cat(numbers).detach().cpu().numpy()
        return found

    def write(self, vectors: Array) -> State:
        """States (count, units) in the form the model keeps."""
        return self._model.join([self._state(vector) for vector in vectors])

    def _state(self, vector: Array) -> State:
        values, done, leaves = torch.from_numpy(np.ascontiguousarray(vector)), 0, []
        shapes = iter(self._shapes)
        for leaf in self._leaves:
            if not _is_number(leaf):
                leaves.append(leaf)
                continue
            shape = next(shapes)
            part = values[done : done + int(np.prod(shape))].reshape(shape)
            done += part.numel()
            if leaf.is_complex():
                leaves.append(torch.view_as_complex(part.contiguous()).to(leaf.dtype))
            else:
                leaves.append(part.to(leaf.dtype))
        state: State = tree_unflatten(leaves, self._spec)
        return state


def _is_number(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and is_inexact(leaf)


def _real(leaf: Tensor) -> Tensor:
    return torch.view_as_real(leaf) if leaf.is_complex() else leaf


@dataclass(frozen=True)
class Stateful:
    """One step of a model, and its states after sequences, as arrays."""

    units: int
    """Numbers in the state"""
    inputs: int
    """Numbers read at each step"""
    step: Step
    states: Callable[[Array], Array]
    """From sequences (count, steps, inputs) to the states after them (count, units)"""
    notes: tuple[str, ...] = ()
    network: LinearNetwork | None = None
    """Its matrices, where it is given by them"""

    def linear(self, seed: int) -> LinearNetwork:
        """Its matrices; `NotLinear` if a step is not linear."""
        return read_linear(self.step, self.units, self.inputs, seed) if self.network is None else self.network


@contextmanager
def as_stateful(model: Any, settings: FloatingSettings, inputs: int | None) -> Iterator[Stateful]:
    """Matrices, a node of reservoirpy, or a module or function that passes the checks.

    `Meaningless` says that it reads token ids or has no state, `ConventionError` that it cannot be called or fails a
    check, `ValueError` that the matrices do not fit.
    """
    if isinstance(model, tuple):
        yield _of_matrices(from_matrices(model))
    elif _is_reservoir(model):
        yield _reservoir(model)
    else:
        with opened(model, settings, length=8, inputs=inputs, whole=False) as checked:
            yield stateful(checked)


def has_matrices(model: Any) -> bool:
    """Whether a model is given by matrices or is a node of reservoirpy, and not by a module or function."""
    return isinstance(model, tuple) or _is_reservoir(model)


def _of_matrices(network: LinearNetwork) -> Stateful:
    """A network that is given by its matrices, run in floating point."""

    def states(sequences: Array) -> Array:
        found = np.zeros((len(sequences), network.units))
        for step in sequences.swapaxes(0, 1):
            found = found @ network.a.T + step @ network.b.T
        return found

    def step(h: Array, x: Array) -> tuple[Array, Array]:
        return h @ network.c.T + x @ network.d.T, h @ network.a.T + x @ network.b.T

    return Stateful(network.units, network.inputs, step, states, network=network)


def stateful(model: Opened) -> Stateful:
    """A checked model with a state; `Meaningless` if it has none."""
    run = model.run
    inputs = model.alphabet.features or 1
    vectors = Vectors(run, model.pieces(torch.zeros(1, 1, inputs)))

    def step(states: Array, given: Array) -> tuple[Array, Array]:
        pieces = model.pieces(torch.from_numpy(np.ascontiguousarray(given))[:, None])
        output, after = run(pieces, vectors.write(states))
        return output.T.double().cpu().numpy(), vectors.read(after, len(states))

    def after(sequences: Array) -> Array:
        return vectors.read(run(model.pieces(torch.from_numpy(sequences)), None)[1], len(sequences))

    return Stateful(vectors.units, inputs, step, after, model.notes)


def _is_reservoir(model: Any) -> bool:
    """Whether it is a node of reservoirpy; if that has not been imported, nothing is."""
    nodes = sys.modules.get("reservoirpy.node")
    return nodes is not None and isinstance(model, nodes.Node)


def _reservoir(node: Any) -> Stateful:
    """A copy of a node of reservoirpy; `Meaningless` if it has no weights yet, or no state."""
    own = copy.deepcopy(node)
    if not getattr(own, "initialized", False):
        raise Meaningless("this node of reservoirpy has no weights yet; run it once on an example first")
    inputs, first = int(own.input_dim), {name: np.zeros_like(value) for name, value in own.state.items()}
    sizes = {name: value.size for name, value in first.items()}
    units = sum(sizes.values())
    if units == 0:
        raise Meaningless("this node of reservoirpy keeps no state, so there is nothing to read the past from")

    def place(vector: Array) -> None:
        parts = np.split(vector, np.cumsum(list(sizes.values()))[:-1])
        own.state = {name: part.reshape(first[name].shape) for name, part in zip(sizes, parts, strict=True)}

    def held() -> Array:
        return np.concatenate([np.ravel(own.state[name]) for name in sizes])

    def step(states: Array, given: Array) -> tuple[Array, Array]:
        outputs, after = [], []
        for vector, x in zip(states, given, strict=True):
            place(vector)
            outputs.append(np.ravel(own.step(x)).astype(np.float64))
            after.append(held())
        return np.stack(outputs), np.stack(after)

    def states(sequences: Array) -> Array:
        found = []
        for sequence in sequences:
            place(np.zeros(units))
            own.run(sequence)
            found.append(held())
        return np.stack(found)

    return Stateful(units, inputs, step, states, ("a node of reservoirpy, from a state of zeros",))
