"""Cells as a table of text: a line for each network, a column for each length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .cell import Cell


def table(cells: Sequence[Cell]) -> list[str]:
    """Lines of aligned columns: model, depth, width, parameters, and the ranks by length."""
    lengths = list(dict.fromkeys(cell.length for cell in cells))
    networks: dict[tuple[str, int], dict[int, Cell]] = {}
    for cell in cells:
        networks.setdefault((cell.model, cell.depth), {})[cell.length] = cell
    rows = [["model", "depth", "width", "parameters", *(f"T={length}" for length in lengths)]]
    for (model, depth), by_length in networks.items():
        first = next(iter(by_length.values()))
        ranks = [entry(by_length[length]) if length in by_length else "" for length in lengths]
        rows.append([model, str(depth), f"{first.width:,}", f"{first.parameters:,}", *ranks])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows]


def entry(cell: Cell) -> str:
    """A rank as the table shows it: "=45", "125 ≤140", "≥1,024 ≤40,040" or "failed"."""
    if cell.rank is None:
        return "failed"
    if cell.exact:
        return f"={cell.rank:,}"
    sign = "" if cell.saturated else "≥"
    return f"{sign}{cell.rank:,}" + ("" if cell.upper_bound is None else f" ≤{at_most(cell.upper_bound)}")


def at_most(value: int, digits: int = 5) -> str:
    """An upper bound in few characters; where digits are left out it is rounded up, to remain one.

    Example:
        >>> at_most(40_040), at_most(123_456_789)
        ('40,040', '1.3e8')
    """
    if value < 10**digits:
        return f"{value:,}"
    power = len(str(value)) - 1
    tenths = -(-value // 10 ** (power - 1))
    if tenths == 100:
        tenths, power = 10, power + 1
    return f"{tenths // 10}.{tenths % 10}e{power}"
