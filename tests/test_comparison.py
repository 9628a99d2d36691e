"""compare(): its cells against certify, its table and page, failures, interruption, and what the documentation says."""

from __future__ import annotations

import csv
import json
import math
import re
import runpy
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from seprank import RAC, bounds, certify, compare, degree_bounds, remember
from seprank.cli import app
from seprank.comparison import Cell, Comparison, ComparisonInterrupted
from seprank.models import MODELS
from seprank.result.sureness import at_most
from seprank.system.memory import check_weights
from seprank.theory import Bounds

DOCS = Path(__file__).parents[1] / "docs"
POLYNOMIAL = [name for name, spec in MODELS.items() if spec.polynomial and spec.recurrent]


def cell(**changes: Any) -> Cell:
    """A cell with a gap, or what is changed in it."""
    values: dict[str, Any] = {
        "model": "rac",
        "depth": 2,
        "width": 3,
        "parameters": 42,
        "length": 8,
        "cut": 4,
        "rank": 125,
        "upper_bound": 140,
        "bound": "state",
        "exact": False,
        "saturated": True,
        "samples": 256,
        "seconds": 0.5,
    }
    return Cell(**{**values, **changes})


# Memory curves beside ranks


def test_measured_cells_are_what_certify_and_remember_give() -> None:
    found = compare(["lstm", "rac"], length=[4, 6], width=2, inputs=2, max_samples=64, measured=True, progress=False)
    for one in found.cells:
        module = MODELS[one.model].draw(0, inputs=2, width=2, depth=1)
        curve = remember(module, length=one.length, progress=False)
        assert (one.reach, one.half, one.mean) == (curve.reach(), curve.half, curve.mean)
        squash = "identity" if one.model == "lstm" else None
        rank = certify(module, length=one.length, max_samples=64, squash=squash, progress=False)
        assert (one.rank, one.upper_bound, one.skeleton) == (rank.rank, rank.upper_bound, squash is not None)
    assert Comparison.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    assert {"reach", "half", "mean", "skeleton"} <= found.records()[0].keys()
    heads, first, *_ = found.table().splitlines()
    assert heads.split() == ["model", "depth", "width", "parameters", "T=4", "reach", "T=6", "reach"]
    assert first.startswith("lstm*")
    assert "without activations" in str(found)


def test_a_plain_comparison_says_nothing_of_curves() -> None:
    found = compare("rac", length=4, width=2, progress=False)
    assert (found.measured, found.cells[0].reach) == (False, None)
    assert "reach" not in str(found)


def test_a_rank_stands_where_the_curve_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ValueError("no curve today")

    monkeypatch.setattr("seprank.comparison.compared.remember", fail)
    found = compare("rac", length=4, width=2, measured=True, progress=False)
    assert (found.cells[0].rank, found.cells[0].verdict) == (2, "exact")
    assert found.failed == found.cells
    assert "length 4 failed: no curve today" in str(found)


def test_curves_are_of_vectors_and_skeletons_are_asked_for() -> None:
    with pytest.raises(ValueError, match="measured needs domain='functional', got 'tokens'"):
        compare("rac", length=4, width=2, domain="tokens", measured=True)
    with pytest.raises(ValueError, match=r"with measured=True \(--measured\) it is that of its polynomial skeleton"):
        compare("lstm", length=4, width=2)
    asked = ["--models", "gru", "--measured", "--width", "1", "--length", "4", "--depth", "1"]
    run = CliRunner().invoke(app, ["compare", *asked, "--json"])
    assert run.exit_code == 0
    assert json.loads(run.stdout)["cells"][0]["reach"] is not None


# The limit on samples


def test_a_limit_on_samples_is_no_number_of_samples() -> None:
    low = certify(RAC(3, 3, 2), length=8, max_samples=20, progress=False)
    assert (low.rank, low.samples, low.saturated, low.exact) == (20, 20, False, False)
    # 45 is the rank and the bound: a limit above both is not used up, a limit at the rank is enough.
    high = certify(RAC(3, 3, 2), length=8, max_samples=1000, progress=False)
    assert (high.rank, high.samples, high.saturated, high.exact) == (45, 53, True, True)
    assert certify(RAC(3, 3, 2), length=8, max_samples=45, progress=False).exact
    between = certify(RAC(3, 3, 2), length=8, max_samples=48, progress=False)
    assert (between.samples, between.saturated, between.exact) == (48, True, True)


