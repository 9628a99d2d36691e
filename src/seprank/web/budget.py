"""The memory that all runs of the page take together: estimated before, and refused where it is too much."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from ..certification.footprint import SPARE, halves_bytes, matrix_bytes
from ..system.memory import MemoryBudgetError, show_size
from .settings import Settings

_LEAST = 2**26
"""A run is given no less than this, for the blocks that it works in"""
PROCESS = 2**28
"""What a process takes for itself: torch, threads and BLAS; measured 130 MiB to certify, 205 MiB to draw"""


@dataclass(frozen=True)
class Estimate:
    """Bytes that a run takes, for weights, sequences and matrix."""

    weights: int
    sequences: int
    matrix: int
    samples: int
    """Halves on the larger side"""

    @property
    def total(self) -> int:
        return self.weights + self.sequences + self.matrix

    def remedy(self) -> str:
        """What to change where it is too much."""
        largest = max(("weights", "sequences", "matrix"), key=lambda name: getattr(self, name))
        return {
            "weights": "use a smaller width, depth or inputs",
            "sequences": "use a smaller length, inputs, or fewer samples",
            "matrix": "use fewer samples",
        }[largest]

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {show_size(getattr(self, name))}" for name in ("weights", "sequences", "matrix"))
        return f"about {show_size(self.total)} ({parts})"


def estimate(settings: Settings) -> Estimate:
    """Memory of a run with as many samples as it may come to draw.

    Example:
        >>> print(estimate(Settings()))
        about 71.2 KiB (weights 840 B, sequences 19.9 KiB, matrix 50.5 KiB)
    """
    most = min(settings.max_samples, _enough(settings))
    start, end = (_halves(settings, steps, most) for steps in settings.steps)
    sequences = halves_bytes(start, end, steps=settings.steps, inputs=settings.inputs)
    return Estimate(
        weights=20 * settings.parameters,
        sequences=max(sequences, halves_bytes(16, 16, steps=settings.steps, inputs=settings.inputs)),
        matrix=matrix_bytes(start, end),
        samples=max(start, end),
    )


def _enough(settings: Settings) -> int:
    """Samples beyond which none are drawn, because of a bound of the family."""
    if settings.spec.family is None:
        return settings.max_samples
    known = settings.bounds(kinds=("exact", "upper"), below=settings.max_samples)
    return min((bound.value for bound in known), default=settings.max_samples) + SPARE


def _halves(settings: Settings, steps: int, most: int) -> int:
    """Halves with this number of steps that are drawn: over tokens at most one for each word."""
    if settings.domain == "functional" or steps * (settings.inputs.bit_length() - 1) >= most.bit_length():
        return most
    return int(min(most, settings.inputs**steps))


@dataclass
class Budget:
    """Memory that all processes of the page may take together, and what is taken.

    Each part that is taken has a key.
    """

    total: int
    taken: dict[Hashable, int] = field(default_factory=dict)

    @property
    def left(self) -> int:
        return max(0, self.total - sum(self.taken.values()))

    def check(self, settings: Settings) -> Estimate:
        """The estimate; `MemoryBudgetError` if such a run could never be allowed."""
        need = estimate(settings)
        if PROCESS + need.total > self.total:
            raise MemoryBudgetError(
                f"this takes {need} and {show_size(PROCESS)} for a process, more than the {show_size(self.total)} that "
                f"runs may take; {need.remedy()}, or start the server with more --memory"
            )
        return need

    def take(self, key: Hashable, settings: Settings) -> int:
        """Set memory apart for a run; returns the bytes it may work with: twice the estimate if there is room.

        `MemoryBudgetError` says that there is no room even for the estimate.
        """
        need = self.check(settings)
        if PROCESS + need.total > self.left:
            raise MemoryBudgetError(
                f"this takes {need} and {show_size(PROCESS)} for a process, and other runs on this server leave "
                f"{show_size(self.left)}; wait for them, or cancel one"
            )
        self.taken[key] = min(self.left, PROCESS + max(2 * need.total, _LEAST))
        return self.taken[key] - PROCESS

    def take_process(self, key: Hashable, work: int = 0) -> None:
        """Set memory apart for a process of small work: bounds, a picture or a curve; `work` are bytes beside its own.

        `MemoryBudgetError` says that there is no room.
        """
        if self.left < PROCESS + work:
            raise MemoryBudgetError(
                f"a process takes {show_size(PROCESS + work)}, and other runs on this server leave "
                f"{show_size(self.left)}; wait for them, or cancel one"
            )
        self.taken[key] = PROCESS + work

    def give_back(self, key: Hashable) -> None:
        """Return what was taken under that key."""
        self.taken.pop(key, None)
