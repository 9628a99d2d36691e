"""The computation of a circuit, layers by steps, as in textbooks on recurrent networks: without copies."""

from __future__ import annotations

from ..rac_sizes import Sizes
from .frame import STEPS, TOP, draw_sides
from .scene import MARGIN, Item, Length, Point, Scene, subscript

_COLUMN, _LEFT, _ROW, _STATE, _TOKEN = 112.0, 84.0, 96.0, 21.0, 14.0
_HEAD = 7.0

ITEMS = (
    Item("square", "start", "state h of a start step"),
    Item("square", "end", "state h of an end step"),
    Item("circle", "leg", "input x of a step"),
    Item("line", "bond", "what is computed from what"),
    Item("line", "side", "between start and end"),
)


class _Layout:
    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.inputs = TOP + 62 + sizes.depth * _ROW - 8
        self.bottom = self.inputs + 30
        self.right = self.x(sizes.length) + 72
        self.middle = self.x(sizes.cut) + _COLUMN / 2

    def x(self, time: int) -> Length:
        return _LEFT + _COLUMN * time

    def y(self, layer: int) -> Length:
        return TOP + 62 + (self.sizes.depth - layer) * _ROW


def recurrence_picture(sizes: Sizes) -> Scene:
    """The picture of a circuit's computation, with inputs below, outputs above and the initial states on the left."""
    layout = _Layout(sizes)
    states = "one state" if sizes.depth == 1 else f"{sizes.depth} states"
    notes = [
        "Each state is the product, element by element, of the state before, multiplied by the layer's Wᴴ, and of what "
        f"comes from below, multiplied by its Wᴵ. All states have {sizes.width} numbers, all inputs {sizes.inputs}. "
        f"What crosses the dotted line, {states}, is everything that the end can know of the start.",
    ]
    title = f"The computation: depth {sizes.depth}, width {sizes.width}, {sizes.inputs} inputs"
    scene = Scene(title, ITEMS, notes, layout.right + MARGIN, layout.bottom)
    draw_sides(scene, sizes, left=_LEFT - 32, middle=layout.middle, right=layout.right, bottom=layout.bottom)
    for layer in sizes.layers:
        scene.words(f"layer {layer}", (MARGIN - 6, layout.y(layer) + 4), "word", "start")
        scene.words(subscript("h", 0), (layout.x(0), layout.y(layer) + 4))
    for time in sizes.times:
        scene.words(f"t = {time}", (layout.x(time), STEPS), "note")
        _draw_step(scene, time, layout)
    return scene


def _draw_step(scene: Scene, time: int, layout: _Layout) -> None:
    x, top = layout.x(time), layout.sizes.depth
    side = "end" if time > layout.sizes.cut else "start"
    scene.mark("circle", (x, layout.inputs), _TOKEN, "leg", f"input-t{time}", "token")
    scene.words(subscript("x", time), (x, layout.inputs + 4), "small")
    for layer in layout.sizes.layers:
        y = layout.y(layer)
        before = layout.x(time - 1) + (_STATE if time > 1 else 12)
        _arrow(scene, (before, y), (x - _STATE, y), f"own-l{layer}-t{time}")
        scene.words(subscript("Wᴴ", layer), (x - _STATE - 17, y - 7), "small")
        below = layout.inputs - _TOKEN if layer == 1 else layout.y(layer - 1) - _STATE
        _arrow(scene, (x, below), (x, y + _STATE), f"below-l{layer}-t{time}")
        scene.words(subscript("Wᴵ", layer), (x + 6, y + _STATE + 26), "small", "start")
        scene.mark("square", (x, y), _STATE, side, f"state-l{layer}-t{time}", "state")
        scene.words(subscript("h", time), (x, y + 4), "word" if side == "end" else "light")
    y = layout.y(top)
    _arrow(scene, (x, y - _STATE), (x, y - _STATE - 24), f"output-t{time}")
    scene.words(subscript("y", time), (x + 8, y - _STATE - 16), "small", "start")


def _arrow(scene: Scene, start: Point, end: Point, name: str) -> None:
    """A line with a head, to the right or upwards."""
    scene.line(start, end, name=name)
    x, y = end
    if y == start[1]:
        head = (end, (x - _HEAD, y - _HEAD / 2), (x - _HEAD, y + _HEAD / 2))
    else:
        head = (end, (x - _HEAD / 2, y + _HEAD), (x + _HEAD / 2, y + _HEAD))
    scene.line(*head, style="arrow")
