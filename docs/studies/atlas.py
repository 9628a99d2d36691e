"""What an atlas of certified ranks says: which bounds are met, which statements hold, and where questions are open."""

from __future__ import annotations

import csv
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from seprank.store import Record
from seprank.system.files import csv_text, write_whole
from seprank.theory import KINDS, bounds, multichoose

from .tables import markdown_table


@dataclass(frozen=True, order=True)
class Cell:
    """A RAC with its certified rank."""

    rank: int
    domain: str
    inputs: int
    width: int
    depth: int
    length: int
    cut: int
    saturated: bool
    starts: int
    """Samples"""
    ends: int
    prime: int
    seed: int

    @property
    def sizes(self) -> dict[str, Any]:
        """What a bound is asked for."""
        return {name: getattr(self, name) for name in ("inputs", "width", "depth", "length", "cut")}

    @property
    def steps(self) -> int:
        """b, steps in the end."""
        return self.length - self.cut

    @property
    def middle(self) -> bool:
        """Whether the paper's statements are about it: cut in the middle of an even length."""
        return 2 * self.cut == self.length


def read_records(records: Iterable[Record]) -> list[Cell]:
    """The cells of the records of a sweep, in the order of their sizes."""
    cells = []
    for record in records:
        asked, found = record.job.settings, record.result
        sizes = {name: asked[name] for name in ("domain", "inputs", "width", "depth", "length", "cut", "prime", "seed")}
        sampled = {name: found[name] for name in ("rank", "saturated", "starts", "ends")}
        cells.append(Cell(**sizes, **sampled))
    return sorted(cells, key=lambda cell: (cell.domain, *cell.sizes.values()))


def write_cells(cells: Sequence[Cell], path: Path) -> Path:
    """One line per cell, as comma-separated values."""
    names = [field.name for field in fields(Cell)]
    order = [*names[1:7], "rank", *names[7:]]
    rows = [asdict(cell) | {"saturated": int(cell.saturated)} for cell in cells]
    return write_whole(path, csv_text([{name: row[name] for name in order} for row in rows]))


