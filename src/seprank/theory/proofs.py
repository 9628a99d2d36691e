"""Proofs beside the bounds that rest on them: links from a table of bounds, and the statements as parts of a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..result.document import Link, Passage, Section, Table, report_page
from .statements import NoStatement, Statement, explain

_ABOUT = "What the bounds rest on, as seprank explain prints it; formulas are LaTeX between dollar signs."


def with_proofs(sections: Sequence[Section]) -> list[Section]:
    """The sections of a page with each table's sources linked to their proofs, which follow at the end."""
    found: dict[str, Statement] = {}

    def place(statement: Statement) -> str:
        found[statement.slug] = statement
        return f"#{statement.slug}"

    linked = [
        replace(s, parts=[linked_sources(p, place) if isinstance(p, Table) else p for p in s.parts]) for s in sections
    ]
    proofs = [Passage(slug, statement.title, statement.text) for slug, statement in found.items()]
    return [*linked, Section("Proofs", _ABOUT, proofs)] if proofs else linked


def linked_sources(table: Table, place: Callable[[Statement], str]) -> Table:
    """A table whose sources, if it has any, are links to `place(statement)` where the statement is one of ours."""
    return replace(table, rows=[{**row, **_linked(row.get("source"), place)} for row in table.rows])


def _linked(source: Any, place: Callable[[Statement], str]) -> dict[str, Link]:
    if not isinstance(source, str):
        return {}
    try:
        return {"source": Link(source, place(explain(source)))}
    except NoStatement:
        return {}


def proof_page(slug: str) -> str:
    """One statement with its proof as a page.

    Raises:
        NoStatement: there is none of that name.
    """
    found = explain(slug)
    return report_page(found.title, "", [], summary=f"{found.text}\n\n" + "\n\n".join(found.citations()), wrap=True)
