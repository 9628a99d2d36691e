"""Bounds on a module's rank: all that theory says of its family, or by its degrees and what theory adds to these."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import nn

from ..degrees import degree_bounds
from ..elimination import rank_profile
from ..field import NotPolynomial, read_weights
from ..models import spec_of
from ..models.attention import Attention
from ..models.delta_rule import DeltaRule
from ..models.linear_attention import LinearAttention
from ..models.mlstm import MLSTM
from ..theory import Asked, Bounds, MatrixState, Sizes, attention_bounds, bounds, for_readout, matrix_state_bounds
from .asked import Question
from .form import MOST_DIGITS

_ADDED: dict[type[nn.Module], MatrixState] = {
    LinearAttention: "linear attention",
    DeltaRule: "delta rule",
    MLSTM: "mlstm",
}
"""What theory knows of a class beside its degrees"""


def known_bounds(module: nn.Module, question: Question) -> Bounds:
    """All known bounds on the rank of this module for this question, read-out and templates included."""
    statements, by_degree = _of_family(module, question), Bounds()
    if statements is None:
        by_degree = _by_degree(module, question)
        is_plain = question.squash is None and question.split is None
        statements = _added(module, question.inputs, question.asked) if is_plain else Bounds()
    spec = spec_of(module)
    if spec is None or not statements:
        return by_degree
    sizes = spec.settings(module)
    if question.templates == "ids" or (question.domain == "functional" and question.inputs != sizes["inputs"]):
        return by_degree
    if read_weights(module).digests:  # the rank of special weights may be lower than the generic one, but not higher
        statements = Bounds(replace(bound, kind="upper") for bound in statements if bound.kind in ("upper", "exact"))
    independent = _are_independent(question, sizes["inputs"])
    found = for_readout(statements, channels=sizes["width"], readout=question.readout, independent=independent)
    return _short(Bounds.in_order([*by_degree, *found]))


def with_degrees(module: nn.Module, *, length: int, cut: int | None, inputs: int | None, domain: str) -> Bounds:
    """All that is known of one generic read-out of a module without a family; arguments as in `certify`."""
    asked: Asked = {"length": length, "cut": cut, "domain": domain}
    return Bounds.in_order([*degree_bounds(module, inputs=inputs, **asked), *_added(module, inputs, asked)])


def has_family(module: nn.Module, question: Question) -> bool:
    """Whether the module's family has bounds, so that none by degrees are needed."""
    return _of_family(module, question) is not None


def _of_family(module: nn.Module, question: Question) -> Bounds | None:
    """All that is known of one generic read-out of a module of a family, None if it has no family.

    The statements are about unsquashed modules and, except for attention, about cuts.
    """
    spec = spec_of(module)
    if spec is None or spec.family is None or question.squash is not None:
        return None
    settings = spec.settings(module)
    width, depth = settings["width"], settings["depth"]
    sizes: Sizes = {**question.asked, "inputs": question.inputs, "width": width, "depth": depth}
    if isinstance(module, Attention):
        kind = {"feed_forward": module.feed_forward, "causal": module.causal}
        return attention_bounds(**sizes, num_heads=module.num_heads, **kind, split=question.split) or None
    return None if question.split is not None else bounds(**sizes, model=spec.family)


def _by_degree(module: nn.Module, question: Question) -> Bounds:
    """Bounds for any polynomial module by running it over degrees; none if an operation has no rule for degrees."""
    try:
        return _short(degree_bounds(module, readout=question.readout, **question.of_degrees))
    except NotPolynomial:
        return Bounds()


def _added(module: nn.Module, inputs: int | None, asked: Asked) -> Bounds:
    """Statements about one generic read-out of a module that hold beside its bounds by degrees."""
    spec, kind = spec_of(module), _ADDED.get(type(module))
    if spec is None or kind is None:
        return Bounds()
    sizes = spec.settings(module)
    letters = sizes["inputs"] if inputs is None else min(sizes["inputs"], inputs)  # fewer letters span fewer dimensions
    return matrix_state_bounds(kind, inputs=letters, width=sizes["width"], depth=sizes["depth"], **asked)


def _short(known: Bounds) -> Bounds:
    """Those that a certificate has room for."""
    return Bounds(bound for bound in known if bound.value < 10**MOST_DIGITS)


def _are_independent(question: Question, features: int) -> bool:
    """Whether the letters are known to be linearly independent; if inputs are vectors, whether these span `inputs`."""
    letters = question.templates
    if question.domain == "functional" or not isinstance(letters, tuple):
        return question.inputs <= features
    # Independence modulo a prime implies independence over the rationals.
    residues = np.array([[entry % question.prime for entry in letter] for letter in letters], dtype=np.int64)
    return rank_profile(residues, question.prime).rank == len(letters)
