"""Statements and proofs are found by the names that bounds give."""

from __future__ import annotations

import itertools
import re

import pytest

from seprank import RAC, degree_bounds
from seprank.question import DOMAINS
from seprank.theory import bounds, for_readout
from seprank.theory.papers import ATTENTION, MEMORY, PAPERS
from seprank.theory.rac_bounds import MODELS, PAPER
from seprank.theory.statements import NoStatement, explain, statements


def test_every_bound_names_a_statement_that_can_be_read() -> None:
    named = set()
    for inputs, width, depth, length, domain, model in itertools.product(
        (1, 2, 4), (1, 2, 3), (1, 2, 3, 4), (2, 3, 5, 8, 100), DOMAINS, MODELS
    ):
        sizes = {"inputs": inputs, "width": width, "depth": depth, "length": length}
        for bound in for_readout(bounds(**sizes, domain=domain, model=model), channels=width, readout="all"):
            named.add(explain(bound.source).slug)
            cited = {paper.arxiv for paper in explain(bound.source).papers}
            if "docs/" not in bound.source or bound.kind == "conjectured":
                assert MEMORY.arxiv in cited
    named |= {explain(bound.source).slug for bound in degree_bounds(RAC(2, 2, 2), length=4)}
    assert {
        "what-the-paper-states",
        "state-bound",
        "input-bounds",
        "copies",
        "power-bound",
        "one-layer",
        "degrees-state-bound",
    } <= named
    assert all(len(statements()[slug].text) > 100 for slug in named)


@pytest.mark.parametrize("name", ["state-bound", "State bound", "docs/theory.md: state bound", "State bound, rounded"])
def test_a_statement_has_several_names(name: str) -> None:
    assert explain(name).slug == "state-bound"


def test_what_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(NoStatement, match="did you mean 'state-bound'"):
        explain("state-bond")
    with pytest.raises(NoStatement, match="the statements are: definitions, "):
        explain("zzzzz")


def test_every_paper_of_the_pages_is_cited_with_the_authors_that_the_page_names() -> None:
    numbers = {number for s in statements().values() for number in re.findall(r"arXiv:(\d{4}\.\d{5})", s.text)}
    assert numbers <= {paper.arxiv for paper in PAPERS}
    for paper, names in ((MEMORY, PAPER), (ATTENTION, statements()["attention"].text)):
        families = [author.split(",")[0] for author in paper.authors]
        assert ", ".join(families) in names


def test_citations_are_bibtex_of_the_page_and_of_the_papers() -> None:
    proved, attention = explain("state-bound").citations(), explain("one-layer-of-attention").citations()
    assert len(proved) == 1  # proved here alone
    assert proved[0].startswith("@misc{seprank-state-bound,")
    assert len(attention) == 2
    assert "eprint = {2006.12467}" in attention[1]
    assert "author = {Levine, Yoav and Wies, Noam and " in attention[1]
    for entry in (*proved, *attention):
        assert entry.count("{") == entry.count("}")
    assert len({s.citations()[0].splitlines()[0] for s in statements().values()}) == len(statements())
