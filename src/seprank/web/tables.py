"""Tables of bounds and ranks, as the report has them."""

from __future__ import annotations

from collections.abc import Sequence

from ..result.document import SURE, Table, table_html
from ..theory import readable
from ..theory.bound import Bounds
from ..theory.proofs import linked_sources
from .panel import Panel


def bounds_table(panel: Panel) -> str:
    """The bounds of the chosen sizes, or why there are none."""
    if panel.known:
        known = Bounds(panel.known)
        table = Table("bounds", known.records(), known.headline())
        return table_html(linked_sources(table, lambda statement: f"/proofs/{statement.slug}"))
    if panel.known is None:
        why = "computing bounds by degree ..."
    elif not panel.certifiable:
        why = "none: bounds are about models that add and multiply only"
    else:
        why = "no bound is known at these sizes, or it takes too long to compute"
    return f'<p class="muted">{why}</p>'


def ranks_table(panels: Sequence[Panel]) -> str:
    """What was certified; certificates of earlier settings stay, in grey, under their own heading."""
    return "".join(_ranks(panel) for panel in panels if panel.certificates)


def _ranks(panel: Panel) -> str:
    rows = [
        {
            "length": length,
            "cut": found.question.cut,
            "certified rank": f"{found.known.sign} {readable(found.rank)}",
            "upper bound": "none known" if found.upper_bound is None else found.upper_bound,
            SURE: found.known.sureness.value,
        }
        for length, found in sorted(panel.certificates.items())
    ]
    title = f"{panel.name}: {panel.certified}"
    if panel.current:
        return table_html(Table("ranks", rows, title))
    return f'<div class="stale">{table_html(Table("ranks", rows, f"{title} (other settings)"))}</div>'
