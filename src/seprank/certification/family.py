"""What theory says about a module's kind: all that is known of a family, or what it adds to bounds by degrees."""

from __future__ import annotations

from torch import nn

from ..degrees import degree_bounds
from ..models import spec_of
from ..models.attention import Attention
from ..models.delta_rule import DeltaRule
from ..models.linear_attention import LinearAttention
from ..models.mlstm import MLSTM
from ..theory import Asked, Bounds, MatrixState, Sizes, attention_bounds, bounds, matrix_state_bounds
from .asked import Question

_ADDED: dict[type[nn.Module], MatrixState] = {
    LinearAttention: "linear attention",
    DeltaRule: "delta rule",
    MLSTM: "mlstm",
}
"""What theory knows of a class beside its degrees"""


def family_bounds(module: nn.Module, question: Question) -> Bounds | None:
    """All that is known of one generic read-out of a module of a family, None if it has no family.

    The statements are about unsquashed modules and, except for attention, about cuts.
    """
    spec = spec_of(module)
    if spec is None or spec.family is None or question.squash is not None:
        return None
    settings = spec.settings(module)
    sizes: Sizes = {
        **_asked(question),
        "inputs": question.inputs,
        "width": settings["width"],
        "depth": settings["depth"],
    }
    if isinstance(module, Attention):
        kind = {"feed_forward": module.feed_forward, "causal": module.causal}
        return attention_bounds(**sizes, num_heads=module.num_heads, **kind, split=question.split) or None
    return None if question.split is not None else bounds(**sizes, model=spec.family)


def added_bounds(module: nn.Module, question: Question) -> Bounds:
    """Statements about one generic read-out of a module that hold besides its bounds by degrees."""
    if question.squash is not None or question.split is not None:
        return Bounds([])
    return _added(module, question.inputs, _asked(question))


def with_degrees(module: nn.Module, *, length: int, cut: int | None, inputs: int | None, domain: str) -> Bounds:
    """All that is known of one generic read-out of a module without a family; arguments as in `certify`."""
    asked: Asked = {"length": length, "cut": cut, "domain": domain}
    return Bounds.in_order([*degree_bounds(module, inputs=inputs, **asked), *_added(module, inputs, asked)])


def _asked(question: Question) -> Asked:
    return {"length": question.length, "cut": question.cut, "domain": question.domain}


def _added(module: nn.Module, inputs: int | None, asked: Asked) -> Bounds:
    spec = spec_of(module)
    kind = _ADDED.get(type(module))
    if spec is None or kind is None:
        return Bounds([])
    sizes = spec.settings(module)
    letters = sizes["inputs"] if inputs is None else min(sizes["inputs"], inputs)  # fewer letters span fewer dimensions
    return matrix_state_bounds(kind, inputs=letters, width=sizes["width"], depth=sizes["depth"], **asked)
