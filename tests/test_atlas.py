"""The atlas: its findings follow from its cells, and the cells that are shipped are what certify finds."""

import itertools
import random
from pathlib import Path

import pytest
import yaml

from seprank import RAC, Certificate, certify, upper_bound, verify
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
        know(cell(rank, 2, 2, 4, 8, 4, saturated=ok)) for rank, ok in ((2038, True), (2000, True), (2000, False))
    )
    assert (exact.upper, exact.names) == (2038, ("null states",))
    assert [(item.exact, item.gap) for item in (exact, gap, limited)] == [(True, False), (False, True), (False, False)]
    assert atlas.met_by([exact, gap]) == {"null states": 1}
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


def test_the_smallest_counterexample_for_tokens_has_a_certificate() -> None:
    found = Certificate.load(ROOT / "docs" / "conjecture" / "counterexample.json")
    assert verify(found, progress=False)
    assert found.exact
    assert found.question.domain == "tokens"
    sizes = found.model.settings
    smallest = cell(found.rank, sizes["inputs"], sizes["width"], sizes["depth"], found.question.length, 2)
    assert (found.rank, atlas.conjectured(smallest)) == (6, 7)
    for inputs, width, length, depth in itertools.product(range(1, 4), range(1, 4), (2, 4), range(3, 9)):
        if width >= inputs or inputs ** (length // 2) > 9:
            continue
        stated = atlas.conjectured(cell(1, inputs, width, depth, length, length // 2))
        least = upper_bound(inputs=inputs, width=width, depth=depth, length=length, domain="tokens").value
        assert (least < stated) == ((inputs, width, length) == (3, 2, 4) and depth >= 6)


def test_the_conjecture_holds_in_all_cells_of_tokens_with_as_many_units() -> None:
    said = atlas.conjecture_markdown([know(item) for item in CELLS if item.middle and item.depth > 2])
    rows = [line.split(" | ")[-3:] for line in said.splitlines()[2:]]
    counts = [[int(n.strip(" |")) for n in row] for row in rows]
    assert counts == [[147, 147, 0], [161, 161, 0], [214, 214, 0], [189, 174, 15]]


def test_the_sweep_that_confirms_gaps_asks_for_each(tmp_path: Path) -> None:
    gap = know(cell(2000, 2, 2, 4, 8, 4))
    (work,) = Sweep.model_validate(atlas.confirmation([gap], prime=8388587, more=64)).works()
    assert (work.job.settings["samples"], work.job.settings["prime"], work.job.settings["cut"]) == (2102, 8388587, 4)
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


def test_layers_and_end_steps_exchange_over_vectors_with_enough_inputs_and_a_long_start() -> None:
    found = atlas.exchanges([know(item) for item in CELLS])
    assert (found["functional", True, True].pairs, found["functional", True, True].differ) == (255, ())
    agree = {key for key, other in found.items() if not other.differ}
    assert agree == {("functional", True, True), ("tokens", False, False)}
    assert found["tokens", False, False].pairs == 30
    first, second = found["functional", True, False].differ[0]
    assert (first.depth, first.steps, first.rank, second.depth, second.steps, second.rank) == (2, 3, 5, 3, 2, 7)


def test_an_exchange_compares_equal_cuts() -> None:
    pair = [cell(5, 2, 2, 2, 4, 1), cell(7, 2, 2, 3, 3, 1), cell(8, 2, 2, 3, 4, 2)]
    (found,) = atlas.exchanges([know(item) for item in pair]).values()
    assert (found.pairs, found.differ) == (1, ((pair[0], pair[1]),))


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
