"""What several test files use: type checks, one thread of torch, and a real browser, Chromium driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import torch
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

import type_checks

type_checks.install()

SWITCHES = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
SCREENS = {"desktop": (1280, 800), "phone": (390, 844)}
HERE = {"127.0.0.1", "localhost"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that opens a browser is slow."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Threads of torch wait for each other by spinning: on a busy machine small operations take milliseconds."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; one for a module, because Playwright's event loop runs as long as it does."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no Chromium: on Debian, apt-get install chromium")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=SWITCHES.split())
        yield found
        found.close()


@pytest.fixture(params=SCREENS)
def screen(request: pytest.FixtureRequest) -> tuple[int, int]:
    """Width and height of a window: a test that asks for it runs at each."""
    return SCREENS[request.param]


@pytest.fixture
def browser_page(browser: Browser) -> Iterator[Page]:
    """An empty page of a fresh profile, at the size of a desktop window."""
    width, height = SCREENS["desktop"]
    context = browser.new_context(viewport={"width": width, "height": height})
    yield context.new_page()
    context.close()


@pytest.fixture
def complaints(browser_page: Page) -> list[str]:
    """What goes wrong in the page from here on: errors, failed requests, requests to other machines."""
    found: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error":
            found.append(f"console: {message.text}")

    def look(request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("file", "data", "blob") and address.hostname not in HERE:
            found.append(f"request to {request.url[:200]}")

    browser_page.on("console", hear)
    browser_page.on("pageerror", lambda error: found.append(f"uncaught: {error}"))
    browser_page.on("request", look)
    browser_page.on("requestfailed", lambda request: found.append(f"failed: {request.url[:200]}"))
    return found


def wider_than_page(page: Page) -> list[str]:
    """Elements that reach beyond the window, unless something around them scrolls."""
    found: list[str] = page.evaluate(
        """() => {
            const width = document.documentElement.clientWidth
            const scrolls = (element) => {
                for (let e = element.parentElement; e && e !== document.body; e = e.parentElement)
                    if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(e).overflowX)) return true
                return false
            }
            const beyond = [...document.body.querySelectorAll('*')].filter(
                (e) => e.getBoundingClientRect().right > width + 1 && !e.closest('svg') && !scrolls(e))
            const name = (e) => `${e.tagName}.${e.getAttribute('class') ?? ''} ${e.textContent.slice(0, 40)}`
            const names = beyond.map(name)
            const whole = document.documentElement.scrollWidth
            if (whole > width) names.push(`page: ${whole}`)
            return names
        }"""
    )
    return found


@pytest.fixture
def too_wide(browser_page: Page) -> object:
    """A function that names what is wider than the window at this moment."""
    return lambda: wider_than_page(browser_page)
