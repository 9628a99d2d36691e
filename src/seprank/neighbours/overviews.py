"""Measures of memory of one model side by side, each with what it sees and what it cannot, or why it has no meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ..certification import Certificate
from ..measurement import Measurement
from ..memory_curve import MemoryCurve
from ..result.chart import chart
from ..result.document import SURE, Figure, Section, report_page
from ..result.panels import Panel
from ..result.result import Result
from .capacity import MemoryCapacity
from .gradients import GradientCurve
from .hankel import HankelSpectrum
from .state_size import EffectiveStateSize

Found = MemoryCurve | Certificate | Measurement | EffectiveStateSize | MemoryCapacity | GradientCurve | HankelSpectrum

_LEAD = (
    "Memory is measured in several ways, which answer different questions and may disagree. Here is each, with "
    "what it sees and what it cannot."
)
WORDS: Mapping[str, tuple[str, str, str]] = {
    "memory_curve": (
        "Memory curve",
        "how much of the output's variance depends on inputs before the last k steps",
        "in how many ways it does, nor what the state holds beside this output",
    ),
    "rank": (
        "Separation rank",
        "in how many independent ways start and end are tied, for generic weights, with proof",
        "how strongly, nor how far back",
    ),
    "spectrum": (
        "Spectrum of the Start-End matrix",
        "how strong each product of a function of the start and one of the end is, for these weights",
        "weak ones below rounding and sampling error, nor which steps of the start count",
    ),
    "size": (
        "Effective state-size",
        "how many numbers linear in the inputs cross each position, with gates held",
        "what gates carry, nor anything of a layer with another non-linearity",
    ),
    "capacity": (
        "Memory capacity",
        "how many past inputs a linear read-out finds in the state",
        "what only a non-linear read-out finds, nor whether the model's own output uses it",
    ),
    "gradients": (
        "Gradients",
        "what an infinitely small change of an old input does to the output",
        "large changes: a saturated unit has no gradient, and may remember for ever",
    ),
    "hankel": (
        "Hankel singular values",
        "by how few units a stable linear network could be done, and with what error",
        "anything of a network that is not linear",
    ),
}
"""Title, what it sees and what it cannot, by name"""
_FORMS: Mapping[str, type[Found]] = {
    "memory_curve": MemoryCurve,
    "rank": Certificate,
    "spectrum": Measurement,
    "size": EffectiveStateSize,
    "capacity": MemoryCapacity,
    "gradients": GradientCurve,
    "hankel": HankelSpectrum,
}


@dataclass(frozen=True)
class Measure:
    """One measure of a model."""

    name: str
    title: str
    sees: str
    blind: str
    result: Found | None
    reason: str = ""
    """Why there is no result"""

    def sentence(self) -> str:
        """What came out, or why nothing did."""
        if self.result is None:
            return f"None here: {self.reason}."
        if isinstance(self.result, Certificate):
            relation = "is" if self.result.exact else "is at least"
            steps = self.result.question.length
            return (
                f"Start and end of {steps} steps are tied by a sum of products whose number {relation} "
                f"{self.result.rank:,}, for generic weights of this architecture ({self.result.known.sureness.value})."
            )
        return self.result.sentence()

    def sure(self) -> str:
        """How sure it is, in a few words."""
        match self.result:
            case None:
                return "none for this model"
            case Certificate():
                return "certified"
            case MemoryCapacity(kind="exact"):
                return "proved, in balls"
            case EffectiveStateSize() | HankelSpectrum():
                return "floating point"
        return "measured, 90 % intervals"

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        said = {"sentence": self.sentence(), "sees": self.sees, "cannot_see": self.blind}
        if self.result is None:
            return said | {"result": None, "reason": self.reason}
        return said | {"result": self.result.to_dict()}

    @staticmethod
    def from_dict(name: str, content: Any) -> Measure:
        """The measure that `to_dict` gave.

        Raises:
            ValueError: it is something else.
        """
        if name not in WORDS or not isinstance(content, dict) or "result" not in content:
            raise ValueError(f"{name} is no measure; the measures are {', '.join(WORDS)}")
        found = content["result"]
        if found is not None and not isinstance(found, dict):
            raise ValueError(f"the result of {name} must be an object of JSON, got {type(found).__name__}")
        result = None if found is None else _FORMS[name].from_dict(found)
        return Measure(name, *WORDS[name], result, str(content.get("reason", "")))

    def panel(self) -> Panel | None:
        """The most important picture of it, if there is one."""
        if self.result is None:
            return None
        text = f"{self.sentence()} It sees {self.sees}. It cannot see {self.blind}."
        return replace(self.result.panels()[0], title=self.title, caption=text)

    def section(self) -> Section:
        """Its part of a page."""
        text = f"{self.sentence()} It sees {self.sees}. It cannot see {self.blind}."
        drawn = [] if self.result is None else self.result.panels()[:1]
        return Section(self.title, text, [Figure(chart(panel.draw, panel.height), panel.caption) for panel in drawn])


@dataclass(frozen=True, repr=False)
class Overview(Result):
    """The measures of one model, in the order in which they are shown."""

    NOUN: ClassVar[str] = "overview of measures"

    model: str
    length: int
    measures: tuple[Measure, ...]

    def __getitem__(self, name: str) -> Measure:
        return {measure.name: measure for measure in self.measures}[name]

    def headline(self) -> str:
        """The model, and how many measures have a meaning for it, in a line."""
        meant = sum(measure.result is not None for measure in self.measures)
        return f"{self.model}, length {self.length}: {meant} of {len(self.measures)} measures"

    def records(self) -> list[dict[str, Any]]:
        """A row for each measure, in words."""
        return [
            {"measure": m.title, "what came out": m.sentence(), "sees": m.sees, "cannot see": m.blind, SURE: m.sure()}
            for m in self.measures
        ]

    def panels(self) -> list[Panel]:
        """A picture of each measure that has a meaning."""
        return [panel for measure in self.measures if (panel := measure.panel()) is not None]

    def sections(self) -> list[Section]:
        """All at a glance, then each."""
        return [Section("At a glance", "", [self._table()]), *(measure.section() for measure in self.measures)]

    def to_html(self, title: str | None = None) -> str:
        """A page with every measure, which needs no other file and no network.

        Args:
            title: its heading; by default the model.
        """
        usual = f"{self.model}: every measure of memory, length {self.length}"
        return report_page(usual if title is None else title, _LEAD, self.sections())

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON, by name of the measure."""
        return {"model": self.model, "length": self.length} | {m.name: m.to_dict() for m in self.measures}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Overview:
        """The overview that `to_dict` gave.

        Raises:
            ValueError: it is something else.
        """
        model, length = content.get("model"), content.get("length")
        if not isinstance(model, str) or type(length) is not int:
            raise ValueError("it must have the name of a model, and a length")
        rest = {name: value for name, value in content.items() if name not in ("model", "length")}
        return cls(model, length, tuple(Measure.from_dict(name, value) for name, value in rest.items()))

    def __str__(self) -> str:
        parts = [f"{self.model}, length {self.length}"]
        for found in self.measures:
            parts += ["", found.title, f"  {found.sentence()}", f"  sees: {found.sees}", f"  cannot see: {found.blind}"]
        return "\n".join(parts)
