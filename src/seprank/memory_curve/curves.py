"""Memory curves of several models, or of one at several times, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..result.panels import Panel
from ..result.result import Plain, Result, Row, validated
from .curve import MemoryCurve
from .drawing import curve_panels
from .in_words import sparkline, table


@dataclass(frozen=True, repr=False)
class MemoryCurves(Result):
    """Memory curves by name, to be compared.

    Example:
        >>> import seprank as sr
        >>> delay = lambda x: x[:, :-1].sum(1)
        >>> one = sr.remember(delay, length=4, inputs=1, samples=32, progress=False)
        >>> MemoryCurves({"before": one, "after": one})
        <MemoryCurves before: reach at least 3, after: reach at least 3>
    """

    NOUN: ClassVar[str] = "set of curves"

    curves: dict[str, MemoryCurve]

    def headline(self) -> str:
        """The reach of each, in a line."""
        least = {name: "at least " if curve.at_least() else "" for name, curve in self.curves.items()}
        return ", ".join(f"{name}: reach {least[name]}{curve.reach()}" for name, curve in self.curves.items())

    def records(self) -> list[Row]:
        """A row for each lag of each curve."""
        return [{"model": name, **row} for name, curve in self.curves.items() for row in curve.records()]

    def panels(self) -> list[Panel]:
        """Memory by lag, a line for each."""
        return curve_panels(self.curves)

    def to_dict(self) -> Plain:
        """The curves by name, as plain values for JSON."""
        return {name: curve.to_dict() for name, curve in self.curves.items()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> MemoryCurves:
        """The curves that `to_dict` gave.

        Raises:
            ValueError: it is something else; the first wrong field is named.
        """
        if not content:
            raise ValueError("there is no curve")
        return cls(validated(dict[str, MemoryCurve], content))

    def __str__(self) -> str:
        lines = []
        for name, curve in self.curves.items():
            lines += [f"{name}: {curve.sentence()}", f"  {sparkline(curve.lags, curve.memory)}"]
            lines += [f"  {line}" for line in curve.noted()]
        return "\n".join([*lines, "", table(self.curves)])
