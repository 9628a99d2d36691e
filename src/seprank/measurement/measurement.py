"""The result of a measurement: a frozen record that prints itself and is stored as JSON."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..adapters import Values
from ..adapters.rounding import EPSILON
from ..result.chart import legend_above, mark, whole_numbers
from ..result.palette import COLOURS
from ..result.panels import Panel
from ..result.result import STRICT, Result, Row
from ..result.text import text_table
from .figures import (
    Shares,
    Vector,
    check_finite,
    numerical_rank,
    rescaled,
    rest_on_few,
    singular_values,
)
from .jackknife import Estimate, deal, estimates

PRECISIONS = {"float64": EPSILON, "float32": 2.0**-23, "bfloat16": 2.0**-7, "float16": 2.0**-10}
"""Distance from 1 to the next number in arithmetics that a model may use"""

# Where intervals are known to be too narrow; the numbers behind these limits are in docs/errors-of-measurement.md.
_FEW_SAMPLES = 32
_CLOSE = 3.0
_UNRESOLVED = 1 / 4

_HALF = 0.5
"""The largest tolerance: the largest singular value counts in whatever arithmetic"""


@dataclass(frozen=True, repr=False)
class Measurement(Result):
    """How much the output of a model depends on start and end together, measured in floating point.

    The figures have no bias of first order in 1 / samples. `errors` has the same figures with standard errors, 90 %
    intervals, and plug-in values, which are the figures of the samples as they are.
    """

    __pydantic_config__ = STRICT
    NOUN: ClassVar[str] = "measurement"

    singular_values: tuple[float, ...]
    """Of Y / sqrt(starts x ends), largest first, in the unit of the output; plug-in values"""
    entropy: float
    """Entanglement entropy of the Schmidt coefficients, in nats"""
    effective_rank: float
    """exp(entropy)"""
    roy_vetterli_rank: float
    """Effective rank of Roy and Vetterli, from singular values and not from their squares"""
    participation_ratio: float
    """1 / sum of squared Schmidt coefficients"""
    separability_distance: float
    """Distance of the normalised output from the nearest product of a function of the start and one of the end"""
    numerical_rank: int
    """Singular values above tolerance x the largest"""
    numerical_rank_is_bound: bool
    """All of them are, so the rank is at least this and more samples may raise it"""
    tolerance: float
    """Relative to the largest singular value"""
    shares: Shares
    """Parts of the output's variance; they sum to 1"""
    errors: dict[str, Estimate]
    """By name of figure; those of the shares are called start, end and interaction"""
    length: int
    cut: int
    starts: int
    """Start halves that were sampled"""
    ends: int
    channels: int
    """Outputs per pair of halves"""
    dtype: str
    """Arithmetic of the model"""
    seconds: float
    seed: int
    source: str
    """In words: where the halves are from"""
    recombined: float | None
    """For the user's own sequences: share of the pairs whose halves are from different sequences"""
    floor: float | None
    """Relative error of the outputs, where the model itself computes less precisely than `dtype` says"""
    notes: tuple[str, ...]
    """Further remarks, in sentences"""

    @property
    def memory(self) -> float:
        """Share of the variance that depends on the start, alone or jointly with the end, as in a memory curve."""
        return self.shares.start + self.shares.interaction

    def headline(self) -> str:
        """Sizes, effective rank and share of interaction, in a line."""
        return (
            f"length {self.length}, cut {self.cut}, {self.starts} starts x {self.ends} ends: effective rank "
            f"{self.effective_rank:.3g}, {_percent(self.shares.interaction)} % of the variance by start and end jointly"
        )

    def records(self) -> list[Row]:
        """A row for each figure, with its 90 % interval."""
        found = {label: self.errors[name] for name, label in LABELS.items()}
        return [
            {"figure": label, "estimate": e.estimate, "low": e.low, "high": e.high, "plug in": e.plug_in}
            for label, e in found.items()
        ]

    def panels(self) -> list[Panel]:
        """The spectrum, and whose the variance is."""
        spectrum = (
            "Each singular value of the Start-End matrix is the weight of one product of a function of the start and a "
            "function of the end. Values below the tolerance may be rounding."
        )
        shares = "What the start explains alone, what the end explains alone, and what depends on both jointly."
        return [
            Panel("Spectrum of the Start-End matrix", self._draw_spectrum, spectrum),
            Panel("Shares of the output's variance", self._draw_shares, shares),
        ]

    def _draw_spectrum(self, axes: Any) -> None:
        shown = [value for value in self.singular_values if value > 0]
        axes.semilogy(range(1, len(shown) + 1), shown, "o-", ms=3, color=COLOURS[0], label="singular values")
        mark(axes, self.singular_values[0] * self.tolerance or 1e-300, "tolerance")
        axes.set(xlabel="number", ylabel="singular value")
        whole_numbers(axes)
        legend_above(axes)

    def _draw_shares(self, axes: Any) -> None:
        parts = [("start alone", "start"), ("end alone", "end"), ("jointly", "interaction")]
        found = [self.errors[name] for _, name in parts]
        values = [error.estimate for error in found]
        ends = [[max(0.0, e.estimate - e.low) for e in found], [max(0.0, e.high - e.estimate) for e in found]]
        axes.barh(range(len(parts)), values, xerr=ends, capsize=3, height=0.55, color=COLOURS[: len(parts)], alpha=0.85)
        axes.set_yticks(range(len(parts)), [name for name, _ in parts])
        axes.set(xlabel="share of the variance, with 90 % intervals", xlim=(0, 1), ylim=(len(parts) - 0.5, -0.5))
        axes.grid(visible=False, axis="y")

    def sentence(self) -> str:
        """What came out, in plain words."""
        share = self.errors["interaction"]
        return (
            f"{_percent(self.shares.interaction)} % ({_percent(share.low)} to {_percent(share.high)}) of the output's "
            f"variance depends on start and end jointly; the start alone explains {_percent(self.shares.start)} %, the "
            f"end alone {_percent(self.shares.end)} %. By its entropy, the output is as rich as "
            f"{self.effective_rank:.3g} equally strong products of a function of the start and a function of the end."
        )

    def __str__(self) -> str:
        lines = [
            f"Start-End matrix of {self.starts} starts x {self.ends} ends, length {self.length}, cut {self.cut}",
            f"  {self.channels} output channels in {self.dtype}, {self.source}, seed {self.seed}",
        ]
        if self.recombined is not None:
            lines.append(f"  {_percent(self.recombined)} % of the pairs are halves of different sequences")
        rows = [
            [label, f"{e.estimate:.4g}", f"{e.low:.4g} to {e.high:.4g}", f"{e.plug_in:.4g}"]
            for label, e in ((label, self.errors[name]) for name, label in LABELS.items())
        ]
        heads = ["", "estimate", "90 % interval", "plug-in"]
        lines += ["", text_table(rows, heads=heads, left=(0, 2), indent=2)]
        relation = "≥" if self.numerical_rank_is_bound else "="
        lines.append(f"  numerical rank {relation} {self.numerical_rank} (relative tolerance {self.tolerance:.2g})")
        if self.floor is not None:
            lines.append(
                f"  the model's own arithmetic leaves relative errors of about {self.floor:.2g} in its outputs"
            )
        return "\n".join([*lines, "", self.sentence(), *self.noted()])