def test_samples_are_doubled_up_to_the_limit() -> None:
    module = MODELS["selective_ssm"].build(inputs=3, width=3, depth=2)
    found = certify(module, length=8, max_samples=120, progress=False)
    assert (found.rank, found.samples, found.saturated) == (107, 120, True)
    found = certify(module, length=8, max_samples=75, progress=False)
    assert (found.rank, found.samples, found.saturated) == (75, 75, False)


def test_words_up_to_the_limit() -> None:
    found = certify(RAC(3, 3, 2), length=8, domain="tokens", max_samples=30, progress=False)
    assert (found.rank, found.samples, found.saturated) == (30, 30, False)
    found = certify(RAC(3, 3, 2), length=8, domain="tokens", max_samples=500, progress=False)
    assert (found.rank, found.exact) == (45, True)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"max_samples": 0}, "max_samples must be at least 1, got 0"),
        ({"max_samples": True}, "max_samples must be a whole number, got True"),
        ({"samples": 8, "max_samples": 9}, "give one of them"),
    ],
)
def test_wrong_limits_are_named(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        certify(RAC(2, 2), length=4, progress=False, **settings)


# Cells


@pytest.mark.slow
def test_cells_are_those_of_certify() -> None:
    found = compare(["rac", "mi_rnn"], length=[2, 5], depth=[1, 2], width=2, inputs=2, seed=3, progress=False)
    assert [(c.model, c.depth, c.length) for c in found.cells] == [
        (m, d, t) for m in ("rac", "mi_rnn") for d in (1, 2) for t in (2, 5)
    ]
    for one in found.cells:
        module = MODELS[one.model].build(inputs=2, width=2, depth=one.depth)
        alone = certify(module, length=one.length, max_samples=1024, seed=3, progress=False)
        assert (one.rank, one.upper_bound, one.exact, one.saturated, one.samples) == (
            alone.rank,
            alone.upper_bound,
            alone.exact,
            alone.saturated,
            alone.samples,
        )
        assert one.bound in {b.name for b in alone.bounds if b.value == alone.upper_bound}
        assert one.parameters == sum(p.numel() for p in module.parameters())
        assert one.cut == one.length // 2


@pytest.mark.slow
def test_one_layer_of_every_model() -> None:
    """Facts: additive 2; linear in the state at most its width; affine one more; gates grow."""
    found = compare(length=[2, 4], width=3, progress=False)
    assert list(dict.fromkeys(c.model for c in found.cells)) == POLYNOMIAL
    ranks = {name: [c.rank for c in found.cells if c.model == name] for name in POLYNOMIAL}
    for name in ("elman", "diagonal_ssm", "lru"):
        assert ranks[name] == [2, 2]
    for name in ("rac", "second_order", "cp_rnn"):
        assert ranks[name] == [3, 3]
    for name in ("mi_rnn", "linear_attention", "delta_rule", "selective_ssm", "min_gru", "min_lstm"):
        assert ranks[name] == [4, 4]
    for name, value in (("gla", 10), ("gated_delta_net", 10), ("mlstm", 9), ("hgrn", 7)):
        assert ranks[name] == [value, value]
    assert ranks["arithmetic_lstm"] == [11, 170]
    assert ranks["arithmetic_gru"] == [8, 79]


@pytest.mark.slow
def test_a_cell_whose_bound_is_within_the_samples_is_exact_or_a_gap() -> None:
    found = compare(length=[2, 4], depth=[1, 2], width=2, inputs=2, max_samples=64, progress=False)
    near = [c for c in found.cells if c.upper_bound is not None and c.upper_bound <= 64]
    far = [c for c in found.cells if c.verdict == "limited by samples"]
    assert len(near) > 20
    assert {c.verdict for c in near} == {"exact", "saturated"}
    assert far
    assert all(c.rank == c.samples == 64 for c in far)
    for c in found.cells:
        assert c.rank is not None
        assert c.upper_bound is not None
        assert c.rank <= c.upper_bound


@pytest.mark.slow
def test_equal_parameters_take_the_nearest_width() -> None:
    found = compare(
        ["rac", "elman", "arithmetic_lstm"], length=2, depth=[1, 3], parameters=150, inputs=4, progress=False
    )
    assert found.deviation is not None
    for one in found.cells:
        counts = {r: MODELS[one.model].count_parameters(4, r, one.depth) for r in range(1, 40)}
        assert one.width == min(counts, key=lambda r: (abs(counts[r] - 150), r))
        assert one.parameters == counts[one.width]
        assert found.deviation[0] <= one.parameters / 150 - 1 <= found.deviation[1]
    low, high = (f"{100 * part:+.1f} %" for part in found.deviation)
    assert f"Parameters deviate by {low} to {high}" in str(found)
    assert compare("rac", length=2, width=3, progress=False).deviation is None


def test_the_same_question_has_the_same_answer() -> None:
    first, again = (compare("mi_rnn", length=4, depth=2, width=2, progress=False) for _ in range(2))
    assert first.to_csv() == again.to_csv()


def test_tokens() -> None:
    found = compare("rac", length=8, depth=3, width=3, inputs=4, domain="tokens", progress=False)
    assert (found.cells[0].rank, found.cells[0].verdict) == (192, "exact")


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"models": "rca"}, ValueError, "did you mean 'rac'"),
        ({"models": []}, ValueError, "at least one model"),
        ({"models": ["rac", "lstm"]}, ValueError, "'lstm' is not polynomial.*--measured.*arithmetic_lstm"),
        ({"length": 1}, ValueError, "length must be at least 2, got 1"),
        ({"length": []}, ValueError, "length must be at least one number"),
        ({"length": [4, True]}, TypeError, "length must be a whole number, got True"),
        ({"depth": [1, 0]}, ValueError, "depth must be at least 1, got 0"),
        ({"width": None}, ValueError, "give either width or parameters, got width=None and parameters=None"),
        ({"parameters": 100}, ValueError, "give either width or parameters, got width=3 and parameters=100"),
        ({"width": 0}, ValueError, "width must be at least 1, got 0"),
        ({"inputs": 0}, ValueError, "inputs must be at least 1"),
        ({"max_samples": 0}, ValueError, "max_samples must be at least 1"),
        ({"domain": "words"}, ValueError, "domain must be one of functional, tokens, got 'words'"),
        ({"seed": True}, TypeError, "seed must be a whole number, got True"),
    ],
)
def test_wrong_arguments_are_named(settings: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        compare(**{"models": "rac", "length": 4, "width": 3, "progress": False, **settings})


# Failures and interruption


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second-order network fails, whatever is asked."""
    certify = sys.modules["seprank.comparison.compared"].certify

    def some(module: Any, **settings: Any) -> Any:
        if type(module).__name__ == "SecondOrder":
            raise ArithmeticError("1 + 1 = 3")
        return certify(module, **settings)

    monkeypatch.setattr(sys.modules["seprank.comparison.compared"], "certify", some)


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the third cell."""
    certify, calls = sys.modules["seprank.comparison.compared"].certify, iter(range(100))

    def some(module: Any, **settings: Any) -> Any:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return certify(module, **settings)

    monkeypatch.setattr(sys.modules["seprank.comparison.compared"], "certify", some)


@pytest.mark.usefixtures("failing")
def test_a_cell_that_fails_is_shown_and_the_others_are_kept() -> None:
    found = compare(["rac", "second_order", "elman"], length=[2, 4], width=2, progress=False)
    assert [c.verdict for c in found.cells] == ["exact"] * 2 + ["failed"] * 2 + ["exact"] * 2
    assert [c.failure for c in found.failed] == ["1 + 1 = 3"] * 2
    assert "second_order, depth 1, length 4 failed: 1 + 1 = 3" in str(found)
    assert "second_order" in found.to_html()


def test_what_exceeds_the_memory_is_a_failed_cell() -> None:
    found = compare(["rac", "elman"], length=4, width=300, memory=2**20, max_samples=8, progress=False)
    assert [c.verdict for c in found.cells] == ["failed", "failed"]
    assert "the weights alone take about" in str(found.cells[0].failure)
    check_weights(100, 2000)
    with pytest.raises(ValueError, match="weights alone"):
        check_weights(101, 2000)


@pytest.mark.usefixtures("interrupted")
def test_an_interruption_keeps_what_was_computed() -> None:
    with pytest.raises(ComparisonInterrupted, match="interrupted after 2 of 4 cells") as caught:
        compare(["rac", "elman"], length=[2, 4], width=2, progress=False)
    found = caught.value.found
    assert isinstance(caught.value, KeyboardInterrupt)
    assert [c.model for c in found.cells] == ["rac", "rac"]
    assert not found.to_dict()["complete"]
    assert "Interrupted after 2 of 4 cells." in str(found)


def test_a_contradicted_bound_is_a_failed_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bounds, "least_upper", property(lambda known: 2))
    found = compare("rac", length=4, width=3, progress=False)
    assert "proved upper bound" in str(found.cells[0].failure)


