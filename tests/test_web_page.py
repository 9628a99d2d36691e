"""The explorer page in a real browser, served by `seprank serve`."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest
from playwright.sync_api import Locator, Page, expect

from seprank import Certificate, verify

pytest.importorskip("nicegui", reason="needs the extra serve")

SMALL = "model=rac&inputs=2&width=2&depth=2&length=8"
"""Of rank ((2 + 4 - 1; 4)) * 2 = 10, exactly"""
LONG = "model=rac&inputs=6&width=8&depth=3&length=12&max_samples=2500"
"""Takes minutes"""
SLOW = 60_000.0
"""Milliseconds that a busy machine may take"""


class Server:
    """`seprank serve` as a process."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"http://127.0.0.1:{probe.getsockname()[1]}"
        # NiceGUI behaves otherwise where it sees these
        environment = {n: v for n, v in os.environ.items() if not n.startswith(("PYTEST", "NICEGUI"))}
        command = [sys.executable, "-m", "seprank", "serve", "--port", self.address.rpartition(":")[2]]
        self._log = (folder / "serve.log").open("w+")
        self.process = subprocess.Popen(
            [*command, "--memory", "1GiB"], cwd=folder, env=environment, stdout=self._log, stderr=self._log
        )
        self._wait()

    def _wait(self) -> None:
        end = time.monotonic() + 120
        while True:
            assert self.process.poll() is None, self.log()
            try:
                urllib.request.urlopen(self.address).close()
                return
            except OSError:
                assert time.monotonic() < end, self.log()
                time.sleep(0.2)

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def workers(self) -> set[int]:
        """Processes below the server."""
        return {child.pid for child in psutil.Process(self.process.pid).children(recursive=True)}

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(30)
        self._log.close()
        return code


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("serve"))
    yield running
    workers = running.workers()
    assert running.stop() == 0
    assert not remaining(workers)


@pytest.fixture
def explore(server: Server, browser_page: Page, complaints: list[str]) -> Iterator[Callable[[str], Page]]:
    """A function that opens the page with a query; at the end nothing may have gone wrong in it."""

    def open_page(query: str = SMALL) -> Page:
        browser_page.goto(f"{server.address}/?{query}")
        expect(browser_page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
        return browser_page

    expect.set_options(timeout=SLOW)
    sockets: list[str] = []
    browser_page.on("websocket", lambda opened: sockets.append(opened.url))
    yield open_page
    assert complaints == []
    assert {urlsplit(address).hostname for address in sockets} <= {"127.0.0.1"}


ASKED = {
    "its own page": ({}, True),
    "by name": ({"Host": "localhost:{port}", "Origin": "http://localhost:{port}"}, True),
    "another name for this address": ({"Host": "evil.example"}, False),
    "another site's page": ({"Origin": "https://evil.example"}, False),
    "another port's page": ({"Origin": "http://127.0.0.1:1"}, False),
    "a page without an origin": ({"Origin": "null"}, False),
    "another scheme": ({"Origin": "https://127.0.0.1:{port}"}, False),
}
SOCKET = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket&client_id=x"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
    "Sec-WebSocket-Version": "13",
}


@pytest.mark.parametrize(("headers", "answered"), ASKED.values(), ids=ASKED)
def test_pages_of_other_sites_get_no_answer_and_no_socket(
    server: Server, headers: dict[str, str], answered: bool
) -> None:
    """As a browser would ask for them: names that are made to point here, and sockets from elsewhere."""
    port = urlsplit(server.address).port
    own = {name: value.format(port=port) for name, value in headers.items()}
    for path, more, good in (("/", {}, 200), (SOCKET, UPGRADE, 101)):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SLOW / 1000)
        connection.request("GET", path, headers={**more, **own})
        status = connection.getresponse().status
        connection.close()
        assert status == good if answered else status in (400, 403)


def remaining(numbers: set[int]) -> set[int]:
    """Which of these processes are still there after some seconds."""
    end = time.monotonic() + 10
    while (found := {number for number in numbers if psutil.pid_exists(number)}) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def field(page: Page, label: str, setting: str = "A") -> Locator:
    return page.get_by_label(f"Setting {setting}", exact=True).get_by_label(label)


