"""Joint bounds that tell the steps of the end apart: the input of a later step weighs as much as the state it meets."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from torch import nn

from ..adapters import Recurrent
from ..adapters.batches import batch_axis
from ..adapters.copies import copy_module
from ..adapters.split import read_as
from ..theory import multichoose
from .gradings import Grading
from .mode import DegreeField, is_unknown
from .propagation import Degree, Run, Variables, constant_sequences, graded_state, with_generic_parameters

_MOST_WEIGHT = 1000
"""Weighted degree up to which end monomials are counted: well under a second"""


@dataclass(frozen=True)
class Weighted:
    """Highest degree where a number of the state counts once, and an input of a step of the end its weight."""

    weights: list[int]
    """Of the steps of the end"""
    most: Degree
    """Highest weighted degree of each output channel"""


def weigh_steps(module: nn.Module, variables: Variables, *, batch_first: bool, of: Run) -> Weighted | None:
    """Run an end over weighted degrees, the weight of a step being the highest one in the state that it starts from.

    Any weights would give a bound. These are the degrees of the state itself where a step raises all by one factor,
    as gates do, and then tell best which inputs go with which powers of the state.

    Args:
        module: a copy of it is run, in evaluation mode.
        variables: the sequence.
        batch_first: the module's order of axes.
        of: an earlier run over highest degrees.

    Returns:
        The weights and degrees, None without a state or where these are too high.

    Source: docs/degrees.md, "Joint bounds".
    """
    if variables.features is None or of.state is None:
        return None
    module, weights = copy_module(module).eval(), []
    with DegreeField(squash=variables.squash) as mode:
        call = with_generic_parameters(module, mode, variables)
        example = constant_sequences(mode, variables, rows=3)
        model = read_as(call, example, variables.where, batch_first=batch_first)
        assert isinstance(model, Recurrent)
        _, state = model(model.pieces(example[:, : variables.cut]), None)
        if any(is_unknown(leaf) for leaf in state):
            return None
        axes = [batch_axis(*pair) for pair in zip(*(model.spread(state, 0, 1, k) for k in (2, 3)), strict=True)]
        state = graded_state(mode, model.spread(state, 0, 1, 2), axes, of.labels, groups=2)
        for _ in range(variables.length - variables.cut):
            found = [
                leaf for leaf, axis in zip(state, axes, strict=True) if axis is not None and leaf.is_floating_point()
            ]
            highest = max((float(mode.read(leaf).max(initial=1.0)) for leaf in found), default=1.0)
            if highest > _MOST_WEIGHT:
                return None
            weights.append(int(highest))
            step = mode.degrees(np.full((2, 1, variables.features), highest))
            output, state = model(model.pieces(step), state)
        return Weighted(weights, mode.read(output)[:, -1])


def count_by_weight(state: Grading, features: int, weighted: Weighted, channels: slice, copies: int) -> int | None:
    """The least over t of the monomials in the state of degree below t, and those in the inputs that others meet.

    A monomial of degree t or more in the state meets only inputs of a weighted degree of at most the highest one less
    t.

    Args:
        state: the numbers of the state, with the degrees that occur.
        features: per step of the end.
        weighted: what `weigh_steps` found.
        channels: that are read.
        copies: how often the other side counts.

    Returns:
        The bound, None where the highest weighted degree is too high.
    """
    most = float(weighted.most[channels].max(initial=0.0))
    if not most <= _MOST_WEIGHT:
        return None
    highest, found = int(most), []
    below = np.cumsum(_monomials_by_weight(features, weighted.weights, highest), dtype=object)
    for t in range(state.least, highest + 2):
        limit = t - 1 if state.most is None else min(state.most, t - 1)
        first = replace(state, most=limit).count()
        if first is not None:
            found.append(first + copies * (int(below[highest - t]) if t <= highest else 0))
    return min(found, default=None)


def _monomials_by_weight(features: int, weights: list[int], most: int) -> npt.NDArray[np.object_]:
    """How many monomials in all inputs there are of each weighted degree up to the highest."""
    counts = np.zeros(most + 1, dtype=object)
    counts[0] = 1
    for weight in weights:
        sums = np.zeros(most + 1, dtype=object)
        for power in range(most // weight + 1):
            shift = power * weight
            sums[shift:] += multichoose(features, power) * counts[: most + 1 - shift]
        counts = sums
    return counts