# As text


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "125 ≤140"),
        ({"rank": 140, "exact": True}, "=140"),
        ({"rank": 1024, "upper_bound": 40_040, "saturated": False}, "≥1,024 ≤40,040"),
        ({"rank": 1024, "upper_bound": None, "saturated": False}, "≥1,024"),
        ({"rank": None, "upper_bound": None, "failure": "no memory"}, "failed"),
    ],
)
def test_entries(changes: dict[str, Any], shown: str) -> None:
    assert cell(**changes).known.entry == shown


@pytest.mark.parametrize("value", [0, 99_999, 100_000, 100_001, 123_456, 999_999, 10**20 - 1, 10**20, 7**999])
def test_a_shortened_upper_bound_is_still_one(value: int) -> None:
    shown = at_most(value)
    assert len(shown) <= 8
    assert Decimal(shown.replace(",", "")) >= value
    assert value < 10**5 or Decimal(shown) * 10 <= Decimal(value) * 11 + 1


def test_columns_are_aligned() -> None:
    cells = [cell(length=2), cell(length=10, rank=1024, saturated=False), cell(model="arithmetic_lstm", length=2)]
    lines = table(cells).splitlines()
    assert lines[0].split() == ["model", "depth", "width", "parameters", "T=2", "T=10"]
    assert lines[1].split()[:4] == ["rac", "2", "3", "42"]
    assert lines[0].index("T=2") + 3 == lines[1].index("≤140") + 4 == len(lines[2])


