"""What is asked of a memory curve, beside the model and the data; checked once, here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..adapters.hints import CALLED, Hints
from ..question import check_choice, check_readout, check_seed, check_whole
from .lags import check_lags, default_lags

Lags = str | tuple[int, ...] | None

FEWEST = 32
"""Pairs below which the intervals, from eight groups of pairs, are not to be trusted"""
PROBABILITIES = "probabilities"
"""The read-out that only a model with a logit for each of several choices has"""


SHARED = ("inputs", "tokens", "dtype", "seed", "memory", "device", "readout", "executor", *CALLED)


def shared_with_measure(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those settings of `measure` that mean the same in `remember`.

    Example:
        >>> shared_with_measure({"cut": 3, "seed": 1})
        {'seed': 1}
    """
    return {name: settings[name] for name in SHARED if name in settings}


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
    past: str = "resampled"
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
    hints: Hints = field(default_factory=Hints)
    """How the model is called, where that cannot be found out"""

    def __post_init__(self) -> None:
        length = check_whole("length", self.length, 2, purpose="to have a step to remember", remedy="use 64 or more")
        object.__setattr__(self, "length", length)
        if self.lags is not None and self.lags != "all":
            object.__setattr__(self, "lags", check_lags(self.lags, length))
        wanted = "use 32 or more pairs of sequences, or the errors would not be known"
        object.__setattr__(self, "samples", check_whole("samples", self.samples, FEWEST, remedy=wanted))
        object.__setattr__(self, "seed", check_seed(self.seed))
        check_share("threshold", self.threshold)
        check_choice("dtype", self.dtype, ("float64", "float32"))
        check_choice("past", self.past, ("resampled", "dropped"))
        if self.readout is not None and self.readout != PROBABILITIES:
            object.__setattr__(self, "readout", check_readout(self.readout))

    @property
    def wanted(self) -> tuple[int, ...]:
        """Lags that are looked at in any case."""
        if self.lags is None:
            return default_lags(self.length)
        return tuple(range(1, self.length)) if isinstance(self.lags, str) else self.lags


def check_share(name: str, value: float) -> float:
    """A share of the variance.

    Raises:
        ValueError: it is not between 0 and 1.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise ValueError(f"{name} must be a share of the variance between 0 and 1, got {value}; 0.01 is usual")
    return value
