"""Tables in Markdown, as the pages of the studies have them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows under their heads.

    Example:
        >>> print(markdown_table(["model", "rank"], [["rac", 45]]))
        | model | rank |
        | --- | --- |
        | rac | 45 |
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
