"""The answer of a certificate without its proof: what tables, charts and `--json` show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..result.result import STRICT, validated
from ..result.sureness import Rank
from ..theory.bound import Bound, bounds_of


@dataclass(frozen=True)
class Summary:
    """What `seprank certify --json` prints."""

    __pydantic_config__ = STRICT

    rank: int
    saturated: bool
    error: float | None
    exact: bool
    upper_bound: int | None
    bounds: list[Bound]
    model: str
    settings: dict[str, int | float | bool | str]
    length: int
    cut: int
    domain: str
    readout: str | int
    samples: int
    """The larger of the two sample sizes"""
    starts: int
    ends: int
    prime: int
    seed: int
    seconds: float
    confidence: float | None = None
    """If one was asked for, what the error had to fall below"""
    draws: int = 0
    """How many were made for it"""

    @property
    def known(self) -> Rank:
        """The rank with what says how sure it is."""
        samples, sure = min(self.starts, self.ends), (self.exact, self.saturated, self.error)
        return Rank(self.rank, samples, self.upper_bound, *sure, prime=self.prime, draws=self.draws)

    @property
    def depth(self) -> int | float | bool | str | None:
        """Of a registered model, or of a factory that was given it."""
        return self.settings.get("depth")

    @property
    def width(self) -> int | float | bool | str | None:
        """As `depth`."""
        return self.settings.get("width")

    def but_seconds(self) -> Summary:
        """All that it says, but for the time that it took."""
        return replace(self, seconds=0.0)

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        left_out = ("confidence", "draws") if self.confidence is None else ()
        stated = {name: value for name, value in vars(self).items() if name not in left_out}
        return stated | {"bounds": [bound.to_dict() for bound in self.bounds]}

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Summary:
        """What `to_dict` gave; bounds too long to be written are left out.

        Raises:
            ValueError: it is something else.
        """
        found: Summary = validated(Summary, {**content, "bounds": bounds_of(content)})
        return found
