"""The figures of one Start-End matrix: its spectrum and the shares of its variance.

Pure functions of `values`, the outputs of all pairs (starts, ends, channels), of a `spectrum`, singular values with the
largest first, or of Schmidt `coefficients`. They take the samples for all there is; what a finite sample does to the
figures, and how far that can be undone, is left to `jackknife`. docs/errors-of-measurement.md has the definitions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..adapters import Values
from ..adapters.rounding import EPSILON
from ..result.result import STRICT

Vector = npt.NDArray[np.float64]

SAFE_EXPONENT = 100
"""Fourth powers of numbers within 2^±100, and sums of billions of them, neither overflow nor vanish"""


class ConstantOutput(ValueError):
    """The output does not vary, so there is no variance to divide and no spectrum to speak of."""


@dataclass(frozen=True)
class Shares:
    """Parts of the output's variance, which sum to 1."""

    __pydantic_config__ = STRICT

    start: float
    """What the start explains alone"""
    end: float
    """What the end explains alone"""
    interaction: float
    """What neither explains alone: it depends on start and end jointly"""


def check_finite(values: Values) -> None:
    """Refuse outputs that are not finite.

    Raises:
        ValueError: the shape is wrong or empty, or an output is not finite; the first such pair is named.
    """
    if values.ndim != 3 or 0 in values.shape:
        raise ValueError(f"values must have shape (starts, ends, channels), none of them 0, got {values.shape}")
    finite = np.isfinite(values)
    if not finite.all():
        start, end, channel = np.unravel_index(int(np.argmin(finite)), values.shape)
        raise ValueError(
            f"output is {values[start, end, channel]} for start {start} with end {end} (channel {channel}); "
            "use smaller weights or inputs, a shorter length, or float64"
        )


def rescaled(values: Values) -> tuple[Values, float]:
    """Outputs, where their squares would overflow or vanish divided exactly by a power of two, and that power.

    Example:
        >>> rescaled(np.full((1, 1, 1), 2.0**1000))[0].item()
        0.5
    """
    exponent = math.frexp(max(float(values.max()), -float(values.min())))[1]
    if abs(exponent) <= SAFE_EXPONENT:
        return values, 1.0
    # the inverse of a smaller power of two would be infinite
    unit = math.ldexp(1.0, min(max(exponent, -1000), 1023))
    return values / unit, unit


def singular_values(values: Values) -> Vector:
    """Singular values of Y / sqrt(starts * ends), largest first.

    The columns of Y are all pairs of an end and a channel. With this normalisation the squares sum to the mean square
    of the output (summed over channels), and for independent samples the singular values tend to those of the integral
    operator with kernel y(start, end), whatever the numbers of starts and ends.

    Source: Koltchinskii & Giné 2000, Random matrix approximation of spectra of integral operators, Bernoulli 6.

    Example:
        >>> singular_values(np.full((4, 9, 1), 3.0)).round(12).tolist()
        [3.0, 0.0, 0.0, 0.0]
    """
    starts, ends, channels = values.shape
    matrix = values.reshape(starts, ends * channels)
    tall = matrix if starts > ends * channels else matrix.T
    if len(tall) > 2 * tall.shape[1]:
        # the same singular values, ten times faster with many channels
        tall = np.asarray(np.linalg.qr(tall, mode="r"))
    # Not by eigenvalues of the Gram matrix, which would lose half the digits of the small singular values.
    spectrum = np.linalg.svd(tall, compute_uv=False)
    return np.asarray(spectrum / math.sqrt(starts * ends), dtype=np.float64)


def schmidt_coefficients(spectrum: Vector) -> Vector:
    """p_k = s_k^2 / sum of s^2: the share of each product f_k(start) g_k(end) in the mean square of the output.

    Raises:
        ConstantOutput: all singular values are zero.

    Source: Levine et al. 2017 (arXiv:1710.09431), singular values of the normalised output.

    Example:
        >>> schmidt_coefficients(np.array([2.0, 1.0])).tolist()
        [0.8, 0.2]
    """
    if not spectrum[0] > 0:
        raise ConstantOutput("the output is zero everywhere, so its spectrum is undefined; check weights and readout")
    squares = (spectrum / spectrum[0]) ** 2
    return np.asarray(squares / squares.sum(), dtype=np.float64)


def entropy(weights: Vector) -> float:
    """- sum of p log p in nats, of weights that sum to 1; of Schmidt coefficients it is the entanglement entropy.

    Example:
        >>> round(entropy(np.array([0.5, 0.5, 0.0])), 4)
        0.6931
    """
    present = weights[weights > 0]
    return max(0.0, -float(present @ np.log(present)))


def effective_rank(coefficients: Vector) -> float:
    """exp(H) of the Schmidt coefficients: that many equally strong products would have the same entropy.

    This is not the effective rank of Roy and Vetterli, who take s where this takes s^2: see `roy_vetterli_rank`.

    Example:
        >>> round(effective_rank(np.array([0.5, 0.5, 0.0])), 12)
        2.0
    """
    return math.exp(entropy(coefficients))


def roy_vetterli_rank(spectrum: Vector) -> float:
    """exp of the entropy of s / sum of s, the effective rank of Roy and Vetterli.

    At least `effective_rank`, since weak products weigh more. Where the singular values of the integral operator have
    no finite sum it grows with the samples without limit.

    Source: Roy & Vetterli 2007, The effective rank: a measure of effective dimensionality, EUSIPCO.

    Example:
        >>> round(roy_vetterli_rank(np.array([3.0, 3.0, 3.0])), 12)
        3.0
    """
    return math.exp(entropy(spectrum / spectrum.sum()))


