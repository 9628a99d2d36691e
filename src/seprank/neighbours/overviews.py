"""Measures of memory of one model side by side, each with what it can and cannot see, or why it has no meaning."""

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
from ..result.result import Plain, Result, Row
from .capacity import MemoryCapacity
from .gradients import GradientCurve
from .hankel import HankelSpectrum
from .state_size import EffectiveStateSize

Found = MemoryCurve | Certificate | Measurement | EffectiveStateSize | MemoryCapacity | GradientCurve | HankelSpectrum

_LEAD = (
    "Memory is measured in several ways, which answer different questions and may disagree. Each is shown with "
    "what it can and cannot see."
)


@dataclass(frozen=True)
class About:
    """What a measure is."""

    title: str
    sees: str
    blind: str
    """What it cannot see"""
    form: type[Found]
    """Of its results"""


MEASURES: Mapping[str, About] = {
    "memory_curve": About(
        "Memory curve",
        "how much of the output's variance depends on inputs before the last k steps",
        "in how many ways it does, nor what the state holds beside this output",
        MemoryCurve,
    ),
    "rank": About(
        "Separation rank",
        "in how many independent ways start and end are tied, for generic weights, with proof",
        "how strongly, nor how far back",
        Certificate,
    ),
    "spectrum": About(
        "Spectrum of the Start-End matrix",
        "how strong each product of a function of the start and one of the end is, for these weights",
        "weak ones below rounding and sampling error, nor which steps of the start count",
        Measurement,
    ),
    "size": About(
        "Effective state-size",
        "how many numbers linear in the inputs cross each position, with gates held",
        "what gates carry, nor anything of a layer with another non-linearity",
        EffectiveStateSize,
    ),
    "capacity": About(
        "Memory capacity",
        "how many past inputs a linear read-out finds in the state",
        "what only a non-linear read-out finds, nor whether the model's own output uses it",
        MemoryCapacity,
    ),
    "gradients": About(
        "Gradients",
        "what an infinitely small change of an old input does to the output",
        "large changes: a saturated unit has no gradient, and may remember for ever",
        GradientCurve,
    ),
    "hankel": About(
        "Hankel singular values",
        "how few units could replace a stable linear network, and with what error",
        "anything of a network that is not linear",
        HankelSpectrum,
    ),
}
"""By name, in the order in which they are shown"""


@dataclass(frozen=True)
class Measure:
    """One measure of a model."""

    name: str
    result: Found | None
    reason: str = ""
    """Why there is no result"""

    @property
    def about(self) -> About:
        """What it sees, and what it cannot."""
        return MEASURES[self.name]

    def sentence(self) -> str:
        """The result in one sentence, or why there is none."""
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

    def to_dict(self) -> Plain:
        """As plain values for JSON."""
        said = {"sentence": self.sentence(), "sees": self.about.sees, "cannot_see": self.about.blind}
        if self.result is None:
            return said | {"result": None, "reason": self.reason}
        return said | {"result": self.result.to_dict()}

    @staticmethod
    def from_dict(name: str, content: Any) -> Measure:
        """The measure that `to_dict` gave; `ValueError` for anything else."""
        if name not in MEASURES or not isinstance(content, dict) or "result" not in content:
            raise ValueError(f"{name} is not a measure; the measures are {', '.join(MEASURES)}")
        found = content["result"]
        if found is not None and not isinstance(found, dict):
            raise ValueError(f"the result of {name} must be an object of JSON, got {type(found).__name__}")
        result = None if found is None else MEASURES[name].form.from_dict(found)
        return Measure(name, result, str(content.get("reason", "")))

    def _text(self) -> str:
        return f"{self.sentence()} It sees {self.about.sees}. It cannot see {self.about.blind}."

    def panel(self) -> Panel | None:
        """The most important picture of it, if there is one."""
        if self.result is None:
            return None
        return replace(self.result.panels()[0], title=self.about.title, caption=self._text())

    def section(self) -> Section:
        """The section of a page about it."""
        drawn = [] if self.result is None else self.result.panels()[:1]
        return Section(
            self.about.title, self._text(), [Figure(chart(panel.draw, panel.height), panel.caption) for panel in drawn]
        )


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

    def records(self) -> list[Row]:
        """A row for each measure, in words."""
        return [
            {
                "measure": m.about.title,
                "what came out": m.sentence(),
                "sees": m.about.sees,
                "cannot see": m.about.blind,
                SURE: m.sure(),
            }
            for m in self.measures
        ]

    def panels(self) -> list[Panel]:
        """A picture of each measure that has a meaning."""
        return [panel for measure in self.measures if (panel := measure.panel()) is not None]

    def sections(self) -> list[Section]:
        """An overview of all measures, then each of them."""
        return [Section("At a glance", "", [self._table()]), *(measure.section() for measure in self.measures)]

    def to_html(self, title: str | None = None) -> str:
        """A page with every measure, which needs no other file and no network; its title is by default the model."""
        usual = f"{self.model}: every measure of memory, length {self.length}"
        return report_page(usual if title is None else title, _LEAD, self.sections())

    def to_dict(self) -> Plain:
        """As plain values for JSON, by name of the measure."""
        return {"model": self.model, "length": self.length} | {m.name: m.to_dict() for m in self.measures}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Overview:
        """The overview that `to_dict` gave; `ValueError` for anything else."""
        model, length = content.get("model"), content.get("length")
        if not isinstance(model, str) or type(length) is not int:
            raise ValueError("it must have the name of a model, and a length")
        rest = {name: value for name, value in content.items() if name not in ("model", "length")}
        return cls(model, length, tuple(Measure.from_dict(name, value) for name, value in rest.items()))

    def __str__(self) -> str:
        parts = [f"{self.model}, length {self.length}"]
        for found in self.measures:
            about = found.about
            parts += ["", about.title, f"  {found.sentence()}", f"  sees: {about.sees}", f"  cannot see: {about.blind}"]
        return "\n".join(parts)
