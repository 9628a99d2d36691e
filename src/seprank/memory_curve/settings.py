"""What is asked of a memory curve, beside the model and the data; checked once, here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .lags import check_lags, check_length

Lags = Literal["all"] | tuple[int, ...] | None
Past = Literal["resampled", "dropped"]

FEWEST = 32
"""Pairs below which the intervals, from eight groups of pairs, are not to be trusted"""
CHOICES = {"dtype": ("float64", "float32"), "past": ("resampled", "dropped")}
READOUTS = ("all", "random", "probabilities")


@dataclass(frozen=True)
class CurveSettings:
    """Settings of `remember`."""

    length: int
    """T, time steps in a sequence"""
    samples: int = 256
    """N, pairs of independent sequences; every error shrinks as 1 / sqrt(N)"""
    lags: Lags = None
    """Numbers of last steps to keep, from 1 to T - 1; "all"; or None for 1 to 8, then ever wider apart, and finer where
    memory falls through the threshold and through a half"""
    readout: str | int | None = None
    """"all" output channels (variances summed), "random" for one random combination, the number of a channel, or
    "probabilities" (square roots of the softmax). None: probabilities where a model of token ids has an output for each
    of them, else all"""
    threshold: float = 0.01
    """Share of the variance that counts as remembered, between 0 and 1"""
    past: Past = "resampled"
    """"dropped" runs the model on the last k inputs alone as well, for `MemoryCurve.truncation`"""
    influence: bool = False
    """Resample single steps as well, for `MemoryCurve.influence`; about doubles the work"""
    dtype: str = "float64"
    """Arithmetic of the model, "float64" or "float32" """
    seed: int = 0
    """Of samples and random read-out"""
    memory: int | None = None
    """Bytes this may take; by default half of what is free"""
    device: str = "cpu"
    """Where the model is run; only "cpu" has been tested"""
    batch_first: bool | None = None
    """Order of the model's axes, where it does not say it itself"""

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", check_length(self.length))
        if self.lags is not None and self.lags != "all":
            object.__setattr__(self, "lags", check_lags(self.lags, self.length))
        samples = _whole("samples", self.samples)
        if samples < FEWEST:
            raise ValueError(
                f"samples must be at least {FEWEST} pairs of sequences, got {samples}; with fewer the errors would "
                "not be known"
            )
        object.__setattr__(self, "samples", samples)
        object.__setattr__(self, "seed", _whole("seed", self.seed))
        if not 0 < self.threshold < 1:
            raise ValueError(
                f"threshold must be a share of the variance between 0 and 1, got {self.threshold}; the default is 0.01"
            )
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}")
        self._check_readout()

    def _check_readout(self) -> None:
        if self.readout is None or self.readout in READOUTS:
            return
        if isinstance(self.readout, bool) or not isinstance(self.readout, int) or self.readout < 0:
            raise ValueError(
                f"readout must be {', '.join(READOUTS)} or the number of an output channel, got {self.readout!r}"
            )


def _whole(name: str, value: object) -> int:
    """A whole number, NumPy's too."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ValueError(f"{name} must be a whole number, got {value!r}")
    number: int = value.__index__()
    if number < 0:
        raise ValueError(f"{name} must not be negative, got {number}")
    return number
