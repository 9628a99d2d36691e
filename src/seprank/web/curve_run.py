"""The memory curve of a setting, run in a process; once asked for, it follows the settings."""

from __future__ import annotations

from ..memory_curve import MemoryCurve
from .budget import Budget
from .settings import Settings
from .slot import Slot
from .work import remember_network

SAMPLES = 256
"""Pairs of sequences, as many as `seprank remember` draws"""
_WORK = 2**27
"""Bytes for the blocks that it works in"""


class CurveRun:
    """The memory curve of what a panel is set to.

    Attributes:
        found: the newest complete curve.
        settings: those of the curve.
        notice: why there is no curve, or that it was cancelled.
        progress: part of the run that is done.
        following: whether it runs again when settings change.
        version: goes up whenever something changed.
    """

    def __init__(self, budget: Budget) -> None:
        self.found: MemoryCurve | None = None
        self.settings: Settings | None = None
        self.notice: str | None = None
        self.progress = 0.0
        self.following = False
        self.version = 0
        self._slot = Slot(budget)
        self._asked: Settings | None = None

    @property
    def running(self) -> bool:
        return self._slot.running

    def begin(self, settings: Settings, problem: str | None = None) -> None:
        """Run it for these settings, and from now on for each new choice; `notice` says why it was refused."""
        self.following = True
        self._stop()
        self.notice, self.progress, self._asked = problem, 0.0, settings
        if problem is not None:
            return
        memory = _WORK + 64 * SAMPLES * settings.length * settings.inputs + 20 * settings.parameters
        self._slot.begin(remember_network, settings, SAMPLES, memory, memory=memory)
        self.notice = self._slot.failure

    def follow(self, settings: Settings, problem: str | None) -> None:
        """Follow changed settings: end the run for the old ones, and begin one for these."""
        if self.following and (settings != self._asked or problem is not None):
            self.begin(settings, problem)

    def cancel(self) -> None:
        """End the run at once and stop following; the previous curve stays."""
        self.following = False
        self.version += 1
        if self.running:
            self._stop()
            self.notice = "cancelled"

    def _stop(self) -> None:
        self.version += 1
        self._slot.stop()

    def poll(self) -> None:
        """Take in what the process reported."""
        if not self.running:
            return
        for kind, content in self._slot.poll():
            self.version += 1
            if kind == "progress":
                _, done, total = content
                self.progress = done / max(total, 1)
            else:
                self.found, self.settings = content, self._asked
        if not self.running:
            self.notice = self._slot.failure
            self.version += 1
