"""A deep circuit with all copies of a tensor drawn as one mark, with their number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise

from ..cut import MinimalCut
from ..rac_sizes import Sizes
from ..unrolling import Bond, Node
from .copies_picture import ITEMS, SHAPES
from .frame import STEPS, TOP, draw_sides, label_cut
from .notation import count_notes, product_words
from .scene import MARGIN, Length, Point, Scene, power, subscript
from .strokes import draw_cut

_COLUMN, _GAP, _LEFT, _ROW = 132.0, 66.0, 96.0, 122.0
_HIDDEN, _INPUT, _TOKEN, _CUT = -38.0, 44.0, 102.0, -62.0
_GROWN = 1.3
"""Marks are larger than where every copy has one"""
_MOST_COLUMNS = 10
_STACK = 3.0
"""How far the marks of a stack are apart"""

_NOTE = (
    "Each mark stands for as many equal copies of a tensor as the number ×n beside it says; a bond for all of theirs."
)


class _Layout:
    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.times = shown_times(sizes)
        self.columns: dict[int, Length] = {0: _LEFT + 24}
        at = _LEFT
        for before, time in pairwise([0, *self.times]):
            at += _COLUMN + (_GAP if time > before + 1 else 0)
            self.columns[time] = at
        self.bottom = self.y(1) + _TOKEN + 26
        self.right = at + 70
        self.middle = self.columns[sizes.cut + 1] + _CUT

    def y(self, layer: int) -> Length:
        return TOP + 30 + (self.sizes.depth - layer) * _ROW

    def place(self, node: Node) -> Point:
        across = {"hidden": _HIDDEN, "readout": 46.0}.get(node.kind, 0.0)
        down = {"input": _INPUT, "token": _TOKEN}.get(node.kind, 0.0)
        layer = max(node.layer, 1)
        if node.kind == "delta" and node.time not in self.columns:  # behind a gap
            return self.columns[node.time + 1] - _COLUMN + 18, self.y(layer)
        return self.columns[node.time] + across, self.y(layer) + down

    def crossing(self, bond: Bond) -> Point:
        (x, y), (x2, y2) = map(self.place, bond.ends)
        if y != y2:
            return x, (y2 + 27 if bond.ends[1].kind == "delta" else (y + y2) / 2 + 9)
        return (self.columns[bond.ends[1].time] + _CUT if bond.ends[1].kind == "hidden" else (x + x2) / 2), y


def shown_times(sizes: Sizes) -> list[int]:
    """Every step, or of many the first, the last and those at the cut."""
    if sizes.length <= _MOST_COLUMNS:
        return list(sizes.times)
    c, last = sizes.cut, sizes.length
    return sorted({time for time in (1, 2, c - 1, c, c + 1, c + 2, last - 1, last) if 1 <= time <= last})


def folded_bonds(sizes: Sizes, times: list[int]) -> dict[Bond, int]:
    """One bond for all bonds between copies of the same two tensors, with their number."""
    found = {}
    for layer in sizes.layers:
        for time in times:
            before = Node("delta" if time > 1 else "initial", layer, time - 1, 0)
            below = Node("delta", layer - 1, time, 0) if layer > 1 else Node("token", 0, time, 0)
            hidden, incoming, state = (Node(kind, layer, time, 0) for kind in ("hidden", "input", "delta"))
            for ends in ((before, hidden), (hidden, state), (below, incoming), (incoming, state)):
                dimension = sizes.inputs if ends[0].kind == "token" else sizes.width
                found[folded(Bond("", dimension, ends))] = sizes.copies(time, layer)
    top, last = sizes.depth, sizes.length
    readout = Bond("", sizes.width, (Node("delta", top, last, 0), Node("readout", top, last, 0)))
    return found | {folded(readout): 1}


def folded(bond: Bond) -> Bond:
    """The bond that stands for all copies of one."""
    source, target = (Node(node.kind, node.layer, node.time, 0) for node in bond.ends)
    return Bond(f"{source.name}-to-{target.name}", bond.dimension, (source, target))


def folded_picture(sizes: Sizes, cut: MinimalCut | None, line: Mapping[Bond, int]) -> Scene:
    """The picture of a network of these sizes, with a line through bonds and how many of their copies it cuts."""
    layout = _Layout(sizes)
    bonds = folded_bonds(sizes, layout.times)
    notes = [_NOTE, *count_notes(sizes, cut)]
    title = f"Copies folded: depth {sizes.depth}, width {sizes.width}, {sizes.inputs} inputs"
    scene = Scene(title, ITEMS, notes, layout.right + MARGIN, layout.bottom)
    draw_sides(scene, sizes, left=_LEFT - 4, middle=layout.middle, right=layout.right, bottom=layout.bottom)
    _draw_words(scene, layout)
    for bond, copies in bonds.items():
        _draw_bond(scene, bond, copies, layout)
    for node in dict.fromkeys(node for bond in bonds for node in bond.ends):
        if node.time in layout.columns:
            _draw_node(scene, node, layout)
    _draw_cut(scene, line, bonds, layout)
    return scene


def folded_states(sizes: Sizes) -> dict[Bond, int]:
    """The bonds from the last start states into the end."""
    found = {}
    for layer in sizes.layers:
        ends = (Node("delta", layer, sizes.cut, 0), Node("hidden", layer, sizes.cut + 1, 0))
        found[folded(Bond("", sizes.width, ends))] = sizes.crossing(layer)
    return found


def _draw_words(scene: Scene, layout: _Layout) -> None:
    for time in layout.times:
        scene.words(f"t = {time}", (layout.columns[time], STEPS), "note")
    for layer in layout.sizes.layers:
        scene.words(f"layer {layer}", (MARGIN, layout.y(layer) + 4), "word", "start")
        for before, time in pairwise(layout.times):
            if time > before + 1:
                scene.words(
                    "⋯",
                    ((layout.columns[before] + layout.columns[time] - _COLUMN + 18) / 2, layout.y(layer) + 4),
                    "count",
                )


def _draw_bond(scene: Scene, bond: Bond, copies: int, layout: _Layout) -> None:
    places = [layout.place(end) for end in bond.ends]
    scene.line(*places, name=bond.name)
    (x, y), (x2, y2) = places
    text = power(bond.dimension, copies)
    kind = bond.ends[1].kind
    if kind == "hidden":
        scene.words(text, (x2 - (40 if bond.ends[0].kind == "initial" else 52), y - 6), "dimension")
    elif y != y2:
        scene.words(text, (x - 6, y2 + (20 if kind == "delta" else 22)), "dimension", "end")


def _draw_node(scene: Scene, node: Node, layout: _Layout) -> None:
    shape, radius, _ = SHAPES[node.kind]
    radius *= _GROWN
    x, y = layout.place(node)
    copies = 1 if node.kind == "readout" else layout.sizes.copies(max(node.time, 1), max(node.layer, 1))
    side = "leg" if node.kind == "token" else "end" if node.time > layout.sizes.cut else "start"
    for behind in (2, 1) if copies > 1 else ():
        scene.mark(shape, (x + behind * _STACK, y - behind * _STACK), radius, "leg")
    kind = "token" if node.kind == "token" else "tensor"
    scene.mark(shape, (x, y), radius, side, node.name, kind)
    if node.kind == "token":
        scene.words(subscript("x", node.time), (x, y + 4), "small")
    if node.kind in ("delta", "token") and copies > 1:
        across, down = (13, 20) if node.kind == "delta" else (20, 14)
        scene.words(f"×{copies:,}", (x + across, y + down), "count", "start")


def _draw_cut(scene: Scene, crossed: Mapping[Bond, int], bonds: dict[Bond, int], layout: _Layout) -> None:
    strokes = draw_cut(scene, {bond.name: layout.crossing(bond) for bond in crossed if bond in bonds})
    counts: Counter[int] = Counter()
    for bond, number in crossed.items():
        counts[bond.dimension] += number
        if number < bonds.get(bond, number):
            _draw_part(scene, bond, f"{number:,} of {bonds[bond]:,}", layout)
    label_cut(scene, product_words(counts), strokes, middle=layout.middle, right=layout.right)


def _draw_part(scene: Scene, bond: Bond, text: str, layout: _Layout) -> None:
    """Write how many of the copies of a bond are cut, where there is room."""
    x, y = layout.crossing(bond)
    kind = bond.ends[1].kind
    if kind == "hidden":
        scene.words(text, (x - 6, y + 34), "small", "end")
    elif kind == "input":
        scene.words(text, (x + 12, y - 4), "small", "start")
    else:
        scene.words(text, (x + 20, y + 17), "small", "start")
