"""The layout of the page. What is shown comes from a `Session`, what is typed goes to it; nothing is computed here."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from nicegui import ui

from ..memory_curve import MemoryCurves
from ..models import MODELS
from ..question import DOMAINS
from ..result.chart import chart as svg
from .meaning import meaning
from .panel import Panel
from .rank_chart import chart
from .session import Session
from .tables import bounds_table, ranks_table

INTERVAL = 0.2
"""Seconds between two looks at what the processes reported"""

_NUMBERS = {
    "inputs": "Inputs M",
    "width": "Width R",
    "depth": "Depth L",
    "length": "Length T",
    "cut": "Cut c (empty: middle)",
    "max_samples": "Samples at most",
    "seed": "Seed",
}
_SPLIT = "Positions of the start, such as 0,2,4 (empty: the first)"
_LEAD = (
    "Choose an architecture and sizes. What theory knows is shown at once; Certify computes a lower bound with a "
    "proof, in a process on this machine."
)
_CAPTION = (
    "Certified ranks are lower bounds with a proof. A full marker is exact: the rank meets a proved upper bound. An "
    "open marker is not raised by more samples; a triangle is limited by the number of samples. Dotted: least proved "
    "upper bound, as far as the chart reaches."
)

_CURVE = (
    "The share of the output's variance that depends on inputs older than a number of steps, on random "
    "sequences, for a network with random weights. Once drawn, it follows the settings; it is measured, not proved."
)

STYLE = """
body { background: #f4f5f7; color: #222; font-family: system-ui, sans-serif; font-size: 16px; line-height: 1.45 }
.nicegui-content { padding: 0; display: block }
.page { max-width: 1400px; margin: 0 auto; padding: 12px 16px 40px }
.page h1 { font-size: 1.35rem; font-weight: 700; margin: 0; line-height: 1.3 }
.page h2 { font-size: 1.1rem; font-weight: 600; margin: 0 0 8px; line-height: 1.3 }
.page h3 { font-size: 1rem; font-weight: 600; margin: 14px 0 4px; line-height: 1.3 }
.page p { margin: 0 0 8px }
.layout { display: grid; gap: 14px; grid-template-columns: minmax(0, 1fr); align-items: start; margin-top: 10px }
.cards { display: grid; gap: 14px; grid-template-columns: minmax(0, 1fr); align-items: start }
.box { background: #fff; border: 1px solid #d5d8dd; border-radius: 8px; padding: 14px 16px; min-width: 0 }
.box.first { border-top: 4px solid #0072B2 }
.box.second { border-top: 4px solid #D55E00 }
.fields { display: grid; gap: 6px 12px; grid-template-columns: repeat(2, minmax(0, 1fr)) }
.fields .whole { grid-column: 1 / -1 }
.bar { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; margin: 10px 0 }
.muted { color: #555; font-size: .9rem }
.alert { color: #8b1a00; background: #fff3ee; border-left: 4px solid #D55E00; padding: 6px 10px; margin: 6px 0 }
.verdict { font-weight: 600; margin: 6px 0 }
.scroll { overflow-x: auto }
.box table { border-collapse: collapse; width: 100%; font-size: .92rem }
.box th { text-align: left; font-weight: 600; color: #444 }
.box th, .box td { padding: 3px 10px 3px 0; border-bottom: 1px solid #e5e7ea; vertical-align: top }
.box td.number { font-variant-numeric: tabular-nums; white-space: nowrap }
.box td:last-child { font-size: .85rem; line-height: 1.25 }
.box caption { text-align: left; font-weight: 600; padding: 10px 0 4px }
.box .rows { overflow-x: auto }
.box .command, .box .facts { display: block; font-family: ui-monospace, monospace; font-size: .85rem;
  background: #f4f5f7; padding: 6px 8px; white-space: pre-wrap; overflow-wrap: anywhere }
.box .facts { white-space: pre; overflow-x: auto; margin-top: 6px }
.box a { color: #005a9c; text-decoration: underline }
.picture { overflow-x: auto; margin-top: 8px }
.curves { overflow-x: auto }
.curves svg { width: 100%; min-width: 430px; max-width: 44rem; height: auto }
.picture img { width: 100%; min-width: 680px; max-width: 1000px; height: auto }
.results { display: grid; gap: 14px; grid-template-columns: minmax(0, 1fr) }
.page :focus-visible { outline: 3px solid #E69F00; outline-offset: 2px }
.empty:empty { display: none }
.stale { color: #767676 }
@media (min-width: 1000px) {
  .layout.one { grid-template-columns: 430px minmax(0, 1fr) }
  .layout.two .cards { grid-template-columns: repeat(2, minmax(0, 1fr)) }
}
"""


def _box(name: str, title: str, style: str = "") -> Any:
    """A frame with a heading, to be filled inside `with`."""
    with ui.element("section").classes(f"box {style}").props(f'aria-label="{name}"') as box:
        _heading(title)
    return box


def _heading(text: str, tag: str = "h2") -> None:
    ui.html(text, sanitize=False, tag=tag)


def _alert() -> Any:
    """A place for an error message, which screen readers announce."""
    return ui.label().classes("alert empty").props("role=alert")


def _progress() -> Any:
    return ui.linear_progress(0, show_value=False).props('aria-label="Progress" instant-feedback')


def lay_out(session: Session) -> None:
    ui.colors(primary="#005a9c", negative="#8b1a00")
    ui.add_css(STYLE)
    Page(session)


class Page:
    """The elements of one tab, kept up to date with its session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._version = -1
        self._cards: list[Card] = []
        self._pictures: list[PictureBox] = []
        with ui.element("main").classes("page"):
            _heading("seprank: how much can the end of a sequence depend on its start?", "h1")
            ui.label(_LEAD).classes("muted")
            for problem in session.problems:
                ui.label(problem).classes("alert").props("role=alert")
            self._switch = ui.switch("Compare with a second setting", value=session.comparing)
            self._layout = ui.element("div").classes("layout")
            with self._layout:
                self._row = ui.element("div").classes("cards")
                with ui.element("div").classes("results") as self._results:
                    self._make_chart()
                    self._curves = CurveBox(session, self._look)
        self._rebuild()
        self._switch.on_value_change(lambda event: self._compare(event.value))
        ui.timer(INTERVAL, self._look)

    def _make_chart(self) -> None:
        with _box("Rank against length", "Rank against length"):
            with ui.element("div").props('role="img" aria-label="Chart; the table below has its numbers"'):
                self._chart = ui.plotly(chart(self._session.panels)).style("width: 100%")
            ui.label(_CAPTION).classes("muted")
            self._ranks = ui.html("", sanitize=False).classes("scroll")

    def _compare(self, wanted: bool) -> None:
        if wanted:
            self._session.compare()
        else:
            self._session.stop_comparing()
        self._rebuild()

    def _rebuild(self) -> None:
        """Cards for the panels that there are now."""
        self._layout.classes(remove="one two", add="two" if self._session.comparing else "one")
        count = len(self._session.panels)
        for box in [card.box for card in self._cards[count:]] + [picture.box for picture in self._pictures[count:]]:
            box.delete()
        self._cards, self._pictures = self._cards[:count], self._pictures[:count]
        for number in range(len(self._cards), count):
            with self._row:
                self._cards.append(Card(self._session, number, self._typed))
            with self._results:
                self._pictures.append(PictureBox(self._session.panels[number], self._look))
        self._version = -1
        self._look()
        self._keep_address()

    def _typed(self) -> None:
        self._keep_address()
        self._look()

    def _keep_address(self) -> None:
        ui.navigate.history.replace(f"/?{self._session.query()}")

    def _look(self) -> None:
        """Show what has changed."""
        version = self._session.poll()
        if version == self._version:
            return
        self._version = version
        for card in self._cards:
            card.refresh()
        for picture in self._pictures:
            picture.refresh()
        self._chart.update_figure(chart(self._session.panels))
        self._ranks.content = ranks_table(self._session.panels)
        self._curves.refresh()


class Card:
    """The fields of one setting, its buttons, and what was found for it."""

    def __init__(self, session: Session, number: int, typed: Callable[[], None]) -> None:
        self._session, self._number, self._typed = session, number, typed
        self._panel = session.panels[number]
        self._fields: dict[str, Any] = {}
        name = self._panel.name
        style = ("first", "second")[number]
        self.box = _box(f"Setting {name}", f"Setting {name}", style)
        with self.box:
            self._make_fields()
            self._need = ui.label().classes("muted")
            self._problem = _alert()
            self._make_buttons()
            self._verdict = ui.label().classes("verdict").props("aria-live=polite")
            self._meaning = ui.label().classes("muted empty")
            self._notice = _alert()
            self._link = ui.html("", sanitize=False)
            _heading("Bounds by theory", "h3")
            self._bounds = ui.html("", sanitize=False).classes("scroll")
            self._make_command()

    def _make_fields(self) -> None:
        settings = self._panel.settings
        models = {name: f"{name}: {MODELS[name].summary.split(':')[0]}" for name in MODELS}
        with ui.element("div").classes("fields"):
            self._fields["model"] = ui.select(models, label="Architecture", value=settings.model).classes("whole")
            for name, label in _NUMBERS.items():
                field = ui.number(label, value=settings.fields()[name], step=1)
                self._fields[name] = field.props("dense debounce=150 inputmode=numeric")
            self._fields["domain"] = ui.select(list(DOMAINS), label="Domain", value=settings.domain)
            split = ui.input(_SPLIT, value=settings.to_query()["split"]).props("dense debounce=150")
            self._fields["split"] = split.classes("whole")
        for name in ("model", "domain"):
            self._fields[name].props("dense options-dense")
        for field in self._fields.values():
            field.on_value_change(self._choose)

    def _choose(self) -> None:
        self._panel.choose({name: field.value for name, field in self._fields.items()})
        self._typed()

    def _make_buttons(self) -> None:
        name = self._panel.name
        with ui.element("div").classes("bar"):
            self._certify = ui.button("Certify", on_click=self._begin).props(f'no-caps aria-label="Certify {name}"')
            self._cancel = ui.button("Cancel", on_click=self._stop)
            self._cancel.props(f'no-caps outline color=negative aria-label="Cancel {name}"')
            self._all = ui.checkbox("shorter lengths too, for the chart", value=True)
        self._progress = _progress()
        self._stage = ui.label().classes("muted").props("role=status")

    def _make_command(self) -> None:
        _heading("The same on the command line", "h3")
        self._command = ui.label().classes("command").props("tabindex=0")
        ui.button("Copy command", on_click=self._copy).props("no-caps flat dense")

    def _copy(self) -> None:
        ui.clipboard.write(self._command.text)
        ui.notify("Command copied")

    def _begin(self) -> None:
        self._panel.certify(all_lengths=self._all.value)
        self._typed()

    def _stop(self) -> None:
        self._panel.cancel()
        self._typed()

    def refresh(self) -> None:
        """Show the panel as it is now."""
        panel = self._panel
        self._need.text = panel.need
        self._problem.text = panel.problem or ""
        self._notice.text = "" if panel.problem else panel.notice or ""
        self._certify.set_enabled(panel.certifiable and not panel.running and panel.problem is None)
        for name in ("cut", "max_samples", "domain"):
            self._fields[name].set_enabled(panel.certifiable)
        self._fields["split"].set_visibility(not panel.settings.spec.recurrent or bool(self._fields["split"].value))
        self._cancel.set_enabled(panel.running)
        self._progress.value = panel.progress
        self._progress.set_visibility(panel.running)
        self._stage.text = panel.stage
        self._verdict.text = panel.verdict()
        self._meaning.text = "" if panel.certificate is None else meaning(panel.certificate)
        self._bounds.content = bounds_table(panel)
        self._command.text = panel.settings.command() if panel.certifiable else panel.settings.curve_command()
        self._link.content = self._link_text()

    def _link_text(self) -> str:
        file = self._panel.file()
        if file is None:
            return ""
        address = f"/certificates/{self._session.token}/{self._number}/{file[0]}"
        return f'<a href="{address}" download="{file[0]}">Download the certificate</a> ({len(file[1]):,} bytes)'


class CurveBox:
    """Memory curves of all settings in one chart, run when asked for and then as settings change."""

    def __init__(self, session: Session, look: Callable[[], None]) -> None:
        self._session, self._look = session, look
        self._drawn: list[int] = []
        with _box("Memory curve", "How many steps back does it remember?"):
            ui.label(_CURVE).classes("muted")
            with ui.element("div").classes("bar"):
                self._draw = ui.button("Draw curve", on_click=self._begin).props("no-caps outline")
                self._cancel = ui.button("Cancel curve", on_click=self._stop).props("no-caps outline color=negative")
            self._progress, self._notice = _progress(), _alert()
            said = ui.label().classes("verdict empty").props("aria-live=polite")
            self._sentences = said.style("white-space: pre-line")
            self._chart = ui.html("", sanitize=False).classes("curves")
            self._command = ui.label().classes("command empty").props("tabindex=0")

    def _begin(self) -> None:
        for panel in self._session.panels:
            panel.curve.begin(panel.settings, panel.problem)
        self._look()

    def _stop(self) -> None:
        for panel in self._session.panels:
            panel.curve.cancel()
        self._look()

    def refresh(self) -> None:
        """Show the curves that there are."""
        panels = self._session.panels
        curves = {f"{p.name}: {p.curve.settings}": p.curve.found for p in panels if p.curve.found is not None}
        running = [panel.curve for panel in panels if panel.curve.running]
        self._cancel.set_enabled(any(panel.curve.following for panel in panels))
        self._progress.set_visibility(bool(running))
        self._progress.value = min((run.progress for run in running), default=1.0)
        notices = [f"{panel.name}: {panel.curve.notice}" for panel in panels if panel.curve.notice]
        self._notice.text = " ".join(notices)
        said = [
            [f"{name}: {curve.sentence()}", *(f"Note: {n}." for n in curve.notes)] for name, curve in curves.items()
        ]
        self._sentences.text = "\n".join(line for lines in said for line in lines)
        stale = any(p.curve.found is not None and p.curve.settings != p.settings for p in panels)
        for element in (self._sentences, self._command):
            element.classes(**({"add": "stale"} if stale else {"remove": "stale"}))
        self._command.text = "\n".join(p.curve.settings.curve_command() for p in panels if p.curve.settings is not None)
        shown = [id(curve) for curve in curves.values()]
        if shown != self._drawn:
            self._drawn = shown
            panel = MemoryCurves(curves).panels()[0]
            self._chart.content = svg(panel.draw, panel.height) if curves else ""


class PictureBox:
    """The tensor network of one setting, drawn when it is asked for."""

    def __init__(self, panel: Panel, look: Callable[[], None]) -> None:
        self._panel, self._look = panel, look
        name = panel.name
        self.box = _box(f"Tensor network {name}", f"Tensor network of setting {name}")
        with self.box:
            self._draw = ui.button("Draw", on_click=self._begin)
            self._draw.props(f'no-caps outline aria-label="Draw {name}"')
            self._notice = _alert()
            self._picture = ui.html("", sanitize=False)

    def _begin(self) -> None:
        self._panel.draw()
        self._look()

    def refresh(self) -> None:
        """Show the picture, if the setting is a circuit and it is drawn."""
        panel = self._panel
        self.box.set_visibility(panel.settings.model == "rac")
        self._draw.text = "Drawing ..." if panel.drawing else "Draw"
        self._draw.set_enabled(not panel.drawing and panel.problem is None)
        self._notice.text = panel.picture_notice or ""
        self._picture.content = "" if panel.picture is None else _picture_html(*panel.picture)


def _picture_html(svg: str, facts: str) -> str:
    """The picture as an image, which keeps its styles apart, and below it what it shows in words."""
    from markupsafe import escape

    data = base64.b64encode(svg.encode()).decode()
    image = f'<img src="data:image/svg+xml;base64,{data}" alt="Tensor network of the circuit, with its cut">'
    return f'<div class="picture" tabindex="0">{image}</div><div class="facts" tabindex="0">{escape(facts)}</div>'