def test_json_and_csv_say_the_same() -> None:
    found = compare(["rac", "mi_rnn"], length=4, depth=2, width=3, progress=False)
    values = json.loads(json.dumps(found.to_dict()))
    assert values["complete"]
    rows = list(csv.DictReader(found.to_csv().splitlines()))
    assert [(r["model"], int(r["rank"]), r["verdict"]) for r in rows] == [
        (c["model"], c["rank"], c["verdict"]) for c in values["cells"]
    ]
    assert "seconds" not in rows[0]


def test_page_shows_every_model_and_needs_no_network() -> None:
    # A bound of a hundred digits is off the panel, and no number a plot could hold.
    unbounded = cell(model="elman", upper_bound=10**400, saturated=False, samples=125)
    cells = [cell(), cell(length=4, rank=18, exact=True), unbounded]
    found = Comparison(3, "functional", 3, None, 1024, 0, 3, cells)
    page = found.to_html()
    assert 'src="http' not in page
    for part in ("elman", "saturated", "limited by samples", "exact", "at equal width 3"):
        assert part in page
    nothing = Comparison(3, "functional", None, 200, 1024, 0, 3, [])
    assert "Interrupted after 0 of 3 cells" in nothing.to_html()


def test_markers_say_how_sure_a_rank_is() -> None:
    """Full where it is exact, an open triangle where more samples may raise it, else open."""
    limited = cell(length=4, rank=50, saturated=False, samples=50)
    cells = [cell(length=2, rank=18, exact=True), cell(length=6, rank=60, saturated=True), limited]
    (axes,) = (Comparison(3, "functional", 3, None, 1024, 0, 3, cells).plot()[1],)
    line, exact, raised, bound = axes.lines
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([2, 4, 6], [18, 50, 60])
    assert (line.get_markerfacecolor(), line.get_marker()) == ("white", "o")
    assert (list(exact.get_xdata()), exact.get_markerfacecolor() == "white") == ([2], False)
    assert (list(raised.get_xdata()), raised.get_marker(), raised.get_markerfacecolor()) == ([4], "^", "white")
    assert (bound.get_linestyle(), len(bound.get_xdata())) == (":", 3)


