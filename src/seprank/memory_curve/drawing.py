"""Pictures of memory curves, by matplotlib: logarithmic and linear side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..result.palette import COLOURS
from ..system.extras import need
from .in_words import steps

if TYPE_CHECKING:
    from .curve import MemoryCurve


def draw(curves: Mapping[str, MemoryCurve], ax: Any = None) -> tuple[Any, Any]:
    """Draw one or several curves.

    Args:
        curves: by the name to show; for a single curve without name, its parts are shown, too.
        ax: axes to draw into, memory on a logarithmic scale; by default a figure with two of them.

    Returns:
        Figure and axes.

    Raises:
        ImportError: matplotlib is not installed.
    """
    if ax is not None:
        _draw_log(curves, ax)
        ax.legend(fontsize=8, frameon=False)
        return ax.figure, ax
    figure, (left, right) = _new_figure()
    _draw_log(curves, left)
    _draw_linear(curves, right)
    shown = {
        label: handle for ax in (left, right) for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    title = next(iter(curves.values())).sentence() if len(curves) == 1 else ""
    if title:
        figure.suptitle(_wrapped(title), fontsize=10)
    return figure, (left, right)


def _new_figure() -> tuple[Any, Any]:
    figure = need("matplotlib.figure", "draw", "drawing").Figure(figsize=(9, 4.4), layout="constrained")
    return figure, figure.subplots(1, 2)


def _wrapped(text: str) -> str:
    from textwrap import fill

    return fill(text, 100)


def _draw_log(curves: Mapping[str, MemoryCurve], axes: Any) -> None:
    axes.set(xscale="log", yscale="log", xlabel="steps back", ylabel="memory, logarithmic")
    for colour, (name, curve) in zip(_colours(curves), curves.items(), strict=True):
        shown = [place for place, value in enumerate(curve.memory) if value > 0]
        lags = [curve.lags[place] for place in shown]
        values = [curve.memory[place] for place in shown]
        axes.plot(lags, values, "o-", ms=3, color=colour, label=name or "memory")
        ends = [curve.intervals["memory"][place] for place in shown]
        low = [max(end[0], curve.floor[place]) for end, place in zip(ends, shown, strict=True)]
        axes.fill_between(lags, low, [end[1] for end in ends], color=colour, alpha=0.2, lw=0)
        axes.plot(curve.lags, curve.floor, ":", color=colour, lw=1, label=_floor_label(name))
        hidden = [place for place, value in enumerate(curve.memory) if value == 0]
        bounds = [curve.intervals["memory"][place][1] for place in hidden]
        axes.plot([curve.lags[place] for place in hidden], bounds, "v", ms=4, mfc="none", color=colour)
    axes.set_ylim(top=2)
    _mark(curves, axes)
    axes.set_xlim(0.9, max(curve.lags[-1] for curve in curves.values()) * 1.1)


def _floor_label(name: str) -> str:
    return f"rounding floor of {name}" if name else "rounding floor; ▽ nothing above it"


def _draw_linear(curves: Mapping[str, MemoryCurve], axes: Any) -> None:
    axes.set(xscale="log", xlabel="steps back", ylabel="memory, share of the variance", ylim=(0, 1.02))
    if len(curves) == 1:
        curve = next(iter(curves.values()))
        carried = [min(max(value, 0.0), most) for value, most in zip(curve.carried, curve.memory, strict=True)]
        axes.stackplot(
            curve.lags,
            carried,
            [most - value for value, most in zip(carried, curve.memory, strict=True)],
            colors=("#9ecae1", "#fdbe85"),
            labels=("carried alone", "jointly with later inputs"),
        )
    for colour, (name, curve) in zip(_colours(curves), curves.items(), strict=True):
        axes.plot(curve.lags, curve.memory, "o-", ms=3, color=colour, label=name or "memory")
        low, high = zip(*curve.intervals["memory"], strict=True)
        axes.fill_between(curve.lags, low, high, color=colour, alpha=0.2, lw=0)
        if curve.influences is not None:
            found = curve.influences
            kept = [place for place, step in enumerate(found.steps) if step > 0]
            axes.plot(
                [found.steps[place] for place in kept],
                [found.values[place] for place in kept],
                ".--",
                color="#555555" if len(curves) == 1 else colour,
                lw=1,
                label=f"single steps {name}".strip(),
            )
    _mark(curves, axes)


def _mark(curves: Mapping[str, MemoryCurve], axes: Any) -> None:
    """A line at the reach of each curve, and plain numbers of steps."""
    _plain_numbers(axes)
    for colour, curve in zip(_colours(curves), curves.values(), strict=True):
        reach = curve.reach()
        if reach == 0:
            continue
        least = "≥ " if curve.at_least() else ""
        axes.axvline(
            reach, color=colour, lw=1, ls="--", label=f"reach {least}{steps(reach)}" if len(curves) == 1 else None
        )


def _plain_numbers(axes: Any) -> None:
    """1, 2, 5, 10, ... in place of powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _colours(curves: Mapping[str, MemoryCurve]) -> list[str]:
    return [COLOURS[number % len(COLOURS)] for number in range(len(curves))]
