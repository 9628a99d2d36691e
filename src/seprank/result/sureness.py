"""How sure a certified rank is: the one place that decides and says it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .numbers import shown_equality, shown_error


class Sureness(Enum):
    """How near a certified rank is to the generic rank; the value is what tables say."""

    EXACT = "exact"
    """A proved upper bound is the same number"""
    SATURATED = "saturated"
    """There is a bound on the probability that it is not the generic rank"""
    OPEN = "at least"
    """Smaller than the number of samples, but how likely it is to be the rank is not known"""
    LIMITED = "limited by samples"
    """As large as the samples allow; more may raise it"""
    FAILED = "failed"
    """There is no number"""


@dataclass(frozen=True)
class Rank:
    """A certified rank with what says how sure it is."""

    value: int | None
    """None if there is none"""
    samples: int
    """Of the smaller side: no rank is larger"""
    upper_bound: int | None
    exact: bool
    saturated: bool
    error: float | None = None
    """Bound on the probability that the rank is not the generic one, where it is known"""
    failure: str | None = None
    """Why there is no rank"""
    prime: int = 0
    """Modulus"""
    draws: int = 0
    """How many were made for a confidence that was asked for, 0 if none was"""

    @property
    def sureness(self) -> Sureness:
        """How near it is to the truth."""
        if self.value is None:
            return Sureness.FAILED
        if self.exact:
            return Sureness.EXACT
        if self.saturated:
            return Sureness.SATURATED
        return Sureness.OPEN if self.value < self.samples else Sureness.LIMITED

    @property
    def sign(self) -> str:
        """What stands before the number: it is the rank, or the rank is at least that."""
        return "=" if self.exact else "≥"

    @property
    def sentence(self) -> str:
        """How sure it is, in words."""
        match self.sureness:
            case Sureness.FAILED:
                return f"failed: {self.failure}"
            case Sureness.EXACT:
                return "exact: the certified lower bound meets a proved upper bound"
            case Sureness.SATURATED if self.error is None:
                return "certified lower bound; its run called it saturated"
            case Sureness.SATURATED if self.draws:
                return f"certified lower bound; {shown_equality(self.prime, self.error or 0.0, self.draws)}"
            case Sureness.SATURATED:
                return f"certified lower bound; saturated, error at most {shown_error(self.error or 0.0)}"
            case Sureness.OPEN:
                return "certified lower bound; how likely it is to be the rank is not known"
        return f"certified lower bound, limited by {self.samples:,} samples; more may raise it"

    @property
    def number(self) -> str:
        """The rank with its sign: "=45", "≥1,024", or "125" if it is saturated."""
        sign = "" if self.sureness is Sureness.SATURATED else self.sign
        return "failed" if self.value is None else f"{sign}{self.value:,}"

    @property
    def entry(self) -> str:
        """The same with the upper bound that it does not meet: "=45", "125 ≤140", "≥1,024 ≤40,040" or "failed"."""
        is_alone = self.value is None or self.exact or self.upper_bound is None
        return self.number if is_alone else f"{self.number} ≤{at_most(self.upper_bound or 0)}"


def at_most(value: int) -> str:
    """An upper bound in few characters; where digits are left out it is rounded up, to remain one.

    Example:
        >>> at_most(40_040), at_most(123_456_789)
        ('40,040', '1.3e8')
    """
    if value < 10**5:
        return f"{value:,}"
    power = len(str(value)) - 1
    tenths = -(-value // 10 ** (power - 1))
    if tenths == 100:
        tenths, power = 10, power + 1
    return f"{tenths // 10}.{tenths % 10}e{power}"
