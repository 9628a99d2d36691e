"""A memory curve in words and characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..result.text import text_table

if TYPE_CHECKING:
    from .curve import MemoryCurve

BARS = "▁▂▃▄▅▆▇█"


def sentence(curve: MemoryCurve) -> str:
    """What came out, in one sentence."""
    threshold = curve.threshold
    reach = curve.reach(threshold)
    if curve.at_least(threshold):
        share, last = percent(curve.memory[-1]), curve.lags[-1]
        rest = "use a longer --length" if last == curve.length - 1 else "larger lags were not looked at"
        return (
            f"{share} of the output's variance depends on inputs before the last {steps(last)}: it reaches at least "
            f"{steps(last)} back; {rest}."
        )
    after = next(lag for lag in curve.lags if lag > reach)
    little = _below(curve, after)
    if reach == 0:
        return f"{little} of the output's variance depends on inputs before the last {steps(after)}: " + (
            "nothing before the newest input counts." if after == 1 else f"it reaches {_range(curve)}."
        )
    much = percent(curve.memory[curve.lags.index(reach)])
    return (
        f"{much} of the output's variance depends on inputs before the last {steps(reach)}, {little} on inputs before "
        f"the last {after}: it reaches {_range(curve)}."
    )


def _below(curve: MemoryCurve, lag: int) -> str:
    place = curve.lags.index(lag)
    found = curve.memory[place]
    return percent(found) if found > 0 else f"nothing (less than {curve.floor[place]:.0e})"


def _range(curve: MemoryCurve) -> str:
    reach, (low, high) = curve.reach(), curve.reach_interval()
    return f"{steps(reach)} back" + ("" if low == high == reach else f" (90 % interval {low} to {high})")


def steps(number: int) -> str:
    """A number of steps.

    Example:
        >>> steps(1), steps(2)
        ('1 step', '2 steps')
    """
    return f"{number:,} step" + ("" if number == 1 else "s")


def percent(share: float) -> str:
    """A share at any magnitude.

    Example:
        >>> percent(1.0), percent(0.123456), percent(0.0003), percent(2e-20)
        ('100 %', '12.3 %', '0.03 %', '2e-18 %')
    """
    return f"{100 * share:.3g} %"


def sparkline(lags: Sequence[int], memory: Sequence[float], width: int = 48) -> str:
    """The curve as a line of bars, one for each of evenly spaced numbers of steps on a logarithmic scale.

    Example:
        >>> sparkline([1, 2, 4, 8], [1.0, 1.0, 0.5, 0.0], width=4)
        '██▅▁'
    """
    last = lags[-1]
    places = sorted({round(last ** (i / max(width - 1, 1))) for i in range(width)})
    values = [memory[max((i for i, lag in enumerate(lags) if lag <= place), default=0)] for place in places]
    return "".join(BARS[min(int(value * len(BARS)), len(BARS) - 1)] for value in values)


def table(curves: Mapping[str, MemoryCurve]) -> str:
    """A table of one curve in full, or of several beside each other, a row for each lag."""
    if len(curves) == 1:
        rows = _rows(*curves.values())
        return text_table(rows, heads=("lag", "memory", "90 % interval", "joint"), left=(), indent=2)
    lags = sorted({lag for curve in curves.values() for lag in curve.lags})
    lines: list[tuple[str, ...]] = [(f"{lag:,}", *(_cell(curve, lag) for curve in curves.values())) for lag in lags]
    for name, threshold in (("reach", None), ("half", 0.5)):
        lines.append((name, *(_reach(curve, threshold) for curve in curves.values())))
    lines.append(("mean", *(f"{curve.mean:.3g}" for curve in curves.values())))
    return text_table(lines, heads=("lag", *curves), left=(), indent=2)


def _rows(curve: MemoryCurve) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for place, lag in enumerate(curve.lags):
        value, (low, high) = curve.memory[place], curve.intervals["memory"][place]
        shown = (f"{value:.4g}", f"{low:.3g} to {high:.3g}") if value > 0 else ("0", f"below {high:.1e}")
        found.append((f"{lag:,}", *shown, f"{curve.joint[place]:.3g}"))
    return found


def _reach(curve: MemoryCurve, threshold: float | None) -> str:
    return ("≥ " if curve.at_least(threshold) else "") + f"{curve.reach(threshold):,}"


def _cell(curve: MemoryCurve, lag: int) -> str:
    return f"{curve.memory[curve.lags.index(lag)]:.3g}" if lag in curve.lags else ""
