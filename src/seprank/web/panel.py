"""One setting on the page, with all that was found for it: bounds, certificates, a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..certification import Certificate
from ..system.memory import show_size
from ..theory import Bound, readable
from .budget import PROCESS, Budget
from .curve_run import CurveRun
from .settings import Settings, parse
from .slot import Slot
from .work import certify_lengths, draw_network, find_degree_bounds

_LARGEST_FOR_DEGREES = 2_000_000
"""Parameters of a network that is run over degrees whenever a field changes: at most a few seconds"""
_PATIENCE = 20.0
"""Seconds after which bounds by degree are given up, as they take too long"""


class Panel:
    """The state behind one setting of one browser tab.

    Attributes:
        settings: the last valid ones.
        problem: why the form is invalid, or None.
        need: the size of the network, and the memory that a run takes.
        notice: why a run was refused or failed, or that it was cancelled.
        known: bounds, exact and lower ones first; None while they are looked for.
        certificates: by length, of `certified`.
        certified: the settings that the certificates are for.
        curve: how many steps back the network remembers.
        version: goes up whenever something changed.
    """

    def __init__(self, name: str, settings: Settings, budget: Budget) -> None:
        self.name = name
        self.settings = settings
        self.problem: str | None = None
        self.need = ""
        self.notice: str | None = None
        self.known: list[Bound] | None = None
        self.certificates: dict[int, Certificate] = {}
        self.certified: Settings | None = None
        self.picture: tuple[str, str] | None = None
        self.picture_notice: str | None = None
        self.progress = 0.0
        self.stage = ""
        self.version = 0
        self.curve = CurveRun(budget)
        self._budget = budget
        self._certifying, self._bounding, self._drawing = Slot(budget), Slot(budget), Slot(budget)
        self._lengths: list[int] = []
        self._number = 0
        self.choose(settings.fields())

    @property
    def running(self) -> bool:
        return self._certifying.running

    @property
    def certifiable(self) -> bool:
        """Whether the model adds and multiplies only; others are measured."""
        return self.settings.spec.polynomial

    @property
    def drawing(self) -> bool:
        return self._drawing.running

    @property
    def busy(self) -> bool:
        """Whether there is a process to listen to."""
        return self.curve.running or any(slot.running for slot in (self._certifying, self._bounding, self._drawing))

    @property
    def current(self) -> dict[int, Certificate]:
        """The certificates of the chosen network and cut, by length."""
        chosen = self.certified is not None and self.certified.but_length() == self.settings.but_length()
        return self.certificates if chosen else {}

    @property
    def certificate(self) -> Certificate | None:
        """At the chosen length, if it is there."""
        return self.current.get(self.settings.length)

    def choose(self, values: Mapping[str, Any]) -> None:
        """Take what is in the fields, and look for bounds of it; a run in progress keeps its settings."""
        self.version += 1
        try:
            settings = parse(values)
        except ValueError as error:
            self.problem, self.need = str(error), ""
            self.curve.follow(self.settings, self.problem)
            return
        changed = settings != self.settings or self.known is None
        self.settings = settings
        self._check_memory()
        if changed:
            self._drawing.stop()
            self.picture = self.picture_notice = None
            self._look_for_bounds()
        self.curve.follow(settings, self.problem)

    def _check_memory(self) -> None:
        self.problem, self.need = None, ""
        try:
            need = self._budget.check(self.settings)
        except ValueError as error:
            self.problem = str(error)
        else:
            parameters = f"{self.settings.parameters:,} parameters"
            self.need = (
                f"{parameters}; memory about {show_size(PROCESS + need.total)} of {show_size(self._budget.total)}"
            )

    def _look_for_bounds(self) -> None:
        self._bounding.stop()
        settings = self.settings
        if settings.spec.family is not None:
            self.known = settings.bounds()
        elif not self.certifiable or self.problem is not None or settings.parameters > _LARGEST_FOR_DEGREES:
            self.known = []
        else:  # without room for a process, none are known
            self.known = None if self._bounding.begin(find_degree_bounds, settings) else []

    def certify(self, *, all_lengths: bool = True) -> None:
        """Begin to certify; `notice` says why if that is refused."""
        self.version += 1
        self.notice = self.problem
        if self.running or self.problem is not None:
            return
        if not self.certifiable:
            self.notice = f"{self.settings.model} is not polynomial and has no rank to certify; draw its memory curve"
            return
        lengths = self.settings.chart_lengths() if all_lengths else [self.settings.length]
        if not self._certifying.begin_large(certify_lengths, self.settings, lengths):
            self.notice = self._certifying.failure
            return
        self.certificates, self.certified, self._lengths = dict(self.current), self.settings, lengths
        self.progress, self.stage, self._number = 0.0, "starting a process", 0

    def cancel(self) -> None:
        """End the run at once; certificates that are complete are kept."""
        if self.running:
            self._certifying.stop()
            self._finish("cancelled; what was certified before is kept")

    def draw(self) -> None:
        """Begin to draw the tensor network."""
        self.version += 1
        if self.problem is not None or self.drawing:
            return
        self._drawing.begin(draw_network, self.settings)
        self.picture_notice = self._drawing.failure

    def close(self) -> None:
        """End all processes: the tab was closed."""
        self.cancel()
        self.curve.cancel()
        self._drawing.stop()
        self._bounding.stop()

    def poll(self) -> None:
        """Take in what the processes reported."""
        self._poll_certifying()
        self._poll_bounding()
        self._poll_drawing()
        self.curve.poll()

    def _poll_certifying(self) -> None:
        if not self.running:
            return
        for kind, content in self._certifying.poll():
            self.version += 1
            if kind == "length":
                self._number, length = content
                self._show("preparing", length, 0.0)
            elif kind == "progress":
                stage, done, total = content
                self._show(stage, self._lengths[self._number], done / max(total, 1))
            else:
                length, certificate = content
                self.certificates[length] = certificate
        if not self.running:
            self._finish(self._certifying.failure)

    def _show(self, stage: str, length: int, part: float) -> None:
        self.stage = f"length {length}, {self._number + 1} of {len(self._lengths)}: {stage}"
        self.progress = (self._number + min(part, 1.0)) / len(self._lengths)

    def _finish(self, notice: str | None) -> None:
        self.notice, self.stage = notice, ""
        self.version += 1

    def _poll_bounding(self) -> None:
        if not self._bounding.running:
            return
        for _, content in self._bounding.poll():
            self.known = content
        if self._bounding.seconds > _PATIENCE:
            self._bounding.stop()
        if not self._bounding.running:
            self.known = self.known or []
            self.version += 1

    def _poll_drawing(self) -> None:
        if not self.drawing:
            return
        for _, content in self._drawing.poll():
            self.picture = content
        if not self.drawing:
            self.picture_notice = self._drawing.failure
            self.version += 1

    def verdict(self) -> str:
        """The rank at the chosen length and how sure it is, in a sentence."""
        found = self.certificate
        if not self.certifiable:
            return "measured, not certified: the model has activations, its memory curve can be drawn"
        if found is None:
            return "not certified yet"
        return f"rank {found.known.sign} {readable(found.rank)}: {found.known.sentence}"

    def file(self) -> tuple[str, str] | None:
        """Name and content of the certificate's file, byte by byte what `seprank certify --out` writes."""
        found = self.certificate
        if found is None:
            return None
        sizes = "-".join(f"{name}{value}" for name, value in self.settings.network().items())
        split = found.question.split
        where = f"cut{found.question.cut}" if split is None else f"split{'-'.join(map(str, split))}"
        name = f"{self.settings.model}-{sizes}-length{self.settings.length}-{where[:100]}.json"
        return name, json.dumps(found.to_dict(), separators=(",", ":")) + "\n"
