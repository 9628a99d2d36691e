"""The cost of a recheck, estimated from the numbers in a certificate before anything of that size is made."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from ..system.memory import MemoryBudgetError, show_size
from .asked import Question
from .certificate import Certificate
from .footprint import minor_bytes
from .known import has_family
from .pieces import ModelRecord

# Measured on one core, rounded up; an error by a small factor does no harm.
_PER_PRODUCT, _PER_OPERATION = 3e-9, 4e-8  # seconds for each pair of halves and each of its steps
_PER_STEP, _PER_DEGREE_STEP = 3e-4, 1.2e-3  # seconds for each parameter tensor
_PER_BUILT = 2e-4
_PER_ELIMINATION = 4e-11  # seconds for each of the rank^3 steps
_STEP_BYTES, _TENSOR_BYTES = 2_000, 10_000  # Python objects per step, per tensor
_DEGREE_STEP_BYTES, _DEGREE_PAIR_BYTES = 100_000, 70  # for each step, and for each pair of steps


class LongerThanAllowed(ValueError):
    """Raised before a recheck that is estimated to take too long; the message gives the estimate and the remedy."""


@dataclass(frozen=True)
class Cost:
    """An estimate of memory and time."""

    parts: dict[str, float]
    """Bytes, by what needs them"""
    seconds: float

    def check(self, budget: int, most_seconds: int | float) -> None:
        """Refuse a recheck over budget.

        Raises:
            MemoryBudgetError, LongerThanAllowed: it would take more bytes or seconds; the message gives the estimate.
        """
        need = sum(self.parts.values())
        if need > budget:
            largest = max(self.parts, key=lambda name: self.parts[name])
            raise MemoryBudgetError(
                f"rechecking this certificate takes about {_size(need)}, most of it for {largest}, more than the "
                f"{show_size(budget)} it may take; allow more memory (--memory SIZE) if you trust where it is from"
            )
        if self.seconds > most_seconds:
            raise LongerThanAllowed(
                f"rechecking this certificate takes about {duration(self.seconds)}, more than the "
                f"{duration(most_seconds)} it may take; allow more (--seconds NUMBER) if you trust where it is from"
            )


def duration(seconds: int | float) -> str:
    """A time in a readable unit.

    Example:
        >>> duration(7200)
        '2 hours'
    """
    for unit, size in (("years", 3.156e7), ("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}" if seconds < 1e12 * size else f"more than 10^12 {unit}"
    return f"{seconds:.0f} s"


def _size(need: float) -> str:
    return show_size(need) if need < 2**60 else "more than a million TiB"


def building(record: ModelRecord) -> Cost:
    """The cost of building the module that a certificate is about, drawing its weights, and trying it."""
    tensors, numbers = _sizes(record)
    return Cost(
        {"the weights": 20.0 * numbers, "the parameters' names": float(_TENSOR_BYTES * tensors)},
        _PER_BUILT * tensors + _PER_PRODUCT * numbers,
    )


def checking(certificate: Certificate, module: nn.Module) -> Cost:
    """The cost of everything done with the module: bounds by degree, whole sequences, the minor."""
    question = certificate.question
    tensors, numbers = _sizes(certificate.model)
    features = question.features(module) or 1
    # Runs over degrees: one for the bounds, one for the error of `saturated`.
    degrees = (not has_family(module, question)) + (not certificate.exact)
    length, rank = question.length, float(certificate.rank)
    whole = question.split is not None
    pair_steps = rank * rank * (length if whole else question.halves["ends"]) + rank * question.cut
    pair_steps += (len(certificate.left_out_starts) + len(certificate.left_out_ends)) * length
    parts = {
        "the weights": 20.0 * numbers,
        "sequences of this length": length * (_STEP_BYTES * (1.0 + tensors) + 128 * max(features, question.inputs)),
        "the start and end halves": sum(_halves(certificate, features).values()),
        "the templates": 16.0 * question.inputs * features if question.domain == "tokens" else 0.0,
        "the minor": float(minor_bytes(certificate.rank, certificate.rank)),
        "the degrees": length * (_DEGREE_STEP_BYTES + _DEGREE_PAIR_BYTES * float(length)) if degrees else 0.0,
    }
    seconds = (
        pair_steps * (_PER_PRODUCT * numbers + _PER_OPERATION * tensors)
        + length * tensors * (_PER_STEP + _PER_DEGREE_STEP * degrees)
        + _PER_ELIMINATION * rank**3
        + 1e-8 * parts["the start and end halves"]
    )
    return Cost(parts, seconds)


def _halves(certificate: Certificate, features: int) -> dict[str, float]:
    """Bytes of all samples of each side, from which the minor picks some."""
    question = certificate.question
    counts = {"starts": certificate.starts, "ends": certificate.ends}
    if question.domain == "functional":
        return {side: 24.0 * count * question.halves[side] * question.inputs for side, count in counts.items()}
    return {side: _words(question, side, count) + 8.0 * features * certificate.rank for side, count in counts.items()}


def _words(question: Question, side: str, count: int) -> float:
    """Bytes of drawing `count` different words; to draw nearly all there are takes many repeats."""
    steps, every = question.halves[side], question.words_in_all(side)
    if every is None:
        return 64.0 * (count + 16) * steps
    if every <= 2**22:
        return 24.0 * every + 16.0 * count * steps
    draws = max(count, every * math.log(every / max(every - count, 1)))
    return 64.0 * (draws + 16) * steps


def _sizes(record: ModelRecord) -> tuple[int, int]:
    """How many parameter tensors there are, and how many entries in all of them."""
    return len(record.parameters), count_numbers(record)


def count_numbers(record: ModelRecord) -> int:
    """Entries of all parameters together, at most 2^63."""
    return min(sum(math.prod(shape) for shape in record.parameters.values()), 2**63)


class Meter(TorchDispatchMode):
    """A context in which tensors may be made until they take `budget` bytes in all.

    The arguments of a factory come from the certificate, where a width of a thousand million is as short as one of
    three: the requested sizes are added up before PyTorch allocates them.
    """

    _EACH = 10_000
    """Bytes charged per operation, so that endless loops of small tensors end"""

    def __init__(self, budget: int) -> None:
        super().__init__()
        self._budget = self._left = budget

    def __torch_dispatch__(
        self, operation: Any, types: Iterable[Any], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        self._left -= self._EACH + 8 * _asked(operation, args, kwargs)
        if self._left < 0:
            raise MemoryBudgetError(
                f"building this module takes more than the {show_size(self._budget)} it may take; allow more memory "
                "(--memory SIZE) if you trust where the certificate is from"
            )
        call: Callable[..., Any] = operation
        return call(*args, **kwargs)


def _asked(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """How many entries an operation is asked to make; 0 for one that works on existing tensors."""
    names = [argument.name for argument in operation._schema.arguments]
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    if "size" in given and isinstance(given["size"], list | tuple):
        return math.prod(int(n) for n in given["size"])
    sides = [given[name] for name in ("n", "m") if isinstance(given.get(name), int)]
    return math.prod(sides) * (sides[0] if len(sides) == 1 else 1) if sides else 0
