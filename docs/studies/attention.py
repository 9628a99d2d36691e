"""Certified ranks of self-attention without softmax: the cells, their certificates, and what they say.

`python -m studies.attention`, with `docs` on the path, certifies what is missing in docs/attention/certificates.json.gz
and then verifies every certificate in it.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from seprank import Certificate, certify, verify
from seprank.models import MODELS
from seprank.models.attention import Attention
from seprank.system.files import write_whole
from seprank.theory import Bound, attention_bounds, multichoose

from .tables import markdown_table

FILE = Path(__file__).parents[1] / "attention" / "certificates.json.gz"
MOST = 420
"""Greatest upper bound of a cell that is certified: the work grows with its square"""
_NONE = Bound("none", "upper", sys.maxsize, "", "rank")


@dataclass(frozen=True, order=True)
class Cell:
    """A network and a split of its positions."""

    feed_forward: bool
    causal: bool
    depth: int
    inputs: int
    width: int
    heads: int
    length: int
    start: tuple[int, ...]
    """Positions of the start"""

    @property
    def adjacent(self) -> bool:
        """Whether the start comes first."""
        return self.start == tuple(range(len(self.start)))

    @property
    def sides(self) -> tuple[int, int]:
        """Positions on the side that is not read, and on the reading side."""
        other = self.length - len(self.start) if self.length - 1 in self.start else len(self.start)
        return other, self.length - other

    @property
    def narrow(self) -> bool:
        """Whether one side has a single position, and the inputs several dimensions."""
        return min(self.sides) == 1 < min(self.inputs, self.width)

    def upper(self) -> Bound:
        """The least proved upper bound."""
        found = attention_bounds(
            inputs=self.inputs,
            width=self.width,
            depth=self.depth,
            length=self.length,
            split=self.start,
            num_heads=self.heads,
            feed_forward=self.feed_forward,
            causal=self.causal,
        )
        return min((b for b in found if b.kind in ("exact", "upper")), key=lambda b: b.value, default=_NONE)

    def build(self) -> Attention:
        """The network."""
        return Attention(
            self.inputs,
            self.width,
            self.depth,
            num_heads=self.heads,
            feed_forward=self.feed_forward,
            causal=self.causal,
        )


def cells() -> list[Cell]:
    """All cells of the study."""
    return sorted({*_plain(), *_interleaved(), *_products(), *_causal()})


def _of(
    inputs: int, width: int, heads: int, depth: int, sides: tuple[int, int], *, feed_forward: bool = False
) -> Iterator[Cell]:
    """An adjacent cell with these numbers of positions on the other and on the reading side, if it is small enough."""
    length = sum(sides)
    cell = Cell(feed_forward, False, depth, inputs, width, heads, length, tuple(range(sides[0])))
    if cell.upper().value <= MOST:
        yield cell


def _plain() -> Iterator[Cell]:
    few = ((1, 1), (1, 2), (2, 1), (2, 2), (3, 3))
    for inputs, sides, depth in product((1, 2, 3, 4), few, (1, 2, 3)):
        yield from _of(inputs, inputs, 1, depth, sides)
    for inputs, depth in product((5, 6), (2, 3)):
        yield from _of(inputs, inputs, 1, depth, (2, 2))
        yield from _of(inputs, inputs, 1, depth, (3, 3))
    for inputs, width, depth in product((2, 3, 4), (2, 3, 4, 6, 8), (1, 2, 3)):
        for heads in (h for h in (1, 2, 3, 4, 6, 8) if width % h == 0 and width >= inputs and width <= 2 * inputs):
            yield from _of(inputs, width, heads, depth, (2, 2))
    for inputs, width in product((2, 3, 4), (1, 2)):
        yield from _of(inputs, width, 1, 2, (2, 2))


def _interleaved() -> Iterator[Cell]:
    """Every second position, from the first or from the second."""
    for inputs, heads, depth, length in ((2, 1, 2, 4), (2, 2, 2, 4), (3, 1, 2, 4), (3, 3, 2, 6), (2, 1, 3, 4)):
        for first in (0, 1):
            yield Cell(False, False, depth, inputs, inputs, heads, length, tuple(range(first, length, 2)))


def _products() -> Iterator[Cell]:
    for inputs, sides, depth in product((1, 2, 3, 4), ((1, 1), (1, 2), (2, 1), (2, 2)), (1, 2)):
        for heads in (h for h in (1, 2, 3, 4) if inputs % h == 0):
            yield from _of(inputs, inputs, heads, depth, sides, feed_forward=True)


def _causal() -> Iterator[Cell]:
    """All splits in halves of four positions, and adjacent and interleaved ones of six."""
    for start in ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)):
        yield Cell(False, True, 2, 2, 2, 1, 4, start)
    for longer in ((0, 1, 2), (0, 2, 4), (1, 3, 5)):
        yield Cell(False, True, 2, 2, 2, 1, 6, longer)


def run(cell: Cell) -> Certificate:
    """Its certificate."""
    most = None if cell.upper() is not _NONE else 4 * MOST
    return certify(cell.build(), length=cell.length, split=cell.start, max_samples=most, progress=False)


def cell_of(certificate: Certificate) -> Cell:
    """What a certificate is about."""
    settings, question = certificate.model.settings, certificate.question
    defaults = MODELS["attention"].option_defaults()
    heads, feed_forward, causal = (settings.get(name, defaults[name]) for name in defaults)
    depth, inputs, width = (int(settings[name]) for name in ("depth", "inputs", "width"))
    start = question.split or tuple(range(question.cut))
    return Cell(bool(feed_forward), bool(causal), depth, inputs, width, int(heads), question.length, start)


def read(path: Path = FILE) -> list[Certificate]:
    """All certificates, in the order of their cells."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return sorted(map(Certificate.from_dict, json.load(file)), key=cell_of)