LABELS = {
    "entropy": "entanglement entropy (nats)",
    "effective_rank": "effective rank exp(entropy)",
    "roy_vetterli_rank": "effective rank, Roy-Vetterli",
    "participation_ratio": "participation ratio",
    "separability_distance": "separability distance",
    "start": "variance share of start",
    "end": "variance share of end",
    "interaction": "variance share of interaction",
}


_LEAST = 0.0005
"""Of a share that one digit of a per cent shows"""


def _percent(share: float) -> str:
    """With one digit; "< 0.1" or "> 99.9" for what that digit would round to 0 or 100."""
    if 0 < share < _LEAST:
        return "< 0.1"
    if 1 - _LEAST < share < 1:
        return "> 99.9"
    return "0.0" if -_LEAST < share <= 0 else f"{100 * share:.1f}"


def measure_matrix(  # noqa: PLR0913  (what is known about the values goes into the record with them)
    values: Values,
    *,
    length: int,
    cut: int,
    dtype: str = "float64",
    seed: int = 0,
    tolerance: float | None = None,
    origins: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    source: str = "halves given",
    recombined: float | None = None,
    floor: float | None = None,
    notes: Sequence[str] = (),
    seconds: float = 0.0,
) -> Measurement:
    """From the outputs of all pairs to the figures and their errors; what else is given goes into the record.

    Args:
        values: outputs, (starts, ends, channels), at least 16 starts and 16 ends. They are treated as independent
            samples; their order does not matter.
        seed: of the groups of the jackknife.
        tolerance: of the numerical rank; by default `default_tolerance`, with the precision of `dtype`, or `floor` if
            that is larger.
        origins: numbers of the sequences that starts and ends were cut from, see `jackknife.deal`.
        recombined: by default from `origins`.
        notes: to which is added where intervals are known to be too narrow.
        seconds: time spent on the values.

    Raises:
        ValueError: an output is not finite, a side has too few samples, or an argument is out of range.
        ConstantOutput: the output does not vary.

    Example:
        >>> start, end = np.linspace(0, 1, 16), np.linspace(1, 2, 24)
        >>> found = measure_matrix(np.multiply.outer(start, end)[:, :, None], length=8, cut=4)
        >>> found.numerical_rank, round(found.separability_distance, 12), round(found.effective_rank, 12)
        (1, 0.0, 1.0)
    """
    began = time.perf_counter()
    precision = _precision(dtype, floor)
    check_finite(values)
    starts, ends, channels = values.shape
    groups = deal(starts, ends, seed=seed, origins=origins)
    scaled, unit = rescaled(values)
    spectrum = singular_values(scaled)
    errors = estimates(scaled, spectrum, groups, precision=precision)
    if tolerance is None:
        tolerance = default_tolerance(scaled, spectrum, precision)
    rank = numerical_rank(spectrum, tolerance)
    return Measurement(
        singular_values=tuple((spectrum * unit).tolist()),
        entropy=errors["entropy"].estimate,
        effective_rank=errors["effective_rank"].estimate,
        roy_vetterli_rank=errors["roy_vetterli_rank"].estimate,
        participation_ratio=errors["participation_ratio"].estimate,
        separability_distance=errors["separability_distance"].estimate,
        numerical_rank=rank,
        numerical_rank_is_bound=rank == len(spectrum),
        tolerance=tolerance,
        shares=Shares(*(errors[name].estimate for name in ("start", "end", "interaction"))),
        errors=errors,
        length=length,
        cut=cut,
        starts=starts,
        ends=ends,
        channels=channels,
        dtype=dtype,
        seed=seed,
        source=source,
        recombined=_recombined(*origins) if recombined is None and origins is not None else recombined,
        floor=floor,
        notes=(*notes, *_doubts(scaled, spectrum, errors["effective_rank"].plug_in)),
        seconds=seconds + time.perf_counter() - began,
    )


