"""Pictures of memory curves, by matplotlib: logarithmic and linear side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .wording import steps

if TYPE_CHECKING:
    from .curve import MemoryCurve

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Told apart by the colour-blind, too (Okabe & Ito)"""


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
        return ax.figure, ax
    figure, (left, right) = _new_figure()
    _draw_log(curves, left)
    _draw_linear(curves, right)
    title = next(iter(curves.values())).sentence() if len(curves) == 1 else ""
    if title:
        figure.suptitle(_wrapped(title), fontsize=10, x=0.01, ha="left")
    return figure, (left, right)


def _new_figure() -> tuple[Any, Any]:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("pictures need matplotlib: pip install 'seprank[tn]'") from error
    figure = Figure(figsize=(9, 4), layout="constrained")  # not pyplot, which keeps every figure
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, 2)


def _wrapped(text: str) -> str:
    from textwrap import fill

    return fill(text, 120)


def _draw_log(curves: Mapping[str, MemoryCurve], axes: Any) -> None:
    axes.set(xscale="log", yscale="log", xlabel="steps back", ylabel="share of the variance that depends on older inputs")
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
    first = next(iter(curves.values()))
    _mark(curves, axes)
    axes.set_xlim(0.9, first.lags[-1] * 1.1)
    axes.legend(fontsize=8, frameon=False, loc="lower left")


def _floor_label(name: str) -> str:
    return f"rounding floor of {name}" if name else "rounding floor; ▽ nothing above it"


def _draw_linear(curves: Mapping[str, MemoryCurve], axes: Any) -> None:
    axes.set(xscale="log", xlabel="steps back", ylim=(0, 1.02))
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
    axes.legend(fontsize=8, frameon=False, loc="best")


def _mark(curves: Mapping[str, MemoryCurve], axes: Any) -> None:
    """A line at the reach of each curve."""
    for colour, curve in zip(_colours(curves), curves.values(), strict=True):
        reach = curve.reach()
        if reach == 0:
            continue
        least = "≥ " if curve.at_least() else ""
        axes.axvline(reach, color=colour, lw=1, ls="--", label=f"reach {least}{steps(reach)}" if len(curves) == 1 else None)


def _colours(curves: Mapping[str, MemoryCurve]) -> list[str]:
    return [COLOURS[number % len(COLOURS)] for number in range(len(curves))]