# Command line


def command(*arguments: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, ["compare", *arguments])
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


@pytest.mark.slow
def test_command(tmp_path: Path) -> None:
    sizes = ("--models", "rac, elman", "--length", "4,8", "--depth", "2", "--width", "3")
    page, file = tmp_path / "page.html", tmp_path / "cells.csv"
    shown = command(*sizes, "--out", str(page), "--out", str(file)).stdout
    assert re.search(r"^rac +2 +3 +42 +=18 +=45$", shown, re.MULTILINE)
    assert "rac" in page.read_text()
    values = json.loads(command(*sizes, "--json").stdout)
    assert [(c["rank"], c["verdict"]) for c in values["cells"]] == [
        (18, "exact"),
        (45, "exact"),
        (2, "exact"),
        (2, "exact"),
    ]
    limited = json.loads(command(*sizes, "--samples", "20", "--json").stdout)
    assert limited["cells"][1]["rank"] == 20
    assert limited["cells"][1]["verdict"] == "limited by samples"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--models", "rac"), "give either width or parameters"),
        (("--width", "3", "--length", "4;6"), "--length must be whole numbers with commas between them, got '4;6'"),
        (("--width", "3", "--length", ""), "length must be at least one number"),
        (("--width", "3", "--depth", "-1"), "--depth must be whole numbers"),
        (("--width", "3", "--models", "rac,gru"), "'gru' is not polynomial"),
        (("--width", "3", "--models", "rac,build.py:f"), "there is no file build.py"),
        (("--width", "3", "--memory", "much"), "memory must be a size"),
    ],
)
def test_command_refuses(arguments: tuple[str, ...], says: str) -> None:
    told = command(*arguments, code=2).stderr
    assert says in told
    assert "Traceback" not in told


@pytest.mark.usefixtures("failing")
def test_command_with_a_failed_cell_ends_with_1() -> None:
    shown = command("--models", "second_order,rac", "--length", "4", "--depth", "1", "--width", "3", code=1).stdout
    assert "failed: 1 + 1 = 3" in shown
    assert "=3" in shown


@pytest.mark.usefixtures("interrupted")
def test_command_interrupted_prints_what_it_has(tmp_path: Path) -> None:
    file = tmp_path / "cells.csv"
    done = command("--width", "2", "--models", "rac,elman", "--depth", "1", "--out", str(file), code=130)
    assert "Interrupted after 2 of 8 cells." in done.stdout
    assert "interrupted after 2 of 8 cells" in done.stderr
    assert len(file.read_text().splitlines()) == 3


# What docs/architectures.md says


def stored(name: str) -> list[dict[str, Any]]:
    """The cells of a stored table."""

    def value(text: str) -> Any:
        return None if text == "" else int(text) if text.isdecimal() else {"True": True, "False": False}.get(text, text)

    with (DOCS / "architectures" / f"{name}.csv").open() as file:
        return [{key: value(text) for key, text in row.items()} for row in csv.DictReader(file)]


@pytest.mark.slow
def test_ranks_beside_memory_are_those_of_the_page() -> None:
    page = (DOCS / "architectures.md").read_text("utf-8")
    names = re.findall(r"compare --models (\S+) --measured", page)[0].split(",")
    found = compare(names, length=[4, 8], width=3, max_samples=256, measured=True, progress=False)
    assert found.table() in page


def table(cells: list[Cell]) -> str:
    """The table of some cells."""
    return Comparison(2, "functional", 3, None, 1024, 0, len(cells), cells).table()


def as_cells(rows: list[dict[str, Any]]) -> list[Cell]:
    return [Cell(**{key: v for key, v in row.items() if key != "verdict"}, seconds=0.0) for row in rows]


@pytest.mark.parametrize("name", ["equal-width", "equal-parameters", "deeper"])
def test_the_page_shows_the_stored_table(name: str) -> None:
    assert table(as_cells(stored(name))) in (DOCS / "architectures.md").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "sizes"), [("equal-width", {"width": 3}), ("equal-parameters", {"parameters": 200})])
