"""Effective state-size: how many numbers a linear or input-frozen layer carries over each position of a sequence."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..elimination import rank as rank_modulo
from ..measurement.figures import roy_vetterli_rank
from ..question import DEFAULT_PRIME, check_whole
from ..result.chart import legend_above, look, whole_numbers
from ..result.panels import Panel
from ..result.result import Result, Row
from ..settings.entries import given
from ..settings.floating import FloatingSettings
from ..settings.hints import FirstState
from ..system.memory import check_need
from .exact import multiply, residues
from .linear import Array, LinearNetwork
from .operator import Kind, Operator, operator_of

TOLERANCE = 1e-10


@dataclass(frozen=True, repr=False)
class EffectiveStateSize(Result):
    """Two sizes of the spectrum of H, outputs from a position on by inputs before it, at every position."""

    NOUN: ClassVar[str] = "record of effective state-size"

    positions: tuple[int, ...]
    """Steps before the cut, 1 to length - 1"""
    tolerance: tuple[int, ...]
    """Singular values of H above the threshold, all channels together"""
    entropy: tuple[float, ...]
    """exp of the entropy of the singular values over their sum, all channels together"""
    tolerance_by_channel: tuple[tuple[int, ...], ...]
    """The same for each output channel alone"""
    entropy_by_channel: tuple[tuple[float, ...], ...]
    certified: tuple[int, ...] | None
    """Rank of H modulo a prime, a proved lower bound of its rank; for linear time-invariant models with a state"""
    prime: int | None
    spectrum: tuple[float, ...]
    """Singular values of H in the middle, largest first"""
    threshold: float
    """Singular values above it count"""
    kind: Kind
    """Why there is an operator: the model is linear, or it is with its gates held at one input"""
    length: int
    channels: int
    inputs: int
    seed: int
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def largest(self) -> int:
        """The largest of `tolerance`."""
        return max(self.tolerance)

    def sentence(self) -> str:
        """The result in one sentence."""
        held = " with its gates held at one input" if self.kind == "input-frozen" else ""
        proved = "" if self.certified is None else f", of certified rank {max(self.certified)}"
        return (
            f"The outputs after a position depend on at most {self.largest} numbers made of the inputs before it{held}"
            f"{proved}; by its entropy on {max(self.entropy):.3g}."
        )

    def records(self) -> list[Row]:
        """A row for each position."""
        rows = []
        for place, position in enumerate(self.positions):
            row: Row = {"position": position, "tolerance": self.tolerance[place], "entropy": self.entropy[place]}
            row["certified"] = None if self.certified is None else self.certified[place]
            for channel in range(self.channels):
                row[f"tolerance_{channel}"] = self.tolerance_by_channel[channel][place]
                row[f"entropy_{channel}"] = self.entropy_by_channel[channel][place]
            rows.append(row)
        return rows

    def panels(self) -> list[Panel]:
        """Both sizes by position, and the certified rank."""
        caption = (
            f"How many numbers, linear in the inputs, cross each of {self.length} positions, of all {self.channels} "
            f"channels together; {self.kind}."
        )
        return [Panel("Effective state-size", self._draw, caption)]

    def _draw(self, axes: Any) -> None:
        lines = [(self.tolerance, f"above {self.threshold:.0e}"), (self.entropy, "by entropy")]
        lines += [] if self.certified is None else [(self.certified, "certified rank")]
        for number, (values, name) in enumerate(lines):
            axes.plot(self.positions, values, **look(number), label=name)
        axes.set(xlabel="position", ylabel="effective state-size", ylim=(0, None))
        whole_numbers(axes)
        legend_above(axes)

    def headline(self) -> str:
        """The result in one line."""
        proved = "" if self.certified is None else f", certified {max(self.certified)}"
        return f"largest {self.largest}{proved}, by entropy {max(self.entropy):.3g}; {self.kind}, length {self.length}"


def effective_state_size(  # noqa: PLR0913  (each is a setting a user has)
    model: Any,
    length: int,
    *,
    at: Array | None = None,
    frozen: Iterable[str] = (),
    values: Iterable[str] = (),
    tolerance: float = TOLERANCE,
    inputs: int | None = None,
    seed: int = 0,
    memory: int | None = None,
    batch_first: bool | None = None,
    output: str | int | None = None,
    state: str | FirstState | None = None,
    call: Mapping[str, Any] | None = None,
) -> EffectiveStateSize:
    """How many numbers a linear layer, or one that is linear with its gates held, carries over each position.

    For y = T u with an operator T that may depend on the input, H_i = T[i:, :i] says how outputs from position i on
    depend on inputs before it. Its rank is the size of the smallest state that does the same. Its size is given as the
    number of singular values above a threshold, and as the exponential of the entropy of their shares.

    Gates are found by running the model, see `neighbours.freezing`. Where it is open which factors are gates, as in
    linear attention, the error says so, and `frozen` must name them.

    Args:
        model: matrices (A, B, C), (A, B, C, D) or (W, Win); a node of reservoirpy; or a module or function that is
            causal, see `adapters.adapt`.
        length: T, steps of the sequences; there are T - 1 positions.
        at: the sequence (length, inputs) at which gates are held; by default normal numbers.
        frozen: names of parameters or sub-modules that make gates.
        values: names of parameters that are values as inputs are, and may be multiplied by gates: an initial state.
        tolerance: singular values count above it times the largest of any position.
        inputs: features per step, where the model does not say it itself.
        seed: of the sequence.
        memory: bytes this may take; by default half of what is free.
        batch_first, output, state, call: how the model is called, where that cannot be found out, see `adapters.adapt`.

    Returns:
        Sizes by position, of all channels together and of each; of a linear model with a state also ranks certified
        modulo a prime.

    Raises:
        ConventionError: the model cannot be called, or fails one of the checks that every model must pass.
        MemoryBudgetError: the operator does not fit the memory.
        ValueError: there is no such operator, the model reads token ids, or an argument is out of range.

    Source: Parnichkun et al., ICML 2025 (arXiv:2504.19561), definitions of section 3.

    Example:
        >>> found = effective_state_size(([[0.5, 0], [0, 0.25]], [1, 1], [[1, 1]]), 8)
        >>> found.tolerance, found.certified
        ((1, 2, 2, 2, 2, 2, 1), (1, 2, 2, 2, 2, 2, 1))
    """
    began = time.perf_counter()
    length = check_whole("length", length, 2, purpose="to have a position to look at", remedy="use 16 or more")
    settings = given(FloatingSettings, locals())
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 < tolerance < 1:
        raise ValueError(f"tolerance must be a part of the largest singular value between 0 and 1, got {tolerance}")
    found = operator_of(model, length, at, _names(frozen), _names(values), inputs, settings)
    _, channels, _, features = found.entries.shape
    what = f"the operator of {length} steps, {channels} channels and {features} inputs takes"
    check_need(8 * 4 * found.entries.size, settings.budget, what, "use a shorter length")
    return _measured(found, length, tolerance, settings.seed, began)


def _names(given: Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _measured(found: Operator, length: int, tolerance: float, seed: int, began: float) -> EffectiveStateSize:
    _, channels, _, features = found.entries.shape
    positions = range(1, length)
    spectra = [_singular_values(found.after(i)) for i in positions]
    threshold = tolerance * max(float(values.max(initial=0.0)) for values in spectra)
    own = [[_singular_values(found.after(i, channel)) for i in positions] for channel in range(channels)]
    certified = None if found.network is None else certified_ranks(found.network, length)
    return EffectiveStateSize(
        positions=tuple(positions),
        tolerance=tuple(_count(values, threshold) for values in spectra),
        entropy=tuple(_by_entropy(values) for values in spectra),
        tolerance_by_channel=tuple(tuple(_count(values, threshold) for values in each) for each in own),
        entropy_by_channel=tuple(tuple(_by_entropy(values) for values in each) for each in own),
        certified=certified,
        prime=None if certified is None else DEFAULT_PRIME,
        spectrum=tuple(spectra[length // 2 - 1].tolist()),
        threshold=threshold,
        kind=found.kind,
        length=length,
        channels=channels,
        inputs=features,
        seed=seed,
        seconds=time.perf_counter() - began,
        notes=found.notes,
    )


def _singular_values(matrix: Array) -> Array:
    return np.asarray(np.linalg.svd(matrix, compute_uv=False), dtype=np.float64)


def _count(values: Array, threshold: float) -> int:
    return int((values > threshold).sum())


def _by_entropy(values: Array) -> float:
    """exp of the entropy of singular values over their sum; 0 where all are 0."""
    return roy_vetterli_rank(values) if values.any() else 0.0


def certified_ranks(network: LinearNetwork, length: int, p: int = DEFAULT_PRIME) -> tuple[int, ...]:
    """Rank modulo a prime of H at every position, of the network's matrices as they are."""
    a, b, c = (residues(matrix, p) for matrix in (network.a, network.b, network.c))
    blocks = [residues(network.d, p)]
    for _ in range(length - 1):
        blocks.append(multiply(c, b, p))
        b = multiply(a, b, p)
    ranks = []
    for position in range(1, length):
        rows = [[blocks[late - early] for early in range(position)] for late in range(position, length)]
        ranks.append(rank_modulo(np.block(rows).astype(np.float64), p))
    return tuple(ranks)