def participation_ratio(coefficients: Vector) -> float:
    """1 / sum of p^2 of the Schmidt coefficients: like `effective_rank`, but weak products weigh less.

    Example:
        >>> participation_ratio(np.array([0.5, 0.5, 0.0]))
        2.0
    """
    return 1 / float(coefficients @ coefficients)


def separability_distance(coefficients: Vector) -> float:
    """sqrt(1 - p_1): how far the output, scaled to norm 1, is from the nearest product f(start) g(end).

    Source: Levine et al. 2017 (arXiv:1710.09431), distance from the nearest separable function.

    Example:
        >>> round(separability_distance(np.array([0.64, 0.36])), 12)
        0.6
    """
    # The sum of the others, because 1 - p_1 would leave 1e-8 of rounding where the distance is zero.
    return math.sqrt(float(coefficients[1:].sum()))


def numerical_rank(spectrum: Vector, tolerance: float) -> int:
    """How many singular values exceed tolerance times the largest; if all do, more samples may raise it.

    Example:
        >>> numerical_rank(np.array([1.0, 1e-3, 1e-17]), 1e-14)
        2
    """
    return int(np.count_nonzero(spectrum > tolerance * spectrum[0]))


def anova(values: Values, *, precision: float = EPSILON) -> tuple[Shares, Shares]:
    """Shares of the variance that start, end, and both jointly explain (functional ANOVA, summed over channels).

    y(s, e) = mean + a(s) + b(e) + c(s, e), where a, b, c average to zero over whatever they depend on. A row mean of K
    samples contains the mean of K interactions, so the plain mean squares of a and b are too large by the interaction's
    variance / K (and all are too small by the degrees of freedom).

    Returns:
        Plug-in shares, which take the samples for all there is, and shares from unbiased variances (method of moments
        for a two-way random-effects model with one value per cell), of which small ones may come out negative.

    Raises:
        ConstantOutput: the output varies by no more than `precision` of its size.

    Source: Searle, Casella & McCulloch 1992, Variance Components, chapter 4 (balanced data).

    Example:
        >>> start, end = np.arange(5.0), np.arange(4.0)
        >>> round(anova((start[:, None] + end)[:, :, None])[0].start, 4)
        0.6154
    """
    return decomposed(values).shares(precision)


@dataclass(frozen=True)
class Decomposition:
    """Outputs y(s, e) = mean + a(s) + b(e) + c(s, e), and the parts that vary."""

    values: Values
    by_start: Values
    """(starts, channels)"""
    by_end: Values
    """(ends, channels)"""
    rest: Values
    """(starts, ends, channels)"""

    @cached_property
    def mean_squares(self) -> list[float]:
        """Of a, b and c, summed over channels."""
        return [_mean_square(part) for part in (self.by_start, self.by_end, self.rest)]

    @cached_property
    def mean_square(self) -> float:
        """Of the outputs, summed over channels."""
        return _mean_square(self.values)

    def shares(self, precision: float) -> tuple[Shares, Shares]:
        """As `anova` gives them."""
        starts, ends, _ = self.values.shape
        if sum(self.mean_squares) <= precision**2 * self.mean_square:
            raise ConstantOutput(
                f"the output is constant over all {starts} x {ends} pairs ({self.values[0, 0, 0]:.6g} in channel 0), "
                "so its shares and its spectrum are undefined; check that weights and readout are not zero and units "
                "not saturated"
            )
        return shares_of(self.mean_squares), unbiased_shares(self.mean_squares, starts, ends)


def decomposed(values: Values) -> Decomposition:
    """The parts, where the samples are taken for all there is."""
    # relative to one of the outputs, so that a large constant part costs no digits
    rest = values - values[0, 0]
    mean = rest.mean((0, 1))
    by_start, by_end = rest.mean(1) - mean, rest.mean(0) - mean
    rest -= (by_start + mean)[:, None]
    rest -= by_end
    return Decomposition(values, by_start, by_end, rest)


def unbiased_shares(plain: list[float], starts: int, ends: int) -> Shares:
    """From mean squares over so many samples."""
    jointly = plain[2] * starts * ends / ((starts - 1) * (ends - 1))
    return shares_of(
        [plain[0] * starts / (starts - 1) - jointly / ends, plain[1] * ends / (ends - 1) - jointly / starts, jointly]
    )


def _mean_square(part: Values) -> float:
    return sum_of_squares(part) * int(part.shape[-1]) / part.size


def sum_of_squares(part: Values) -> float:
    """Of all numbers."""
    return float(np.vdot(part, part))


def shares_of(variances: list[float]) -> Shares:
    """Of start, end and interaction."""
    start, end, interaction = (variance / sum(variances) for variance in variances)
    return Shares(start, end, interaction)


def effective_count(weights: Vector) -> float:
    """How many equal samples would weigh as these do: (sum of w)² / sum of w².

    Example:
        >>> effective_count(np.array([1.0, 1.0, 0.0]))
        2.0
    """
    largest = float(weights.max(initial=0.0))
    if largest == 0:
        return 0.0
    scaled = weights / largest
    return float(scaled.sum() ** 2 / (scaled @ scaled))


def rest_on_few(name: str, weights: Vector, least: int) -> list[str]:
    """A warning if samples with these weights count for fewer than the least number of equal ones."""
    count = effective_count(weights)
    if count >= least:
        return []
    return [
        f"the figures rest on few {name}, as if {math.floor(count)} of {len(weights)} counted; intervals may be too "
        "narrow, use more samples"
    ]