def test_a_sample_of_the_stored_cells_is_computed_again(name: str, sizes: dict[str, int]) -> None:
    rows = stored(name)
    assert {(r["model"], r["depth"], r["length"]) for r in rows} == {
        (m, d, t) for m in POLYNOMIAL for d in (1, 2, 3) for t in (2, 4, 6, 8)
    }
    quick = [r for r in rows if r["rank"] < 150 and r["verdict"] != "limited by samples"]
    for row in quick[:: 7 if name == "equal-width" else 11]:
        found = compare(row["model"], length=row["length"], depth=row["depth"], progress=False, **sizes)
        again = next(csv.DictReader(found.to_csv().splitlines()))
        assert {key: again[key] for key in row} == {k: "" if value is None else str(value) for k, value in row.items()}


def test_no_stored_rank_exceeds_its_bound_and_every_one_has_a_bound() -> None:
    for name in ("equal-width", "equal-parameters", "deeper"):
        for row in stored(name):
            assert row["rank"] <= row["upper_bound"]
            assert row["exact"] == (row["rank"] == row["upper_bound"])


@pytest.mark.slow
def test_degree_bounds_are_not_below_any_stored_rank() -> None:
    """Where the family has no bounds of its own the stored ones are by degree; the others are computed here."""
    computed = 0
    for row in stored("equal-width"):
        if row["bound"].startswith("degrees: "):
            continue
        module = MODELS[row["model"]].build(inputs=3, width=3, depth=row["depth"])
        assert row["rank"] <= min(b.value for b in degree_bounds(module, length=row["length"]))
        computed += 1
    assert computed == 4 * 3 * 4 + 3 * 4 + 4


# What its prose says, computed again where that is quick, read from the stored tables where not


def ranks(
    model: str, lengths: list[int], depth: int = 1, width: int = 3, inputs: int = 3, **settings: Any
) -> list[Any]:
    found = compare(model, length=lengths, depth=depth, width=width, inputs=inputs, progress=False, **settings)
    assert all(c.exact or c.rank < c.samples for c in found.cells)
    return [c.rank for c in found.cells]


def state_bound(model: str, length: int, depth: int = 1, width: int = 3, inputs: int = 3) -> int:
    module = MODELS[model].build(inputs=inputs, width=width, depth=depth)
    return next(b.value for b in degree_bounds(module, length=length) if b.name == "degrees: state")


@pytest.mark.slow
def test_one_gated_unit_triples() -> None:
    found = compare("arithmetic_gru", length=[4, 6, 8, 10, 12], width=1, inputs=1, progress=False)
    assert [c.rank for c in found.cells] == [3**b + 1 for b in (2, 3, 4, 5, 6)]
    assert {c.verdict for c in found.cells} == {"exact"}
    assert ranks("arithmetic_lstm", [2, 4, 6], width=1, inputs=1) == [4, 17, 133]
    assert ranks("arithmetic_lstm", [8], width=1, inputs=1, max_samples=1400) == [1321]


@pytest.mark.slow
@pytest.mark.parametrize("width", [1, 2, 3])
def test_the_state_bound_of_one_gated_layer(width: int) -> None:
    for half in (1, 2, 3, 4):
        assert state_bound("arithmetic_gru", 2 * half, width=width) == math.comb(width + 3**half, width)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mi_rnn", "selective_ssm"])
@pytest.mark.parametrize(
    ("width", "depth", "length"), [(1, 2, 6), (2, 3, 6), (3, 1, 8), (3, 2, 8), (3, 3, 5), (4, 2, 3)]
)
def test_the_added_terms_are_worth_one_unit(model: str, width: int, depth: int, length: int) -> None:
    circuit = bounds(inputs=width + 1, width=width + 1, depth=depth, length=length)
    wider = next(b.value for b in circuit if b.name == "state")
    assert state_bound(model, length, depth=depth, width=width) == wider


def test_two_layers_of_the_circuit() -> None:
    assert ranks("rac", [4, 6, 8, 10], depth=2) == [3 * math.comb(b + 2, b) for b in (2, 3, 4, 5)] == [18, 30, 45, 63]