def press(page: Page, button: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()


def certified(page: Page, words: str, setting: str = "A") -> None:
    """Wait for a verdict."""
    verdict = page.get_by_label(f"Setting {setting}", exact=True).locator(".verdict")
    expect(verdict).to_contain_text(words)


def test_certify_shows_rank_chart_table_and_certificate(
    explore: Callable[[str], Page],
    screen: tuple[int, int],
    too_wide: Callable[[], list[str]],
    browser_page: Page,
    tmp_path: Path,
) -> None:
    browser_page.set_viewport_size({"width": screen[0], "height": screen[1]})
    page = explore(SMALL)
    assert too_wide() == []
    assert page.locator(".scatterlayer .point").count() == 0
    press(page, "Certify A")
    certified(page, "rank = 10: exact")
    expect(page.locator(".scatterlayer .point")).to_have_count(7)
    expect(page.locator(".results table tbody tr")).to_have_count(7)
    expect(page.locator(".results table tbody tr").last).to_have_text(re.compile(r"8\s*4\s*= 10\s*10\s*exact"))
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the certificate").click()
    download.value.save_as(tmp_path / "certificate.json")
    assert Certificate.load(tmp_path / "certificate.json").rank == 10
    assert verify(tmp_path / "certificate.json")
    assert too_wide() == []


def test_bounds_follow_the_fields_and_the_address_follows_too(explore: Callable[[str], Page]) -> None:
    page = explore(SMALL)
    bounds = page.get_by_label("Setting A", exact=True).locator("table")
    expect(bounds).to_contain_text("10")
    field(page, "Length T").fill("20")
    # ((2 + 10 - 1; 10)) * 2 = 22
    expect(bounds).to_contain_text("22")
    expect(page).to_have_url(re.compile("length=20"))
    expect(page.locator(".command").first).to_contain_text(
        "seprank certify rac --inputs 2 --width 2 --depth 2 --length 20"
    )
    field(page, "Length T").fill("")
    expect(page.get_by_role("alert").filter(has_text="length must be a whole number")).to_be_visible()
    expect(page.get_by_role("button", name="Certify A")).to_be_disabled()


def test_a_model_without_family_has_bounds_by_degree(explore: Callable[[str], Page]) -> None:
    page = explore("model=mi_rnn&length=4")
    bounds = page.get_by_label("Setting A", exact=True).locator("table")
    expect(bounds).to_contain_text("degrees: state")
    expect(page.get_by_label("Tensor network A")).to_be_hidden()


def test_the_memory_curve_is_drawn_and_follows(explore: Callable[[str], Page]) -> None:
    page = explore(SMALL)
    box = page.get_by_label("Memory curve", exact=True)
    press(page, "Draw curve")
    expect(box.locator(".verdict")).to_contain_text("it reaches")
    expect(box.locator("svg")).to_be_visible()
    before = box.locator(".command").inner_text()
    field(page, "Length T").fill("11")
    expect(box.locator(".command")).to_contain_text("--length 11")
    assert "--length 11" not in before
    press(page, "Cancel curve")
    expect(page.get_by_role("button", name="Cancel curve", exact=True)).to_be_disabled()


def test_an_address_restores_the_settings(explore: Callable[[str], Page]) -> None:
    page = explore("model=elman&width=4&cut=3&domain=tokens&seed=7&b.model=delta_rule&b.depth=1")
    expect(field(page, "Width R")).to_have_value("4")
    expect(field(page, "Cut c")).to_have_value("3")
    expect(field(page, "Seed")).to_have_value("7")
    expect(field(page, "Depth L", "B")).to_have_value("1")
    expect(page.get_by_label("Setting A", exact=True)).to_contain_text("elman")
    expect(page.get_by_label("Setting A", exact=True)).to_contain_text("tokens")
    expect(page.get_by_label("Setting B", exact=True)).to_contain_text("delta_rule")
    expect(page).to_have_url(re.compile("b.model=delta_rule"))
    query = parse_qs(urlsplit(page.url).query)
    assert (query["cut"], query["domain"], query["b.depth"]) == (["3"], ["tokens"], ["1"])


def test_nothing_that_an_address_names_is_run(explore: Callable[[str], Page], tmp_path: Path) -> None:
    trap = tmp_path / "trap.py"
    trap.write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\n")
    page = explore(f"model={trap}:factory&width=<script>alert(1)</script>&length=6")
    expect(page.get_by_role("alert").filter(has_text="model must be one of rac")).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="width must be a whole number")).to_be_visible()
    press(page, "Certify A")
    certified(page, "exact")
    assert not (tmp_path / "sprung").exists()


def test_cancel_ends_the_process(explore: Callable[[str], Page], server: Server) -> None:
    page = explore(LONG)
    before = server.workers()
    cancel = page.get_by_role("button", name="Cancel A", exact=True)
    expect(cancel).to_be_disabled()
    press(page, "Certify A")
    expect(page.get_by_role("status")).to_contain_text(re.compile(r"length \d+, [3-9] of 8"))
    expect(page.get_by_role("progressbar")).to_be_visible()
    running = server.workers() - before
    assert running
    cancel.click()
    expect(page.get_by_role("alert").filter(has_text="cancelled; what was certified")).to_be_visible()
    expect(cancel).to_be_disabled()
    expect(page.get_by_role("progressbar")).to_be_hidden()
    assert not remaining(running)
    assert page.locator(".results table tbody tr").count() >= 2


