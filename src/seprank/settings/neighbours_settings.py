"""Settings of `neighbours`, every measure of memory of one model."""

from __future__ import annotations

from dataclasses import dataclass

from ..question import check_whole, keep
from .as_text import Names
from .hints import Hints
from .resources import Memory


@dataclass(frozen=True, kw_only=True)
class NeighboursSettings(Memory, Hints):
    """Settings of `neighbours`."""

    length: int
    """T: time steps in a sequence."""
    tokens: int | None = None
    """Number of token ids, for a model that reads them."""
    samples: int = 256
    """N: pairs of sequences for the memory curve."""
    frozen: Names = ()
    """Parameters or sub-modules that form gates, comma-separated, for effective state-size."""
    values: Names = ()
    """Parameters that are values like inputs, comma-separated, such as an initial state."""
    seed: int = 0
    """Seed of weights and samples."""

    def __post_init__(self) -> None:
        super().__post_init__()
        length = check_whole("length", self.length, 2, purpose="to have a past", remedy="use 16 or more")
        keep(self, length=length, frozen=tuple(self.frozen), values=tuple(self.values))
