"""How much of past inputs a linear read-out finds in sampled states, beyond what it finds by chance.

A read-out of p weights that is fitted to n samples explains p / n of any target, and on other samples its loss on an
unknowable target is 1 + p / n of the variance. So read-outs are scored on samples that they were not fitted to, and
their loss is divided by that on independent random targets, which the states cannot know:

    MC_k = 1 - loss(x_(T-k)) / loss(random target)

This is right at both ends, and without bias in between if errors of the best read-out do not depend on the state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..measurement.jackknife import GROUPS, T_QUANTILE
from .linear import Array

FOLDS = GROUPS
STRANGERS = 64
"""Targets that states cannot know"""


@dataclass(frozen=True)
class Fitted:
    """Capacities in each fold, and the results for targets that the states cannot know."""

    folds: Array
    """(FOLDS, targets)"""
    floor: float
    """Relative loss of a read-out on a target that the states cannot know; already subtracted"""
    noise: float
    """95 % of the targets that the states cannot know are below this, after the subtraction"""


def fitted(states: Array, targets: Array, seed: int) -> Fitted:
    """Cross-validated capacities from independent states (samples, units) and targets (samples, targets).

    Example:
        >>> generator = np.random.default_rng(0)
        >>> states = generator.standard_normal((400, 3))
        >>> found = fitted(states, states[:, :1] + generator.standard_normal((400, 1)), seed=0)
        >>> bool(abs(found.folds.mean() - 0.5) < 0.05)
        True
    """
    generator = np.random.default_rng((seed, 12))
    every = np.concatenate([targets, generator.standard_normal((len(states), STRANGERS))], 1)
    fold_of = np.arange(len(states)) % FOLDS
    left = np.stack([_left(states, every, fold_of == fold) for fold in range(FOLDS)])
    null = left[:, targets.shape[1] :].mean()
    folds = 1 - left / null
    strangers = folds[:, targets.shape[1] :].mean(0)
    return Fitted(folds[:, : targets.shape[1]], float(null - 1), float(np.quantile(strangers, 0.95)))


def _left(states: Array, targets: Array, held_out: npt.NDArray[np.bool_]) -> Array:
    """Share of the targets' variance that read-outs fitted to the others leave in the samples held out."""
    middle = states[~held_out].mean(0)
    size = states[~held_out].std(0)
    used = size > 1e-14 * max(float(np.abs(states).max(initial=0.0)), 1e-300)
    scaled = (states[:, used] - middle[used]) / size[used]
    centre = targets[~held_out].mean(0)
    weights = np.linalg.lstsq(scaled[~held_out], targets[~held_out] - centre, rcond=None)[0]
    errors = targets[held_out] - centre - scaled[held_out] @ weights
    left: Array = (errors**2).mean(0) / targets.var(0)
    return left


def interval(folds: Array) -> tuple[Array, Array]:
    """Mean over folds, and half of a 90 % interval of it; over the first axis.

    Example:
        >>> interval(np.full((8, 1), 0.5))
        (array([0.5]), array([0.]))
    """
    spread = folds.std(0, ddof=1) / math.sqrt(len(folds))
    return np.asarray(folds.mean(0)), np.asarray(T_QUANTILE * spread)
