"""Tables of bounds and ranks as HTML."""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import Template
from markupsafe import Markup

from ..theory import readable
from .panel import Panel

_BOUNDS = Template(
    """{% if bounds is none %}<p class="muted">computing bounds by degree ...</p>
{% elif not polynomial %}<p class="muted">none: bounds are about models that add and multiply only</p>
{% elif not bounds %}<p class="muted">no bound is known at these sizes, or it takes too long to compute</p>
{% else %}<table><thead><tr><th scope="col">kind</th><th scope="col">bound</th><th scope="col">value</th></tr></thead>
<tbody>{% for kind, name, value, source in bounds %}<tr class="bound"><td>{{ kind }}</td><td>{{ name }}</td>
<td class="number">{{ value }}</td></tr><tr><td></td><td class="source" colspan="2">{{ source }}</td></tr>{% endfor %}
</tbody></table>{% endif %}""",
    autoescape=True,
)

_RANKS = Template(
    """{% for title, grey, rows in parts %}<h3{{ grey }}>{{ title }}</h3><table{{ grey }}>
<thead><tr><th scope="col">length</th>
<th scope="col">cut</th><th scope="col">certified rank</th><th scope="col">upper bound</th><th scope="col">how sure</th>
</tr></thead><tbody>{% for row in rows %}<tr>
{% for cell in row %}<td{% if not loop.last %} class="number"{% endif %}>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table>{% endfor %}""",
    autoescape=True,
)


def bounds_table(panel: Panel) -> str:
    """The bounds of the chosen sizes."""
    known = panel.known
    rows = None if known is None else [(b.kind, b.name, readable(b.value), b.source) for b in known]
    text: str = _BOUNDS.render(bounds=rows, polynomial=panel.certifiable)
    return text


def ranks_table(panels: Sequence[Panel]) -> str:
    """What was certified; certificates of other settings stay listed under theirs, in grey."""
    parts = [(*_title(panel), _rank_rows(panel)) for panel in panels if panel.certificates]
    text: str = _RANKS.render(parts=parts)
    return text


def _title(panel: Panel) -> tuple[str, Markup]:
    """Heading of a panel's certificates, and the class of what is of other settings."""
    title = f"{panel.name}: {panel.certified}"
    return (title, Markup()) if panel.current else (f"{title} (other settings)", Markup(' class="stale"'))


def _rank_rows(panel: Panel) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for length, found in sorted(panel.certificates.items()):
        rank = f"{found.known.sign} {readable(found.rank)}"
        upper = "none known" if found.upper_bound is None else readable(found.upper_bound)
        sure = found.known.sureness.value
        rows.append((str(length), str(found.question.cut), rank, upper, sure))
    return rows
