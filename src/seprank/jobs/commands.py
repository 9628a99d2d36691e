"""The commands that a sweep can run: their settings, what a job of each costs, and how it is run."""

from __future__ import annotations

import re
from abc import abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from ..models import find_model
from ..question import check_cut, meant
from ..settings.certify_settings import CertifySettings
from ..settings.entries import entries, values
from ..settings.measure_settings import MeasureSettings
from ..settings.named_network import Network, TrainedNetwork, VectorNetwork
from ..settings.remember_settings import RememberSettings
from ..settings.resources import Place
from ..settings.train_settings import TrainSettings
from ..sources.code import is_code
from ..sources.loaded import Loaded, load_network
from ..store import Job, JsonObject
from .data import digests, letters, read_data, read_templates

Settings = TypeVar("Settings", CertifySettings, MeasureSettings, RememberSettings)

_UNKNOWN_WIDTH = 64
"""Of a network of the user's own that does not say it, for the estimate of its cost"""


@dataclass(frozen=True)
class Work:
    """One job of a command."""

    command: ClassVar[str]

    asked: JsonObject
    """Settings as a file has them"""

    @classmethod
    def from_settings(cls, asked: JsonObject) -> Work:
        """The job with these settings, checked.

        Raises:
            ValueError, TypeError: there is no such setting, one is missing, or a value does not fit.
        """
        known = cls.known()
        unknown = next((name for name in asked if name not in known), None)
        if unknown is not None:
            hint = meant(unknown, known, f"known are {', '.join(known)}")
            raise ValueError(f"unknown key {unknown!r}; {hint}")
        missing = next((name for name, required in known.items() if required and name not in asked), None)
        if missing is not None:
            raise ValueError(f"{missing} must be given")
        work = cls(asked)
        _ = work.job
        return work

    @classmethod
    @abstractmethod
    def known(cls) -> dict[str, bool]:
        """Names of all settings, and whether they must be given."""

    @property
    @abstractmethod
    def job(self) -> Job:
        """What a store identifies it by."""

    @abstractmethod
    def cost(self) -> float:
        """Arithmetic operations, roughly: only good for comparing jobs."""

    def upper_bound(self) -> int | None:
        """Least proved upper bound of the rank in question, None if there is none or it is not about a rank."""
        return None

    @abstractmethod
    def run(self, folder: Path, memory: int) -> JsonObject:
        """Do it in at most `memory` bytes; returns the result to store.

        `folder` is where files of this job may be kept, the same at each attempt.
        """


class _OfModel(Work, Generic[Settings]):
    """A job about one network: what the command of this name gives with the same settings."""

    kind: ClassVar[type[Any]]
    """The settings of the command"""
    sizes: ClassVar[type[Network]] = TrainedNetwork
    always: ClassVar[frozenset[str]]
    """Settings that are always part of a job's key; newer ones are part of it only where they are not the default"""

    @classmethod
    def known(cls) -> dict[str, bool]:
        every = (*entries(cls.sizes), *entries(cls.kind, but=Place))
        return {"model": False} | {entry.name: entry.required for entry in every}

    @property
    def model(self) -> str:
        """Name of the model, or where it is from."""
        return str(self.asked.get("model", "rac"))

    @cached_property
    def settings(self) -> Settings:
        """Those of the command."""
        made: Settings = self.kind(**self._of(self.kind, _with_cut(self.asked)))
        return made

    @cached_property
    def network(self) -> Network:
        """Sizes, settings and weights of the network."""
        return self.sizes(**self._of(self.sizes, self.asked))

    def _of(self, kind: type, asked: JsonObject) -> JsonObject:
        return {entry.name: asked[entry.name] for entry in entries(kind) if entry.name in asked}

    @cached_property
    def job(self) -> Job:
        said: dict[str, Any] = {"model": self.model, **self._network()}
        said |= {
            entry.name: _plain(getattr(self.settings, entry.name))
            for entry in entries(self.kind, but=Place)
            if entry.name in self.always or getattr(self.settings, entry.name) != entry.default
        }
        read = digests(self.model, said)
        return Job(self.command, said | self._resolved() | ({"files": read} if read else {}))

    def _network(self) -> JsonObject:
        """What the network is built from, with the name of its class checked."""
        given = {name: _plain(value) for name, value in values(self.network).items() if value is not None}
        if not is_code(self.model):
            given |= self.network.sizes(find_model(self.model).name)
        return given | {"model_settings": dict(self.network.model_settings)}

    def _resolved(self) -> dict[str, Any]:
        """What defaults stand for."""
        return {}

    def load(self, memory: int) -> Loaded:
        """The network."""
        return load_network(self.model, self.network, seed=self.settings.seed, budget=memory)

    def _per_step(self) -> float:
        """Operations of one step of one sequence."""
        width, depth = self.network.width or _UNKNOWN_WIDTH, self.network.depth or 1
        if is_code(self.model):
            return 2.0 * width * width * depth
        sizes = self.network.sizes(self.model)
        return 2.0 * find_model(self.model).count_parameters(sizes["inputs"], sizes["width"], sizes["depth"])

    def _steps(self, cut: int, starts: int, ends: int) -> float:
        """Operations of evaluating a Start-End matrix."""
        return self._per_step() * (starts * cut + starts * ends * (self.settings.length - cut))


