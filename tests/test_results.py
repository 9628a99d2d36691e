"""What every result can do: print, show itself in a notebook, be a data frame, be kept in a file, and be drawn."""

from __future__ import annotations

import importlib
import inspect
import json
import math
import re
from collections.abc import Callable
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import seprank
import seprank as sr
from seprank.memory_curve import MemoryCurves
from seprank.models import MODELS
from seprank.neighbours import overview
from seprank.result.document import Table
from seprank.result.latex import latex_table
from seprank.result.result import Result
from seprank.result.text import text_table
from seprank.theory.statements import explain

pytestmark = pytest.mark.usefixtures("one_thread")


def gru() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.GRU(2, 3, batch_first=True)


def linear() -> Any:
    """Matrices (W, Win) of a stable linear network."""
    return np.diag([0.9, 0.5]), np.ones((2, 1))


MAKERS: dict[str, Callable[[], Any]] = {
    "certificate": lambda: sr.certify(sr.RAC(2, 2), length=4, progress=False),
    "measurement": lambda: sr.measure(gru(), length=4, starts=16, ends=16, progress=False),
    "profile": lambda: sr.profile(gru(), length=4, starts=16, ends=16, progress=False),
    "memory curve": lambda: sr.remember(gru(), length=4, samples=64, progress=False),
    "comparison": lambda: sr.compare(["rac", "elman"], length=[2, 4], depth=1, width=2, inputs=2, progress=False),
    "plan": lambda: sr.plan(rank=10, length=8, inputs=2),
    "bounds": lambda: sr.bounds(inputs=2, width=2, depth=2, length=6),
    "memory curves": lambda: MemoryCurves({name: made("memory curve") for name in ("before", "after_$x$")}),
    "memory capacity": lambda: sr.memory_capacity(linear(), progress=False),
    "effective state-size": lambda: sr.effective_state_size(linear(), 6),
    "gradients": lambda: sr.gradient_curve(gru(), 4, samples=8, progress=False),
    "hankel": lambda: sr.hankel_singular_values(linear()),
    "overview": lambda: overview(MODELS["diagonal_ssm"].draw(0, inputs=1, width=2, depth=1), 4, progress=False),
}


@cache
def made(name: str) -> Any:
    return MAKERS[name]()


each = pytest.mark.parametrize("name", MAKERS)


@each
def test_it_is_a_result_with_a_short_repr(name: str) -> None:
    found = made(name)
    assert isinstance(found, Result)
    assert repr(found).startswith(f"<{type(found).__name__} ")
    assert len(repr(found)) < 200
    assert "\n" not in repr(found)


@each
def test_it_comes_back_from_its_file(name: str, tmp_path: Path) -> None:
    found = made(name)
    path = found.save(tmp_path / "found.json")
    again = type(found).load(path)
    assert again == found
    assert json.loads(path.read_text("utf-8")) == json.loads(json.dumps(found.to_dict()))


@each
def test_a_file_of_something_else_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    for text in ("{}", "[", "3", '{"bounds": 3}'):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"other\.json|certificate|field|read"):
            type(made(name)).load(path)


@each
def test_rows_have_the_same_names_and_are_a_data_frame(name: str) -> None:
    pytest.importorskip("pandas")
    found = made(name)
    rows = found.records()
    assert rows
    assert len({tuple(row) for row in rows}) == 1
    frame = found.to_frame()
    assert list(frame.columns) == list(rows[0])
    assert len(frame) == len(rows)
    for column in frame.columns:
        for was, now in zip([row[column] for row in rows], frame[column], strict=True):
            assert was == now or (was is None and (now is None or math.isnan(now)))


@each
def test_a_notebook_shows_a_table(name: str) -> None:
    found = made(name)
    html = found._repr_html_()
    assert html.count("<tr>") == len(found.records()) + 1
    assert "<script" not in html
    assert "href" not in html


@each
def test_it_draws_into_axes_of_its_own_or_those_given(name: str) -> None:
    from matplotlib.figure import Figure

    found = made(name)
    figure, axes = found.plot()
    figure.draw_without_rendering()
    assert len(figure.axes) == len(found.panels()) == np.size(axes)
    assert all(drawn.lines or drawn.patches for drawn in figure.axes)
    mine = Figure().subplots()
    drawn, same = found.plot(mine)
    assert (drawn, same) == (mine.figure, mine)
    assert mine.lines or mine.patches
    assert mine.get_xlabel()


def classes(parent: type[Result]) -> set[type[Result]]:
    """All kinds of results that are in the package."""
    below = {child for child in parent.__subclasses__() if child.__module__.startswith("seprank.")}
    return below.union(*(classes(child) for child in below))


def test_every_kind_of_result_is_in_this_table() -> None:
    """Found by type, in every module that could have one: a new one without a row fails here."""
    root = Path(next(iter(seprank.__path__)))
    for path in root.rglob("*.py"):
        if re.search(r"class \w+\(.*Result", path.read_text("utf-8")):
            importlib.import_module(".".join(["seprank", *path.relative_to(root).with_suffix("").parts]))
    assert {type(made(name)) for name in MAKERS} == classes(Result)


