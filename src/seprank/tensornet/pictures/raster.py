"""Scenes as PNG, by matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..libraries import load
from .scene import STYLES, Area, Element, Line, Mark, Scene, Words

_SCALE = 2
"""Pixels of the file for each of the scene, so that small print stays sharp"""
_ANCHORS = {"start": "left", "middle": "center", "end": "right"}


def write_png(scene: Scene, path: Path) -> None:
    """Write the scene as a PNG file of twice its size.

    Raises:
        ImportError: matplotlib is not installed.
    """
    purpose = "a picture as PNG"
    load("matplotlib", purpose)
    figure = load("matplotlib.figure", purpose).Figure(
        figsize=(scene.width / 100, scene.height / 100), dpi=100 * _SCALE
    )
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, scene.width), ylim=(scene.height, 0))
    axes.set_axis_off()
    for order, element in enumerate(scene.elements):
        _draw(axes, element, order, load("matplotlib.patches", purpose))
    figure.savefig(path, format="png")


def _draw(axes: Any, element: Element, order: int, patches: Any) -> None:
    style = STYLES[element.style]
    # Lengths of the scene are hundredths of an inch, those of matplotlib points.
    ink: dict[str, Any] = {"linewidth": 0.72 * style.width, "zorder": order}
    if style.dash:
        ink["linestyle"] = (0, tuple(length / style.width for length in style.dash))
    paint = {"facecolor": style.fill, "edgecolor": style.stroke, **ink}
    match element:
        case Line(points=points) if style.fill != "none":
            axes.add_patch(patches.Polygon(points, closed=True, **paint))
        case Line(points=points):
            axes.plot(*zip(*points, strict=True), color=style.stroke, solid_capstyle="butt", **ink)
        case Mark(shape="circle"):
            axes.add_patch(patches.Circle(element.centre, element.radius, **paint))
        case Mark():
            axes.add_patch(patches.Polygon(element.corners, closed=True, **paint))
        case Area():
            axes.add_patch(patches.Rectangle(element.corner, element.width, element.height, **paint))
        case Words():
            axes.text(
                *element.at,
                element.text,
                color=style.fill,
                fontsize=0.72 * style.size,
                fontweight="bold" if style.bold else "normal",
                ha=_ANCHORS[element.anchor],
                va="baseline",
                family="DejaVu Sans",
                zorder=order,
            )
