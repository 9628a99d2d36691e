"""Reports: words about certainty, tables as CSV, folders and stores, and the page in a real browser."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import pytest
from playwright.sync_api import Page
from torch import nn

import seprank as sr
from seprank.demo import Sizes, compute, save
from seprank.jobs.commands import COMMANDS
from seprank.report.answers import answers_page, widest_shallow
from seprank.report.findings import Findings
from seprank.report.folder import folder_page
from seprank.report.rank_tables import rank_table
from seprank.result.chart import chart, label, legend_above, look
from seprank.result.document import SURE, AtLeast, Section, Share, Table, report_page
from seprank.result.sureness import Rank
from seprank.sources import load_factory
from seprank.store import Job, Store

R = TypeVar("R")
FEW = Sizes(
    lengths=(2, 4), long_lengths=(2, 4), cut_length=4, compared_length=4, compared_samples=32, matrix_samples=24,
    measured_samples=24, picture_length=4, training_steps=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a small demonstration was run."""
    folder = tmp_path_factory.mktemp("demo")
    save(compute(folder, FEW, lambda _: None), folder)
    return folder


def test_certainty_is_said_in_the_words_of_the_package() -> None:
    limited = Rank(1234, 1234, None, exact=False, saturated=False)
    said = {
        limited: ("limited by samples", "≥", "certified lower bound, limited by 1,234 samples; more may raise it"),
        replace(limited, value=9): ("at least", "≥", "how likely it is to be the rank is not known"),
        replace(limited, value=9, saturated=True, error=0.018): ("saturated", "≥", "error at most 2^-5 (0.018)"),
        replace(limited, value=9, saturated=True): ("saturated", "≥", "its run called it saturated"),
        replace(limited, exact=True, saturated=True): ("exact", "=", "meets a proved upper bound"),
        replace(limited, value=None, failure="no memory"): ("failed", "≥", "failed: no memory"),
    }
    for rank, (word, sign, end) in said.items():
        assert (rank.sureness.value, rank.sign) == (word, sign)
        assert rank.sentence.endswith(end)


def test_a_shallow_network_is_at_most_all_starts_wide() -> None:
    assert widest_shallow(3, 8) == 3**4


def test_tables_come_back_from_their_links() -> None:
    rows = [{"name": 'a "b", c\n& <d>', "rank": 2844, SURE: "exact"}, {"name": "ü", "rank": 3, SURE: "measured"}]
    link = Table("t", rows, "c", shown=("name",)).link
    text = unquote(link.removeprefix("data:text/csv;charset=utf-8,"))
    assert list(csv.DictReader(io.StringIO(text))) == [{k: str(v) for k, v in row.items()} for row in rows]


def test_a_lower_bound_has_its_sign_on_the_page_and_is_a_number_in_the_file() -> None:
    table = Table("t", [{"rank": AtLeast(1234), SURE: "certified"}], "c")
    assert table.cells[0][0] == ("rank", "≥ 1,234", True, "")
    assert unquote(table.link).endswith("\n1234,certified\n")


def test_text_is_escaped() -> None:
    page = report_page("<b>", "<i>", [Section("<u>", "<s>", [Table("t", [{"<p>": "<q>"}], "<a>")])])
    assert not any(tag in page for tag in ("<b>", "<i>", "<u>", "<s>", "<q>", "<a>"))


@pytest.mark.slow
def test_every_table_of_the_demonstration_says_how_sure_it_is(demo: Path) -> None:
    page = (demo / "report.html").read_text("utf-8")
    assert page.count("<table>") >= 8
    assert page.count("<table>") == page.count(f'<th scope="col">{SURE}</th>') == page.count('class="csv"')
    assert page.count("<figure>") == page.count("<figcaption>")


def test_the_page_is_small_and_needs_no_network(demo: Path) -> None:
    page = (demo / "report.html").read_text("utf-8")
    assert len(page) < 10**6
    assert "Plotly.newPlot" not in page
    assert page.count('<div class="chart"><svg') == 9
    assert 'src="http' not in page


def test_three_sentences_come_first_with_the_numbers_of_the_certificates(demo: Path) -> None:
    page = (demo / "report.html").read_text("utf-8")
    cards = re.findall("<li>(.*?)</li>", page[page.index('<ul class="cards">') : page.index("</ul>")])
    # min(R, M^(T/2)) = 3 for one layer; 30 states of three layers, at length 4
    assert [re.findall("carr.*? threads", card) for card in cards] == [
        ["carries 3 independent threads"],
        ["carry 30 independent threads"],
        [],
    ]


