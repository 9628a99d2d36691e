"""What stands around every picture: heading, the two sides, steps, legend and notes."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from ..rac_sizes import Sizes
from .scene import Length, Line, Scene, text_width
from .strokes import lengthen

MARGIN = 16.0
HEADING, CUT_WORDS, SIDE_WORDS, STEPS = 26.0, 52.0, 76.0, 96.0
"""Base lines from the top"""
TOP = 104.0
"""Where the content may begin"""
NARROWEST = 660.0
_LINE = 19.0


@dataclass(frozen=True)
class Item:
    """An entry of the legend: a shape, or a line, and what it means."""

    shape: str
    style: str
    text: str


def draw_sides(scene: Scene, sizes: Sizes, *, left: Length, middle: Length, right: Length, bottom: Length) -> None:
    """Two areas, with words above, and the line between them."""
    scene.area((0, 0), scene.width, scene.height, "page")
    height = bottom - SIDE_WORDS + 16
    scene.area((left, SIDE_WORDS - 16), middle - left, height, "start-side")
    scene.area((middle, SIDE_WORDS - 16), right - middle, height, "end-side")
    scene.line((middle, SIDE_WORDS - 16), (middle, bottom), style="side", title="between start and end")
    scene.words(scene.title, (MARGIN, HEADING), "heading", "start")
    scene.words(_steps("start", 1, sizes.cut), (left + 8, SIDE_WORDS), "start-word", "start")
    scene.words(_steps("end", sizes.cut + 1, sizes.length), (right - 8, SIDE_WORDS), "end-word", "end")


def _steps(side: str, first: int, last: int) -> str:
    return f"{side}: step {first}" if first == last else f"{side}: steps {first}–{last}"


def label_cut(scene: Scene, text: str, strokes: list[Line], *, middle: Length, right: Length) -> None:
    """The product beside the line: above it where it can be led there, at its right end, or above the middle."""
    first = strokes[0]
    (x, top), (_, bottom) = first.points
    if x == first.points[1][0] and all(top <= stroke.points[0][1] for stroke in strokes):
        lengthen(scene, first, CUT_WORDS + 6)
        _place(scene, f"cut: {text}", x)
    elif len(strokes) == 1 and top == bottom:
        scene.words(f"cut: {text}", (max(right, first.points[1][0]) + 6, bottom + 4), "cut-word", "start")
    else:
        _place(scene, f"cut (dashed): {text}", middle)


def _place(scene: Scene, text: str, x: Length) -> None:
    half = text_width(text, "cut-word") / 2
    scene.words(text, (min(max(x, MARGIN + half), scene.width - MARGIN - half), CUT_WORDS), "cut-word")


def frame_height(items: Sequence[Item], notes: Sequence[str], width: Length) -> Length:
    """What legend and notes take below the content."""
    return 30 + _LINE * 1.25 * len(_rows(items, width)) + _LINE * len(_wrapped(notes, width)) + MARGIN


def draw_frame(scene: Scene, items: Sequence[Item], notes: Sequence[str], top: Length) -> None:
    """Legend and notes from `top` on."""
    y = top + 30
    for row in _rows(items, scene.width):
        x = MARGIN
        for item in row:
            _draw_item(scene, item, x, y)
            x += _item_width(item)
        y += 1.25 * _LINE
    y += 4
    for line in _wrapped(notes, scene.width):
        scene.words(line, (MARGIN, y), "word", "start")
        y += _LINE


def _draw_item(scene: Scene, item: Item, x: Length, y: Length) -> None:
    if item.shape == "line":
        # Drawn without the name of a bond: nothing is cut here.
        scene.elements.append(Line(((x, y - 4), (x + 20, y - 4)), item.style, data={"legend": "yes"}))
    else:
        scene.mark(item.shape, (x + 10, y - 4), 7, item.style)
    scene.words(item.text, (x + 26, y), "word", "start")


def _item_width(item: Item) -> Length:
    return 26 + text_width(item.text, "word") + 18


def _rows(items: Sequence[Item], width: Length) -> list[list[Item]]:
    rows: list[list[Item]] = [[]]
    for item in items:
        if rows[-1] and sum(map(_item_width, [*rows[-1], item])) > width - 2 * MARGIN + 18:
            rows.append([])
        rows[-1].append(item)
    return rows


def _wrapped(notes: Sequence[str], width: Length) -> list[str]:
    letters = int((width - 2 * MARGIN) / text_width("n", "word"))
    return [line for note in notes for line in textwrap.wrap(note, letters)]
