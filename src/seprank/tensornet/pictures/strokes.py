"""The line of a cut: straight strokes through the bonds that are cut, and through no others."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from .scene import STYLES, Element, Length, Line, Mark, Point, Scene, Words, text_width

Box = tuple[Length, Length, Length, Length]
"""Left, top, right, bottom"""

_BEYOND = {True: (14.0, 14.0), False: (16.0, 3.0)}
"""How far a stroke goes on before its first bond and after its last: upright, or across legs numbered on the right"""
_CLEAR = 2.0
"""Distance that it keeps from marks and words"""


def draw_cut(scene: Scene, places: dict[str, Point]) -> list[Line]:
    """Add strokes through the bonds of these names at these places; they are returned from top to bottom.

    Bonds run along the axes. Those in one line are crossed by one stroke, where nothing else lies between.
    """
    bonds = [element for element in scene.elements if isinstance(element, Line) and element.style == "bond"]
    boxes = [box for element in scene.elements for box in _boxes(element)]
    cut = [bond for bond in bonds if bond.name in places]
    others = [bond for bond in bonds if bond.name not in places]
    strokes = []
    for upright in (True, False):  # through bonds that lie, then through bonds that stand
        crossed = sorted(_along(places[bond.name], upright) for bond in cut if _lies(bond) == upright)
        strokes += _strokes(crossed, upright, others, boxes)
    strokes.sort(key=lambda stroke: stroke.points[0][1])
    scene.elements += strokes
    scene.crossed = tuple(bond.name for bond in cut)
    return strokes


def _along(point: Point, upright: bool) -> Point:
    """(position of the stroke, position on the stroke), and back again."""
    return point if upright else (point[1], point[0])


def _lies(line: Line) -> bool:
    return line.points[0][1] == line.points[-1][1]


def _strokes(crossed: list[Point], upright: bool, others: list[Line], boxes: list[Box]) -> list[Line]:
    groups: list[list[Point]] = []
    for place in crossed:
        if groups and groups[-1][-1][0] == place[0] and _free(groups[-1][-1], place, upright, others, boxes):
            groups[-1].append(place)
        else:
            groups.append([place])
    before, after = _BEYOND[upright]
    ends = [((at, first - before), (at, group[-1][1] + after)) for group in groups for at, first in group[:1]]
    return [Line(tuple(_along(point, upright) for point in pair), "cut") for pair in ends]


def _free(first: Point, last: Point, upright: bool, others: list[Line], boxes: list[Box]) -> bool:
    path = Line((_along(first, upright), _along(last, upright)), "cut")
    return not any(crosses(path, line) for line in others) and not any(_touches(path, box) for box in boxes)


def _boxes(element: Element) -> list[Box]:
    """What an element covers, if it is a mark or words."""
    if isinstance(element, Mark):
        (x, y), r = element.centre, element.radius
        return [(x - r, y - r, x + r, y + r)]
    if isinstance(element, Words):
        (x, y), wide = element.at, text_width(element.text, element.style)
        left = x - wide * {"start": 0, "middle": 0.5, "end": 1}[element.anchor]
        return [(left, y - STYLES[element.style].size, left + wide, y)]
    return []


def _touches(path: Line, box: Box) -> bool:
    """Whether an axis-parallel line comes too near to a box."""
    (x, x2), (y, y2) = (sorted(axis) for axis in zip(*path.points, strict=True))
    left, top, right, bottom = box
    beside = x2 <= left - _CLEAR or x >= right + _CLEAR
    return not (beside or y2 <= top - _CLEAR or y >= bottom + _CLEAR)


def lengthen(scene: Scene, stroke: Line, top: Length) -> None:
    """Let an upright stroke begin higher up."""
    (x, _), last = stroke.points
    scene.elements[scene.elements.index(stroke)] = replace(stroke, points=((x, top), last))


def crosses(first: Line, second: Line) -> bool:
    """Whether two lines cross, not only touch."""
    return any(_meet(*a, *b) for a in pairwise(first.points) for b in pairwise(second.points))


def _meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    return _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0


def _turn(p: Point, q: Point, r: Point) -> Length:
    """Positive, negative or zero as r lies on one side of the line through p and q, the other, or on it."""
    return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])
