"""What a picture is made of: shapes, lines and words, each with a style that says how it looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...result.palette import COLOURS

Length = float | int
"""In pixels"""
Point = tuple[Length, Length]
"""To the right and down"""
MARGIN = 16.0
"""Around a picture"""


@dataclass(frozen=True)
class Style:
    """How elements look."""

    fill: str = "none"
    stroke: str = "none"
    width: Length = 1.0
    dash: tuple[Length, ...] = ()
    size: Length = 11.0
    """Of words"""
    bold: bool = False


# In print the start is dark and filled, the end light with a thick outline, and its shape tells what a tensor does.
BLUE, VERMILION = COLOURS[:2]
INK, PALE = "#222222", "#666666"
STYLES = {
    "start-side": Style(fill="#EAF3F9"),
    "end-side": Style(fill="#FDF3DC"),
    "bond": Style(stroke="#444444", width=1.4),
    "arrow": Style(fill="#444444"),
    "start": Style(fill=BLUE, stroke=BLUE, width=1.4),
    "end": Style(fill="#FFE3A3", stroke="#7A5200", width=2.0),
    "leg": Style(fill="#FFFFFF", stroke=INK, width=1.2),
    "cut": Style(stroke=VERMILION, width=3.2, dash=(9, 4)),
    "side": Style(stroke=PALE, width=1.2, dash=(2, 4)),
    "dimension": Style(fill="#444444", size=9.5),
    "word": Style(fill=INK),
    "light": Style(fill="#FFFFFF", size=11, bold=True),
    "small": Style(fill=INK, size=10),
    "note": Style(fill=PALE, size=11),
    "count": Style(fill=INK, size=11, bold=True),
    "heading": Style(fill=INK, size=15, bold=True),
    "start-word": Style(fill="#00507D", size=12, bold=True),
    "end-word": Style(fill="#7A5200", size=12, bold=True),
    "cut-word": Style(fill="#B34700", size=13, bold=True),
}


@dataclass(frozen=True)
class Line:
    """A line through points, or a filled polygon if its style has a fill."""

    points: tuple[Point, ...]
    style: str
    name: str = ""


_CORNERS = {
    "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "diamond": ((0, -1), (1, 0), (0, 1), (-1, 0)),
    "right": ((-1, -1), (1, 0), (-1, 1)),
    "left": ((1, -1), (-1, 0), (1, 1)),
}


@dataclass(frozen=True)
class Mark:
    """A shape around a centre."""

    shape: str
    """circle, square, diamond, right, left (triangles by where they point)"""
    centre: Point
    radius: Length
    style: str
    name: str = ""
    kind: str = ""
    """tensor, token, state, or nothing for what only explains"""

    @property
    def corners(self) -> tuple[Point, ...]:
        """Of any shape except a circle."""
        (x, y), r = self.centre, self.radius
        return tuple((x + across * r, y + down * r) for across, down in _CORNERS[self.shape])


@dataclass(frozen=True)
class Words:
    """A line of text."""

    text: str
    at: Point
    """On the base line"""
    style: str
    anchor: str = "middle"
    """start, middle or end"""


Element = Line | Mark | Words


@dataclass(frozen=True)
class Item:
    """An entry of the legend: a shape, or a line, and what it means."""

    shape: str
    style: str
    text: str


@dataclass
class Scene:
    """A picture: its elements from back to front, and heading, legend and notes, which a bare one lacks."""

    title: str
    items: Sequence[Item]
    """The legend"""
    notes: Sequence[str]
    width: Length = 0.0
    height: Length = 0.0
    """Of the elements, without legend and notes"""
    elements: list[Element] = field(default_factory=list)
    crossed: tuple[str, ...] = ()
    """Names of the bonds that the line of the cut crosses"""

    def line(self, *points: Point, style: str = "bond", name: str = "") -> None:
        self.elements.append(Line(points, style, name))

    def mark(self, shape: str, centre: Point, radius: Length, style: str, name: str = "", kind: str = "") -> None:
        self.elements.append(Mark(shape, centre, radius, style, name, kind))

    def words(self, text: str, at: Point, style: str = "word", anchor: str = "middle") -> None:
        self.elements.append(Words(text, at, style, anchor))


def text_width(text: str, style: str) -> Length:
    """The approximate width of a text, rather too large than too small."""
    return (0.64 if STYLES[style].bold else 0.57) * STYLES[style].size * len(text)


_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def power(base: int, exponent: int) -> str:
    """A power as it is written by hand.

    Example:
        >>> power(3, 12), power(3, 1)
        ('3¹²', '3')
    """
    return f"{base}{str(exponent).translate(_RAISED)}" if exponent != 1 else f"{base}"


def subscript(letter: str, number: int) -> str:
    """A letter with an index.

    Example:
        >>> subscript("x", 10)
        'x₁₀'
    """
    return f"{letter}{str(number).translate(_LOWERED)}"
