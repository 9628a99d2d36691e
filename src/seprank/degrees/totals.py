"""Total degrees of a module's output: in the inputs of either side, and in the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from torch import nn

from ..adapters.outside import fill_outside
from ..question import Squash
from ..system.quiet import quiet
from .bounds import check_inputs
from .propagation import Variables, highest_output


@dataclass(frozen=True)
class Totals:
    """Highest total degrees over all output channels; infinite beyond 2^53."""

    starts: float
    """In all inputs of the start"""
    ends: float
    weights: float
    """In everything drawn once: parameters, and generic templates"""


class OfDegrees(TypedDict):
    """The settings of `certify` that the degrees of a module depend on."""

    length: int
    cut: int
    inputs: int
    domain: str
    templates: Any
    squash: Squash | None
    split: tuple[int, ...] | None


def total_degrees(
    module: nn.Module,
    *,
    length: int,
    cut: int,
    inputs: int,
    domain: str = "functional",
    templates: Any = None,
    squash: Squash | None = None,
    split: tuple[int, ...] | None = None,
) -> Totals:
    """Run a module over highest degrees, once with its inputs and once with its weights as variables.

    Args:
        module: a polynomial module in the calling convention of `torch.nn.RNN`.
        length, cut, inputs, domain, templates, squash, split: as in `certify`.

    Raises:
        NotPolynomial: an operation has no rule for degrees.
        ConventionError: it does not follow the calling convention.

    Source: docs/certainty.md, "What saturated means".

    Example:
        >>> from seprank import RAC
        >>> total_degrees(RAC(2, 2, 1), length=4, cut=2, inputs=2)
        Totals(starts=2.0, ends=2.0, weights=9.0)
    """
    _, features = check_inputs(module, inputs, domain, templates)
    drawn = domain == "tokens" and templates in (None, "generic")
    batch_first = getattr(module, "batch_first", True)
    variables = Variables(length, cut, features, split, squash, batch_first)
    fill_outside(module, variables.where, features, batch_first=batch_first)
    with quiet():
        sides = highest_output(module, variables, inputs=None, weights=0)
        weights = highest_output(module, variables, inputs=int(drawn), weights=1)
    return Totals(*(max(0.0, float(degree)) for degree in (*sides.max(0), weights.max())))
