"""Text that fits, and tables of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

_LONGEST = 300
"""Characters of a text in a table or a legend; some are from strangers' files"""


def shortened(text: str) -> str:
    """A text that a cell or a legend has room for; the CSV file has all of it.

    Example:
        >>> shortened("x" * 1000)[-20:]
        'xxxxxxxxxxxxxxxx ...'
    """
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def text_table(
    rows: Sequence[Sequence[str]], *, heads: Sequence[str] = (), left: Collection[int] = (0,), indent: int = 0
) -> str:
    """Aligned columns: those in `left` begin at the left, the others, which are numbers, end at the right.

    Example:
        >>> print(text_table([["rac", "45"], ["elman", "2"]], heads=["model", "rank"]))
        model  rank
        rac      45
        elman     2
    """
    from io import StringIO

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=bool(heads), pad_edge=False, padding=(0, 2, 0, 0))
    for column in range(max(map(len, [heads, *rows]))):
        justify = "left" if column in left else "right"
        table.add_column(Text(heads[column] if heads else ""), justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*map(Text, row))
    file = StringIO()
    Console(file=file, width=100_000, color_system=None, legacy_windows=False).print(table)
    return "\n".join(" " * indent + line.rstrip() for line in file.getvalue().splitlines())
