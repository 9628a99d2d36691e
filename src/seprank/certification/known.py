"""What is known of a module's rank before it is run: bounds of its family, or by its degrees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import nn

from ..degrees import degree_bounds
from ..elimination import rank_profile
from ..field import NotPolynomial, read_weights
from ..models import spec_of
from ..theory import KINDS, Bound, for_readout
from .asked import Question
from .family import added_bounds, family_bounds
from .form import MOST_DIGITS


def known_bounds(module: nn.Module, question: Question) -> list[Bound]:
    """What theory says about this module's rank, with the read-out and the templates taken into account."""
    spec, statements, by_degree = spec_of(module), family_bounds(module, question), []
    if statements is None:
        statements, by_degree = added_bounds(module, question), _bounds_by_degree(module, question)
    if spec is None or not statements:
        return by_degree
    sizes = spec.settings(module)
    if question.templates == "ids" or (question.domain == "functional" and question.inputs != sizes["inputs"]):
        return by_degree
    found = for_readout(
        statements if _is_generic(module) else special(statements),
        channels=sizes["width"],
        readout=question.readout,
        independent=_are_independent(question, sizes["inputs"]),
    )
    known = sorted([*by_degree, *found], key=lambda bound: (KINDS.index(bound.kind), bound.value))
    return [bound for bound in known if bound.value < 10**MOST_DIGITS]


def special(known: list[Bound]) -> list[Bound]:
    """What bounds on a generic rank say of special weights, whose rank may be less but not more."""
    return [replace(bound, kind="upper") for bound in known if bound.kind in ("upper", "exact")]


def _is_generic(module: nn.Module) -> bool:
    """Whether all its weights are drawn."""
    return not read_weights(module).digests


def _are_independent(question: Question, features: int) -> bool:
    """Whether the letters are vectors known to be linearly independent; there are none where inputs are vectors."""
    letters = question.templates
    if question.domain == "functional" or not isinstance(letters, tuple):
        return question.inputs <= features
    # What is independent modulo a prime is so over the rationals.
    residues = np.array([[entry % question.prime for entry in letter] for letter in letters], dtype=np.int64)
    return rank_profile(residues, question.prime).rank == len(letters)


def has_family(module: nn.Module, question: Question) -> bool:
    """Whether theory has bounds for modules of its kind, so that it need not be run over degrees for them."""
    return family_bounds(module, question) is not None


def _bounds_by_degree(module: nn.Module, question: Question) -> list[Bound]:
    """Bounds for any polynomial module, found by running it over degrees; none if an operation has no rule there."""
    try:
        found = degree_bounds(module, readout=question.readout, **question.of_degrees)
    except NotPolynomial:
        return []
    return [b for b in found if b.value < 10**MOST_DIGITS]


def least_upper(known: list[Bound]) -> int | None:
    """The least proved upper bound, None if there is none."""
    return min((b.value for b in known if b.kind in ("upper", "exact")), default=None)