NAMES = ("headline", "records", "panels", "to_dict", "from_dict", "to_csv", "to_frame", "to_latex", "to_html")
FOR_USERS = ("to_csv", "to_frame", "to_latex", "to_html", "plot", "save", "load", "export")


@each
def test_every_kind_has_the_same_names_and_says_how_it_differs_in_them(name: str) -> None:
    kind = type(made(name))
    for method in (*NAMES, *FOR_USERS):
        assert (getattr(kind, method).__doc__ or "").strip()
    for method in FOR_USERS:
        taken = inspect.signature(getattr(kind, method)).parameters
        assert list(taken) == list(inspect.signature(getattr(Result, method)).parameters)
    assert kind.NOUN != Result.NOUN


# Figures, pages and tables for papers


@each
def test_lines_are_told_apart_without_colours(name: str) -> None:
    """Lines in a legend differ in marker or dashes, areas in hatch or lightness."""
    for panel_axes in np.ravel(made(name).plot()[1]):
        handles = panel_axes.get_legend_handles_labels()[0]
        looks = [_grey(handle) for handle in handles]
        assert len({*map(str, looks)}) == len(looks), looks


def _grey(handle: Any) -> Any:
    """What grey print shows of a line, an area or a container of those."""
    if hasattr(handle, "get_hatch"):
        red, green, blue = np.ravel(handle.get_facecolor())[:3]
        return "area", handle.get_hatch(), round(0.3 * red + 0.6 * green + 0.1 * blue, 1)
    line = handle[0] if isinstance(handle, tuple) else handle
    if hasattr(line, "get_marker"):
        return "line", line.get_marker(), line._unscaled_dash_pattern
    return "bars", line.get_hatch(), [round(part, 1) for part in line.get_facecolor()[:3]]


def test_two_lines_that_differ_in_colour_alone_would_be_noticed() -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    first, second = (axes.plot([1, 2], [1, number], "o-", color=f"C{number}")[0] for number in (1, 2))
    assert _grey(first) == _grey(second)


@pytest.mark.parametrize("name", ["bounds", "profile", "memory curves"])
def test_a_figure_is_as_wide_as_both_columns_and_has_its_fonts_inside(name: str, tmp_path: Path) -> None:
    check_svg(made(name).export(tmp_path / "a.svg"), 7.0)
    check_pdf(made(name).export(tmp_path / "a.pdf"))


@pytest.mark.slow
@each
def test_every_kind_has_a_bare_figure_of_one_column(name: str, tmp_path: Path) -> None:
    check_svg(made(name).export(tmp_path / "a.svg", column="single", bare=True), 3.4)
    check_pdf(made(name).export(tmp_path / "a.pdf", column="single", bare=True))


def check_svg(path: Path, inches: float) -> None:
    """So wide, and its letters are outlines."""
    picture = path.read_text("utf-8")
    width = re.search(r'<svg [^>]*width="([\d.]+)pt"', picture)
    assert width is not None
    assert float(width[1]) == pytest.approx(72 * inches)
    assert "<text" not in picture


def check_pdf(path: Path) -> None:
    """Its fonts are inside, and none is of type 3."""
    paper = path.read_bytes()
    assert paper.startswith(b"%PDF")
    assert b"/FontFile2" in paper
    assert b"/Type3" not in paper


@pytest.mark.slow
@each
def test_a_bare_figure_has_axes_and_legends_and_no_title(name: str) -> None:
    from seprank.result.panels import figure_of

    panels = made(name).panels()
    for bare in (False, True):
        _, drawn = figure_of(panels, 1, 3.4, bare=bare)
        titles = [axes.get_title(loc=place) for axes in drawn for place in ("left", "center", "right")]
        assert any(titles) == (len(panels) > 1 and not bare)
        assert all(axes.get_xlabel() for axes in drawn)


SMALL = ("--inputs", "2", "--width", "2", "--length", "4")
COMMANDS = {
    "certify": ("rac", *SMALL),
    "bounds": ("rac", *SMALL),
    "plan": ("--rank", "9", "--length", "6", "--inputs", "2"),
    "compare": ("--models", "rac,elman", "--length", "2,4", "--depth", "1", "--width", "2"),
    "measure": ("gru", *SMALL, "--starts", "16", "--ends", "16"),
    "measure --profile": ("gru", *SMALL, "--starts", "16", "--ends", "16"),
    "remember": ("gru", *SMALL, "--samples", "32"),
    "remember lstm": ("gru", *SMALL, "--samples", "32"),
    "neighbours": ("elman", "--inputs", "1", "--width", "1", "--length", "4", "--samples", "32"),
}


