"""Pictures of memory curves: logarithmic, and linear with what they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ..result.chart import band, label, legend_above, look
from ..result.panels import Panel
from .in_words import steps

if TYPE_CHECKING:
    from .curve import MemoryCurve

_PARTS = (("carried alone", "#c6dbef", ""), ("jointly with later inputs", "#fdae6b", "////"))
"""Name, colour and hatch, which is seen in grey print"""


def curve_panels(curves: Mapping[str, MemoryCurve]) -> list[Panel]:
    """Pictures of curves by name, which for a single one may be empty; a single one is shown with its parts."""
    logarithmic = (
        "The share of the output's variance that depends on inputs before the last k steps, on a logarithmic "
        "scale. Bands are 90 % intervals, the upright line is the reach. Where nothing rises above what "
        "rounding may leave, that floor is dotted, with open triangles."
    )
    linear = "The same on a linear scale, which hides what little is left of old inputs."
    return [
        Panel("Memory, on a logarithmic scale", partial(_draw_log, curves), logarithmic),
        Panel("Memory, on a linear scale", partial(_draw_linear, curves), linear),
    ]


def _draw_log(curves: Mapping[str, MemoryCurve], axes: Any) -> None:
    axes.set(xscale="log", yscale="log", xlabel="steps back", ylabel="memory, logarithmic")
    for number, (name, curve) in enumerate(curves.items()):
        shown = [place for place, value in enumerate(curve.memory) if value > 0]
        lags, looks = [curve.lags[place] for place in shown], look(number)
        axes.plot(lags, [curve.memory[place] for place in shown], **looks, ms=3.5, label=label(name) or "memory")
        ends = [curve.intervals["memory"][place] for place in shown]
        low = [max(end[0], curve.floor[place]) for end, place in zip(ends, shown, strict=True)]
        band(axes, lags, low, [end[1] for end in ends], number)
        _draw_floor(curve, axes, looks["color"])
    axes.set_ylim(top=2)
    _finish(curves, axes)


def _draw_floor(curve: MemoryCurve, axes: Any, colour: str) -> None:
    """The rounding floor, where nothing rises above it; elsewhere it is far below, and would flatten the curves."""
    hidden = [place for place, value in enumerate(curve.memory) if value == 0]
    if not hidden:
        return
    named = any("floor" in name for name in axes.get_legend_handles_labels()[1])
    name = None if named else "rounding floor; ▽ nothing above it"
    axes.plot(curve.lags, curve.floor, ":", color=colour, lw=1, label=name)
    bounds = [curve.intervals["memory"][place][1] for place in hidden]
    axes.plot([curve.lags[place] for place in hidden], bounds, "v", ms=4, mfc="none", color=colour)


def _draw_linear(curves: Mapping[str, MemoryCurve], axes: Any) -> None:
    axes.set(xscale="log", xlabel="steps back", ylabel="memory, share of the variance", ylim=(0, 1.02))
    if len(curves) == 1:
        _draw_parts(next(iter(curves.values())), axes)
    for number, (name, curve) in enumerate(curves.items()):
        axes.plot(curve.lags, curve.memory, **look(number), ms=3.5, label=label(name) or "memory")
        low, high = zip(*curve.intervals["memory"], strict=True)
        band(axes, curve.lags, low, high, number)
        if curve.influences is not None:
            _draw_influence(curve, axes, number, f"single steps {label(name)}".strip(), alone=len(curves) == 1)
    _finish(curves, axes)


def _draw_parts(curve: MemoryCurve, axes: Any) -> None:
    """What the past explains alone, and what it does jointly with later inputs, stacked."""
    carried = [min(max(value, 0.0), most) for value, most in zip(curve.carried, curve.memory, strict=True)]
    edges = ([0.0] * len(carried), carried, list(curve.memory))
    for (name, colour, hatch), low, high in zip(_PARTS, edges, edges[1:], strict=False):
        axes.fill_between(curve.lags, low, high, facecolor=colour, hatch=hatch, edgecolor="#777777", lw=0, label=name)


def _draw_influence(curve: MemoryCurve, axes: Any, number: int, name: str, *, alone: bool) -> None:
    found = curve.influences
    assert found is not None
    kept = [place for place, step in enumerate(found.steps) if step > 0]
    places, values = [found.steps[place] for place in kept], [found.values[place] for place in kept]
    axes.plot(places, values, ".--", color="#555555" if alone else look(number)["color"], lw=1, label=name)


def _finish(curves: Mapping[str, MemoryCurve], axes: Any) -> None:
    """A line at the reach of each curve, plain numbers of steps, and the legend."""
    _plain_numbers(axes)
    for number, curve in enumerate(curves.values()):
        reach, looks = curve.reach(), look(number)
        if reach > 0:
            name = f"reach {'≥ ' if curve.at_least() else ''}{steps(reach)}" if len(curves) == 1 else None
            axes.axvline(reach, color=looks["color"], lw=1, ls=(0, (6, 2, 1, 2)), label=name)
    axes.set_xlim(0.9, max((curve.lags[-1] for curve in curves.values()), default=9) * 1.1)
    legend_above(axes)


def _plain_numbers(axes: Any) -> None:
    """1, 2, 5, 10, ... in place of powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
