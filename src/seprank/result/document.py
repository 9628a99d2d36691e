"""A report: sections of words, figures and tables in one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import quote

from jinja2 import Template

from ..system.files import csv_text
from .numbers import readable
from .text import shortened

SURE = "how sure"
"""Name of the column that every table of numbers has"""
_SMALL = 1e-6


class AtLeast(int):
    """A number that is a lower bound: shown with a sign, and a plain number in the CSV file."""


class Share(float):
    """A share of the whole; one below a millionth is shown as such, and in full in the CSV file."""


class Link(str):
    """A text that leads somewhere: to a place in the page (#...) or an address, which opens beside it."""

    __slots__ = ("address",)
    address: str

    def __new__(cls, text: str, address: str) -> Link:
        link = super().__new__(cls, text)
        link.address = address
        return link


class Cell(NamedTuple):
    """One cell of a table as the page shows it."""

    name: str
    """Of its column"""
    text: str
    is_number: bool
    address: str
    """Where it leads; empty if nowhere"""


@dataclass(frozen=True)
class Table:
    """Rows under names; `name` is that of its CSV file."""

    name: str
    rows: Sequence[Mapping[str, Any]]
    caption: str
    shown: tuple[str, ...] | None = None
    """Columns on the page; the CSV file has all of them"""

    def heads(self) -> list[tuple[str, bool]]:
        """Names of the columns, and whether one holds numbers only."""
        columns = zip(*self.cells, strict=True)
        return [(column[0].name, all(cell.is_number or not cell.text for cell in column)) for column in columns]

    @property
    def link(self) -> str:
        """The table as CSV, inside a link."""
        return "data:text/csv;charset=utf-8," + quote(csv_text(self.rows))

    @cached_property
    def cells(self) -> list[list[Cell]]:
        """The cells on the page, row by row."""
        names = self.shown or tuple(dict.fromkeys(name for row in self.rows for name in row))
        return [
            [Cell(name, *_shown(row.get(name)), getattr(row.get(name), "address", "")) for name in names]
            for row in self.rows
        ]


def _shown(value: Any) -> tuple[str, bool]:
    if value is None:
        return "", False
    if isinstance(value, bool):
        return ("yes" if value else "no"), False
    if isinstance(value, AtLeast):
        return f"≥ {int(value):,}", True
    if isinstance(value, Share) and 0 <= value < _SMALL:
        return f"< {_SMALL:.0e}", True
    if isinstance(value, int):
        return (f"{value:,}" if abs(value) < 10**15 else readable(value)), True
    return (f"{value:.4g}", True) if isinstance(value, float) else (shortened(str(value)), False)


@dataclass(frozen=True)
class Figure:
    """A picture and what to see in it."""

    picture: str
    """The text of an SVG"""
    caption: str = ""
    scrolls: bool = False
    """Whether it is too wide for a phone and is moved sideways there; charts shrink"""


@dataclass(frozen=True)
class Passage:
    """A text that readers unfold, and that links to `#name` open."""

    name: str
    title: str
    text: str


@dataclass(frozen=True)
class Section:
    """A heading, what it says in words, and what shows it."""

    heading: str
    text: str
    parts: Sequence[Figure | Table | Passage] = ()


_PAGE = Template(
    """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><title>{{ title }}</title>
<style>
body { font: 16px/1.55 system-ui, sans-serif; max-width: 56rem; margin: 0 auto; padding: 1rem; color: #222;
  overflow-wrap: break-word }
h1 { font-size: 1.5rem; line-height: 1.25 } h2 { font-size: 1.2rem; line-height: 1.3; margin-top: 3rem }
.answer { border-left: 4px solid #0072B2; padding-left: .8rem }
nav ol { padding-left: 1.4rem } a { color: #0055a0 } :focus-visible { outline: 3px solid #D55E00 }
figure { margin: 1.5rem 0 } figcaption, caption { font-size: .92rem; color: #444; text-align: left }
caption { padding-bottom: .4rem } .picture { overflow-x: auto } .picture svg { height: auto }
.rows { overflow-x: auto; margin: 1rem 0 .2rem } table { border-collapse: collapse; font-size: .88rem; width: 100% }
th, td { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid #ddd; vertical-align: top }
th { border-bottom: 2px solid #888 } .number { text-align: right; white-space: nowrap }
th.number { white-space: normal } .aside { display: none; font-size: .88rem; color: #444; margin: 0 }
.csv { font-size: .88rem; margin: 0 } details { margin: 1rem 0 } summary { cursor: pointer; padding: .3rem 0 }
.picture svg { max-width: 100% } pre { background: #f5f5f5; padding: .8rem; overflow-x: auto; font-size: .8rem }
@media (min-width: 900px) { pre { white-space: pre-wrap } }
.wrapped, .passage { white-space: pre-wrap } .passage { font-size: .92rem; padding-left: .8rem }
 .chart svg { width: 100%; max-width: 38rem; height: auto }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: .8rem; padding: 0 }
.cards li { list-style: none; border-top: 4px solid #0072B2; background: #f5f7fa; padding: .6rem .8rem }
@media (max-width: 600px) { .picture svg { max-width: none } .aside { display: block }
  .rows thead { display: none } .rows tr { display: flex; flex-wrap: wrap; gap: 0 .9rem; padding: .35rem 0;
  border-bottom: 1px solid #ddd } .rows td, .rows caption { display: block; border: 0; padding: 0; text-align: left }
  .rows td:not(:first-child)::before, .rows td.number::before { content: attr(data-name) ": "; color: #555 }
  .rows td:empty { display: none }
  .rows td.sure { flex-basis: 100% } .rows table, .rows tbody { display: block } .rows td { overflow-wrap: anywhere } }
@media print { .csv, .aside, nav { display: none } figure, tr, li, .answer { break-inside: avoid }
  h2, caption, .answer { break-after: avoid } h2 { margin-top: 1rem } figure { margin: .4rem 0 }
  .cards { grid-template-columns: repeat(3, 1fr) }
  .rows, .picture { overflow: visible } th, td { padding: .05rem .4rem .05rem 0 }
  figure { display: inline-block; width: 49%; vertical-align: top }
  figure:only-of-type { display: flex; width: 100%; gap: .8rem; align-items: center }
  figure:only-of-type > * { flex: 1 }
  .chart svg { max-height: 5.5cm } .picture svg { max-height: 7cm }
  .rows { margin: .3rem 0 } table { font-size: 7pt; line-height: 1.2 } figcaption, caption { font-size: 7.5pt }
  @page { margin: 11mm } body { font-size: 9pt; line-height: 1.3; padding: 0; max-width: none } }
</style></head>
<body><main><h1>{{ title }}</h1>
{% if lead %}<p>{{ lead }}</p>{% endif %}
{% if cards %}<ul class="cards">{% for card in cards %}<li>{{ card }}</li>{% endfor %}</ul>{% endif %}
{% if summary %}<pre{% if wrap %} class="wrapped"{% endif %}>{{ summary }}</pre>{% endif %}
{% if sections|length > 2 %}<nav aria-label="Contents"><ol>
{% for section in sections %}<li><a href="#part{{ loop.index }}">{{ section.heading }}</a></li>{% endfor %}
</ol></nav>{% endif %}
{% for section in sections %}<section id="part{{ loop.index }}">
{% if section.heading %}<h2>{{ section.heading }}</h2>{% endif %}
{% if section.text %}<p class="answer">{{ section.text }}</p>{% endif %}
{% for part in section.parts %}{% if part.rows is defined %}{{ table(part) }}
{% elif part.name is defined %}<details><summary>{{ part.title }}</summary>
<div class="passage" id="{{ part.name }}">{{ part.text }}</div></details>
{% else %}<figure>{{ picture(part) }}
{% if part.caption %}<figcaption>{{ part.caption }}</figcaption>{% endif %}</figure>
{% endif %}{% endfor %}</section>{% endfor %}
</main>
<script>addEventListener('beforeprint', () => document.querySelectorAll('details').forEach((part) => part.open = true))
</script>
</body></html>
""",
    autoescape=True,
)

_TABLE = Template(
    """{% if long %}<details><summary>{{ table.caption }} ({{ table.rows|length }} rows)</summary>{% endif %}
<div class="rows" tabindex="0" role="region" aria-label="{{ table.caption }}"><table>
{% if not long %}<caption>{{ table.caption }}</caption>{% endif %}
<thead><tr>{% for name, number in table.heads() %}
<th scope="col"{% if number %} class="number"{% endif %}>{{ name|replace("_", " ") }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in table.cells %}<tr>{% for name, text, number, address in row %}
<td{% if name == sure %} class="sure"{% elif number %} class="number"{% endif %}
 data-name="{{ name|replace("_", " ") }}">{% if address %}<a href="{{ address }}"
{%- if address[0] != "#" %} target="_blank" rel="noopener"{% endif %}>{{ text }}</a>{% else %}{{ text }}{% endif %}</td>
{%- endfor %}</tr>
{% endfor %}</tbody></table></div>
{% if long %}</details>{% endif %}
{% if link %}<p class="csv">
<a download="{{ table.name }}.csv" href="{{ table.link }}">{{ table.name }}.csv</a></p>{% endif %}""",
    autoescape=True,
)
_LONG = 15
"""Rows beyond which a table is folded"""


def table_html(table: Table) -> str:
    """A table by itself, folded where it is long, as notebooks show it."""
    return str(_table(table, link=False))


def report_page(
    title: str,
    lead: str,
    sections: Sequence[Section],
    *,
    summary: str = "",
    wrap: bool = False,
    cards: Sequence[str] = (),
) -> str:
    """A self-contained page.

    Args:
        title: heading.
        lead: what it is about.
        sections: in the order they are read.
        summary: text in a fixed-width font, lines kept.
        wrap: break long lines of the summary; otherwise it scrolls, as tables must.
        cards: what to take home, a sentence each, before everything else.

    Returns:
        HTML that needs no other file and no network.

    Example:
        >>> page = report_page("Ranks", "Two.", [Section("One", "", [Table("t", [{"rank": 3, SURE: "exact"}], "c")])])
        >>> "data:text/csv;charset=utf-8,rank%2Chow%20sure%0A3%2Cexact%0A" in page
        True
    """
    page: str = _PAGE.render(
        title=title,
        lead=lead,
        summary=summary,
        wrap=wrap,
        cards=cards,
        sections=sections,
        picture=_picture,
        table=_table,
    )
    return page


_SCROLLS = (
    '<p class="aside">Swipe the picture sideways.</p><div class="picture" tabindex="0" role="region" '
    'aria-label="Picture">'
)


def _picture(figure: Figure) -> Any:
    from markupsafe import Markup

    before, after = (_SCROLLS, "</div>") if figure.scrolls else ('<div class="chart">', "</div>")
    return Markup(before) + Markup(figure.picture) + Markup(after)


def _table(table: Table, *, link: bool = True) -> Any:
    from markupsafe import Markup

    return Markup(_TABLE.render(table=table, sure=SURE, long=len(table.rows) > _LONG, link=link))
