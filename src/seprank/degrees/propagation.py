"""Running a module over degrees: the batch is one sequence with a row for each group of variables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn
from torch.func import functional_call

from ..adapters import Recurrent, State
from ..adapters.copies import copy_module
from ..adapters.explained import explained
from ..adapters.split import Certifiable, Cut, read_as
from ..field import Functions, outside, read_weights
from ..question import Squash
from .mode import ZERO, DegreeField, is_unknown

Degree = npt.NDArray[np.float64]
"""Degrees of the output, (channels, groups of variables)"""

MOST_GROUPS = 128
"""If the state's tensors have more slices than this, each tensor is one group."""

_CONSTANT, _ZERO = -1, -2


@dataclass(frozen=True)
class Variables:
    """The sequence that is run."""

    length: int
    cut: int
    features: int | None
    """Features per step, None for token numbers"""
    split: tuple[int, ...] | None = None
    """Positions of the start, None for the first `cut`"""
    squash: Squash | None = None
    """What activations, softmax and norms are replaced by"""
    batch_first: bool = True
    """The module's order of axes"""

    @property
    def where(self) -> Cut:
        """Which positions are the start."""
        return Cut(self.length, self.cut, self.split)

    def sequences(self) -> npt.NDArray[np.float64]:
        """Degrees (length + 3, length, features): a row for each step, then for start, end, and both."""
        start = np.isin(np.arange(self.length), self.where.starts)
        rows = np.vstack([np.eye(self.length), start, ~start, np.ones(self.length)])
        return np.repeat(rows[:, :, None], self.features or 1, axis=2)


@dataclass
class Run:
    """The result of a run over highest or lowest degrees."""

    output: Degree
    """Degrees in the input of each step, then in those of the start, those of the end, and all"""
    state: Degree | None = None
    """Degrees in each group of state entries, then in all; None without a state, or if it holds token numbers"""
    joint: Degree | None = None
    """Degrees in the state and the inputs of the end together, one row"""
    labels: list[npt.NDArray[np.int64] | None] = field(default_factory=list)
    """For each tensor of the state the groups of its entries, without the batch axis; None for constants"""

    @property
    def variables(self) -> list[int]:
        """How many state entries there are in each group."""
        every = np.concatenate([np.zeros(0, int), *(x.reshape(-1) for x in self.labels if x is not None)])
        return [int(n) for n in np.bincount(every[every >= 0])]


def run_over_degrees(module: nn.Module, variables: Variables, *, lowest: bool, of: Run | None = None) -> Run:
    """Degrees of the last output in the inputs and in the state at the cut.

    Args:
        lowest: lowest degrees rather than highest.
        of: an earlier run, whose groups of state entries are used.

    Source: docs/degrees.md, "Running a module over degrees".
    """
    with over_degrees(module, variables, lowest=lowest) as (mode, model):
        output, state = run_halves(model, sequences_of(mode, variables), variables.cut)
        run = Run(mode.read(output))
        if not isinstance(model, Recurrent) or any(is_unknown(leaf) for leaf in state):
            return run
        run.labels = of.labels if of else _group(mode, state, model.axes, everything=variables.features is None)
        groups = len(run.variables) + 2
        graded = graded_state(mode, model.spread(state, 0, 1, groups), model.axes, run.labels, groups=groups)
        ends = sequences_of(mode, variables, rows=groups, last=True)[:, variables.cut :]
        found = mode.read(model(model.pieces(ends), graded)[0])
        run.state, run.joint = found[:, :-1], found[:, -1:]
        return run


def highest_output(module: nn.Module, variables: Variables, *, inputs: int | None, weights: int) -> Degree:
    """Highest degrees of the last output, (channels, rows).

    Args:
        inputs: degree of every input; None for two rows: the start as variables, and the end as variables.
        weights: degree of every parameter.
    """
    with over_degrees(module, variables, weights=weights) as (mode, model):
        if variables.features is None:
            sequences = sequences_of(mode, variables, rows=2)
        else:
            both = variables.sequences()[-3:-1]
            sequences = mode.degrees(both if inputs is None else np.full_like(both, inputs))
        return mode.read(run_halves(model, sequences, variables.cut)[0])


@contextmanager
def over_degrees(
    module: nn.Module, variables: Variables, *, lowest: bool = False, weights: int = 0
) -> Iterator[tuple[DegreeField, Certifiable]]:
    """Enter the field of degrees with a copy of a module in evaluation mode, every parameter of degree `weights`."""
    module = copy_module(module).eval()  # because forward may keep something on it
    with DegreeField(lowest=lowest, squash=variables.squash) as mode:
        call = _with_generic_parameters(module, mode, variables, weights)
        example = sequences_of(mode, variables, rows=3)
        yield mode, read_as(call, example, variables.where, batch_first=variables.batch_first)


