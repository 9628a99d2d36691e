"""Joint bounds with a weight per step of the end: an input weighs as much as the state that it meets."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from torch import nn

from ..adapters import Recurrent
from ..theory import multichoose
from .gradings import Grading
from .mode import is_unknown
from .propagation import Degree, Run, Variables, graded_state, over_degrees, sequences_of

_MOST_WEIGHT = 1000
"""Weighted degree up to which end monomials are counted: well under a second"""


@dataclass(frozen=True)
class Weighted:
    """Highest degrees that count a state entry once, and an input of the end by the weight of its step."""

    weights: list[int]
    """Of the steps of the end"""
    features: int
    """Inputs of a step"""
    most: Degree
    """Highest weighted degree of each output channel"""


def weigh_steps(module: nn.Module, variables: Variables, *, of: Run) -> Weighted | None:
    """Run an end over weighted degrees, the weight of a step being the highest degree in the state that it starts from.

    Any weights give a bound. These are the degrees of the state itself if a step multiplies all of them by one factor,
    as gates do; then they tell best which inputs occur with which powers of the state. `of` is an earlier run over
    highest degrees. None without a state or if a weight is too high.

    Source: docs/degrees.md, "Joint bounds".
    """
    if variables.features is None or of.state is None:
        return None
    weights = []
    with over_degrees(module, variables) as (mode, model):
        assert isinstance(model, Recurrent)
        _, state = model(model.pieces(sequences_of(mode, variables, rows=3)[:, : variables.cut]), None)
        if any(is_unknown(leaf) for leaf in state):
            return None
        axes = model.axes
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
        return Weighted(weights, variables.features, mode.read(output)[:, -1])


def count_by_weight(state: Grading, weighted: Weighted, channels: slice, copies: int) -> int | None:
    """The least over t of the monomials in the state of degree below t plus those in the inputs that meet the others.

    A monomial of degree t or more in the state meets only inputs whose weighted degree is at most the highest minus t;
    those are counted `copies` times. None if the highest weighted degree is too high.
    """
    most = float(weighted.most[channels].max(initial=0.0))
    if not most <= _MOST_WEIGHT:
        return None
    highest, found = int(most), []
    below = np.cumsum(_monomials_by_weight(weighted, highest), dtype=object)
    for t in range(state.least, highest + 2):
        limit = t - 1 if state.most is None else min(state.most, t - 1)
        first = replace(state, most=limit).count()
        if first is not None:
            found.append(first + copies * (int(below[highest - t]) if t <= highest else 0))
    return min(found, default=None)


def _monomials_by_weight(weighted: Weighted, most: int) -> npt.NDArray[np.object_]:
    """How many monomials in all inputs have each weighted degree up to `most`."""
    counts = np.zeros(most + 1, dtype=object)
    counts[0] = 1
    for weight in weighted.weights:
        sums = np.zeros(most + 1, dtype=object)
        for power in range(most // weight + 1):
            shift = power * weight
            sums[shift:] += multichoose(weighted.features, power) * counts[: most + 1 - shift]
        counts = sums
    return counts
