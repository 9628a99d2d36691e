"""The demonstration: what depth buys, in a table, a plot and a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .certification import Certificate, certify
from .files import write_whole
from .models import find_model
from .report.growth import growth_page
from .theory import bounds

INPUTS = WIDTH = 3
DEPTHS = (1, 2, 3)
LENGTHS = (2, 4, 6, 8)


@dataclass(frozen=True)
class Row:
    """One network at one length."""

    depth: int
    length: int
    certificate: Certificate

    @property
    def paper(self) -> str:
        """The paper's statement, with its kind where it is not a theorem."""
        statements = [b for b in self.certificate.bounds if b.kind in ("exact", "lower", "conjectured")]
        if not statements:
            return ""
        best = max(statements, key=lambda b: b.value)
        relation = "=" if best.kind == "exact" else ">="
        return f"{relation} {best.value:,}" + (" (conjecture)" if best.kind == "conjectured" else "")


def certify_all(progress: bool = True) -> Iterator[Row]:
    """Certify every cell, small ones first."""
    for depth in DEPTHS:
        for length in LENGTHS:
            module = find_model("rac").build(inputs=INPUTS, width=WIDTH, depth=depth)
            yield Row(depth, length, certify(module, length=length, progress=progress))


def save(rows: list[Row], folder: Path) -> Path:
    """Certificates and the plot; returns the path of the plot."""
    for row in rows:
        row.certificate.save(folder / f"rac-depth{row.depth}-length{row.length}.json")
    series = {f"depth {depth}": [(r.length, r.certificate.rank) for r in rows if r.depth == depth] for depth in DEPTHS}
    shallow = [(length, widest_shallow(length)) for length in LENGTHS]
    page = folder / "rank-against-length.html"
    return write_whole(
        page,
        growth_page(
            f"Certified Start-End rank of Recurrent Arithmetic Circuits, {INPUTS} inputs, width {WIDTH}",
            series,
            limit=("depth 1, any width: at most", shallow),
            sentence=meaning(rows),
        ),
    )


def widest_shallow(length: int) -> int:
    """Rank of a single layer of any width: M to the power of the shorter half."""
    widest = INPUTS**length
    shallow = bounds(inputs=INPUTS, width=widest, depth=1, length=length)
    return next(b.value for b in shallow if b.kind == "exact")


def meaning(rows: list[Row]) -> str:
    """The result in a sentence, from the numbers themselves."""
    last = max(r.length for r in rows)
    ranks = {r.depth: r.certificate.rank for r in rows if r.length == last}
    deep = max(ranks)
    limit = widest_shallow(last)
    beyond = (
        f"no single layer, however wide, carries more than {limit:,} at this length"
        if ranks[deep] > limit
        else f"a single layer would have to be {ranks[deep]:,} wide"
    )
    return (
        f"At length {last}, {deep} layers of width {WIDTH} carry {ranks[deep]:,} independent threads from the first "
        f"half of the sequence to the second, where one layer of the same width carries {ranks[1]:,} at every length; "
        f"{beyond}."
    )
