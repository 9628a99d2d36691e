"""Bias correction and errors: a delete-group jackknife over starts and ends together.

Starts and ends are dealt into eight groups each. Replicate g lacks the starts *and* the ends of group g, so that both
sample sizes shrink by the factor 7/8 and every bias of the form c / starts + d / ends grows by 8/7; in
8 x (all) - 7 x (mean of the replicates) it cancels. docs/errors-of-measurement.md shows how well this works.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..adapters import Values
from ..adapters.rounding import EPSILON
from ..result.result import STRICT
from .figures import (
    ConstantOutput,
    Decomposition,
    Shares,
    Vector,
    decomposed,
    entropy,
    participation_ratio,
    roy_vetterli_rank,
    schmidt_coefficients,
    separability_distance,
    singular_values,
)
from .shares_left_out import SharesLeftOut

Labels = npt.NDArray[np.int64]

GROUPS = 8
FEWEST = 2 * GROUPS
"""Samples that each side must have, so that no group has fewer than two"""

T_QUANTILE = 1.8945786050900074
"""95 % point of Student's t with GROUPS - 1 degrees of freedom: what bounds a two-sided 90 % interval"""


@dataclass(frozen=True)
class Estimate:
    """A figure with its error."""

    __pydantic_config__ = STRICT

    plug_in: float
    """The figure of the samples as they are"""
    estimate: float
    """Without the bias of first order, and moved into the range that the figure can have"""
    standard_error: float
    """Of the estimate before it is moved"""
    low: float
    """Lower end of the 90 % interval, moved into the range"""
    high: float
    """Upper end"""


@dataclass(frozen=True)
class _Figure:
    """How a figure comes from the number that is jackknifed."""

    lowest: float = 0.0
    highest: float = 1.0
    logarithmic: bool = False
    """The number is the logarithm of the figure: there the bias is nearer to first order, the error to normal"""


_RANK = _Figure(lowest=1.0, highest=math.inf, logarithmic=True)
_FIGURES = {
    "entropy": _Figure(highest=math.inf),
    "effective_rank": _RANK,
    "roy_vetterli_rank": _RANK,
    "participation_ratio": _RANK,
    "separability_distance": _Figure(),
    "start": _Figure(),
    "end": _Figure(),
    "interaction": _Figure(),
}
"""In the order of the numbers from `_spectral` and `_shares`"""


def deal(
    starts: int, ends: int, *, seed: int, origins: tuple[npt.ArrayLike, npt.ArrayLike] | None = None
) -> tuple[Labels, Labels]:
    """The group, 0..7, of each start and of each end, dealt at random and evenly.

    Args:
        starts, ends: how many.
        seed: of the order in which they are dealt.
        origins: of each start and of each end the number of the sequence it was cut from, (starts,) and (ends,).
            Halves of one sequence are not independent, so they go to the same group. None: all are independent.

    Raises:
        ValueError: one side has fewer than 16 samples, or fewer than 16 different origins.

    Example:
        >>> starts, ends = deal(16, 24, seed=0)
        >>> np.bincount(starts).tolist(), np.bincount(ends).tolist()
        ([2, 2, 2, 2, 2, 2, 2, 2], [3, 3, 3, 3, 3, 3, 3, 3])
    """
    if origins is None:
        origins = np.arange(starts), starts + np.arange(ends)
    of_starts, of_ends = _check_origins(origins[0], starts, "start"), _check_origins(origins[1], ends, "end")
    every = np.union1d(of_starts, of_ends)
    order = np.random.default_rng((seed, GROUPS)).permutation(len(every))
    has_start, has_end = np.isin(every[order], of_starts), np.isin(every[order], of_ends)
    # First the sequences that give both halves, in turn; then the others of each side, from where those ended.
    turn = np.cumsum(has_start & has_end) - 1
    shared = np.count_nonzero(has_start & has_end)
    for alone in (has_start & ~has_end, has_end & ~has_start):
        turn[alone] = shared + np.arange(np.count_nonzero(alone))
    group = np.empty(len(every), dtype=np.int64)
    group[order] = turn % GROUPS
    return group[np.searchsorted(every, of_starts)], group[np.searchsorted(every, of_ends)]


def _check_origins(origins: npt.ArrayLike, count: int, half: str) -> npt.NDArray[Any]:
    origins = np.asarray(origins)
    if origins.shape != (count,):
        raise ValueError(f"origins must name a sequence for each of the {count} {half}s, got shape {origins.shape}")
    different = len(np.unique(origins))
    if different < FEWEST:
        raise ValueError(
            f"errors need at least {FEWEST} independent {half}s, {FEWEST // GROUPS} for each of {GROUPS} groups, "
            f"got {different}; use 64 or more samples, or more sequences of data"
        )
    return origins


def replicates(
    statistic: Callable[[Values], Vector], values: Values, starts: Labels, ends: Labels
) -> npt.NDArray[np.float64]:
    """A statistic without each group of starts and the same group of ends, (groups, numbers).

    Raises:
        ConstantOutput: what is left does not vary.

    Example:
        >>> labels = np.arange(16) % 8
        >>> replicates(lambda left: np.array(left.shape, float), np.zeros((16, 16, 1)), labels, labels)[0].tolist()
        [14.0, 14.0, 1.0]
    """
    return _of_each_group(lambda group: statistic(values[starts != group][:, ends != group]))


