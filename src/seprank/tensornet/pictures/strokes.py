"""The line of a cut: straight strokes through the bonds that are cut, and through no others."""

from __future__ import annotations

from dataclasses import replace

from .scene import STYLES, Element, Length, Line, Mark, Point, Scene, Words, text_width

Box = tuple[Length, Length, Length, Length]
"""Left, top, right, bottom"""

_BEYOND = {True: (14.0, 14.0), False: (16.0, 3.0)}
"""How far a stroke extends beyond its first and last bond: upright, or across legs with numbers on their right"""
_CLEAR = 2.0
"""Distance that it keeps from marks and words"""


def draw_cut(scene: Scene, places: dict[str, Point]) -> list[Line]:
    """Add strokes through the bonds of these names at these places; they are returned from top to bottom.

    Bonds run along the axes. Those in one line are crossed by one stroke, where nothing else lies between.
    """
    bonds = [element for element in scene.elements if isinstance(element, Line) and element.style == "bond"]
    cut = [bond for bond in bonds if bond.name in places]
    others = [element for element in scene.elements if not (isinstance(element, Line) and element.name in places)]
    boxes = [box for element in others for box in _boxes(element)]
    strokes = []
    for upright in (True, False):  # through bonds that lie, then through bonds that stand
        crossed = sorted(_along(places[bond.name], upright) for bond in cut if _lies(bond) == upright)
        strokes += _strokes(crossed, upright, boxes)
    strokes.sort(key=lambda stroke: stroke.points[0][1])
    scene.elements += strokes
    scene.crossed = tuple(bond.name for bond in cut)
    return strokes


def _along(point: Point, upright: bool) -> Point:
    """(position of the stroke, position on the stroke), and back again."""
    return point if upright else (point[1], point[0])


def _lies(line: Line) -> bool:
    return line.points[0][1] == line.points[-1][1]


def _strokes(crossed: list[Point], upright: bool, boxes: list[Box]) -> list[Line]:
    groups: list[list[Point]] = []
    for place in crossed:
        if groups and groups[-1][-1][0] == place[0] and _free(groups[-1][-1], place, upright, boxes):
            groups[-1].append(place)
        else:
            groups.append([place])
    before, after = _BEYOND[upright]
    ends = [((at, first - before), (at, group[-1][1] + after)) for group in groups for at, first in group[:1]]
    return [Line(tuple(_along(point, upright) for point in pair), "cut") for pair in ends]


def _free(first: Point, last: Point, upright: bool, boxes: list[Box]) -> bool:
    """Whether a stroke between two places enters no box."""
    (x, y), (x2, y2) = _along(first, upright), _along(last, upright)
    return all(x2 <= left or x >= right or y2 <= top or y >= bottom for left, top, right, bottom in boxes)


def _boxes(element: Element) -> list[Box]:
    """What a stroke must not enter: a bond, or a mark or words with some space around them."""
    match element:
        case Line(style="bond", points=points):
            (x, y), (x2, y2) = points
            return [(min(x, x2), min(y, y2), max(x, x2), max(y, y2))]
        case Mark(centre=(x, y)):
            r = element.radius + _CLEAR
            return [(x - r, y - r, x + r, y + r)]
        case Words(at=(x, y)):
            wide = text_width(element.text, element.style)
            left = x - wide * {"start": 0, "middle": 0.5, "end": 1}[element.anchor]
            top = y - STYLES[element.style].size
            return [(left - _CLEAR, top - _CLEAR, left + wide + _CLEAR, y + _CLEAR)]
    return []


def lengthen(scene: Scene, stroke: Line, top: Length) -> None:
    """Let an upright stroke begin higher up."""
    (x, _), last = stroke.points
    scene.elements[scene.elements.index(stroke)] = replace(stroke, points=((x, top), last))