@pytest.mark.slow
@pytest.mark.parametrize("verb", COMMANDS)
def test_every_command_writes_its_figure_for_a_paper(verb: str, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from seprank.cli import app

    svg, pdf = tmp_path / "a.svg", tmp_path / "a.pdf"
    files = [pdf] if verb.startswith("measure") else [svg, pdf]  # of measure there is one
    asked = [*verb.split(), *COMMANDS[verb], *(word for path in files for word in ("--out", str(path)))]
    done = CliRunner().invoke(app, [*asked, "--column", "single", "--bare"])
    assert done.exit_code == 0, done.output
    check_pdf(pdf)
    if svg in files:
        check_svg(svg, 3.4)


def test_every_command_with_a_column_is_in_this_table() -> None:
    from typer.main import get_command

    from seprank.cli import app

    commands: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
    with_column = {name for name, command in commands.items() if any("--column" in p.opts for p in command.params)}
    assert with_column == {name.split()[0] for name in COMMANDS}


def test_a_figure_is_the_same_file_each_time(tmp_path: Path) -> None:
    found = made("bounds")
    for ending in ("svg", "pdf", "png"):
        first, second = (found.export(tmp_path / f"{number}.{ending}").read_bytes() for number in (1, 2))
        assert first == second


@pytest.mark.slow
@each
def test_nothing_of_a_figure_lies_outside_of_it(name: str) -> None:
    """At the width of one column, where titles and legends are the least sure to fit."""
    import matplotlib as mpl

    from seprank.result.panels import _PAPER, figure_of

    with mpl.rc_context(_PAPER):
        figure, drawn = figure_of(made(name).panels(), 1, 3.4)
        figure.draw_without_rendering()
        for axes in drawn:
            box = axes.get_tightbbox()
            assert -1 <= box.x0 < box.x1 <= figure.bbox.x1 + 1, axes.get_title(loc="left")
            assert -1 <= box.y0 < box.y1 <= figure.bbox.y1 + 1, axes.get_title(loc="left")


@pytest.mark.slow
@each
def test_the_page_has_every_panel_the_table_and_no_network(name: str, tmp_path: Path) -> None:
    found = made(name)
    page = found.export(tmp_path / "a.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert page.count("<svg") == (1 if name == "comparison" else len(found.panels()))
    assert page.count("<table>") == 1
    assert 'src="http' not in page
    assert "<script src" not in page


@pytest.mark.parametrize("name", ["bounds", "certificate"])
def test_sources_lead_to_their_proofs_on_the_page(name: str, tmp_path: Path) -> None:
    """Without a network: every link is to a passage of the same page, which is there once."""
    page = made(name).export(tmp_path / "a.html").read_text("utf-8")
    links = re.findall(r'<a href="#([a-z-]+)">', page)
    assert len(links) >= 2
    for place in links:
        assert page.count(f'class="passage" id="{place}"') == 1
    assert page.count('class="passage"') == len(set(links))
    assert explain("state-bound").text[:60] in unescape(page)


@each
def test_the_table_in_latex_has_all_rows(name: str, tmp_path: Path) -> None:
    found = made(name)
    text = found.export(tmp_path / "a.tex").read_text("utf-8")
    columns = re.search(r"\\begin{tabular}{([lr]+)}", text)
    assert columns is not None
    rows = [line for line in text.splitlines() if line.endswith(r" \\")]
    assert len(rows) == len(found.records()) + 1
    for row in rows:
        assert len(re.findall(r"(?<!\\)&", row)) == len(columns[1]) - 1
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")


def test_latex_shows_what_strangers_wrote_as_text() -> None:
    table = Table("t", [{"a_b": r"\input{x} & $y$ 50 % #1 ~^ <b> ≥ 3", "n": 1234}], "c_d")
    text = latex_table(table)
    assert r"a\_b & n \\" in text
    assert r"\textbackslash{}input\{x\} \& \$y\$ 50 \% \#1 \textasciitilde{}\textasciicircum{}" in text
    assert r"\textless{}b\textgreater{} $\geq$ 3 & 1,234 \\" in text


def test_an_unknown_ending_or_column_is_refused(tmp_path: Path) -> None:
    found = made("bounds")
    with pytest.raises(ValueError, match=r"the ending of a file must be one of .json, .csv, .tex, .*got '.docx'"):
        found.export(tmp_path / "a.docx")
    with pytest.raises(ValueError, match="column must be one of single, double, got 'triple'"):
        found.export(tmp_path / "a.pdf", column="triple")
    assert list(tmp_path.iterdir()) == []


def test_what_a_stranger_called_a_model_is_escaped_in_a_notebook() -> None:
    found = made("certificate")
    html = type(found).from_dict(found.to_dict())._repr_html_()
    assert "rac" in html
    from dataclasses import replace

    trap = replace(found, model=replace(found.model, name="<script>alert(1)</script>\nvalid: exact"))
    assert "<script" not in trap._repr_html_()
    assert "\n" not in repr(trap)
    assert "\nvalid" not in str(trap)


def test_a_table_of_text_takes_any_text() -> None:
    lines = text_table([["[bold]x[/]", "1"], ["ü", "1,000"]], heads=["name", "n"], indent=2).splitlines()
    assert lines == ["  name            n", "  [bold]x[/]      1", "  ü           1,000"]
    assert text_table([["a" * 300, "1"]]) == "a" * 300 + "  1"
