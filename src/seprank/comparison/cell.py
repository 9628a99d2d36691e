"""One network at one length, as it is compared with others."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ..result.result import STRICT, Plain
from ..result.sureness import Rank


@dataclass(frozen=True)
class Cell:
    """One network at one length."""

    __pydantic_config__ = STRICT

    model: str
    depth: int | None
    """None for a factory of the user's own that takes none"""
    width: int | None
    """None for a factory of the user's own that takes none"""
    parameters: int
    """Number of parameters of the network"""
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
    """Why there is no rank, or no curve"""
    skeleton: bool = False
    """Whether the rank is that of the network without activations, softmax and norms, see `certify`'s squash"""
    reach: int | None = None
    """Measured: the last lag at which the output still depends on earlier inputs; None if no curve was asked for"""
    half: int | None = None
    """Measured: the last lag at which more than half of the output's variance comes from earlier inputs"""
    mean: float | None = None
    """Measured: mean age of what the output depends on, in steps"""

    @property
    def known(self) -> Rank:
        """The rank with what says how sure it is."""
        failure = self.failure if self.rank is None else None
        return Rank(self.rank, self.samples or 0, self.upper_bound, self.exact, self.saturated, failure=failure)

    @property
    def verdict(self) -> str:
        """How sure the rank is, in a word or two: see `seprank.result.sureness`."""
        return self.known.sureness.value

    @property
    def remembered(self) -> str:
        """Reach and mean age for a table; the reach is "at least" where memory lasts to the first step."""
        if self.reach is None or self.mean is None:
            return ""
        return f"{'≥' if self.reach == self.length - 1 else ''}{self.reach} ({self.mean:.2g})"

    def to_dict(self) -> Plain:
        """The cell as plain values for JSON and CSV, its verdict included."""
        return {**asdict(self), "verdict": self.verdict}
