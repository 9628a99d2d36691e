"""Statements and proofs are found by the names that bounds give."""

from __future__ import annotations

import itertools

import pytest

from seprank import RAC, degree_bounds
from seprank.question import DOMAINS
from seprank.theory import bounds, for_readout
from seprank.theory.rac_bounds import MODELS
from seprank.theory.statements import NoStatement, explain, statements


def test_every_bound_names_a_statement_that_can_be_read() -> None:
    named = set()
    for inputs, width, depth, length, domain, model in itertools.product(
        (1, 2, 4), (1, 2, 3), (1, 2, 3, 4), (2, 3, 5, 8, 100), DOMAINS, MODELS
    ):
        sizes = {"inputs": inputs, "width": width, "depth": depth, "length": length}
        for bound in for_readout(bounds(**sizes, domain=domain, model=model), channels=width, readout="all"):
            if bound.kind != "conjectured" and "docs/" in bound.source:
                place = bound.source[bound.source.index("docs/") :]
                named.add(explain(place).slug)
    named |= {explain(bound.source).slug for bound in degree_bounds(RAC(2, 2, 2), length=4)}
    assert {"state-bound", "input-bounds", "copies", "power-bound", "one-layer", "degrees-state-bound"} <= named
    assert all(len(statements()[slug].text) > 100 for slug in named)


@pytest.mark.parametrize("name", ["state-bound", "State bound", "docs/theory.md: state bound", "State bound, rounded"])
def test_a_statement_has_several_names(name: str) -> None:
    assert explain(name).slug == "state-bound"


def test_what_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(NoStatement, match="did you mean 'state-bound'"):
        explain("state-bond")
    with pytest.raises(NoStatement, match="the statements are: definitions, "):
        explain("zzzzz")
