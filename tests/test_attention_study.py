"""The study of self-attention: its certificates verify, and the page says what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from seprank import certify, verify
from seprank.theory import attention_bounds
from studies import attention as study

pytestmark = pytest.mark.usefixtures("one_thread")
PAGE = (Path(__file__).parents[1] / "docs" / "attention.md").read_text("utf-8")


@pytest.fixture(scope="module")
def certificates() -> list[study.Certificate]:
    return study.read()


def test_every_cell_has_its_certificate(certificates: list[study.Certificate]) -> None:
    assert [study.cell_of(one) for one in certificates] == study.cells()
    deep = [cell for cell in map(study.cell_of, certificates) if cell.depth in (2, 3)]
    assert len(deep) >= 60
    assert {cell.adjacent for cell in deep} == {True, False}


def test_what_is_stored_is_what_is_known(certificates: list[study.Certificate]) -> None:
    """Bounds that are found later make a stored certificate too modest; they never contradict it."""
    for one in certificates:
        cell = study.cell_of(one)
        assert one.rank <= cell.upper().value
        if not cell.causal:
            assert one.upper_bound == cell.upper().value
        assert one.saturated


def test_the_law_is_met_but_where_the_page_says(certificates: list[study.Certificate]) -> None:
    below = {study.cell_of(one) for one in certificates if not one.exact and not study.cell_of(one).causal}
    assert len(below) == 5
    assert all(cell.narrow for cell in below)
    exact = sum(one.exact for one in certificates)
    assert (exact, len(certificates)) == (160, 174)
    assert "160 of 174" in (Path(__file__).parents[1] / "CHANGELOG.md").read_text("utf-8")


def test_splits_of_equal_sides_have_equal_ranks(certificates: list[study.Certificate]) -> None:
    found: dict[object, set[int]] = {}
    for one in certificates:
        cell = study.cell_of(one)
        if not cell.causal:
            sizes = (cell.feed_forward, cell.depth, cell.inputs, cell.width, cell.heads, cell.sides)
            found.setdefault(sizes, set()).add(one.rank)
    assert all(len(ranks) == 1 for ranks in found.values())


def test_causal_halves(certificates: list[study.Certificate]) -> None:
    found = {study.cell_of(one): one.rank for one in certificates if study.cell_of(one).causal}
    ranks = {cell.start: rank for cell, rank in found.items()}
    assert (ranks[0, 1], ranks[2, 3], ranks[0, 2], ranks[1, 3]) == (18, 18, 37, 37)
    assert (ranks[0, 1, 2], ranks[0, 2, 4], ranks[1, 3, 5]) == (18, 62, 62)


@pytest.mark.parametrize("number", [0, 60, 90, 110, 120, 160, 173])
def test_some_verify(certificates: list[study.Certificate], number: int) -> None:
    assert verify(certificates[number], progress=False)


def test_one_is_what_certify_gives(certificates: list[study.Certificate]) -> None:
    one = certificates[80]
    again = study.run(study.cell_of(one))
    assert (again.rank, again.minor, again.bounds) == (one.rank, one.minor, one.bounds)


def test_two_layers_written_out() -> None:
    for width in range(1, 30):
        found = attention_bounds(inputs=width, width=width, depth=2, length=2 * width)
        assert study.two_layers(width) == min(bound.value for bound in found if bound.kind == "upper")


def test_depth_against_width() -> None:
    assert study.count_parameters(3, 2) == 9 + 2 * 36
    assert (
        study.count_parameters(study.widest(10_000, 2), 2)
        <= 10_000
        < study.count_parameters(study.widest(10_000, 2) + 1, 2)
    )
    digits = [found for _, _, found in study.digits_by_depth(10_000, range(1, 6))]
    assert digits == sorted(digits)
    assert len(study.parameters_markdown((1000,), (1, 2)).splitlines()) == 3


def test_the_page_has_an_example_and_names_its_sources() -> None:
    assert certify(study.Attention(3, 3, num_layers=2), length=4, split=[0, 2], progress=False).rank == 49
    for words in ("quoted from memory", "2006.12467", "2105.03928", "conjectured"):
        assert words in PAGE
