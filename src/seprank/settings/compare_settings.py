"""Settings of `compare`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from ..question import check_domain, check_seed, check_several, keep, keep_whole, keep_whole_if_given
from ..sources.code import is_code
from .as_text import Arguments, Names, Numbers
from .entries import Flag
from .resources import Memory

MAX_SAMPLES = 1024
"""By default: a cell takes seconds at most, and every rank up to a thousand is found."""


@dataclass(frozen=True, kw_only=True)
class CompareSettings(Memory):
    """Settings of `compare`."""

    models: Names | None = None
    """Names from `seprank models`, file.py:factory or package.module:factory, comma-separated; all polynomial models by
    default."""
    length: Numbers = (2, 4, 6, 8)
    """T: time steps in a sequence; several are comma-separated."""
    depth: Numbers = (1, 2, 3)
    """L: number of layers; several are comma-separated."""
    width: int | None = None
    """R: width of every layer."""
    parameters: int | None = None
    """Target number of parameters, in place of --width; the closest width is used."""
    inputs: int = 3
    """M: features per time step, or templates in the tokens domain."""
    domain: str = "functional"
    """functional (inputs are any vectors) or tokens (M templates)."""
    max_samples: Annotated[int, Flag("--samples", "--max-samples")] = MAX_SAMPLES
    """Maximum number of halves per side; a rank equal to it is only a lower bound."""
    seed: int = 0
    """Seed of weights and samples."""
    measured: bool = False
    """Show memory curves beside ranks, for any models; ranks are those without activations where needed."""
    model_settings: Annotated[Arguments, Flag("--set")] = field(default_factory=dict)
    """key=value, passed to the factories of your own; may be repeated."""

    def __post_init__(self) -> None:
        keep(self, length=tuple(check_several("length", self.length, 2)))
        keep(self, depth=tuple(check_several("depth", self.depth, 1)))
        for name in ("inputs", "max_samples"):
            keep_whole(self, name, 1)
        for name in ("width", "parameters"):
            keep_whole_if_given(self, name, 1)
        if (self.width is None) == (self.parameters is None):
            raise ValueError(
                f"give either width or parameters, got width={self.width} and parameters={self.parameters}"
            )
        keep(self, domain=check_domain(self.domain), seed=check_seed(self.seed))
        keep(self, model_settings=dict(self.model_settings or {}))
        if self.model_settings and not any(map(is_code, self.models or ())):
            raise ValueError(
                f"model_settings (--set) are for factories of your own, and there is none; leave out "
                f"{', '.join(self.model_settings)}"
            )
        if self.measured and self.domain != "functional":
            raise ValueError(
                f"curves are measured over vectors, so measured needs domain='functional', got {self.domain!r}"
            )
