"""One network at one length, as it is compared with others."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Verdict = Literal["exact", "gap", "at least", "failed"]


@dataclass(frozen=True)
class Cell:
    """One network at one length."""

    model: str
    depth: int
    width: int
    parameters: int
    """Numbers in all parameters of the network"""
    length: int
    cut: int
    rank: int | None
    """Certified: the generic rank is at least this; None if the cell failed"""
    upper_bound: int | None
    """Least proved upper bound, None if none is known"""
    bound: str | None
    """Name of the upper bound"""
    exact: bool
    """rank = upper_bound"""
    saturated: bool
    """Whether `certify` stated a bound on the probability that the rank is not the generic one"""
    samples: int | None
    """The larger of the two sample sizes"""
    seconds: float
    failure: str | None = None
    """Why there is no rank"""

    @property
    def verdict(self) -> Verdict:
        """How near the certified rank is to the truth.

        "exact": it meets an upper bound. "gap": it does not, and is saturated. "at least": it may be larger.
        "failed": there is none.
        """
        if self.failure is not None:
            return "failed"
        return "exact" if self.exact else "gap" if self.saturated else "at least"

    def to_dict(self) -> dict[str, Any]:
        """The cell as plain values for JSON and CSV, its verdict included."""
        return {**asdict(self), "verdict": self.verdict}
