"""What a recheck costs, estimated from the numbers in a certificate before anything of that size is made."""

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

MOST_SECONDS = 3600.0
"""That a recheck may be estimated to take, unless more is allowed"""

# Measured on one core, rounded up; a few times too much or too little harms nobody.
_PER_PRODUCT, _PER_OPERATION = 3e-9, 4e-8  # seconds for each pair of halves and each of its steps
_PER_STEP, _PER_DEGREE_STEP = 3e-4, 1.2e-3  # seconds for each parameter tensor
_PER_BUILT = 2e-4
_PER_ELIMINATION = 4e-11  # seconds for each of the rank^3 steps
_STEP_BYTES, _TENSOR_BYTES = 2_000, 10_000  # of the objects that stand for a step or a tensor
_DEGREE_STEP_BYTES, _DEGREE_PAIR_BYTES = 100_000, 70  # for each step, and for each pair of steps


class LongerThanAllowed(ValueError):
    """A recheck was refused because it is estimated to take too long; the text says how long and what to change."""


@dataclass(frozen=True)
class Cost:
    """An estimate."""

    parts: dict[str, float]
    """Bytes, by what takes them"""
    seconds: float

    def check(self, budget: int, most_seconds: int | float) -> None:
        """Refuse what exceeds the bytes or the seconds.

        Raises:
            MemoryBudgetError, LongerThanAllowed: it does; the text says by how much and what to do.
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
    """A time as people read it.

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
    """Of making the module that a certificate is about, drawing its weights, and trying it."""
    tensors, numbers = _sizes(record)
    return Cost(
        {"the weights": 20.0 * numbers, "the parameters' names": float(_TENSOR_BYTES * tensors)},
        _PER_BUILT * tensors + _PER_PRODUCT * numbers,
    )


def checking(certificate: Certificate, module: nn.Module) -> Cost:
    """Of everything that is done with the module: bounds by degree, whole sequences, the minor."""
    question = certificate.question
    tensors, numbers = _sizes(certificate.model)
    features = _whole_at_least_one(getattr(module, "input_size", 1))
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
    """Bytes of the samples of each side, of which the minor picks some."""
    question = certificate.question
    counts = {"starts": certificate.starts, "ends": certificate.ends}
    if question.domain == "functional":
        return {side: 24.0 * count * question.halves[side] * question.inputs for side, count in counts.items()}
    return {side: _words(question, side, count) + 8.0 * features * certificate.rank for side, count in counts.items()}


def _words(question: Question, side: str, count: int) -> float:
    """Bytes of so many different words; drawing nearly all there are takes many draws of each."""
    steps, every = question.halves[side], words(question, side)
    if every <= 2**22:
        return 24.0 * every + 16.0 * count * steps
    left = max(every - count, 1.0) if every < math.inf else math.inf
    draws = count if left == math.inf else max(count, every * math.log(every / left))
    return 64.0 * (draws + 16) * steps


def words(question: Question, side: str) -> float:
    """How many different halves there are on a side; infinite for vectors, and where there are more than 10^24."""
    steps = question.halves[side]
    few = question.inputs == 1 or steps * math.log2(question.inputs) < 80
    return float(question.inputs**steps) if question.domain == "tokens" and few else math.inf


def _sizes(record: ModelRecord) -> tuple[int, int]:
    """How many parameter tensors, and how many numbers in all of them."""
    return len(record.parameters), count_numbers(record)


def count_numbers(record: ModelRecord) -> int:
    """Numbers in all parameters together, 2^63 where there are more."""
    return min(sum(math.prod(shape) for shape in record.parameters.values()), 2**63)


def _whole_at_least_one(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 1


class Meter(TorchDispatchMode):
    """While it is entered, tensors may be made until they take so many bytes in all.

    The arguments of a factory are from the certificate, and a width of a thousand million is as short as one of three:
    the sizes that PyTorch is asked for are looked at before it sets them apart.
    """

    _EACH = 10_000
    """Bytes that stand for an operation, so that endless loops of small tensors end"""

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
    """How many numbers an operation that makes a tensor is to make; 0 for one that works on tensors."""
    names = [argument.name for argument in operation._schema.arguments]
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    if "size" in given and isinstance(given["size"], list | tuple):
        return math.prod(int(n) for n in given["size"])
    sides = [given[name] for name in ("n", "m") if isinstance(given.get(name), int)]
    return math.prod(sides) * (sides[0] if len(sides) == 1 else 1) if sides else 0