def _plain(value: Any) -> Any:
    """As JSON has it."""
    return list(value) if isinstance(value, tuple) else value


def _with_cut(asked: JsonObject) -> JsonObject:
    """A cut given as a fraction of the length, such as "1/4", as the number of steps that it stands for."""
    cut = asked.get("cut")
    if not isinstance(cut, str | Fraction):
        return asked
    length, _ = check_cut(asked["length"])
    return {**asked, "cut": min(max(int(_share(cut) * length), 1), length - 1)}


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


class CertifyWork(_OfModel[CertifySettings]):
    """Certify a rank."""

    command = "certify"
    kind = CertifySettings
    sizes = VectorNetwork
    always = frozenset({"length", "cut", "domain", "samples", "prime", "readout", "seed"})

    def _resolved(self) -> dict[str, Any]:
        return {"cut": self.settings.start}

    def upper_bound(self) -> int | None:
        from ..theory import upper_bound

        as_named = not is_code(self.model) and not self.network.model_settings
        family = find_model(self.model).family if as_named else None
        if family is None or self.settings.split is not None:
            return None
        asked, sizes = self.settings, self.network.sizes(self.model)
        bound = upper_bound(length=asked.length, cut=asked.cut, domain=asked.domain, model=family, **sizes)
        return None if bound is None else bound.value

    def cost(self) -> float:
        most = self.settings.max_samples or 10**6
        count = float(self.settings.samples or min(self.upper_bound() or 1024, most))
        return self._steps(self.settings.start, int(count), int(count)) + count**3

    def run(self, folder: Path, memory: int) -> JsonObject:
        from ..certification import certify

        loaded, templates = self.load(memory), read_templates(self.settings.templates)
        asked = values(self.settings) | {"templates": templates, "inputs": letters(self.network.inputs, templates)}
        asked |= {"memory": memory, "factory": loaded.factory}
        certificate = certify(loaded.module, **asked, progress=False)
        return {**certificate.summary().to_dict(), "certificate": certificate.to_dict()}


class MeasureWork(_OfModel[MeasureSettings]):
    """Measure a network, at one cut or at several."""

    command = "measure"
    kind = MeasureSettings
    always = frozenset({"length", "cut", "starts", "ends", "readout", "dtype", "tolerance", "seed"})

    def _resolved(self) -> dict[str, Any]:
        starts, ends = self.settings.halves
        return {"cut": self.settings.shown, "starts": starts, "ends": ends}

    def cost(self) -> float:
        starts, ends = self.settings.halves
        cuts = self.settings.profiled or (self.settings.shown,)
        figures = float(starts) * ends * min(starts, ends)
        return sum(self._steps(cut, starts, ends) + figures for cut in cuts)

    def run(self, folder: Path, memory: int) -> JsonObject:
        from ..measurement.profile import measure_all

        loaded, asked = self.load(memory), values(self.settings) | {"memory": memory}
        given = {"inputs": loaded.inputs, "data": read_data(self.settings.data)}
        found, points = measure_all(loaded.module, MeasureSettings(**asked), progress=False, **given)
        return found.to_dict() | ({"profile": points.to_dict()["points"]} if points.points else {})


class RememberWork(_OfModel[RememberSettings]):
    """Memory curve of a network."""

    command = "remember"
    kind = RememberSettings
    always = frozenset({"length", "samples", "lags", "readout", "threshold", "past", "influence", "dtype", "seed"})

    def cost(self) -> float:
        asked = self.settings
        steps = asked.length + sum(asked.wanted) * (1 + asked.influence)
        return 2.0 * asked.samples * self._per_step() * steps

    def run(self, folder: Path, memory: int) -> JsonObject:
        from ..memory_curve import remember

        loaded, data = self.load(memory), read_data(self.settings.data, self.settings.tokenizer)
        asked = values(self.settings, but=("tokenizer",)) | {"data": data, "inputs": loaded.inputs, "memory": memory}
        curve = remember(loaded.module, **asked, progress=False)
        figures = {"reach": curve.reach(), "half": curve.half, "mean": curve.mean, "sentence": curve.sentence()}
        return {**figures, "curve": curve.to_dict()}


class TrainWork(Work):
    """Train a network on a task."""

    command = "train"

    @classmethod
    def known(cls) -> dict[str, bool]:
        return {entry.name: entry.required for entry in entries(TrainSettings)}

    @cached_property
    def training(self) -> TrainSettings:
        """The settings of the run."""
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

    def run(self, folder: Path, memory: int) -> JsonObject:
        from ..train import fit

        return fit(self.training, folder=folder, progress=False)


COMMANDS: dict[str, type[Work]] = {kind.command: kind for kind in (CertifyWork, MeasureWork, RememberWork, TrainWork)}
"""What can be swept"""
