"""A shallow circuit as a chain of tensors: its matrix product state."""

from __future__ import annotations

import math

from ...theory import readable
from ..cut import cheapest
from ..rac_sizes import Sizes
from ..unrolling import Bond, Node
from .frame import STEPS, TOP, draw_sides, label_cut
from .notation import powers, unbroken
from .scene import MARGIN, Item, Length, Point, Scene, power, subscript, text_width
from .strokes import draw_cut

_COLUMN, _LEFT, _SITE, _TOKEN = 96.0, 70.0, 18.0, 13.0
_ROW, _LEG = TOP + 34, 76.0

_ITEMS = (
    Item("circle", "start", "tensor A of a start step"),
    Item("circle", "end", "tensor A of an end step"),
    Item("circle", "leg", "input x of a step"),
    Item("line", "bond", "bond; the number is its dimension"),
    Item("line", "cut", "cheapest cut"),
)


def chain_picture(sizes: Sizes) -> Scene:
    """The picture of a matrix product state with a site for each step of the sequence."""
    bonds = chain_bonds(sizes)
    middle = [bond for bond in bonds if bond.name == f"bond-{sizes.cut}"]
    found = cheapest(bonds, set(middle), limit=middle[0].dimension, cut=sizes.cut)
    value = powers(found)
    right = _LEFT + _COLUMN * (sizes.length - 0.5)
    width = right + text_width(f"cut: {value}", "cut-word") + 2 * MARGIN
    bottom = _ROW + _LEG + _TOKEN + 12
    title = f"A shallow network is a chain: depth 1, width {sizes.width}, {sizes.inputs} inputs"
    scene = Scene(title, _ITEMS, _notes(sizes, found), width, bottom)
    boundary = _x(sizes.cut) + _COLUMN / 2
    draw_sides(scene, sizes, left=_LEFT - _COLUMN / 2, middle=boundary, right=right, bottom=bottom)
    _draw_bonds(scene, bonds)
    _draw_nodes(scene, sizes)
    strokes = draw_cut(scene, {bond.name: _crossing(bond) for bond in found})
    label_cut(scene, value, strokes, middle=boundary, right=right)
    return scene


def chain_bonds(sizes: Sizes) -> list[Bond]:
    """Bonds and legs of the matrix product state of a circuit of one layer, as `tensornet.mps` makes it."""
    sites = {time: Node("site", 1, time, 0) for time in sizes.times}
    legs = [Bond(f"leg-{t}", sizes.inputs, (Node("token", 0, t, 0), site)) for t, site in sites.items()]
    return legs + [Bond(f"bond-{t}", sizes.width, (sites[t], sites[t + 1])) for t in range(1, sizes.length)]


def _x(time: int) -> Length:
    return _LEFT + _COLUMN * (time - 1)


def _draw_bonds(scene: Scene, bonds: list[Bond]) -> None:
    for bond in bonds:
        source, target = bond.ends
        if source.kind == "token":
            x = _x(target.time)
            scene.line((x, _ROW + _LEG), (x, _ROW), name=bond.name)
            scene.words(f"{bond.dimension}", (x + 6, _ROW + 44), "dimension", "start")
        else:
            scene.line((_x(source.time), _ROW), (_x(target.time), _ROW), name=bond.name)
            # Left of the middle, where the cut goes.
            scene.words(f"{bond.dimension}", (_x(source.time) + _SITE + 13, _ROW - 6), "dimension")


def _draw_nodes(scene: Scene, sizes: Sizes) -> None:
    for time in sizes.times:
        side = "end" if time > sizes.cut else "start"
        x = _x(time)
        scene.words(f"t = {time}", (x, STEPS), "note")
        scene.mark("circle", (x, _ROW), _SITE, side, f"site-{time}", "tensor")
        scene.words("A", (x, _ROW + 4), "word" if side == "end" else "light")
        scene.mark("circle", (x, _ROW + _LEG), _TOKEN, "leg", f"token-{time}", "token")
        scene.words(subscript("x", time), (x, _ROW + _LEG + 4), "small")


def _crossing(bond: Bond) -> Point:
    source, target = bond.ends
    if source.kind == "token":
        return (_x(target.time), _ROW + 53)
    return (_x(source.time) + _COLUMN / 2, _ROW)


def _notes(sizes: Sizes, found: list[Bond]) -> list[str]:
    least = math.prod(bond.dimension for bond in found)
    sides = f"{power(sizes.inputs, sizes.cut)} starts and {power(sizes.inputs, sizes.end)} ends"
    return [
        "A joins the weights Wᴴ and Wᴵ of one step. Everything that the end can know of the start passes through the "
        f"bonds that a cut between them crosses: {unbroken(powers(found))} for the cheapest cut, with {sides}. The "
        "separation rank is at most the product of a cut, and in a single layer exactly the least one, "
        f"{readable(least)}."
    ]
