"""Pictures of a circuit: which kind to draw, and the files to save them in."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...question import check_choice
from ...result.chart import svg_of
from ...result.document import Figure, Section, report_page
from ...system.files import write_whole
from ...theory import readable
from ..cut import MinimalCut, comparison, cut_of, state_bonds
from ..rac_network import MOST_TENSORS, check_number
from ..rac_sizes import Sizes, check_sizes
from ..unrolling import unroll
from .canvas import picture_bytes
from .chain_picture import chain_picture
from .copies_picture import copies_picture
from .folded import folded, folded_picture, folded_states
from .recurrence_picture import recurrence_picture
from .scene import Scene

KINDS = ("network", "recurrence")
STYLES = ("auto", "copies", "folded")
LINES = ("states", "minimal")
SUFFIXES = (".svg", ".png", ".pdf", ".html")
MOST_ROWS = 15
"""Of a picture with every copy, unless it is asked for: about a page"""
MOST_DRAWN = 3_000
"""Tensors of a picture with every copy"""
MOST_LAYERS = 100
MOST_DIGITS = 10_000
"""Of the product of a cut"""


@dataclass(frozen=True)
class Picture:
    """A picture and what it shows."""

    scene: Scene
    sizes: Sizes
    style: str
    """chain, copies, folded or recurrence"""
    cut: MinimalCut | None
    """The minimal cut; None for a recurrence, and for a network too large to look for it"""

    def svg(self, *, bare: bool = False) -> str:
        """The picture as the text of an SVG file, which can be put into a page."""
        return svg_of(picture_bytes(self.scene, "svg", bare=bare))

    def html(self, *, bare: bool = False) -> str:
        """A page that needs no other file and no network."""
        picture = Section("", "", [Figure(self.svg(bare=bare))])
        return report_page(self.scene.title, "", [picture], summary=str(self))

    def save(self, path: str | Path, *, bare: bool = False) -> Path:
        """Write the picture as SVG, PNG, PDF or HTML, by the name of the file.

        Args:
            path: ends in `.svg`, `.png`, `.pdf` or `.html`.
            bare: without heading, legend and notes, as a figure of a paper that has a caption of its own.

        Raises:
            ValueError: the name ends in something else.
        """
        path = check_name(path)
        if path.suffix == ".html":
            return write_whole(path, self.html(bare=bare))
        if path.suffix == ".svg":
            return write_whole(path, self.svg(bare=bare))
        content = picture_bytes(self.scene, path.suffix[1:], bare=bare)
        return write_whole(path, lambda draft: draft.write_bytes(content))

    def to_dict(self) -> dict[str, Any]:
        """What it shows, as plain values for JSON."""
        cut = None if self.cut is None else self.cut.to_dict()
        return {"style": self.style, "settings": asdict(self.sizes), "minimal_cut": cut}

    def __str__(self) -> str:
        if self.style == "recurrence":
            return f"computation of a RAC: {self.sizes}"
        if self.cut is not None:
            return str(self.cut)
        heading = f"cuts of the network of a RAC: {self.sizes}, domain functional"
        why = f"  minimal cut not looked for: {readable(self.sizes.tensors)} tensors, more than {MOST_TENSORS:,}"
        return "\n".join([heading, why, *comparison(self.sizes)])


def draw(
    *,
    inputs: int,
    width: int,
    depth: int,
    length: int,
    cut: int | None = None,
    kind: str = "network",
    style: str = "auto",
    line: str = "states",
) -> Picture:
    """A picture of a RAC: its tensor network with the minimal cut, or the recurrence it computes.

    Args:
        inputs, width, depth, length: M, R, L and T.
        cut: c, steps in the start; T // 2 by default.
        kind: `network` or `recurrence`.
        style: of a network. `copies` draws every copy, `folded` one for all copies of a tensor with their number;
            `auto` draws copies up to 15 rows of them, and a network of one layer as a chain.
        line: what the line of the cut goes through, where copies are drawn or folded: `states`, all copies of the last
            start states, or `minimal`, the cut of least product. (A chain shows the latter.)

    Raises:
        ValueError: a size, kind or style is invalid, or the picture is too large.

    Example:
        >>> picture = draw(inputs=4, width=3, depth=2, length=6)
        >>> picture.style, picture.cut.value
        ('copies', 81)
    """
    sizes = check_sizes(inputs=inputs, width=width, depth=depth, length=length, cut=cut)
    for name, value, known in (("kind", kind, KINDS), ("style", style, STYLES), ("line", line, LINES)):
        check_choice(name, value, known)
    if kind == "recurrence":
        _check_recurrence(sizes)
        return Picture(recurrence_picture(sizes), sizes, "recurrence", None)
    _check_network(sizes, style)
    if line == "minimal":
        check_number(sizes)
    found = cut_of(sizes, domain="functional") if sizes.tensors <= MOST_TENSORS else None
    chosen = _chosen(sizes, style)
    return Picture(_network_scene(sizes, chosen, found, line), sizes, chosen, found)


def _network_scene(sizes: Sizes, style: str, cut: MinimalCut | None, line: str) -> Scene:
    if style == "chain":
        return chain_picture(sizes)
    if style == "folded":
        through = Counter(map(folded, cut.bonds)) if cut and line == "minimal" else folded_states(sizes)
        return folded_picture(sizes, cut, through)
    assert cut is not None  # as every tensor is drawn there are not too many
    unrolling = unroll(sizes)
    return copies_picture(unrolling, cut, cut.bonds if line == "minimal" else state_bonds(unrolling))


def check_name(path: str | Path) -> Path:
    """The path; `ValueError` if its ending is not that of a picture."""
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"a picture is written to a file ending in {', '.join(SUFFIXES)}, got {str(path)!r}")
    return path


def _chosen(sizes: Sizes, style: str) -> str:
    if style != "auto":
        return style
    if sizes.depth == 1 and sizes.length <= MOST_ROWS:
        return "chain"
    return "copies" if sizes.rows <= MOST_ROWS and sizes.length <= MOST_ROWS else "folded"


def _check_recurrence(sizes: Sizes) -> None:
    if sizes.depth * sizes.length > MOST_DRAWN:
        raise ValueError(
            f"a picture of {sizes.depth * sizes.length:,} states would be unreadable, at most {MOST_DRAWN:,} are "
            "drawn; use a smaller length or depth"
        )


def _check_network(sizes: Sizes, style: str) -> None:
    if sizes.depth > MOST_LAYERS:
        raise ValueError(f"at most {MOST_LAYERS} layers are drawn, got {sizes.depth:,}; use a smaller depth")
    if style == "copies" and sizes.tensors > MOST_DRAWN:
        raise ValueError(
            f"the network of {sizes} has {readable(sizes.tensors)} tensors, and at most {MOST_DRAWN:,} are drawn one "
            "by one; use style folded, or a smaller length or depth"
        )
    crossing = sum(sizes.crossing(layer) for layer in sizes.layers)
    if crossing * math.log10(sizes.width) > MOST_DIGITS:
        raise ValueError(
            f"the cut of {sizes} crosses {readable(crossing)} bonds, and their product has more than {MOST_DIGITS:,} "
            "digits; use a smaller length or depth"
        )