def read_cells(path: Path) -> list[Cell]:
    """What `write_cells` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Cell(
                domain=row.pop("domain"),
                saturated=row.pop("saturated") == "1",
                **{name: int(value) for name, value in row.items()},
            )
            for row in csv.DictReader(file)
        ]


@dataclass(frozen=True)
class Known:
    """A cell with what theory says of it."""

    cell: Cell
    upper: int
    """Least proved upper bound"""
    names: tuple[str, ...]
    """All bounds with that value"""
    lower: int
    """Greatest proved lower bound"""

    @property
    def exact(self) -> bool:
        """Whether the certified rank meets a proved upper bound."""
        return self.cell.rank == self.upper

    @property
    def gap(self) -> bool:
        """Whether the rank, which more samples would not raise, lies below every proved bound."""
        return self.cell.saturated and not self.exact


def know(cell: Cell) -> Known:
    """Look a cell up in the theory."""
    found = bounds(**cell.sizes, domain=cell.domain, kinds=[kind for kind in KINDS if kind != "conjectured"])
    uppers = [bound for bound in found if bound.kind in ("exact", "upper")]
    upper = min(bound.value for bound in uppers)
    lower = max((bound.value for bound in found if bound.kind in ("exact", "lower")), default=1)
    return Known(cell, upper, tuple(bound.name for bound in uppers if bound.value == upper), lower)


def met_by(known: Iterable[Known]) -> Counter[str]:
    """How many exact cells meet which bound; a cell that meets several counts for each."""
    return Counter(name for item in known if item.exact for name in item.names)


def conjectured(cell: Cell) -> int:
    """Conjecture 1 of arXiv:1710.09431: min(((m; ((T/2; L - 1)) )), M^(T/2)), for L = 2 the bound of its Theorem 1.

    Raises:
        ValueError: the cell is not cut in the middle, or has one layer.
    """
    if not cell.middle or cell.depth < 2:
        raise ValueError(f"the conjecture is about the middle cut and two layers or more, got {cell}")
    narrow = min(cell.inputs, cell.width)
    return int(min(multichoose(narrow, multichoose(cell.cut, cell.depth - 1)), cell.inputs**cell.cut))


@dataclass(frozen=True)
class Check:
    """A statement on all the cells it is about."""

    cells: int
    holds: int
    fails: tuple[Known, ...]
    """Where the certified, saturated rank is below what it says"""
    too_high: tuple[Known, ...]
    """Where a proved upper bound is below what it says: there it is false, whatever the rank"""


def check_theorem(known: Sequence[Known]) -> Check:
    """Theorem 1: min(R, M^(T/2)) for one layer, exactly; at least ((m; T/2)) for two."""
    return _check([item for item in known if item.cell.middle and item.cell.depth <= 2], _theorem)


def check_conjecture(known: Sequence[Known], domain: str) -> Check:
    """Conjecture 1 on all cells of three layers or more of a domain."""
    chosen = [item for item in known if item.cell.middle and item.cell.depth >= 3 and item.cell.domain == domain]
    return _check(chosen, conjectured)


def _theorem(cell: Cell) -> int:
    if cell.depth == 2:
        return int(multichoose(min(cell.inputs, cell.width), cell.cut))
    return int(min(cell.width, cell.inputs**cell.cut))


def _check(chosen: list[Known], stated: Callable[[Cell], int]) -> Check:
    fails = tuple(item for item in chosen if item.cell.rank < stated(item.cell))
    wrong = tuple(
        item for item in chosen if item.cell.depth == 1 and item.cell.rank > stated(item.cell) and item not in fails
    )
    too_high = tuple(item for item in chosen if item.upper < stated(item.cell))
    return Check(len(chosen), len(chosen) - len(fails) - len(wrong), fails + wrong, too_high)


def gaps(known: Iterable[Known]) -> list[Known]:
    """Open questions, those of the smallest ranks first."""
    return sorted((item for item in known if item.gap), key=lambda item: item.cell)


@dataclass(frozen=True)
class Exchange:
    """Pairs of cells that differ by L and b, the numbers of layers and of end steps, being exchanged."""

    pairs: int
    differ: tuple[tuple[Cell, Cell], ...]
    """Those of different ranks, smallest ranks first"""


def exchanges(known: Sequence[Known]) -> dict[tuple[str, bool, bool], Exchange]:
    """Compare all cells that have a partner.

    Returns:
        By domain, whether there are as many inputs as units (M >= R), and whether the start is as long as the shorter
        of both (c >= min(L, b)).
    """
    cells = {(c.domain, c.inputs, c.width, c.cut, c.depth, c.steps): c for c in (item.cell for item in known)}
    groups: dict[tuple[str, bool, bool], list[tuple[Cell, Cell]]] = {}
    for (domain, inputs, width, cut, depth, steps), cell in cells.items():
        partner = cells.get((domain, inputs, width, cut, steps, depth))
        if partner is not None and depth < steps:
            groups.setdefault((domain, inputs >= width, cut >= depth), []).append((cell, partner))
    found = {}
    for group in sorted(groups, key=lambda key: (key[0], not key[1], not key[2])):
        differ = [pair for pair in groups[group] if pair[0].rank != pair[1].rank]
        found[group] = Exchange(len(groups[group]), tuple(sorted(differ, key=lambda pair: max(pair).rank)))
    return found


def exchanges_markdown(known: Sequence[Known]) -> str:
    """How many pairs agree, and the smallest that do not."""
    rows = []
    for (domain, is_wide, is_long), found in exchanges(known).items():
        sizes = ["$M \\ge R$" if is_wide else "$M < R$", "$c \\ge \\min(L, b)$" if is_long else "$c < \\min(L, b)$"]
        rows.append([domain, *sizes, found.pairs, len(found.differ), _shown(*found.differ[0]) if found.differ else ""])
    return markdown_table(["domain", "inputs", "start", "pairs", "that differ", "the smallest"], rows)


def _shown(cell: Cell, partner: Cell) -> str:
    sizes = f"M = {cell.inputs}, R = {cell.width}, c = {cell.cut}"
    ranks = f"{cell.rank} for L = {cell.depth}, b = {cell.steps}; {partner.rank} exchanged"
    return f"{sizes}: {ranks}"


def confirmation(found: Sequence[Known], *, prime: int, more: int) -> dict[str, object]:
    """A sweep that certifies gaps again, modulo another prime and with more samples.

    Args:
        found: the gaps.
        prime: the other one.
        more: samples beyond the least upper bound.

    Returns:
        The content of a file for `seprank sweep`.
    """
    return {
        "description": "The gaps of the atlas again, modulo another prime and with more samples.",
        "blocks": [
            {
                "command": "certify",
                "settings": {
                    "model": "rac",
                    "domain": item.cell.domain,
                    **item.cell.sizes,
                    "prime": prime,
                    "seed": 1,
                    "samples": item.upper + more,
                },
            }
            for item in found
        ],
    }


def summary_markdown(known: Sequence[Known]) -> str:
    """Cells by domain and depth: how many, how many exact, how many gaps."""
    groups = sorted({(item.cell.domain, item.cell.depth) for item in known})
    rows: list[list[object]] = []
    for domain, depth in groups:
        chosen = [item for item in known if (item.cell.domain, item.cell.depth) == (domain, depth)]
        rows.append([domain, depth, *_counts(chosen)])
    rows.append(["all", "", *_counts(known)])
    return markdown_table(["domain", "depth", "cells", "exact", "share", "gaps", "not saturated"], rows)


def _counts(known: Sequence[Known]) -> list[str]:
    exact, open_ = sum(item.exact for item in known), sum(item.gap for item in known)
    share = f"{100 * exact / len(known):.1f} %"
    return [f"{len(known):,}", f"{exact:,}", share, f"{open_:,}", f"{len(known) - exact - open_:,}"]


def bounds_markdown(known: Sequence[Known]) -> str:
    """Which bounds exact cells meet, and how often one is the only bound that is met."""
    every = met_by(known)
    alone = Counter(item.names[0] for item in known if item.exact and len(item.names) == 1)
    rows = [[name, f"{count:,}", f"{alone[name]:,}"] for name, count in every.most_common()]
    return markdown_table(["bound", "met by exact cells", "the only one met"], rows)


def statements_markdown(known: Sequence[Known]) -> str:
    """Theorem 1 and Conjecture 1 on all the cells they are about."""
    checks = {
        "Theorem 1, one and two layers, both domains": check_theorem(known),
        "Conjecture 1, three layers and more, functional": check_conjecture(known, "functional"),
        "Conjecture 1, three layers and more, tokens": check_conjecture(known, "tokens"),
    }
    rows = [
        [name, f"{check.cells:,}", f"{check.holds:,}", f"{len(check.fails):,}", f"{len(check.too_high):,}"]
        for name, check in checks.items()
    ]
    return markdown_table(["statement", "cells", "holds", "rank below it", "proved bound below it"], rows)


def conjecture_markdown(known: Sequence[Known]) -> str:
    """Conjecture 1, three layers and more, by domain and by whether there are more tokens than units."""
    rows: list[list[object]] = []
    for domain, sign in itertools.product(("functional", "tokens"), (">=", "<")):
        chosen = [item for item in known if (item.cell.width >= item.cell.inputs) == (sign == ">=")]
        check = check_conjecture(chosen, domain)
        relation = "$R \\ge M$" if sign == ">=" else "$R < M$"
        rows.append([domain, relation, f"{check.cells:,}", f"{check.holds:,}", f"{len(check.fails):,}"])
    return markdown_table(["domain", "width", "cells", "holds", "fails"], rows)


def cells_markdown(known: Iterable[Known], *, stated: bool = False) -> str:
    """Cells with rank and least bound, and with what Conjecture 1 says if asked for; inputs of equal rows joined."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for item in known:
        cell = item.cell
        key = (cell.domain, cell.width, cell.depth, cell.length, cell.cut, cell.rank, item.upper, ", ".join(item.names))
        more = (conjectured(cell),) if stated else ()
        groups.setdefault((*key, *more), []).append(cell.inputs)
    head = ["domain", "inputs", "width", "depth", "length", "cut", "rank", "least bound", "which", "conjecture"]
    rows = [[key[0], ", ".join(map(str, sorted(inputs))), *key[1:]] for key, inputs in groups.items()]
    return markdown_table(head[: 10 if stated else 9], rows)