def default_tolerance(values: Values, spectrum: Vector, precision: float) -> float:
    """Singular values above this, relative to the largest, are not due to rounding.

    LAPACK's convention is the larger side of the matrix times the precision. In coarse arithmetic that may exceed 1,
    and a sharper bound is used: errors of at most `precision` times the largest entry move no singular value of
    Y / sqrt(starts x ends) by more than that times sqrt(channels), and the decomposition itself adds the rounding of
    float64.

    Source: Weyl's inequality, with the Frobenius norm of the errors.

    Example:
        >>> values = np.multiply.outer(np.ones(300), np.ones(300))[:, :, None]
        >>> default_tolerance(values, np.array([1.0, 0.0]), 2.0**-7) < 0.01
        True
    """
    starts, ends, channels = values.shape
    side = int(max(starts, ends * channels))
    if not spectrum[0] > 0:
        return min(side * precision, _HALF)
    by_entries: float = precision * math.sqrt(channels) * float(np.abs(values).max()) / float(spectrum[0])
    return min(side * precision, by_entries + side * EPSILON, _HALF)


def _precision(dtype: str, floor: float | None) -> float:
    if dtype not in PRECISIONS:
        raise ValueError(f"dtype must be one of {', '.join(PRECISIONS)}, got {dtype!r}")
    return max(PRECISIONS[dtype], floor or 0.0)


def _recombined(of_starts: npt.ArrayLike, of_ends: npt.ArrayLike) -> float:
    return float(np.mean(np.not_equal.outer(of_starts, of_ends)))


def _doubts(values: Values, spectrum: Vector, effective_rank: float) -> list[str]:
    """Why intervals may be too narrow, as far as the samples themselves can tell."""
    squares = np.einsum("sec,sec->se", values, values)
    doubts = rest_on_few("starts", squares.sum(1), _FEW_SAMPLES) + rest_on_few("ends", squares.sum(0), _FEW_SAMPLES)
    if effective_rank > _UNRESOLVED * len(spectrum):
        doubts.append(
            f"the effective rank is not small beside {len(spectrum)}, the largest that these samples can show; "
            "corrections and intervals may be too small, use more samples"
        )
    if len(spectrum) > 1 and 1 - (spectrum[1] / spectrum[0]) ** 2 < _CLOSE / math.sqrt(min(values.shape[:2])):
        doubts.append(
            "the two strongest products are about equally strong, and then the interval of the separability distance "
            "may be too narrow"
        )
    return doubts
