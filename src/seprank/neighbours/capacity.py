"""Memory capacity: how many past inputs a linear read-out recovers from the state; proved for linear networks."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from ..question import keep_whole_if_given
from ..result.chart import band, legend_above, look, mark, whole_numbers
from ..result.panels import Panel
from ..result.result import Result, Row
from ..settings.entries import given
from ..settings.floating import FloatingSettings
from ..settings.hints import FirstState
from ..system.memory import check_need
from ..system.progress import Report, bars
from .exact import capacities, reached
from .linear import LinearNetwork, NotLinear
from .sampled import FOLDS, fitted, interval
from .stateful import Stateful, as_stateful

SAMPLES = 2048
"""Sampled states, if a read-out of them has few weights"""
EACH = 4
"""Samples for each weight of a read-out, at least; twice as many by default"""
SETTLING = 100
"""Steps before the last lag, during which the first state fades"""
STAGE = "memory capacity"

log = logging.getLogger("seprank")


@dataclass(frozen=True, repr=False)
class MemoryCapacity(Result):
    """How well a linear read-out recovers the input of k steps ago from the state, for k = 0, 1, ...

    For a linear network everything is proved; for any other it is measured, and depends on the size of the inputs.
    """

    NOUN: ClassVar[str] = "memory capacity"

    total: float
    """Sum over lags from 0: over all of them for a linear network, its certified rank; else over `per_lag`"""
    total_error: float
    """0 for a linear network whose rank is exact; else half of a 90 % interval"""
    per_lag: tuple[float, ...]
    """Squared correlation with the input of k steps ago, k = 0, 1, ...; summed over several inputs"""
    errors: tuple[float, ...]
    """Largest error of each: proved for a linear network, else half of a 90 % interval"""
    kind: Literal["exact", "sampled"]
    certified_total: int | None
    """Rank of [B, AB, A^2 B, ...], proved from below by a minor modulo a prime; for a linear network only"""
    prime: int | None
    """Modulus of that minor"""
    units: int
    """Numbers in the state, which no total exceeds"""
    inputs: int
    floor: float
    """Sampled: relative loss of a read-out on an input that the state cannot know; already subtracted"""
    noise: float
    """Sampled: 95 % of inputs that the state cannot know are found below this, after the subtraction"""
    samples: int
    """Sampled states; 0 for a linear network"""
    scale: float
    """Size of the normal inputs; irrelevant for a linear network"""
    seed: int
    seconds: float
    notes: tuple[str, ...] = ()
    """What else should be known, in sentences without full stop"""

    def __post_init__(self) -> None:
        if len(self.per_lag) != len(self.errors) or not self.per_lag:
            raise ValueError("a memory capacity must have a value and an error at every lag from 0")

    def between(self, first: int = 1, last: int | None = None) -> tuple[float, float]:
        """The sum over the lags first ... last (by default the last one), and its largest possible error.

        `first` = 1 leaves out the input that was just read, as Jaeger does.

        Raises:
            ValueError: these lags were not looked at.
        """
        last = len(self.per_lag) - 1 if last is None else last
        if not 0 <= first <= last < len(self.per_lag):
            raise ValueError(f"lags 0 to {len(self.per_lag) - 1} were looked at, not {first} to {last}; use more lags")
        chosen = slice(first, last + 1)
        rounding = 2.0**-52 * math.fsum(map(abs, self.per_lag[chosen]))
        return math.fsum(self.per_lag[chosen]), math.fsum(self.errors[chosen]) + rounding

    def sentence(self) -> str:
        """The result in one sentence."""
        last = len(self.per_lag) - 1
        if self.kind == "exact":
            value, error = self.between(min(1, last))
            return (
                f"A linear read-out finds {value:.6g} past inputs in the state (lags 1 to {last}, proved to {error:.1g}"
                f"), of {self.certified_total} over all lags from 0 (certified rank) in {self.units} numbers."
            )
        return (
            f"A linear read-out finds {self.total:.3g} inputs in the state (lags 0 to {last}, 90 % interval "
            f"{self.total - self.total_error:.3g} to {self.total + self.total_error:.3g}), of {self.units} numbers, "
            f"for normal inputs of size {self.scale:g}."
        )

    def records(self) -> list[Row]:
        """A row for each lag."""
        rows = zip(self.per_lag, self.errors, strict=True)
        return [{"lag": lag, "capacity": value, "error": error} for lag, (value, error) in enumerate(rows)]

    def panels(self) -> list[Panel]:
        """Capacity by lag, with its errors."""
        caption = (
            f"Proved, each to {max(self.errors):.0e}."
            if self.kind == "exact"
            else f"{self.samples:,} sampled states; the band is the 90 % interval; 95 % of inputs that the state "
            f"cannot know stay below {self.noise:.2g}."
        )
        return [Panel("Memory capacity", self._draw, caption)]

    def _draw(self, axes: Any) -> None:
        lags = range(len(self.per_lag))
        low, high = ([v + sign * e for v, e in zip(self.per_lag, self.errors, strict=True)] for sign in (-1.0, 1.0))
        axes.plot(lags, self.per_lag, **look(0), label="memory capacity")
        band(axes, lags, low, high, 0)
        if self.kind == "sampled":
            mark(axes, self.noise, "95 % of inputs that cannot be known")
        axes.set(xlabel="steps back", ylabel="capacity", ylim=(0, None))
        whole_numbers(axes)
        legend_above(axes)

    def headline(self) -> str:
        """The result in one line."""
        certified = "" if self.certified_total is None else f", certified total {self.certified_total}"
        return (
            f"total {self.total:.6g} of {self.units} units{certified}; {self.kind}, lags 0 to {len(self.per_lag) - 1}"
        )


def memory_capacity(  # noqa: PLR0913  (each is a setting a user has)
    model: Any,
    *,
    lags: int | None = None,
    width: float = 1e-6,
    samples: int | None = None,
    length: int | None = None,
    scale: float = 1.0,
    sampled: bool = False,
    inputs: int | None = None,
    seed: int = 0,
    memory: int | None = None,
    batch_first: bool | None = None,
    output: str | int | None = None,
    state: str | FirstState | None = None,
    call: Mapping[str, Any] | None = None,
    progress: bool | Report = True,
) -> MemoryCapacity:
    """How well a linear read-out recovers the input of k steps ago from a model's state: MC_k, and their sum.

    Inputs are independent. If a step of the state is linear, h' = A h + B x + c, which is tested at states of many
    sizes, MC_k = b_k' G^-1 b_k, with b_k = A^k B and G the sum of all b_k b_k', is computed in Arb's balls, and the sum
    over all k >= 0 is the rank of [B, AB, A^2 B, ...], certified modulo a prime. Floating point cannot do this, because
    G is usually close to singular. Any other model is sampled, with normal inputs and cross-validated read-outs; what a
    read-out finds in numbers that the state cannot know is subtracted.

    Args:
        model: matrices (W, Win) of h' = W h + Win x; a node of reservoirpy with weights; or a module with a state, see
            `adapters.adapt`.
        lags: the last k; by default twice the numbers in the state, at most 64 where sampled.
        width: largest error of each MC_k of a linear network.
        samples: sampled states, at least four times as many as the state has numbers; by default 2048 or more.
        length: steps of the sequences that states are sampled with; by default the lags and 100 more.
        scale: size of the normal inputs of sampled states. Of a non-linear model the result depends on it.
        sampled: sample a linear network, too.
        inputs: features per step, where the model does not say it itself.
        seed: of the samples.
        memory: bytes this may take; by default half of what is free.
        batch_first, output, state, call: how the model is called, where that cannot be found out, see `adapters.adapt`.
        progress: show progress bars on standard error if it is a terminal.

    Returns:
        Capacities by lag with their errors, and the total. `between(1, 200)` sums over lags.

    Raises:
        ConventionError: the model cannot be called, or fails one of the checks that every model must pass.
        MemoryBudgetError: the samples do not fit the memory.
        ValueError: the model has no state, reads token ids, is linear and unstable, has complex weights, or an argument
            is out of range.
        ArithmeticError: a linear network is so near to singular that 2^15 bits do not give the width.

    Source: Jaeger 2001, Short term memory in echo state networks (GMD Report 152); Ballarin, Grigoryeva, Ortega 2023
        (arXiv:2305.01457), on why it is mostly computed wrong.

    Example:
        >>> found = memory_capacity(([[0.0, 0.0], [1.0, 0.0]], [1.0, 0.0]))  # the last two inputs
        >>> found.per_lag[:3], found.certified_total
        ((1.0, 1.0, 0.0), 2)
    """
    settings = given(_Settings, locals())
    began = time.perf_counter()
    with bars(progress) as report, as_stateful(model, settings, inputs) as found:
        network, note = (None, "") if sampled else _linear(found, settings.seed)
        if network is not None:
            return _exact(network, settings, began, report, found.notes)
        return _sampled(found, settings, began, report, note)


@dataclass(frozen=True, kw_only=True)
class _Settings(FloatingSettings):
    lags: int | None
    width: float
    samples: int | None
    length: int | None
    scale: float

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (("lags", 0), ("samples", 1), ("length", 2)):
            keep_whole_if_given(self, name, least)
        for name in ("width", "scale"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
                raise ValueError(
                    f"{name} must be a number above 0, got {value}; use {'1e-6' if name == 'width' else 1}"
                )


def _linear(state: Stateful, seed: int) -> tuple[LinearNetwork | None, str]:
    try:
        return state.linear(seed), ""
    except NotLinear as error:
        return None, str(error)


def _exact(
    network: LinearNetwork, settings: _Settings, began: float, report: Report, notes: tuple[str, ...]
) -> MemoryCapacity:
    lags = 2 * network.units if settings.lags is None else settings.lags
    found = reached(network)

    def told(bits: int) -> None:
        report(STAGE, 0, 1, f"{bits} bits")
        if network.units >= 64:
            log.info("memory capacity of %d units, with %d bits: seconds to minutes", network.units, bits)

    balls = capacities(network, found, lags, settings.width, told)
    return MemoryCapacity(
        total=float(found.rank),
        total_error=0.0,
        per_lag=tuple(ball.value for ball in balls),
        errors=tuple(ball.error for ball in balls),
        kind="exact",
        certified_total=found.rank,
        prime=found.prime,
        units=network.units,
        inputs=network.inputs,
        floor=0.0,
        noise=0.0,
        samples=0,
        scale=settings.scale,
        seed=settings.seed,
        seconds=time.perf_counter() - began,
        notes=(*notes, "a linear network: its matrices in float64 are taken as exact"),
    )


def _sampled(state: Stateful, settings: _Settings, began: float, report: Report, note: str) -> MemoryCapacity:
    lags = min(2 * state.units, 64) if settings.lags is None else settings.lags
    length = lags + SETTLING if settings.length is None else settings.length
    least = EACH * (state.units + 1)
    samples = max(SAMPLES, 2 * least) if settings.samples is None else settings.samples
    if samples < least:
        raise ValueError(
            f"samples must be at least {least} to fit a read-out of {state.units + 1} weights, got {samples}; use "
            f"{2 * least} or more"
        )
    if length <= lags:
        raise ValueError(f"length must be more than the last lag, {lags}, got {length}; use {lags + SETTLING}")
    need = 16 * samples * (length * state.inputs + 4 * state.units)
    what, remedy = "the sampled states and their inputs take", "use fewer samples or a shorter length"
    check_need(need, settings.budget, what, remedy)
    states, targets = _drawn(state, settings, samples, length, lags, report)
    found = fitted(states, targets, settings.seed)
    by_lag = found.folds.reshape(FOLDS, lags + 1, state.inputs).sum(2)
    values, errors = interval(by_lag)
    total, error = interval(by_lag.sum(1))
    return MemoryCapacity(
        total=float(total),
        total_error=float(error),
        per_lag=tuple(values.tolist()),
        errors=tuple(errors.tolist()),
        kind="sampled",
        certified_total=None,
        prime=None,
        units=state.units,
        inputs=state.inputs,
        floor=found.floor,
        noise=found.noise,
        samples=samples,
        scale=float(settings.scale),
        seed=settings.seed,
        seconds=time.perf_counter() - began,
        notes=(*state.notes, *filter(None, [note]), "it depends on the size of the inputs, `scale`"),
    )


def _drawn(
    state: Stateful, settings: _Settings, samples: int, length: int, lags: int, report: Report
) -> tuple[Any, Any]:
    """States after independent sequences, and the inputs of the last steps, newest first: (samples, lag x input)."""
    generator = np.random.default_rng((settings.seed, 10))
    states, targets = [], []
    for first in range(0, samples, 256):
        count = min(256, samples - first)
        drawn = settings.scale * generator.standard_normal((count, length, state.inputs))
        states.append(state.states(drawn))
        targets.append(drawn[:, ::-1][:, : lags + 1].reshape(count, -1))
        report(STAGE, first + count, samples)
    every = np.concatenate(states)
    if not np.isfinite(every).all():
        raise ValueError("states are not finite, so nothing can be read from them; use a smaller scale or length")
    return every, np.concatenate(targets)