def test_a_share_of_next_to_nothing_is_said_to_be_that_and_kept_in_the_file() -> None:
    table = Table("t", [{"share": Share(1.4e-29), SURE: "measured"}, {"share": Share(0.25), SURE: "measured"}], "c")
    assert [row[0] for row in table.cells] == [("< 1e-06", True), ("0.25", True)]
    assert "1.4e-29" in unquote(table.link)


@pytest.mark.parametrize("name", ["_hidden", "$x$ and $y^$", "<b>bold</b>", "&amp;"])
def test_a_name_that_others_chose_is_words_in_a_chart(name: str) -> None:
    def draw(axes: Any) -> None:
        axes.plot([1, 2], [1, 2], **look(0), label=label(name))
        legend_above(axes)

    picture = chart(draw)
    words = [
        unescape("".join(re.findall(">([^<]*)<", text))).strip() for text in re.findall("<text.*?</text>", picture)
    ]
    assert name in words


@pytest.mark.slow
def test_the_report_prints_on_eight_pages(demo: Path, browser_page: Page) -> None:
    """With as many rows as the demonstration has that users run, on the shorter paper."""
    found = Findings.from_dict(json.loads((demo / "findings.json").read_text("utf-8")))
    full = replace(
        found,
        growth=_repeated(found.growth, 12),
        lengths=_repeated(found.lengths, 18),
        cuts=_repeated(found.cuts, 15),
        integration=replace(found.integration, cells=_repeated(found.integration.cells, 24)),
    )
    (demo / "full.html").write_text(answers_page(full), "utf-8")
    browser_page.goto((demo / "full.html").as_uri())
    assert browser_page.locator("tbody tr").count() > 170
    printed = browser_page.pdf(format="Letter")
    assert 6 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 8


def _repeated(records: Sequence[R], count: int) -> list[R]:
    return [records[number % len(records)] for number in range(count)]


def test_what_all_rows_share_is_said_once(demo: Path) -> None:
    records = Findings.from_dict(json.loads((demo / "findings.json").read_text("utf-8"))).growth
    table = rank_table("t", records, "Ranks")
    assert [name for name, _ in table.heads()] == ["depth", "length", "cut", "rank", "proved: at most", SURE]
    assert table.caption == "Ranks: model rac, width 3, domain functional, read-out random"
    assert {"model", "width", "domain", "read-out"} <= set(table.rows[0])
    assert "model" in dict(rank_table("t", records[:1], "Ranks").heads())


def test_a_folder_with_certificate_measurement_and_store(tmp_path: Path) -> None:
    rac = sr.RAC(input_size=2, hidden_size=2)
    sr.certify(rac, length=4).save(tmp_path / "certificate.json")
    sr.measure(rac, length=4, starts=16, ends=16).save(tmp_path / "mine.json")
    (tmp_path / "other.json").write_text("[1, 2]", "utf-8")
    certificate = sr.certify(rac, length=6)
    found: dict[str, Any] = {**certificate.summary().to_dict(), "certificate": certificate.to_dict()}
    with Store(tmp_path / "runs.db", write=True) as store:
        for command, settings in (("certify", {"model": "rac"}), ("train", {"task": "copying-memory"})):
            store.add([Job(command, settings)])
        store.finish(Job("certify", {"model": "rac"}), found, seconds=1.0)
        store.fail(Job("train", {"task": "copying-memory"}), "Traceback\nValueError: too <long>", seconds=1.0)
    page = folder_page(tmp_path)
    for words in ("Certified ranks", "Measurements", "mine", "Failed jobs", "ValueError: too &lt;long&gt;"):
        assert words in page
    # both certificates are of one network: their line against length is drawn
    assert page.count("<figure>") == 1
    assert folder_page(tmp_path / "certificate.json").count("<tr>") == 2


