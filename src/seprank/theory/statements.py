"""Theorems with their proofs: sections of two documentation pages, found by the sources that bounds state."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..question import meant
from ..system.versions import versions
from .papers import MEMORY, PAPERS, Paper, page_entry

PAGES = ("theory.md", "degrees.md")
_HERE = Path(__file__).parent
_PLACES = (_HERE, _HERE.parents[2] / "docs")
"""Where the pages are: beside this file in an installed package, in `docs` in a source tree"""
_THE_PAPER = re.compile(r"\bthe paper\b|\bTheorem 1\b")
"""How the pages refer to the first of the papers"""
_HEADING = re.compile(r"^(#{2,3}) (.+)$", re.MULTILINE)


class NoStatement(ValueError):
    """Raised when there is no statement of that name; the message lists the statements."""


@dataclass(frozen=True)
class Statement:
    """A section of a page: a theorem and its proof."""

    page: str
    """Its file in the documentation"""
    title: str
    """As the source of a bound gives it"""
    text: str
    """Markdown, with formulas in LaTeX between dollar signs"""
    chapter: str = ""
    """The introduction of its chapter, if it is in one"""

    @property
    def slug(self) -> str:
        """Its name on the command line: lower case with dashes, prefixed with "degrees-" if it is on that page."""
        name = re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")
        return name if self.page == PAGES[0] else f"{self.page.removesuffix('.md')}-{name}"

    @property
    def papers(self) -> tuple[Paper, ...]:
        """The papers that it or its chapter refers to."""
        said = f"{self.title} {self.text} {self.chapter}"
        return tuple(
            paper
            for paper in PAPERS
            if paper.arxiv in said or (paper is MEMORY and _THE_PAPER.search(said) is not None)
        )

    def citations(self) -> list[str]:
        """BibTeX of the page with the proof, and of the papers."""
        own = page_entry(self.page, self.title, self.slug, versions("seprank")["seprank"])
        return [own, *(paper.bibtex() for paper in self.papers)]


@cache
def statements() -> dict[str, Statement]:
    """All statements by their slugs, in the order of the pages.

    Raises:
        FileNotFoundError: a page is missing from this installation.
    """
    found = [statement for page in PAGES for statement in _sections(page)]
    return {statement.slug: statement for statement in found}


def explain(name: str) -> Statement:
    """The statement of that name.

    Args:
        name: its slug, its title, or the source of a bound, such as "proved in docs/theory.md: state bound".

    Raises:
        NoStatement: there is no statement of that name.

    Example:
        >>> explain("state-bound").title
        'State bound'
        >>> explain("proved in docs/degrees.md: input bounds").slug
        'degrees-input-bounds'
        >>> explain("state-bound").citations()[0].splitlines()[0]
        '@misc{seprank-state-bound,'
    """
    page, proved, title = name.rpartition(".md:")
    if not proved and MEMORY.arxiv in name:
        title = "what the paper states"
    prefix = "degrees-" if page.endswith("degrees") else ""
    # A source may say more after the title: "state bound, rounded up", "copies, for each of 3 channels".
    plain = re.sub(r"[^a-z0-9]+", "-", re.split(r"[,(]", title.lower())[0]).strip("-")
    known = statements()
    if prefix + plain in known:
        return known[prefix + plain]
    hint = meant(prefix + plain, known, f"the statements are: {', '.join(known)}")
    raise NoStatement(f"there is no statement {name!r}; {hint}")


def _sections(page: str) -> list[Statement]:
    text = _read(page)
    headings = list(_HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    found, chapter = [], ""
    for heading, end in zip(headings, ends, strict=True):
        body = text[heading.end() : end].strip()
        is_chapter = heading[1] == "##"
        found.append(Statement(page, heading[2].strip(), body, "" if is_chapter else chapter))
        chapter = body if is_chapter else chapter
    return found


def _read(page: str) -> str:
    for place in _PLACES:
        if (place / page).is_file():
            return (place / page).read_text("utf-8")
    raise FileNotFoundError(f"this installation has no {page}; install seprank again")
