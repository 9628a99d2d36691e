"""The answer of a certificate without its proof: what tables, charts and `--json` show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..result.result import STRICT, Plain, validated
from ..result.sureness import Rank
from ..theory.bound import Bound, bounds_of
from .pieces import ModelSettings


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
    settings: ModelSettings
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
    """The requested upper limit of the error, if any"""
    draws: int = 0
    """How many draws were made for it"""

    @property
    def known(self) -> Rank:
        """The rank, and how sure it is."""
        samples, sure = min(self.starts, self.ends), (self.exact, self.saturated, self.error)
        return Rank(self.rank, samples, self.upper_bound, *sure, prime=self.prime, draws=self.draws)

    @property
    def depth(self) -> int | float | bool | str | None:
        """The depth of a registered model, or of a factory with such an argument."""
        return self.settings.get("depth")

    @property
    def width(self) -> int | float | bool | str | None:
        """As `depth`."""
        return self.settings.get("width")

    def but_seconds(self) -> Summary:
        """Everything except the time that it took."""
        return replace(self, seconds=0.0)

    def to_dict(self) -> Plain:
        """As plain values for JSON."""
        left_out = ("confidence", "draws") if self.confidence is None else ()
        stated = {name: value for name, value in vars(self).items() if name not in left_out}
        return stated | {"bounds": [bound.to_dict() for bound in self.bounds]}

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Summary:
        """The inverse of `to_dict`; bounds too long to be written are left out.

        Raises:
            ValueError: the content is something else.
        """
        found: Summary = validated(Summary, {**content, "bounds": bounds_of(content)})
        return found
