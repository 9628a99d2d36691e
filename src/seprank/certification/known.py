"""Bounds on a module's rank: those of its family, or by its degrees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import nn

from ..degrees import degree_bounds
from ..elimination import rank_profile
from ..field import NotPolynomial, read_weights
from ..models import spec_of
from ..theory import Bound, Bounds, for_readout
from .asked import Question
from .family import added_bounds, family_bounds
from .form import MOST_DIGITS


def known_bounds(module: nn.Module, question: Question) -> Bounds:
    """All known bounds on the rank of this module for this question, read-out and templates included."""
    spec, statements, by_degree = spec_of(module), family_bounds(module, question), Bounds()
    if statements is None:
        statements, by_degree = added_bounds(module, question), _bounds_by_degree(module, question)
    if spec is None or not statements:
        return by_degree
    sizes = spec.settings(module)
    if question.templates == "ids" or (question.domain == "functional" and question.inputs != sizes["inputs"]):
        return by_degree
    found = for_readout(
        special(statements) if read_weights(module).digests else statements,
        channels=sizes["width"],
        readout=question.readout,
        independent=_are_independent(question, sizes["inputs"]),
    )
    return _short(Bounds.in_order([*by_degree, *found]))


def special(known: list[Bound]) -> list[Bound]:
    """What bounds on the generic rank say about special weights, whose rank may be lower but not higher."""
    return [replace(bound, kind="upper") for bound in known if bound.kind in ("upper", "exact")]


def _are_independent(question: Question, features: int) -> bool:
    """Whether the letters are known to be linearly independent; if inputs are vectors, whether these span `inputs`."""
    letters = question.templates
    if question.domain == "functional" or not isinstance(letters, tuple):
        return question.inputs <= features
    # Independence modulo a prime implies independence over the rationals.
    residues = np.array([[entry % question.prime for entry in letter] for letter in letters], dtype=np.int64)
    return rank_profile(residues, question.prime).rank == len(letters)


def has_family(module: nn.Module, question: Question) -> bool:
    """Whether the module's family has bounds, so that none by degrees are needed."""
    return family_bounds(module, question) is not None


def _bounds_by_degree(module: nn.Module, question: Question) -> Bounds:
    """Bounds for any polynomial module by running it over degrees; none if an operation has no rule for degrees."""
    try:
        return _short(degree_bounds(module, readout=question.readout, **question.of_degrees))
    except NotPolynomial:
        return Bounds()


def _short(known: Bounds) -> Bounds:
    """Those that a certificate has room for."""
    return Bounds(bound for bound in known if bound.value < 10**MOST_DIGITS)