def test_memory_curves_of_files_and_of_stores_stand_side_by_side(tmp_path: Path) -> None:
    settings = {"model": "gru", "inputs": 2, "width": 3, "length": 8, "samples": 32}
    curve = sr.remember(nn.GRU(2, 3, batch_first=True), length=9, samples=32, progress=False)
    curve.save(tmp_path / "<mine>.json")
    work = COMMANDS["remember"].from_settings(settings)
    result = work.run(tmp_path, 2**30)
    with Store(tmp_path / "runs.db", write=True) as store:
        store.finish(work.job, result, seconds=1.0)
        store.finish(COMMANDS["remember"].from_settings(settings | {"seed": 1}).job, result, seconds=1.0)
    page = folder_page(tmp_path)
    assert curve.sentence().replace("'", "&#39;") in page
    for words in ("How many steps back", "gru, depth 1, width 3 (1)", "gru, depth 1, width 3 (2)", "&lt;mine&gt;"):
        assert words in page
    assert page.count("<figure>") == 2
    assert "<mine>" not in page
    assert "How many steps back" in folder_page(tmp_path / "<mine>.json")
    (tmp_path / "<mine>.json").write_text(json.dumps(curve.to_dict() | {"length": 2}))
    with pytest.raises(ValueError, match="is not a memory curve"):
        folder_page(tmp_path / "<mine>.json")
    assert "is not a memory curve" in folder_page(tmp_path)


def test_a_missing_extra_is_said_and_the_rest_is_shown(demo: Path) -> None:
    found = Findings.from_dict(json.loads((demo / "findings.json").read_text("utf-8")))
    page = answers_page(replace(found, training="training needs lightning: pip install 'seprank[train]'"))
    assert "training needs lightning: pip install &#39;seprank[train]&#39;" in page
    assert "How this was made" in page


@pytest.mark.slow
def test_the_report_in_a_browser(
    demo: Path, browser_page: Page, complaints: list[str], too_wide: Callable[[], list[str]], screen: tuple[int, int]
) -> None:
    width, height = screen
    browser_page.set_viewport_size({"width": width, "height": height})
    browser_page.goto((demo / "report.html").as_uri())
    assert browser_page.locator(".chart svg").count() == 9
    for sure in browser_page.locator("td.sure:visible").all():
        box = sure.bounding_box()
        assert box is not None
        assert 0 <= box["x"] < box["x"] + box["width"] <= width
    assert browser_page.locator(".picture svg").count() == 3
    assert too_wide() == []
    with browser_page.expect_download() as download:
        browser_page.get_by_role("link", name="rank-against-length.csv").click()
    with open(download.value.path(), encoding="utf-8", newline="") as file:
        ranks = [int(row["rank"]) for row in csv.DictReader(file)]
    # min(R, M^(T/2)), then two layers, then three
    assert ranks == [3, 3, 3, 18, 3, 30]
    assert complaints == []


def test_the_contents_are_reached_by_keyboard(demo: Path, browser_page: Page, complaints: list[str]) -> None:
    browser_page.goto((demo / "report.html").as_uri())
    browser_page.keyboard.press("Tab")
    browser_page.keyboard.press("Tab")
    browser_page.keyboard.press("Enter")
    assert browser_page.url.endswith("#part2")
    assert complaints == []


def test_what_the_samples_limit_and_which_read_out_is_said_in_a_folders_report(tmp_path: Path) -> None:
    wide = sr.measure(nn.GRU(2, 40, batch_first=True), length=4, starts=32, ends=32, progress=False)
    assert wide.numerical_rank_is_bound
    wide.save(tmp_path / "gru" / "measurement.json")
    for readout in ("all", 1, "random"):
        sr.certify(sr.RAC(2, 2, 2), length=4, readout=readout, progress=False).save(tmp_path / f"{readout}.json")
    page = folder_page(tmp_path)
    assert f"≥ {wide.numerical_rank}" in page or f"&ge; {wide.numerical_rank}" in page
    # Three certificates, of three questions: none is taken for another.
    start = page.index("model rac, depth 2, width 2, length 4, cut 2, domain functional")
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>.*?</tr>", page[start:], re.DOTALL)]
    assert [row[:2] for row in rows[1:4]] == [["1", "≥ 4"], ["all", "6"], ["random", "6"]]


def test_names_that_others_chose_stay_names_in_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("<img src=x onerror=alert(1)>.py")
    file.write_text("from seprank import RAC\nclass Own(RAC): ...\ndef build(): return Own(2, 2)\n")
    factory = load_factory(f"{file}:build")
    sr.certify(factory.build(), length=4, factory=factory, progress=False).save(tmp_path / "trap.json")
    page = folder_page(tmp_path)
    assert "<img" not in page
    assert "&#39;&lt;img src=x onerror" in page  # quoted, and escaped
