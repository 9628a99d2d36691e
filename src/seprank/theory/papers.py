"""The papers that bounds and proofs come from, as BibTeX."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Paper:
    """A paper that statements name by its number on arXiv."""

    key: str
    arxiv: str
    authors: tuple[str, ...]
    title: str
    year: int

    @property
    def url(self) -> str:
        """The paper's page."""
        return f"https://arxiv.org/abs/{self.arxiv}"

    def bibtex(self) -> str:
        """An entry for a bibliography."""
        return entry(
            "misc",
            self.key,
            author=" and ".join(self.authors),
            title=f"{{{self.title}}}",
            year=str(self.year),
            eprint=self.arxiv,
            archiveprefix="arXiv",
            url=self.url,
        )


MEMORY = Paper(
    "levine2017memory",
    "1710.09431",
    ("Levine, Yoav", "Sharir, Or", "Ziv, Alon", "Shashua, Amnon"),
    "On the Long-Term Memory of Deep Recurrent Networks",
    2017,
)
"""Which the pages call the paper"""
ATTENTION = Paper(
    "levine2020limits",
    "2006.12467",
    ("Levine, Yoav", "Wies, Noam", "Sharir, Or", "Bata, Hofit", "Shashua, Amnon"),
    "Limits to Depth Efficiencies of Self-Attention",
    2020,
)
PAPERS = (MEMORY, ATTENTION)


def entry(kind: str, key: str, **fields: str) -> str:
    """An entry of BibTeX.

    Example:
        >>> print(entry("misc", "one", title="A", year="2017"))
        @misc{one,
          title = {A},
          year = {2017}
        }
    """
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@{kind}{{{key},\n{lines}\n}}"


def page_entry(page: str, title: str, slug: str, version: str) -> str:
    """An entry for a proof in this documentation, as the package prints it."""
    return entry(
        "misc",
        f"seprank-{slug}",
        author="{The seprank developers}",
        title=f"{{seprank: {title}}}",
        howpublished=f"docs/{page} of the software seprank, version {version}",
        note=f"Printed by \\texttt{{seprank explain {slug}}}",
    )
