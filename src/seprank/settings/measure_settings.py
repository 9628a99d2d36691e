"""Settings of `measure` and `profile`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from ..question import check_cut, check_readout, check_several, keep, keep_whole_if_given
from .as_text import AsItIs, Channel, NumbersOrAll
from .floating import FloatingSettings

SAMPLES = 256
"""Start and end halves drawn by default"""
PROFILE_SAMPLES = 64
"""The same at each cut of a profile: there are many, and only their differences matter"""


@dataclass(frozen=True, kw_only=True)
class MeasureSettings(FloatingSettings):
    """Settings of `measure`, and with `cuts` of `profile`.

    Example:
        >>> MeasureSettings(length=9).halves, MeasureSettings(length=9, cuts="all", ends=32).halves
        ((256, 256), (64, 32))
    """

    length: int
    """T: time steps in a sequence."""
    cut: int | None = None
    """c: steps in the start half; the middle by default."""
    cuts: NumbersOrAll = None
    """Measure at several cuts, comma-separated, such as 4,8,12, or at all."""
    starts: int | None = None
    """Start halves to draw; 256 by default, 64 at each cut of a profile."""
    ends: int | None = None
    """End halves to draw; 256 by default, 64 at each cut of a profile."""
    data: Annotated[Any, AsItIs] = None
    """Sequences to cut in halves: .npy, .npz, .csv or .safetensors."""
    readout: Channel = "all"
    """random, all, or the number of an output channel."""
    tolerance: float | None = None
    """Smallest relative singular value that counts."""

    def __post_init__(self) -> None:
        super().__post_init__()
        length, _ = check_cut(self.length)
        cut = None if self.cut is None else check_cut(length, self.cut)[1]
        keep(self, length=length, cut=cut, cuts=self._cuts(length), readout=check_readout(self.readout))
        for name in ("starts", "ends"):
            keep_whole_if_given(self, name, 1)
        if self.tolerance is not None and not 0 <= self.tolerance < 1:
            raise ValueError(f"tolerance must be at least 0 and below 1, got {self.tolerance}")

    def _cuts(self, length: int) -> tuple[int, ...] | None:
        if self.cuts is None:
            return None
        if isinstance(self.cuts, str) and self.cuts == "all":
            return tuple(range(1, length))
        return tuple(sorted(check_cut(length, cut)[1] for cut in check_several("cuts", self.cuts, 1)))

    @property
    def halves(self) -> tuple[int, int]:
        """Start and end halves to draw."""
        usual = SAMPLES if self.cuts is None else PROFILE_SAMPLES
        return usual if self.starts is None else self.starts, usual if self.ends is None else self.ends

    @property
    def shown(self) -> int:
        """The cut whose figures are shown in full: the one asked for, else the middle or the nearest to it."""
        middle = self.length // 2
        if self.cut is not None or self.cuts is None:
            return middle if self.cut is None else self.cut
        return min(map(int, self.cuts), key=lambda cut: (abs(cut - middle), cut))

    @property
    def profiled(self) -> tuple[int, ...]:
        """All cuts of a profile, ascending; nothing where there is none."""
        return () if self.cuts is None else tuple(sorted({*self.cuts, self.shown}))