def write(certificates: Iterable[Certificate], path: Path = FILE) -> None:
    """Keep them in one file."""
    text = json.dumps([certificate.to_dict() for certificate in sorted(certificates, key=cell_of)])
    write_whole(path, lambda place: place.write_bytes(gzip.compress(text.encode(), mtime=0)))


# What they say


def cells_markdown(certificates: Iterable[Certificate]) -> str:
    """Networks with their ranks and bounds."""
    rows = []
    for certificate in certificates:
        cell = cell_of(certificate)
        upper = certificate.upper_bound
        start = "" if cell.adjacent else ", ".join(str(place + 1) for place in cell.start)
        rank = f"={certificate.rank}" if certificate.exact else certificate.rank
        sizes = [cell.inputs, cell.width, cell.heads, cell.depth]
        rows.append([*sizes, cell.sides[0], cell.sides[1], start, rank, upper])
    head = ["$M$", "$R$", "$H$", "$L$", "$n_B$", "$n_A$", "start, if not adjacent", "rank", "least bound"]
    return markdown_table(head, rows)


def summary_markdown(certificates: Sequence[Certificate]) -> str:
    """How many cells of each kind there are, and how many of them are exact."""
    kinds = {
        "one layer": lambda c: c.depth == 1 and not c.feed_forward and not c.causal,
        "two layers": lambda c: c.depth == 2 and not c.feed_forward and not c.causal,
        "three layers": lambda c: c.depth == 3 and not c.feed_forward and not c.causal,
        "one layer with products": lambda c: c.depth == 1 and c.feed_forward,
        "two layers with products": lambda c: c.depth == 2 and c.feed_forward,
        "two causal layers": lambda c: c.causal,
    }
    rows = []
    for name, belongs in kinds.items():
        chosen = [one for one in certificates if belongs(cell_of(one))]
        exact = sum(one.exact for one in chosen)
        rows.append([name, len(chosen), exact, len(chosen) - exact, max(one.rank for one in chosen)])
    exact = sum(one.exact for one in certificates)
    rows.append(["all", len(certificates), exact, len(certificates) - exact, max(one.rank for one in certificates)])
    return markdown_table(["", "cells", "exact", "not exact", "greatest rank"], rows)


def groups(certificates: Sequence[Certificate]) -> dict[str, list[Certificate]]:
    """What the tables of the page show."""
    found = [(one, cell_of(one)) for one in certificates]
    return {
        "2-layers": [one for one, cell in found if cell.depth == 2 and not cell.feed_forward and not cell.causal],
        "3-layers": [one for one, cell in found if cell.depth == 3],
        "products": [one for one, cell in found if cell.depth == 2 and cell.feed_forward],
        "causal": [one for one, cell in found if cell.causal],
        "gaps": [one for one, cell in found if not one.exact and not cell.causal],
    }


