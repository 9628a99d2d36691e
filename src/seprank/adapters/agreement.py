"""Does a model continued from a state give what it gives at once, and up to what rounding?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from .contract import ConventionError, SequenceModel, State


class RoundingWatch(TorchDispatchMode):
    """Notes the coarsest floating type that values are rounded to while it is active.

    A result counts if it is coarser than an argument of the operation: an explicit cast, a write into a coarser
    tensor, but not a constant that is made coarse and then promoted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rounding = 0.0
        """Unit roundoff of that type, 0.0 if nothing was rounded down"""

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        finest = min(_precisions((args, kwargs)), default=0.0)
        coarsest = max(_precisions(result), default=0.0)
        if coarsest > finest > 0:
            self.rounding = max(self.rounding, coarsest)
        return result


def _precisions(tree: Any) -> list[float]:
    return [precision(x) for x in tree_leaves(tree) if isinstance(x, Tensor) and x.is_floating_point()]


def precision(tensor: Tensor) -> float:
    """Distance from 1 to the next number in the type of a floating-point tensor."""
    return float(torch.finfo(tensor.dtype).eps)


@dataclass(frozen=True)
class Agreement:
    """How far a model in two halves is from the model at once, on an example; each relative to the largest number."""

    outputs: float
    """Difference of the last outputs, end halves run as one piece"""
    together: float
    """The largest difference in outputs or states, end halves run as one piece"""
    stepwise: float
    """The largest difference in outputs or states, everything run step by step"""
    batches: float
    """Difference of the last outputs if the last three sequences are run by themselves"""
    rounding: float
    """Spacing of the coarsest floating-point type that values were rounded to"""

    @property
    def tolerance(self) -> float:
        """Differences beyond this are not rounding: the state is not the whole state."""
        return min(1e4 * self.rounding, 0.1)

    @property
    def floor(self) -> float:
        """Relative size of the rounding in outputs, with a margin of four over what the example shows."""
        return 4 * max(self.rounding, self.outputs, self.batches)


def compare_halves(model: SequenceModel, example: Tensor) -> Agreement:
    """Run sequences at once and in halves, with states joined and spread on the way.

    States are compared as well as outputs: an untrained model may have so little memory that the loss of its state
    shows in no digit of a float32 output.

    Args:
        model: an adapted model.
        example: the start halves, and backward in time the end halves: (batch, time, ...).
    """
    count = len(example)
    ends = example[:2].flip(1).repeat(count, *[1] * (example.ndim - 1))
    sequences = torch.cat([example.repeat_interleave(2, 0), ends], 1)
    with RoundingWatch() as watch:
        whole = model(model.pieces(sequences), None)
    start = model(model.pieces(example), None)[1]
    states = model.join([start, start])
    together = model(model.pieces(ends), model.spread(states, count, 2 * count, 2))
    few = model(model.pieces(sequences[-3:]), None)
    stepwise: tuple[Tensor, State | None] = (whole[0], None)
    for step in sequences.split(1, 1):
        stepwise = model(model.pieces(step), stepwise[1])
    return Agreement(
        outputs=_difference(together[0], whole[0]),
        together=_largest_difference(together, whole),
        stepwise=_largest_difference(stepwise, whole),
        batches=_difference(few[0], whole[0][:, -3:]),
        rounding=max(watch.rounding, precision(whole[0])),
    )


def check_halves(model: SequenceModel, example: Tensor) -> Agreement:
    """`compare_halves`, and refuse a model whose halves do not give the whole.

    Raises:
        ConventionError: they differ by more than rounding, or an output depends on the other sequences of its batch.
    """
    found = compare_halves(model, example)
    if found.batches > found.tolerance:
        raise ConventionError(
            f"outputs must not depend on the other sequences of a batch, but change by {found.batches:.1e} of the "
            "largest; say batch_first=False if the module takes (time, batch, ...), and call .eval() if it has dropout "
            "or batch normalisation"
        )
    worst = max(found.together, found.stepwise)
    if worst > found.tolerance:
        raise ConventionError(
            "running the module in two halves must give what running it at once gives, but they differ by "
            f"{worst:.1e} of the largest number, more than rounding ({found.tolerance:.0e}); call .eval() if it has "
            "dropout, and see that it returns its whole state, starts from the state it is given, and looks only "
            "backward in time. A function of the whole sequence, lambda x: module(x)[0], can be measured as it is, "
            "more slowly"
        )
    return found


def _largest_difference(found: tuple[Tensor, State | None], expected: tuple[Tensor, State]) -> float:
    pairs = zip(tree_leaves(found), tree_leaves(expected), strict=False)
    floats = [(a, b) for a, b in pairs if isinstance(a, Tensor) and isinstance(b, Tensor) and b.is_floating_point()]
    return max(_difference(a, b) for a, b in floats if a.shape == b.shape)


def _difference(found: Tensor, expected: Tensor) -> float:
    """Relative to the largest number; 0.0 where that is not finite, which measuring reports with its place."""
    if found.numel() == 0:
        return 0.0
    largest = float(expected.abs().max())
    difference = float((found - expected).abs().max()) / (largest or 1.0)
    return difference if math.isfinite(difference) else 0.0