def run_halves(model: Certifiable, sequences: Tensor, cut: int) -> tuple[Tensor, State]:
    """The last output, and the state at the cut; empty for a function of whole sequences."""
    if not isinstance(model, Recurrent):
        return model(model.pieces(sequences), None)[0], []
    _, state = model(model.pieces(sequences[:, :cut]), None)
    return model(model.pieces(sequences[:, cut:]), state)[0], state


def sequences_of(mode: DegreeField, variables: Variables, rows: int | None = None, last: bool = False) -> Tensor:
    """Inputs as variables; or `rows` sequences of constants, the last of degree `last`; or token numbers."""
    degrees = variables.sequences()
    if rows is not None:
        degrees = np.zeros((rows, *degrees.shape[1:]))
        degrees[-1] = last
    return mode.ids(degrees.shape[:2]) if variables.features is None else mode.degrees(degrees)


def _with_generic_parameters(
    module: nn.Module, mode: DegreeField, variables: Variables, degree: int
) -> Callable[..., Any]:
    """The module with unknown parameters of that degree, and everything else with its own values."""
    weights = read_weights(module)

    def stand_in(_: str, count: int) -> Tensor:
        return mode.degrees(np.full(count, degree))

    known = Functions(stand_in, mode.renew, mode.notes, integers=variables.features is not None)
    mode.functions = known
    values = {name: known.parameter(mode.degrees(np.full(s, degree)), name) for name, s in weights.drawn.items()}
    with outside():
        values |= {name: known.constant(mode.admit(tensor, name), tensor) for name, tensor in weights.kept.items()}

    def call(inputs: Tensor, state: Any) -> Any:
        with explained(module, inputs, "check the inputs per step"):
            return functional_call(module, values, (inputs,) if state is None else (inputs, state))

    return call


def _group(
    mode: DegreeField, state: list[Any], axes: list[int | None], *, everything: bool
) -> list[npt.NDArray[np.int64] | None]:
    """One group per index of a tensor's axes except the batch and the last; one per tensor if these are too many.

    Entries that do not depend on the start are no variables, but zero or constants. For token numbers that is not
    known: with `everything`, any entry that may be non-zero is a variable.
    """
    degrees = [
        np.moveaxis(mode.read(leaf), axis, -1) if axis is not None and leaf.is_floating_point() else None
        for leaf, axis in zip(state, axes, strict=True)
    ]
    shapes = [d.shape[:-1] for d in degrees if d is not None]
    slices = sum(int(np.prod(shape[:-1])) for shape in shapes) <= MOST_GROUPS
    labels: list[npt.NDArray[np.int64] | None] = []
    first = 0
    for d in degrees:
        if d is None or d.size == 0:
            labels.append(None)
            continue
        shape = d.shape[:-1]
        count = int(np.prod(shape[:-1])) if slices else 1
        label = np.arange(count).repeat(int(np.prod(shape)) // count).reshape(shape) + first
        highest = d.max(-1)
        constant = np.zeros(shape, bool) if everything else highest <= 0
        labels.append(np.where(highest == ZERO, _ZERO, np.where(constant, _CONSTANT, label)))
        first += count
    return _renumbered(labels)


def _renumbered(labels: list[npt.NDArray[np.int64] | None]) -> list[npt.NDArray[np.int64] | None]:
    """The same groups, renumbered without the gaps of slices that have no variable."""
    used = np.unique(np.concatenate([np.zeros(0, int), *(x.reshape(-1) for x in labels if x is not None)]))
    used = used[used >= 0]
    return [None if x is None else np.where(x >= 0, np.searchsorted(used, x), x) for x in labels]


def graded_state(
    mode: DegreeField,
    state: list[Any],
    axes: list[int | None],
    labels: list[npt.NDArray[np.int64] | None],
    *,
    groups: int,
) -> list[Any]:
    """A state whose entries are variables, in a batch: one row per group, and two rows for all groups."""
    return [
        leaf if label is None or axis is None else mode.degrees(_graded(label, groups, axis))
        for leaf, axis, label in zip(state, axes, labels, strict=True)
    ]


def _graded(labels: npt.NDArray[np.int64], groups: int, axis: int) -> npt.NDArray[np.float64]:
    """Degrees of a state tensor in a batch: one row per group, of degree 1 in that group, and two rows for all."""
    inside = labels[..., None] == np.arange(groups)
    inside[..., -2:] = (labels >= 0)[..., None]
    degrees = np.where((labels == _ZERO)[..., None], ZERO, inside.astype(np.float64))
    return np.moveaxis(degrees, -1, axis)