@pytest.mark.slow
def test_linear_attention_stops_growing() -> None:
    assert {state_bound("linear_attention", length, depth=2) for length in (2, 4, 8, 20)} == {1012}
    assert ranks("linear_attention", [4, 16], depth=2) == [47, 47]
    assert ranks("linear_attention", [2, 4, 6], depth=2, width=2, inputs=2) == [14, 18, 18]
    assert len({state_bound("linear_attention", length, depth=3, width=2, inputs=2) for length in (4, 8, 20)}) == 1
    found = ranks("linear_attention", [4, 8, 10], depth=3, width=2, inputs=2, max_samples=720)
    assert found == [555, 709, 709]


@pytest.mark.slow
def test_the_delta_rule_grows() -> None:
    assert ranks("delta_rule", [2, 4], depth=2, width=2, inputs=2) == [35, 354]
    assert ranks("delta_rule", [6], depth=2, width=2, inputs=2, max_samples=1300) == [1277]


@pytest.mark.parametrize(
    ("table_name", "model", "depth", "length", "shown"),
    [
        ("equal-width", "mi_rnn", 2, 8, "125 ≤140"),
        ("equal-width", "rac", 2, 8, "=45"),
        ("equal-width", "selective_ssm", 2, 8, "107 ≤140"),
        ("equal-width", "arithmetic_gru", 1, 4, "=79"),
        ("equal-width", "arithmetic_lstm", 1, 4, "=170"),
        ("equal-width", "gla", 1, 8, "=10"),
        ("equal-width", "gated_delta_net", 1, 8, "=10"),
        ("equal-width", "mlstm", 1, 8, "=9"),
        ("equal-width", "hgrn", 1, 8, "=7"),
        ("equal-width", "min_gru", 2, 8, "131 ≤161"),
        ("equal-width", "min_lstm", 2, 8, "131 ≤161"),
        ("equal-width", "mlstm", 2, 2, "658 ≤1,938"),
        ("deeper", "rac", 3, 6, "=759"),
        ("deeper", "rac", 3, 8, "=2,844"),
        ("deeper", "second_order", 3, 6, "813 ≤840"),
        ("deeper", "second_order", 3, 8, "2,943 ≤2,970"),
        ("deeper", "cp_rnn", 3, 6, "759 ≤840"),
        ("deeper", "cp_rnn", 3, 8, "2,844 ≤2,970"),
        ("equal-parameters", "rac", 1, 6, "=12"),
        ("equal-parameters", "rac", 2, 6, "=180"),
        ("equal-parameters", "rac", 3, 6, "=840"),
        ("equal-parameters", "second_order", 2, 8, "=350"),
        ("equal-parameters", "linear_attention", 1, 8, "=4"),
        ("equal-parameters", "linear_attention", 2, 8, "=47"),
    ],
)
def test_numbers_quoted_from_the_tables(table_name: str, model: str, depth: int, length: int, shown: str) -> None:
    row = next(r for r in stored(table_name) if (r["model"], r["depth"], r["length"]) == (model, depth, length))
    assert as_cells([row])[0].known.entry == shown


def test_three_inputs_limit_the_circuit_at_equal_parameters() -> None:
    for depth, width, value in ((2, 7, 180), (3, 6, 840)):
        known = bounds(inputs=3, width=width, depth=depth, length=6)
        assert next(b.value for b in known if b.name == "end inputs") == value


@pytest.mark.parametrize(("model", "length"), [("mi_rnn", 4), ("arithmetic_gru", 2)])
def test_squashed_networks_are_measured_as_shown(model: str, length: int) -> None:
    row = runpy.run_path(str(DOCS.parent / "examples" / "squashed_twins.py"))["row"]
    page = (DOCS / "architectures.md").read_text("utf-8")
    shown = re.search(rf"^{model} +{length} +(\S+) +(\d+) +(\d+) +(\S+)$", page, re.MULTILINE)
    assert shown is not None
    rank, floats, numerical, drawn, effective = row(model, length)
    assert (rank, str(floats)) == (shown[1], shown[2])
    # What lies at the edge of rounding differs between processors.
    assert abs(numerical - int(shown[3])) < 0.2 * numerical
    assert numerical < drawn
    assert effective == pytest.approx(float(shown[4]), abs=2e-3)
