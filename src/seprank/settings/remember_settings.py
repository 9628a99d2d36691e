"""Settings of `remember`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from ..question import check_choice, check_readout, check_whole, keep
from .as_text import AsItIs, Channel, NumbersOrAll
from .entries import entries
from .floating import FloatingSettings
from .lags import check_lags, default_lags

FEWEST = 32
"""Pairs below which the intervals, from eight groups of pairs, are not to be trusted"""
PROBABILITIES = "probabilities"
"""The read-out that only a model with a logit for each of several choices has"""


@dataclass(frozen=True, kw_only=True)
class RememberSettings(FloatingSettings):
    """Settings of `remember`."""

    length: int
    """T: time steps in a sequence."""
    samples: int = 256
    """N: pairs of independent sequences; errors shrink as 1 / sqrt of it."""
    lags: NumbersOrAll = None
    """Steps back to look at, comma-separated, or all; by default 1 to 8, then wider and wider apart, and finer where
    memory drops below the threshold and below one half."""
    threshold: float = 0.01
    """Share of the variance that counts as remembered."""
    readout: Channel | None = None
    """all, random, probabilities, or the number of an output channel; probabilities (square roots of the softmax) by
    default where a model of token ids has an output for each of them, else all."""
    past: str = "resampled"
    """resampled; or dropped: also let the model see the last steps alone."""
    influence: bool = False
    """Also resample single steps, for the influence of each."""
    data: Annotated[Any, AsItIs] = None
    """Sequences to take windows from: .npy, .npz, .csv, .safetensors, or .txt with --tokenizer."""
    tokenizer: str | None = None
    """For .txt: file.py:name of a function from text to ids, or a tokenizer.json."""

    def __post_init__(self) -> None:
        super().__post_init__()
        length = check_whole("length", self.length, 2, purpose="to have a step to remember", remedy="use 64 or more")
        wanted = "use 32 or more pairs of sequences, or the errors would not be known"
        keep(self, length=length, samples=check_whole("samples", self.samples, FEWEST, remedy=wanted))
        check_share("threshold", self.threshold)
        check_choice("past", self.past, ("resampled", "dropped"))
        if self.lags is not None and not (isinstance(self.lags, str) and self.lags == "all"):
            keep(self, lags=check_lags(self.lags, length))
        if self.readout is not None and self.readout != PROBABILITIES:
            keep(self, readout=check_readout(self.readout))

    @property
    def dropped(self) -> bool:
        """Whether the last steps are run alone, too."""
        return self.past == "dropped"

    @property
    def wanted(self) -> tuple[int, ...]:
        """Lags that are measured in any case."""
        if self.lags is None:
            return default_lags(self.length)
        return tuple(range(1, self.length)) if isinstance(self.lags, str) else self.lags


SHARED = ("inputs", "executor", "readout", *(entry.name for entry in entries(FloatingSettings)))


def shared_with_measure(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those arguments of `measure` that mean the same in `remember`.

    Example:
        >>> shared_with_measure({"cut": 3, "seed": 1})
        {'seed': 1}
    """
    return {name: settings[name] for name in SHARED if name in settings}


def check_share(name: str, value: float) -> float:
    """A share of the variance, between 0 and 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise ValueError(f"{name} must be a share of the variance between 0 and 1, got {value}; 0.01 is usual")
    return value
