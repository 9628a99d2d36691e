"""The atlas: its findings follow from its cells, and the cells that are shipped are what certify finds."""

import random
from pathlib import Path

import pytest
import yaml

from seprank import RAC, certify, verify
from seprank.jobs import Sweep, read_sweep, sweep
from seprank.store import Store
from studies import atlas
from studies.atlas import Cell, know

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "docs" / "atlas" / "atlas.csv"
CELLS = atlas.read_cells(SHIPPED)


def cell(rank: int, *sizes: int, domain: str = "functional", saturated: bool = True) -> Cell:
    """inputs, width, depth, length, cut"""
    inputs, width, depth, length, cut = sizes
    return Cell(rank, domain, inputs, width, depth, length, cut, saturated, 100, 100, 8388593, 0)


@pytest.mark.slow
def test_cells_of_a_sweep_are_written_and_read(tmp_path: Path) -> None:
    grid = {"inputs": [1, 2, 3], "width": [2], "depth": [1, 2], "length": [4], "domain": ["tokens", "functional"]}
    plan = Sweep.model_validate({"blocks": [{"command": "certify", "grid": grid}]})
    sweep(plan, store=tmp_path / "a.db")
    with Store(tmp_path / "a.db") as store:
        cells = atlas.read_records(store.records())
    assert atlas.read_cells(atlas.write_cells(cells, tmp_path / "a.csv")) == cells
    assert len(cells) == 12
    assert all(know(found).exact for found in cells)


def test_what_is_known_of_a_cell() -> None:
    exact, gap, limited = (
        know(cell(rank, 2, 2, 4, 8, 4, saturated=ok)) for rank, ok in ((2174, True), (2038, True), (2038, False))
    )
    assert (exact.upper, exact.names) == (2174, ("4-layer",))
    assert [(item.exact, item.gap) for item in (exact, gap, limited)] == [(True, False), (False, True), (False, False)]
    assert atlas.met_by([exact, gap]) == {"4-layer": 1}
    assert atlas.gaps([exact, gap, limited]) == [gap]


def test_the_conjecture_is_that_of_the_paper() -> None:
    # M = 4, R = 3, T = 8, L = 4: m = 3, ((4; 3)) = 20, ((3; 20)) = 231, below 4^4
    assert atlas.conjectured(cell(1, 4, 3, 4, 8, 4)) == 231
    assert atlas.conjectured(cell(1, 2, 2, 9, 4, 2)) == 4  # M^(T/2)
    with pytest.raises(ValueError, match="middle cut"):
        atlas.conjectured(cell(1, 2, 2, 3, 5, 2))


def test_statements_are_checked_and_a_wrong_cell_is_noticed() -> None:
    good = [cell(3, 4, 3, 1, 6, 3), cell(10, 2, 2, 2, 8, 4)]
    assert atlas.check_theorem([know(item) for item in good]).holds == 2
    for wrong in (cell(2, 4, 3, 1, 6, 3), cell(4, 4, 3, 1, 6, 3), cell(4, 2, 2, 2, 8, 4)):
        assert atlas.check_theorem([know(wrong)]).fails == (know(wrong),)
    token = know(cell(192, 4, 3, 4, 8, 4, domain="tokens"))
    found = atlas.check_conjecture([token], "tokens")
    assert (found.fails, found.too_high) == ((token,), (token,))


def test_the_sweep_that_confirms_gaps_asks_for_each(tmp_path: Path) -> None:
    gap = know(cell(2038, 2, 2, 4, 8, 4))
    (work,) = Sweep.model_validate(atlas.confirmation([gap], prime=8388587, more=64)).works()
    assert (work.job.settings["samples"], work.job.settings["prime"], work.job.settings["cut"]) == (2238, 8388587, 4)
    assert yaml.safe_load(yaml.safe_dump(atlas.confirmation([gap], prime=8388587, more=64)))


@pytest.mark.slow
def test_the_shipped_cells_are_those_of_the_shipped_file() -> None:
    asked = {tuple(work.job.settings[name] for name in KEYS) for work in read_sweep("atlas").works()}
    assert {tuple(getattr(found, name) for name in KEYS) for found in CELLS} == asked
    assert len(CELLS) == len(asked) >= 1000
    assert SHIPPED.stat().st_size < 2_000_000


KEYS = ("domain", "inputs", "width", "depth", "length", "cut", "prime", "seed")


@pytest.mark.slow
@pytest.mark.parametrize("number", range(12))
def test_shipped_cells_are_certified_again(number: int) -> None:
    small = [found for found in CELLS if found.rank < 300]
    found = random.Random(number).choice(small)
    module = RAC(found.inputs, found.width, found.depth)
    certificate = certify(
        module, length=found.length, cut=found.cut, domain=found.domain, inputs=found.inputs, progress=False
    )
    assert (certificate.rank, certificate.saturated) == (found.rank, found.saturated)
    assert verify(certificate, progress=False)


def test_no_shipped_rank_contradicts_a_bound() -> None:
    for found in random.Random(0).sample(CELLS, 1000):
        item = know(found)
        assert found.rank <= item.upper
        assert found.rank >= item.lower or not found.saturated


@pytest.mark.slow
def test_every_gap_was_confirmed() -> None:
    """Modulo another prime and with more samples; the file of the confirmation has the same ranks."""
    gaps = {(*item.cell.sizes.values(), item.cell.domain): item for item in map(know, CELLS) if item.gap}
    again = {(*c.sizes.values(), c.domain): c for c in atlas.read_cells(SHIPPED.with_name("gaps.csv"))}
    assert again.keys() == gaps.keys()
    for key, found in again.items():
        assert (found.rank, found.saturated) == (gaps[key].cell.rank, True)
        assert found.prime != gaps[key].cell.prime
        assert found.starts >= gaps[key].cell.starts
