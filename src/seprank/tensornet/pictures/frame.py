"""What every picture has: the two sides, their steps, and the product next to the line of a cut."""

from __future__ import annotations

from ..rac_sizes import Sizes
from .scene import MARGIN, Length, Line, Scene, text_width
from .strokes import lengthen

CUT_WORDS, SIDE_WORDS, STEPS = 52.0, 76.0, 96.0
"""Base lines from the top"""
TOP = 104.0
"""Where the content may begin"""


def draw_sides(scene: Scene, sizes: Sizes, *, left: Length, middle: Length, right: Length, bottom: Length) -> None:
    """Two areas, with words above, and the line between them."""
    top = SIDE_WORDS - 16
    for style, a, b in (("start-side", left, middle), ("end-side", middle, right)):
        scene.line((a, top), (b, top), (b, bottom), (a, bottom), style=style)
    scene.line((middle, top), (middle, bottom), style="side")
    scene.words(_steps("start", 1, sizes.cut), (left + 8, SIDE_WORDS), "start-word", "start")
    scene.words(_steps("end", sizes.cut + 1, sizes.length), (right - 8, SIDE_WORDS), "end-word", "end")


def _steps(side: str, first: int, last: int) -> str:
    return f"{side}: step {first}" if first == last else f"{side}: steps {first}–{last}"


def label_cut(scene: Scene, text: str, strokes: list[Line], *, middle: Length, right: Length) -> None:
    """Write the product next to the line: above it if it can reach there, at its right end, or above the middle."""
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
    scene.width = max(scene.width, 2 * (half + MARGIN))
    scene.words(text, (min(max(x, MARGIN + half), scene.width - MARGIN - half), CUT_WORDS), "cut-word")