def test_two_tabs_do_not_disturb_each_other(explore: Callable[[str], Page], server: Server) -> None:
    first = explore(LONG)
    press(first, "Certify A")
    expect(first.get_by_role("status")).to_contain_text("of 8")
    second = first.context.new_page()
    second.goto(f"{server.address}/?{SMALL}")
    press(second, "Certify A")
    certified(second, "rank = 10: exact")
    certified(first, "not certified yet")
    expect(field(first, "Width R")).to_have_value("8")
    expect(first.get_by_role("button", name="Cancel A")).to_be_enabled()
    link = second.get_by_role("link", name="Download").get_attribute("href")
    second.close()
    press(first, "Cancel A")
    expect(first.get_by_role("alert").filter(has_text="cancelled")).to_be_visible()
    # a closed tab is forgotten, and its certificates with it
    assert eventually_missing(f"{server.address}{link}")


def eventually_missing(address: str) -> bool:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(address).close()
        except urllib.error.HTTPError as error:
            error.close()
            return error.code == 404
        time.sleep(0.5)
    return False


def test_the_keyboard_is_enough(explore: Callable[[str], Page]) -> None:
    page = explore(SMALL)
    page.get_by_role("switch", name="Compare with a second setting").focus()
    order = ["Architecture", "Inputs M", "Width R", "Depth L", "Length T", "Cut c (empty: middle)", "Samples at most"]
    for label in [*order, "Seed", "Domain"]:
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.id")
        assert field(page, label).and_(page.locator(":focus")).count() == 1, (label, focused)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Certify A")).to_be_focused()
    field(page, "Depth L").focus()
    page.keyboard.press("ArrowUp")
    expect(field(page, "Depth L")).to_have_value("3")
    field(page, "Architecture").focus()
    for key in ("Enter", "ArrowDown", "Enter"):
        page.keyboard.press(key)
        page.wait_for_timeout(300)
    expect(page).to_have_url(re.compile("model=elman"))
    page.get_by_role("button", name="Certify A").focus()
    page.keyboard.press("Enter")
    certified(page, "rank = 2: exact")


def test_what_exceeds_the_memory_is_refused_with_the_estimate(explore: Callable[[str], Page]) -> None:
    page = explore(SMALL + "&max_samples=1000000&b.width=100000")
    second = page.get_by_label("Setting B", exact=True).get_by_role("alert")
    # (3 + 100000 + 3 * 100000 + 2) * 100000 numbers of 20 bytes each are 559 GiB
    expect(second.filter(has_text=re.compile(r"weights 559 GiB.*more than the 1 GiB"))).to_be_visible()
    expect(page.get_by_role("button", name="Certify B")).to_be_disabled()
    expect(page.get_by_role("button", name="Certify A")).to_be_enabled()


def test_two_settings_side_by_side(
    explore: Callable[[str], Page],
    screen: tuple[int, int],
    too_wide: Callable[[], list[str]],
    browser_page: Page,
) -> None:
    browser_page.set_viewport_size({"width": screen[0], "height": screen[1]})
    page = explore(SMALL)
    page.get_by_role("switch", name="Compare").click()
    field(page, "Depth L", "B").fill("1")
    press(page, "Certify A")
    press(page, "Certify B")
    certified(page, "rank = 10: exact")
    certified(page, "rank = 2: exact", "B")
    expect(page.locator(".scatterlayer .trace")).to_have_count(4)
    assert too_wide() == []
    page.get_by_role("switch", name="Compare").click()
    expect(page.get_by_label("Setting B", exact=True)).to_have_count(0)
    certified(page, "rank = 10: exact")
    expect(page).not_to_have_url(re.compile("b.model"))


def test_the_tensor_network_is_drawn(explore: Callable[[str], Page], too_wide: Callable[[], list[str]]) -> None:
    pytest.importorskip("quimb", reason="needs the extra draw")
    page = explore(SMALL)
    press(page, "Draw A")
    picture = page.get_by_role("img", name="Tensor network of the circuit")
    expect(picture).to_be_visible(timeout=4 * SLOW)
    assert picture.evaluate("image => image.naturalWidth") > 100
    expect(page.locator(".facts")).to_contain_text("minimal cut")
    assert too_wide() == []


@pytest.mark.slow
def test_a_page_of_another_name_is_not_answered(server: Server) -> None:
    request = urllib.request.Request(server.address, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 400
    refused.value.close()
