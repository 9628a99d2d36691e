"""From squared differences to shares of the variance and their errors. Pure functions of arrays.

With V = mean(far) / 4 the estimates are memory = mean(near) / (4 V), joint = mean(jointly) / (4 V) and carried =
mean(alike) / (4 V). None is a difference of larger numbers, so the relative error is about sqrt(2 / N) at every
magnitude.

Source:
    Homma & Saltelli 1996, Reliability Engineering & System Safety 52 (total effect); Sobol' 2001, Mathematics and
    Computers in Simulation 55 (pick and freeze); Jansen 1999, Computer Physics Communications 117 (squared
    differences); Saltelli et al. 2010, Computer Physics Communications 181 (comparison of estimators).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..measurement.figures import Vector
from ..measurement.jackknife import GROUPS, T_QUANTILE, jackknife_error

Interval = tuple[float, float]


@dataclass(frozen=True)
class Ratio:
    """A ratio of means over pairs, and the same without each of the groups of pairs."""

    value: float
    left_out: Vector
    """(GROUPS,)"""


def ratio(above: Vector, below: Vector) -> Ratio:
    """Mean of one term over that of another, which is not negative and has a positive sum, over the same pairs.

    Example:
        >>> ratio(np.arange(16.0), np.full(16, 2.0)).value
        3.75
    """
    labels = np.arange(len(above)) % GROUPS
    tops, bottoms = (
        np.bincount(labels, weights=terms, minlength=GROUPS).astype(np.float64) for terms in (above, below)
    )
    value = tops.sum() / bottoms.sum()
    rest_top, rest_bottom = (_without_each(sums) for sums in (tops, bottoms))
    with np.errstate(divide="ignore", invalid="ignore"):
        left_out = rest_top / rest_bottom
    return Ratio(float(value), left_out)


def _without_each(sums: Vector) -> Vector:
    """Sums over the other groups, added up anew: subtracting would cost the digits of small ones."""
    return np.array([np.delete(sums, group).sum() for group in range(len(sums))])


def interval(found: Ratio, *, logarithmic: bool, highest: float = 1.0) -> Interval:
    """A 90 % interval by the delete-group jackknife, moved into the range of the figure, from 0 to the highest.

    The logarithm is jackknifed if `logarithmic`, for figures that are positive at any magnitude.

    Example:
        >>> interval(Ratio(0.5, np.full(8, 0.5)), logarithmic=True)
        (0.5, 0.5)
    """
    logarithmic = logarithmic and found.value > 0 and bool((found.left_out > 0).all())
    centre = math.log(found.value) if logarithmic else found.value
    numbers = np.log(found.left_out) if logarithmic else found.left_out
    half = T_QUANTILE * jackknife_error(numbers)
    ends = [centre - half, centre + half]
    low, high = (math.exp(min(end, 700.0)) for end in ends) if logarithmic else ends
    return min(max(low, 0.0), highest), min(max(high, 0.0), highest)


def combination(parts: list[Ratio], weights: Vector, constant: float) -> Ratio:
    """constant + sum of weights x ratios, all of the same groups."""
    values = np.array([part.value for part in parts])
    left_out = np.array([part.left_out for part in parts])
    return Ratio(float(constant + weights @ values), constant + weights @ left_out)


def interpolation_weights(lags: tuple[int, ...]) -> tuple[Vector, float]:
    """The sum over all lags from 1 to the last, with linear interpolation, as weights of the lags that were looked at.

    Returns:
        Weights (lags,), and the contribution of memory(0) = 1.

    Example:
        >>> weights, constant = interpolation_weights((1, 2, 4))
        >>> weights.tolist(), constant
        ([1.0, 1.5, 1.5], 0.0)
    """
    weights = np.zeros(len(lags) + 1)
    for place, (before, lag) in enumerate(zip((0, *lags), lags, strict=False)):
        weights[place] += (lag - before - 1) / 2
        weights[place + 1] += (lag - before + 1) / 2
    return weights[1:], float(weights[0])


def staircases(lags: tuple[int, ...], memory: Vector) -> Interval:
    """The least and the most that the same sum can be, if the curve does not rise between two lags.

    Example:
        >>> staircases((1, 2, 4), np.array([0.5, 0.5, 0.0]))
        (1.0, 1.5)
    """
    gaps = np.diff((0, *lags))
    before = np.concatenate([[1.0], memory[:-1]])
    return float(gaps @ memory), float((gaps - 1) @ before + memory.sum())
