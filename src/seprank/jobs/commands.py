"""What can be swept: each command's settings, what a job of it costs, and how it is run."""

from __future__ import annotations

import re
from abc import abstractmethod
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from ..models import find_model
from ..question import DEFAULT_PRIME, check_cut, check_domain, check_prime, check_readout, check_seed, check_whole
from ..store import Job

if TYPE_CHECKING:
    from ..memory_curve.settings import CurveSettings
    from ..train import TrainSettings


def _at_least(least: int) -> BeforeValidator:
    return BeforeValidator(lambda value, info: check_whole(info.field_name, value, least))


Positive = Annotated[int, _at_least(1)]


class Work(BaseModel):
    """One job of a command."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: ClassVar[str]

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Work:
        """The job with these settings, checked."""
        return cls.model_validate(settings)

    @cached_property
    def job(self) -> Job:
        """What it is known by in a store: all settings, defaults included."""
        return Job(self.command, self.model_dump(mode="json"))

    @abstractmethod
    def cost(self) -> float:
        """Rough arithmetic operations: only good to compare jobs."""

    def upper_bound(self) -> int | None:
        """Least proved upper bound of the rank in question, None if there is none or it is not about a rank."""
        return None

    @abstractmethod
    def run(self, folder: Path, memory: int) -> dict[str, Any]:
        """Do it; returns the result to store.

        Args:
            folder: where files of this job may be kept; the same at each attempt.
            memory: bytes it may take.
        """


class _OfModel(Work):
    """A job about a model of the registry."""

    model: str = "rac"
    inputs: Positive
    width: Positive
    depth: Positive = 1
    model_settings: dict[str, Any] = Field(default_factory=dict)
    length: int
    seed: Annotated[int, BeforeValidator(check_seed)] = 0

    @field_validator("model")
    @classmethod
    def _known(cls, name: str) -> str:
        return find_model(name).name

    def build(self) -> Any:
        """A new module, with weights from the seed."""
        return find_model(self.model).draw(
            self.seed, inputs=self.inputs, width=self.width, depth=self.depth, **self.model_settings
        )

    def _per_step(self) -> float:
        """Operations of one step of one sequence."""
        return 2.0 * find_model(self.model).count_parameters(self.inputs, self.width, self.depth)


class _OfCut(_OfModel):
    """A job about a model of the registry and a cut."""

    cut: int = Field(default=0)
    """c, or a fraction of the length such as "1/4"; the middle by default"""

    @model_validator(mode="before")
    @classmethod
    def _find_cut(cls, content: Any) -> Any:
        """A cut given as a fraction as the number of steps it stands for."""
        if not isinstance(content, dict) or "length" not in content:
            return content
        length, _ = check_cut(content["length"])
        cut = content.get("cut")
        if isinstance(cut, str | Fraction):
            cut = min(max(int(_share(cut) * length), 1), length - 1)
        length, cut = check_cut(length, cut)
        return {**content, "length": length, "cut": cut}

    def _steps(self, starts: int, ends: int) -> float:
        """Operations of evaluating a Start-End matrix."""
        return self._per_step() * (starts * self.cut + starts * ends * (self.length - self.cut))


def _share(cut: str | Fraction) -> Fraction:
    """The part of a sequence that is its start, such as "1/4".

    No other form of a number is read: 1e99999999 would first be written out.
    """
    plain = re.fullmatch(r"\s*[0-9]{1,9}\s*/\s*0*[1-9][0-9]{0,8}\s*", str(cut))
    share = Fraction(str(cut).replace(" ", "")) if plain else Fraction(0)
    if not 0 < share < 1:
        raise ValueError(
            f"cut must be a fraction between 0 and 1 or a number of steps, got {str(cut)[:40]!r}; use '1/4'"
        )
    return share


class CertifyWork(_OfCut):
    """Certify a rank; the settings are those of `seprank.certify`."""

    command = "certify"

    domain: Annotated[str, BeforeValidator(check_domain)] = "functional"
    samples: Positive | None = None
    prime: Annotated[int, BeforeValidator(check_prime)] = DEFAULT_PRIME
    readout: Annotated[str | int, BeforeValidator(check_readout)] = "random"

    def upper_bound(self) -> int | None:
        from ..theory import upper_bound

        family = find_model(self.model).family
        if family is None:
            return None
        bound = upper_bound(
            inputs=self.inputs,
            width=self.width,
            depth=self.depth,
            length=self.length,
            cut=self.cut,
            domain=self.domain,
            model=family,
        )
        return None if bound is None else bound.value

    def cost(self) -> float:
        count = float(self.samples or min(self.upper_bound() or 1024, 10**6))
        return self._steps(int(count), int(count)) + count**3

    def run(self, folder: Path, memory: int) -> dict[str, Any]:
        from ..certification import certify

        certificate = certify(
            self.build(),
            length=self.length,
            cut=self.cut,
            domain=self.domain,
            inputs=self.inputs,
            samples=self.samples,
            seed=self.seed,
            prime=self.prime,
            readout=self.readout,
            memory=memory,
            progress=False,
        )
        return {**certificate.summary().to_dict(), "certificate": certificate.to_dict()}


class MeasureWork(_OfCut):
    """Measure a model with weights from the seed: what `seprank measure` gives with the same settings."""

    command = "measure"

    starts: Annotated[int, _at_least(16)] = 256
    ends: Annotated[int, _at_least(16)] = 256
    readout: Annotated[str | int, BeforeValidator(check_readout)] = "all"
    dtype: str = Field(default="float64", pattern="^float(64|32)$")
    tolerance: float | None = None

    def cost(self) -> float:
        return self._steps(self.starts, self.ends) + float(self.starts) * self.ends * min(self.starts, self.ends)

    def run(self, folder: Path, memory: int) -> dict[str, Any]:
        from ..measurement import measure

        return measure(
            self.build(),
            length=self.length,
            cut=self.cut,
            starts=self.starts,
            ends=self.ends,
            readout=self.readout,
            dtype=self.dtype,
            tolerance=self.tolerance,
            seed=self.seed,
            memory=memory,
            progress=False,
        ).to_dict()


class RememberWork(_OfModel):
    """Memory curve of a model with weights from the seed: what `seprank remember` gives with the same settings."""

    command = "remember"

    samples: int = 256
    lags: tuple[int, ...] | Literal["all"] | None = None
    readout: str | int | None = None
    threshold: float = 0.01
    past: str = "resampled"
    influence: bool = False
    dtype: str = "float64"

    @model_validator(mode="before")
    @classmethod
    def _check(cls, content: Any) -> Any:
        """Settings as `remember` checks them; lags in order, so that equal questions are one job."""
        from ..memory_curve.lags import check_lags
        from ..memory_curve.settings import CurveSettings

        if not isinstance(content, dict) or "length" not in content:
            return content
        if content.get("lags") not in (None, "all"):
            length = CurveSettings(content["length"]).length
            content = {**content, "lags": check_lags(content["lags"], length)}
        names = content.keys() & CurveSettings.__dataclass_fields__.keys() & cls.model_fields.keys()
        asked = CurveSettings(**{name: content[name] for name in names})
        return {**content, **{name: getattr(asked, name) for name in names}}

    @cached_property
    def curve(self) -> CurveSettings:
        """The settings of the curve."""
        from ..memory_curve.settings import CurveSettings

        names = CurveSettings.__dataclass_fields__.keys() & type(self).model_fields.keys()
        return CurveSettings(**{name: getattr(self, name) for name in names})

    def cost(self) -> float:
        return 2.0 * self.samples * self._per_step() * (self.length + sum(self.curve.wanted) * (1 + self.influence))

    def run(self, folder: Path, memory: int) -> dict[str, Any]:
        from ..memory_curve import remember

        names = type(self).model_fields.keys() - _OfModel.model_fields.keys() | {"length", "seed"}
        asked = {name: getattr(self, name) for name in names}
        curve = remember(self.build(), **asked, memory=memory, progress=False)
        figures = {"reach": curve.reach(), "half": curve.half, "mean": curve.mean, "sentence": curve.sentence()}
        return {**figures, "curve": curve.to_dict()}


class TrainWork(Work):
    """Train a model; the settings are those of `seprank.train.TrainSettings`."""

    command = "train"

    asked: dict[str, Any]

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> TrainWork:
        from ..train import TrainSettings

        unknown = sorted(settings.keys() - TrainSettings.__dataclass_fields__.keys())
        if unknown:
            raise ValueError(f"unknown key {unknown[0]!r}; known are {', '.join(TrainSettings.__dataclass_fields__)}")
        work = cls(asked=settings)
        work.training.to_dict()
        return work

    @cached_property
    def training(self) -> TrainSettings:
        """The settings of the run."""
        from ..train import TrainSettings

        return TrainSettings(**self.asked)

    @cached_property
    def job(self) -> Job:
        return Job(self.command, self.training.to_dict())

    def cost(self) -> float:
        settings = self.training
        # Small networks are slow because of the steps in time, not because of their arithmetic.
        per_step = settings.depth * 10_000.0 + settings.count_parameters(settings.network_width)
        sequences = float(settings.steps * settings.batch)
        return 6.0 * sequences * settings.task_built.length * per_step

    def run(self, folder: Path, memory: int) -> dict[str, Any]:
        from ..train import fit

        return fit(self.training, folder=folder, progress=False)


COMMANDS: dict[str, type[Work]] = {kind.command: kind for kind in (CertifyWork, MeasureWork, RememberWork, TrainWork)}
"""What can be swept"""