def bottleneck_markdown(certificates: Sequence[Certificate]) -> str:
    """Width beyond the number of inputs: ranks of one head at two positions a side."""
    found = {cell_of(one): one for one in certificates}
    chosen = [cell for cell in found if _is_plain(cell) and cell.heads == 1 and cell.sides == (2, 2)]
    rows = []
    for depth, inputs in sorted({(cell.depth, cell.inputs) for cell in chosen}):
        same = sorted(cell for cell in chosen if (cell.depth, cell.inputs) == (depth, inputs))
        rows.append([inputs, depth, ", ".join(f"{found[cell].rank} ({cell.width})" for cell in same)])
    return markdown_table(["$M$", "$L$", "rank (width)"], rows)


def _is_plain(cell: Cell) -> bool:
    return not cell.feed_forward and not cell.causal and cell.adjacent


def published(inputs: int, heads: int, depth: int) -> int:
    """(d_x + H)^((3^L - 1) / 2): the bound of arXiv:2006.12467 as it is remembered, not read; never used as a bound."""
    return int((inputs + heads) ** ((3**depth - 1) // 2))


def published_markdown(certificates: Sequence[Certificate]) -> str:
    """Certified ranks beside the published bound, for networks as wide as their inputs."""
    rows = []
    for certificate in certificates:
        cell = cell_of(certificate)
        if _is_plain(cell) and cell.depth > 1 and cell.inputs == cell.width > 1 and cell.sides == (2, 2):
            stated = published(cell.inputs, cell.heads, cell.depth)
            rows.append([cell.inputs, cell.heads, cell.depth, certificate.rank, certificate.upper_bound, f"{stated:,}"])
    return markdown_table(["$d_x$", "$H$", "$L$", "rank", "moments", "published, from memory"], rows)


def count_parameters(width: int, depth: int) -> int:
    """Numbers in a network as wide as its inputs."""
    return MODELS["attention"].count_parameters(width, width, depth)


def widest(parameters: int, depth: int) -> int:
    """The greatest width, of networks as wide as their inputs, with at most so many numbers."""
    width = 1
    while count_parameters(width + 1, depth) <= parameters:
        width += 1
    return width


def digits_by_depth(parameters: int, depths: Iterable[int]) -> list[tuple[int, int, int]]:
    """Depth, width, and how many digits the bound by moments has, at equal parameters, with as many positions."""
    found = []
    for depth in depths:
        width = widest(parameters, depth)
        length = 2 * width
        known = attention_bounds(inputs=width, width=width, depth=depth, length=length)
        upper = min(bound.value for bound in known if bound.kind in ("exact", "upper"))
        found.append((depth, width, len(str(upper))))
    return found


def parameters_markdown(budgets: Sequence[int], depths: Sequence[int]) -> str:
    """Depth against width at equal parameters: width, and digits of the bound."""
    rows = []
    for budget in budgets:
        found = digits_by_depth(budget, depths)
        best = max(digits for _, _, digits in found)
        entries = [f"{'**' * (d == best)}{d:,}{'**' * (d == best)} ({width})" for _, width, d in found]
        rows.append([f"{budget:,}", *entries])
    return markdown_table(["parameters", *(f"$L = {depth}$" for depth in depths)], rows)


def two_layers(width: int) -> int:
    """The bound by moments of two layers of one head, as wide as their inputs: 1 + R + D (R + 1) + D (D + 1) / 2."""
    moments = multichoose(width, 2)
    return 1 + width + moments * (width + 1) + multichoose(moments, 2)


def main() -> None:
    """Certify what is missing, and verify all."""
    done = {cell_of(one): one for one in (read() if FILE.exists() else [])}
    wanted = cells()
    for number, cell in enumerate(wanted):
        if cell not in done:
            done[cell] = run(cell)
            sys.stderr.write(f"{number + 1} of {len(wanted)}: {cell}: {done[cell].rank}, {done[cell].seconds} s\n")
            write(done[one] for one in wanted if one in done)
    for cell in wanted:
        if not verify(done[cell], progress=False):
            raise SystemExit(f"{cell} is not verified")
    sys.stderr.write(f"{len(wanted)} certificates verified\n")


if __name__ == "__main__":
    main()
