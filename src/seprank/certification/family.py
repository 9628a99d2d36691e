"""What theory says about a module's kind: the statements of its family, if it has one."""

from __future__ import annotations

from typing import Any

from torch import nn

from ..models import spec_of
from ..models.attention import Attention
from ..theory import Bounds, attention_bounds, bounds
from .asked import Question


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
