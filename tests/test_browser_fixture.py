"""The browser that tests of pages use notices what it is there to notice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page

BAD = """<!doctype html><title>bad</title><body><img src="http://192.0.2.1/picture.png">
<div style="width: 3000px">wide</div>
<div style="overflow-x: auto; width: 90%"><div style="width: 3000px">scrolls</div></div>
<script>console.error("said"); throw new Error("thrown")</script>"""


def test_errors_requests_and_width_are_noticed(
    browser_page: Page, complaints: list[str], too_wide: Callable[[], list[str]], tmp_path: Path
) -> None:
    page = tmp_path / "bad.html"
    page.write_text(BAD, "utf-8")
    browser_page.goto(page.as_uri(), wait_until="domcontentloaded")
    assert "console: said" in complaints
    assert any("thrown" in complaint for complaint in complaints)
    assert "request to http://192.0.2.1/picture.png" in complaints
    assert "DIV. wide" in too_wide()
    assert not any("scrolls" in name for name in too_wide())


def test_a_good_page_is_not_complained_about(
    browser_page: Page, complaints: list[str], too_wide: Callable[[], list[str]], tmp_path: Path
) -> None:
    page = tmp_path / "good.html"
    page.write_text("<!doctype html><title>good</title><body><p>Good.", "utf-8")
    browser_page.goto(page.as_uri())
    assert complaints == []
    assert too_wide() == []