def _of_each_group(statistic: Callable[[int], Vector]) -> npt.NDArray[np.float64]:
    rows = []
    for group in range(GROUPS):
        try:
            rows.append(statistic(group))
        except ConstantOutput as error:
            raise ConstantOutput(
                f"all that varies comes from one of {GROUPS} groups of samples, so errors are undefined; use more "
                f"samples (without that group {error})"
            ) from None
    return np.array(rows)


def estimate(
    full: float, left_out: Vector, lowest: float = -math.inf, highest: float = math.inf, *, logarithmic: bool = False
) -> Estimate:
    """Bias-corrected estimate and 90 % interval from a number of all samples, and without each group, (groups,).

    The estimate is g full - (g - 1) mean(left_out), its variance (g - 1) / g times the sum of squared deviations of
    `left_out` from their mean, g = 8. Numbers that are logarithms of the figure become exponentials at the end; values
    outside of what the figure can have are moved there.

    Source: Kott 2001, The delete-a-group jackknife, Journal of Official Statistics 17; Efron & Stein 1981, The
        jackknife estimate of variance, Annals of Statistics 9.

    Example:
        >>> estimate(1.0, np.full(8, 0.9), 0.0, 1.5)
        Estimate(plug_in=1.0, estimate=1.5, standard_error=0.0, low=1.5, high=1.5)
    """
    centre = GROUPS * full - (GROUPS - 1) * float(left_out.mean())
    error = jackknife_error(left_out)
    points = np.array([full, centre, centre - T_QUANTILE * error, centre + T_QUANTILE * error])
    if logarithmic:
        points = np.exp(points)
        error *= float(points[1])
    plug_in, middle, low, high = (float(point) for point in np.clip(points, lowest, highest))
    return Estimate(plug_in, middle, error, low, high)


def jackknife_error(left_out: Vector) -> float:
    """Standard error of a number, from the numbers without each group, (groups,)."""
    return math.sqrt((GROUPS - 1) * float(left_out.var()))


def shortened(values: Values, ends: Labels) -> tuple[Values, Labels]:
    """A smaller matrix whose singular values are the same, whichever starts and groups of ends are left out.

    The columns of a group count only through their inner products; if there are more columns than rows, as with many
    channels, the triangular factor of the group takes their place.

    Returns:
        Values (starts, columns, 1) and the group of each column.

    Example:
        >>> shortened(np.ones((2, 16, 5)), np.arange(16) % 8)[0].shape
        (2, 16, 1)
    """
    blocks = []
    for group in range(GROUPS):
        block = values[:, ends == group].reshape(len(values), -1)
        if block.shape[1] > block.shape[0]:
            block = np.asarray(np.linalg.qr(block.T, mode="r")).T
        blocks.append(block)
    labels = np.repeat(np.arange(GROUPS), [block.shape[1] for block in blocks])
    return np.hstack(blocks)[:, :, None], labels


def estimates(
    values: Values, spectrum: Vector, groups: tuple[Labels, Labels], *, precision: float = EPSILON
) -> dict[str, Estimate]:
    """All figures by name with their errors; the estimates of the shares start, end and interaction sum to 1.

    Raises:
        ConstantOutput: the output does not vary, or would not without one of the groups.
    """
    parts = decomposed(values)
    plug_in, unbiased = parts.shares(precision)
    full = np.concatenate([_spectral(spectrum), _shares(unbiased)])
    left_out = np.hstack([_spectra_left_out(values, *groups), _shares_left_out(parts, *groups, precision)])
    found = {
        name: estimate(float(number), rest, f.lowest, f.highest, logarithmic=f.logarithmic)
        for (name, f), number, rest in zip(_FIGURES.items(), full, left_out.T, strict=True)
    }
    return found | _adding_up({name: found[name] for name in ("start", "end", "interaction")}, plug_in)


def _spectra_left_out(values: Values, starts: Labels, ends: Labels) -> npt.NDArray[np.float64]:
    short, labels = shortened(values, ends)
    return replicates(lambda left: _spectral(singular_values(left)), short, starts, labels)


def _shares_left_out(parts: Decomposition, starts: Labels, ends: Labels, precision: float) -> npt.NDArray[np.float64]:
    left = SharesLeftOut(parts, starts, ends, precision)
    return _of_each_group(lambda group: _shares(left.without(group)))


def _spectral(spectrum: Vector) -> Vector:
    """The entropy is its own number and the logarithm of the effective rank."""
    coefficients = schmidt_coefficients(spectrum)
    nats, ranks = entropy(coefficients), (roy_vetterli_rank(spectrum), participation_ratio(coefficients))
    return np.array([nats, nats, *np.log(ranks), separability_distance(coefficients)])


def _shares(shares: Shares) -> Vector:
    return np.array([shares.start, shares.end, shares.interaction])


def _adding_up(shares: dict[str, Estimate], plug_in: Shares) -> dict[str, Estimate]:
    """Shares that still sum to 1 after negative ones were moved to 0; their plug-in values are as they were."""
    total = sum(share.estimate for share in shares.values())
    adjusted = {}
    for name, share in shares.items():
        part = share.estimate / total
        adjusted[name] = replace(share, plug_in=getattr(plug_in, name), estimate=part, low=min(share.low, part))
    return adjusted
