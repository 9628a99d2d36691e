"""A deep circuit with every copy drawn: rows of states under one another, aligned in time.

A row that ends at step k feeds the row above at step k. Rows that end earlier lie in between, entirely to the left of
k, so that no bonds cross. The line between start and end crosses exactly the bonds from the last start states into the
end.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from ..cut import MinimalCut
from ..unrolling import Bond, Node, Unrolling
from .frame import STEPS, TOP, draw_sides, label_cut
from .notation import count_notes, powers
from .scene import MARGIN, Item, Length, Point, Scene, subscript
from .strokes import draw_cut

_COLUMN, _LEFT = 104.0, 148.0
_UPPER, _LOWEST = 58.0, 80.0
"""Height of a row that is fed by others, and of one that is fed by inputs"""
_HIDDEN, _INPUT, _TOKEN = -32.0, 25.0, 53.0
"""Where W_H lies before its state, and W_I and the input below it"""
_CUT = -50.0

SHAPES = {
    "delta": ("circle", 6.0, "state: product δ, element by element"),
    "hidden": ("square", 6.5, "recurrent weights Wᴴ"),
    "input": ("diamond", 7.5, "input weights Wᴵ"),
    "initial": ("right", 6.5, "state before the first step"),
    "readout": ("left", 6.5, "read-out"),
    "token": ("circle", 9.5, "input x of a step"),
}
"""Shape, radius and meaning of each kind of tensor"""

ITEMS = (
    *(Item(shape, "leg", meaning) for shape, _, meaning in SHAPES.values()),
    Item("square", "start", "start side"),
    Item("square", "end", "end side"),
    Item("line", "bond", "bond; the number is its dimension"),
    Item("line", "cut", "cut"),
)


class _Layout:
    def __init__(self, unrolling: Unrolling) -> None:
        self.unrolling = unrolling
        self.heights: dict[int, Length] = {}
        self.bottom = TOP + 26
        for row in unrolling.rows:
            self.heights[row.number] = self.bottom
            self.bottom += _UPPER if row.below else _LOWEST
        self.right = self.x(unrolling.sizes.length) + 64
        self.middle = self.x(unrolling.sizes.cut + 1) + _CUT

    def x(self, time: int) -> Length:
        return _LEFT + _COLUMN * time

    def place(self, node: Node) -> Point:
        across = {"hidden": _HIDDEN, "readout": 42.0, "initial": 14.0}.get(node.kind, 0.0)
        down = {"input": _INPUT, "token": _TOKEN}.get(node.kind, 0.0)
        return self.x(node.time) + across, self.heights[node.row] + down

    def crossing(self, bond: Bond) -> Point:
        """Where a cut crosses a bond: beside its label."""
        source, target = map(self.place, bond.ends)
        if target[1] == source[1]:
            is_step = bond.ends[1].kind == "hidden"
            return (self.x(bond.ends[1].time) + _CUT if is_step else (source[0] + target[0]) / 2, source[1])
        if bond.ends[1].kind == "delta":
            return target[0], (target[1] + source[1]) / 2
        return target[0], target[1] + 12

    def label(self, bond: Bond) -> tuple[Point, str]:
        """Place and anchor of a bond's number."""
        (x, y), (x2, y2) = map(self.place, bond.ends)
        if y == y2:
            return ((x2 - 37 if bond.ends[1].kind == "hidden" else (x + x2) / 2, y - 5), "middle")
        return (x2 + 5, y2 + (16 if bond.ends[1].kind == "delta" else 17)), "start"

    @cached_property
    def row_names(self) -> list[tuple[str, Length]]:
        """Words and height for each row."""
        seen: dict[int, int] = {}
        names = []
        for row in self.unrolling.rows:
            seen[row.layer] = seen.get(row.layer, 0) + 1
            number = f", copy {seen[row.layer]}" if row.layer < self.unrolling.sizes.depth else ""
            names.append((f"layer {row.layer}{number}", self.heights[row.number]))
        return names


def copies_picture(unrolling: Unrolling, cut: MinimalCut, line: Sequence[Bond]) -> Scene:
    """The picture of a network, one element per tensor, with a line through the bonds of a cut."""
    sizes, layout = unrolling.sizes, _Layout(unrolling)
    notes = [
        "Each row is a copy of one layer's states. A state is used by the next step and by the layer above, and a "
        "tensor network uses a tensor once: so it is drawn once for each use, with all that lies under it.",
        *count_notes(sizes, cut),
    ]
    title = f"Every copy: depth {sizes.depth}, width {sizes.width}, {sizes.inputs} inputs"
    scene = Scene(title, ITEMS, notes, layout.right + MARGIN, layout.bottom)
    draw_sides(scene, sizes, left=_LEFT - 8, middle=layout.middle, right=layout.right, bottom=layout.bottom)
    _draw_network(scene, layout)
    strokes = draw_cut(scene, {bond.name: layout.crossing(bond) for bond in line})
    label_cut(scene, powers(line), strokes, middle=layout.middle, right=layout.right)
    return scene


def _draw_network(scene: Scene, layout: _Layout) -> None:
    unrolling = layout.unrolling
    for time in unrolling.sizes.times:
        scene.words(f"t = {time}", (layout.x(time), STEPS), "note")
    for name, height in layout.row_names:
        scene.words(name, (_LEFT - 14, height + 4), "word", "end")
    for bond in unrolling.bonds:
        scene.line(*map(layout.place, bond.ends), name=bond.name)
        at, anchor = layout.label(bond)
        scene.words(f"{bond.dimension}", at, "dimension", anchor)
    for node in unrolling.nodes:
        _draw_node(scene, node, layout)


def _draw_node(scene: Scene, node: Node, layout: _Layout) -> None:
    shape, radius, _ = SHAPES[node.kind]
    place = layout.place(node)
    if node.kind == "token":
        scene.mark(shape, place, radius, "leg", node.name, "token")
        scene.words(subscript("x", node.time), (place[0], place[1] + 3.5), "small")
    else:
        scene.mark(shape, place, radius, layout.unrolling.side(node), node.name, "tensor")
