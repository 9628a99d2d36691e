"""Scenes as SVG, which any browser shows."""

from __future__ import annotations

from html import escape

from .scene import FONT, STYLES, Area, Element, Line, Mark, Scene, Style, Words


def svg_text(scene: Scene) -> str:
    """The scene as a document of its own, with styles by class."""
    size = f'width="{scene.width:.0f}" height="{scene.height:.0f}" viewBox="0 0 {scene.width:.0f} {scene.height:.0f}"'
    used = {element.style for element in scene.elements}
    rules = "\n".join(f".{name} {{ {_rule(style)} }}" for name, style in STYLES.items() if name in used)
    body = "\n".join(_element(element) for element in scene.elements)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(scene.title)}">\n'
        f"<title>{escape(scene.title)}</title>\n<style>\n"
        f"text {{ font-family: {', '.join(repr(name) for name in FONT)} }}\n{rules}\n</style>\n{body}\n</svg>\n"
    )


def _rule(style: Style) -> str:
    dash = f"; stroke-dasharray: {' '.join(map(str, style.dash))}" if style.dash else ""
    weight = "; font-weight: bold" if style.bold else ""
    ink = f"fill: {style.fill}; stroke: {style.stroke}; stroke-width: {style.width}"
    return f"{ink}; font-size: {style.size}px{dash}{weight}"


def _element(element: Element) -> str:
    match element:
        case Line():
            return _line(element)
        case Mark():
            return _mark(element)
        case Area(corner=(x, y)):
            return (
                f'<rect class="{element.style}" x="{x:g}" y="{y:g}" width="{element.width:g}" '
                f'height="{element.height:g}"/>'
            )
        case Words(at=(x, y)):
            place = f'x="{x:g}" y="{y:g}" text-anchor="{element.anchor}"'
            return f'<text class="{element.style}" {place}>{escape(element.text)}</text>'


def _line(line: Line) -> str:
    data = "".join(f' data-{key}="{escape(value)}"' for key, value in line.data.items())
    points = " ".join(f"{x:g},{y:g}" for x, y in line.points)
    return (
        f'<polyline{_identity(line.name)} class="{line.style}" points="{points}"{data}>{_title(line.title)}</polyline>'
    )


def _mark(mark: Mark) -> str:
    names = f'{_identity(mark.name)} class="{f"{mark.kind} {mark.style}".strip()}"'
    if mark.shape == "circle":
        x, y = mark.centre
        return f'<circle{names} cx="{x:g}" cy="{y:g}" r="{mark.radius:g}">{_title(mark.title)}</circle>'
    points = " ".join(f"{x:g},{y:g}" for x, y in mark.corners)
    return f'<polygon{names} points="{points}">{_title(mark.title)}</polygon>'


def _identity(name: str) -> str:
    return f' id="{name}"' if name else ""


def _title(text: str) -> str:
    return f"<title>{escape(text)}</title>" if text else ""
