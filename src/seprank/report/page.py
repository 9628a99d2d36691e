"""A page that says something in words and shows it in figures, in one file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jinja2 import Template

Section = tuple[str, str, Any]
"""Heading, text, and a plotly figure"""

_PAGE = Template(
    """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{ title }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h1 { font-size: 1.3rem } h2 { font-size: 1.05rem; margin-top: 2rem }
pre { background: #f5f5f5; padding: .8rem; {% if wrap %}white-space: pre-wrap{% else %}overflow-x: auto{% endif %} }
</style></head>
<body><h1>{{ title }}</h1>
<pre>{{ summary }}</pre>
{% for heading, text, figure in figures %}<h2>{{ heading }}</h2><p>{{ text }}</p>{{ figure }}{% endfor %}
</body></html>
""",
    autoescape=True,
)


def summary_page(title: str, summary: str, sections: Sequence[Section], *, wrap: bool = True) -> str:
    """A page of a summary in a fixed-width font and figures below it.

    Args:
        title: heading.
        summary: text, lines kept.
        sections: heading, text and figure of each.
        wrap: break long lines of the summary; tables are scrolled instead.

    Returns:
        HTML that needs no other file and no network.
    """
    from markupsafe import Markup

    figures = []
    for number, (heading, text, figure) in enumerate(sections):
        html = figure.to_html(full_html=False, include_plotlyjs=number == 0, config={"displayModeBar": False})
        figures.append((heading, text, Markup(html)))
    page: str = _PAGE.render(title=title, summary=summary, figures=figures, wrap=wrap)
    return page
