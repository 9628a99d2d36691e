"""Settings of `bounds`, `plan` and `draw`, which are about sizes alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from .as_text import Big
from .entries import Flag
from .resources import Memory


@dataclass(frozen=True, kw_only=True)
class BoundsSettings(Memory):
    """Settings of `bounds`."""

    length: int
    """T: time steps in a sequence."""
    cut: int | None = None
    """c: steps in the start half; the middle by default."""
    domain: str = "functional"
    """functional (inputs are any vectors) or tokens (M templates)."""


@dataclass(frozen=True, kw_only=True)
class PlanSettings:
    """Settings of `plan`."""

    rank: Big
    """Rank to reach, such as 1000000 or 1e100."""
    length: int
    """T: time steps in a sequence."""
    inputs: int
    """M: features per time step, or templates in the tokens domain."""
    cut: int | None = None
    """c: steps in the start half; the middle by default."""
    domain: str = "functional"
    """functional (inputs are any vectors) or tokens (M templates)."""
    max_depth: Annotated[int, Flag("--depth")] = 4
    """Maximum depth to consider."""


@dataclass(frozen=True, kw_only=True)
class DrawSettings:
    """Settings of `draw`."""

    inputs: int = 4
    """M: features per time step."""
    width: int = 3
    """R: width of every layer."""
    depth: int = 2
    """L: number of layers."""
    length: int = 6
    """T: time steps in a sequence."""
    cut: int | None = None
    """c: steps in the start half; the middle by default."""
    style: str = "auto"
    """copies, folded (copies drawn once, with their number), or auto."""
    line: str = "states"
    """Cut to draw: states (all copies between start and end) or minimal."""
