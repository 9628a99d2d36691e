"""What every result can do: print, show itself in a notebook, be a data frame, be kept in a file, and be drawn."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

import seprank as sr
from seprank.result.result import Result
from seprank.result.text import text_table

pytestmark = pytest.mark.usefixtures("one_thread")


def gru() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.GRU(2, 3, batch_first=True)


MAKERS: dict[str, Callable[[], Any]] = {
    "certificate": lambda: sr.certify(sr.RAC(2, 2), length=4, progress=False),
    "measurement": lambda: sr.measure(gru(), length=4, starts=16, ends=16, progress=False),
    "profile": lambda: sr.profile(gru(), length=4, starts=16, ends=16, progress=False),
    "memory curve": lambda: sr.remember(gru(), length=4, samples=64, progress=False),
    "comparison": lambda: sr.compare(["rac", "elman"], length=[2, 4], depth=1, width=2, inputs=2, progress=False),
    "plan": lambda: sr.plan(rank=10, length=8, inputs=2),
    "bounds": lambda: sr.bounds(inputs=2, width=2, depth=2, length=6),
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
    figure, _ = found.plot()
    figure.canvas.draw()
    mine = Figure().subplots()
    drawn, same = found.plot(mine)
    assert (drawn, same) == (mine.figure, mine)
    assert mine.lines or mine.patches
    assert mine.get_xlabel()


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
