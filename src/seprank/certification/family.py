"""What theory says about a module's kind: all that is known of a family, or what it adds to bounds by degrees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from ..degrees import degree_bounds
from ..models import spec_of
from ..models.attention import Attention
from ..models.delta_rule import DeltaRule
from ..models.linear_attention import LinearAttention
from ..models.mlstm import MLSTM
from ..theory import KINDS, Bounds, attention_bounds, bounds, delta_rule_bounds, linear_attention_bounds, mlstm_bounds
from .asked import Question

_ADDED: dict[type[nn.Module], Callable[..., Bounds]] = {
    LinearAttention: linear_attention_bounds,
    DeltaRule: delta_rule_bounds,
    MLSTM: mlstm_bounds,
}
"""What theory knows of a class beside its degrees"""


def family_bounds(module: nn.Module, question: Question) -> Bounds | None:
    """Statements about one generic read-out of such a module, None if theory has none.

    They are about modules as they are, and, but for attention, about cuts.
    """
    spec = spec_of(module)
    if spec is None or spec.family is None or question.squash is not None:
        return None
    asked: dict[str, Any] = {"length": question.length, "cut": question.cut, "domain": question.domain}
    settings: dict[str, Any] = {**spec.settings(module), "inputs": question.inputs}
    if isinstance(module, Attention):
        return attention_bounds(**settings, **asked, split=question.split) or None
    return None if question.split is not None else bounds(**settings, **asked, model=spec.family)


def added_bounds(module: nn.Module, question: Question) -> Bounds:
    """Statements about one generic read-out of such a module that hold beside its bounds by degrees."""
    if question.squash is not None or question.split is not None:
        return Bounds([])
    asked: dict[str, Any] = {"length": question.length, "cut": question.cut, "domain": question.domain}
    return _added(module, question.inputs, asked)


def with_degrees(module: nn.Module, *, length: int, cut: int | None, inputs: int | None, domain: str) -> Bounds:
    """All that is known of one generic read-out of a module without a family; arguments as in `certify`."""
    asked: dict[str, Any] = {"length": length, "cut": cut, "domain": domain}
    known = [*degree_bounds(module, inputs=inputs, **asked), *_added(module, inputs, asked)]
    return Bounds(sorted(known, key=lambda bound: (KINDS.index(bound.kind), bound.value)))


def _added(module: nn.Module, inputs: int | None, asked: dict[str, Any]) -> Bounds:
    spec = spec_of(module)
    if spec is None:
        return Bounds([])
    settings: dict[str, Any] = {**spec.settings(module), **asked}
    if inputs is not None:
        settings["inputs"] = min(settings["inputs"], inputs)  # letters span no more
    known = next((known for kind, known in _ADDED.items() if isinstance(module, kind)), None)
    return Bounds([]) if known is None else known(**settings)
