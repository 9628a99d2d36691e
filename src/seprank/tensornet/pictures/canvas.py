"""Scenes drawn by matplotlib, with heading, legend and notes or bare, as SVG, PNG or PDF."""

from __future__ import annotations

import textwrap
from typing import Any

from ...result.chart import file_of, look_of, new_figure
from ...system.extras import need
from .scene import INK, MARGIN, STYLES, Element, Item, Length, Line, Mark, Scene, Words, text_width

HEADING, CONTENT = 26.0, 36.0
"""Base line of the heading, and where the rest begins"""
NARROWEST = 660.0
"""Width that legend and notes need"""
_INCH = 100
"""Lengths of a scene are hundredths of an inch"""
_POINT = 0.72
"""of matplotlib's points"""
_SCALE = 2
"""Pixels of a PNG for each of the scene, so that small print stays sharp"""
_FRONT = 10**6
_ANCHORS = {"start": "left", "middle": "center", "end": "right"}
_MARKERS = {"circle": "o", "square": "s", "diamond": "D", "right": ">", "left": "<", "line": "none"}
_SETTINGS = {"svg.fonttype": "none", "svg.hashsalt": "seprank", "pdf.fonttype": 42, "font.family": "DejaVu Sans"}
"""Text stays text, and a file is the same each time"""


def picture_bytes(scene: Scene, kind: str, *, bare: bool = False) -> bytes:
    """The scene as a file: svg, png or pdf."""
    with look_of(_SETTINGS):
        return file_of(draw_scene(scene, bare=bare), kind, scene.title)


def draw_scene(scene: Scene, *, bare: bool = False) -> Any:
    """A matplotlib figure with axes in the lengths of the scene."""
    figure = new_figure(dpi=_INCH * _SCALE)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    for order, element in enumerate(scene.elements):
        _draw(axes, element, order)
    width, top, bottom = scene.width, CONTENT, scene.height + MARGIN
    if not bare:
        width, top = max(width, NARROWEST), 0.0
    left = (scene.width - width) / 2
    figure.set_size_inches(width / _INCH, bottom / _INCH)
    if not bare:
        axes.text(left + MARGIN, HEADING, scene.title, zorder=_FRONT, **_font("heading"))
        bottom += _draw_legend(axes, scene.items, width)
        bottom += _draw_notes(axes, scene, (left + MARGIN, bottom), width)
    axes.set(xlim=(left, left + width), ylim=(bottom, top))
    figure.set_size_inches(width / _INCH, (bottom - top) / _INCH)
    if not bare:
        axes.get_legend().set_bbox_to_anchor((left + MARGIN - 6, scene.height + MARGIN), transform=axes.transData)
    return figure


def _draw(axes: Any, element: Element, order: int) -> None:
    patches = need("matplotlib.patches", "draw", "drawing")
    style = STYLES[element.style]
    ink: dict[str, Any] = {"linewidth": _POINT * style.width, "zorder": order}
    if style.dash:
        ink["linestyle"] = (0, tuple(length / style.width for length in style.dash))
    paint = {"facecolor": style.fill, "edgecolor": style.stroke, **ink}
    match element:
        case Line(points=points, name=name) if style.fill == "none":
            ink |= {"color": style.stroke, "solid_capstyle": "butt", "gid": name or None}
            axes.plot(*zip(*points, strict=True), **ink)
        case Line(points=points):
            axes.add_patch(patches.Polygon(points, closed=True, **paint))
        case Mark(shape="circle", name=name):
            axes.add_patch(patches.Circle(element.centre, element.radius, gid=name or None, **paint))
        case Mark(name=name):
            axes.add_patch(patches.Polygon(element.corners, closed=True, gid=name or None, **paint))
        case Words():
            axes.text(*element.at, element.text, ha=_ANCHORS[element.anchor], zorder=order, **_font(element.style))


def _font(name: str) -> dict[str, Any]:
    style = STYLES[name]
    weight = "bold" if style.bold else "normal"
    return {"color": style.fill, "fontsize": _POINT * style.size, "fontweight": weight, "va": "baseline"}


def _draw_legend(axes: Any, items: Any, width: Length) -> Length:
    """The legend in as many columns as there is room for; returns its height."""
    handles = [_handle(item) for item in items]
    look = {"loc": "upper left", "frameon": False, "fontsize": _POINT * STYLES["word"].size, "labelcolor": INK}
    look |= {"borderpad": 0.2, "columnspacing": 1.4, "handlelength": 1.6, "labelspacing": 0.7}
    for columns in range(len(handles), 0, -1):
        axes.legend(handles=handles, ncols=columns, **look)
        box = axes.get_legend().get_window_extent()
        if box.width / _SCALE <= width - 2 * MARGIN:
            break
    return float(box.height) / _SCALE + 4


def _handle(item: Item) -> Any:
    style = STYLES[item.style]
    line = need("matplotlib.lines", "draw", "drawing").Line2D
    if item.shape == "line":
        dash = (0, tuple(length / style.width for length in style.dash)) if style.dash else "-"
        return line([], [], color=style.stroke, linewidth=_POINT * style.width, linestyle=dash, label=item.text)
    paint = {"markerfacecolor": style.fill, "markeredgecolor": style.stroke, "markeredgewidth": _POINT * style.width}
    size = 7.5 if item.shape == "diamond" else 9
    return line([], [], marker=_MARKERS[item.shape], markersize=size, linestyle="none", label=item.text, **paint)


def _draw_notes(axes: Any, scene: Scene, at: tuple[Length, Length], width: Length) -> Length:
    """The notes below `at`; returns their height."""
    letters = int((width - 2 * MARGIN) / text_width("n", "word"))
    lines = [line for note in scene.notes for line in textwrap.wrap(note, letters)]
    for number, line in enumerate(lines):
        axes.text(at[0], at[1] + 20 + 19 * number, line, zorder=_FRONT, **_font("word"))
    return 20 + 19 * len(lines)
