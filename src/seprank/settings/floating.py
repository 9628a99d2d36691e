"""What `measure` and `remember` have in common: a model that is run in floating point."""

from __future__ import annotations

from dataclasses import dataclass

from ..question import check_choice, check_seed, check_whole, keep
from .hints import Hints
from .resources import Place

DTYPES = ("float64", "float32")


@dataclass(frozen=True, kw_only=True)
class FloatingSettings(Place, Hints):
    """Settings of a model that is run in floating point."""

    tokens: int | None = None
    """Number of token ids, for a model that reads them."""
    dtype: str = "float64"
    """float64 or float32: arithmetic of the model."""
    seed: int = 0
    """Seed of samples and read-out; on the command line and in a sweep also of the weights."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tokens is not None:
            keep(self, tokens=check_whole("tokens", self.tokens, 1))
        check_choice("dtype", self.dtype, DTYPES)
        keep(self, seed=check_seed(self.seed))
