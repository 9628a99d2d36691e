"""Which network reaches a given separation rank with the fewest parameters? From theory alone.

At every depth, the proved and conjectured lower bounds and the proved upper bounds grow with the width, so that the
width from which a bound reaches the target is found by doubling and halving, at any size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from math import isnan, log10, nan
from typing import Any, ClassVar

from .models import MODELS
from .question import check_cut, check_whole
from .result.chart import legend_above, look, powers
from .result.panels import Panel
from .result.result import STRICT, Result, Row
from .result.text import text_table
from .theory import Asked, Bound, bounds, least_ceiling, readable

MOST_DIGITS = 1000
"""Of a target: few enough that no bound near it is left out by `theory`, and that Python writes them as text."""

MOST_DEPTH = 200
"""Depths that are compared: a row each, and more than anybody trains"""


@dataclass(frozen=True)
class Depth:
    """What is known about one depth."""

    __pydantic_config__ = STRICT

    depth: int
    width: int | None
    """Least width that is proved to reach the target, None if no width is"""
    parameters: int | None
    """Of the network of that width"""
    source: str | None
    """The lower bound that proves it"""
    conjectured_width: int | None
    """Least width that reaches the target if the paper's conjecture holds, where that is less than what is proved"""
    conjectured_parameters: int | None
    too_narrow: int | None
    """Greatest width that provably cannot reach the target, 0 if none is excluded, None if no width can reach it"""
    obstacle: str | None
    """The upper bound that excludes it"""


@dataclass(frozen=True, repr=False)
class Plan(Result):
    """The answer of `plan`: the cheapest network, and what is known about every depth."""

    __pydantic_config__ = STRICT
    NOUN: ClassVar[str] = "plan"
    TABULAR: ClassVar[bool] = True

    rank: int
    length: int
    cut: int
    inputs: int
    domain: str
    best: Depth | None
    """The depth and width with the fewest parameters that are proved to reach the target"""
    conjectured: Depth | None
    """The one with the fewest parameters by the conjecture, if it has fewer than the best"""
    shallow: Depth
    """The first row: which width a single layer needs"""
    rows: list[Depth]
    """One for each depth"""

    def headline(self) -> str:
        """The target and the cheapest network, in a line."""
        return f"rank {readable(self.rank)} at length {self.length} and {self.inputs} inputs: {self._best()}"

    def records(self) -> list[Row]:
        """A row for each depth."""
        return [asdict(row) for row in self.rows]

    def panels(self) -> list[Panel]:
        """Least widths against depth with those that cannot reach the rank, and their numbers of parameters."""
        widths = (
            "Least width of every layer. Grey: widths that provably cannot reach the rank; where the column reaches "
            "the top, no width can. Between the grey and the marker nothing is proved. Dashed: if the paper's "
            "conjecture holds."
        )
        costs = "Parameters of these networks. The cheapest is the one to build."
        return [
            Panel("Least width", self._draw_widths, widths),
            Panel("Parameters of these networks", self._draw_costs, costs),
        ]

    def _draw_widths(self, axes: Any) -> None:
        excluded = [row.too_narrow for row in self.rows]
        top = self._draw_sizes(axes, "width", least=max([1, *(n or 1 for n in excluded)]))
        ends = [top if narrow is None else log10(max(narrow, 1)) for narrow in excluded]
        depths = [row.depth for row in self.rows]
        axes.bar(depths, ends, color="#cccccc", edgecolor="#999999", label="provably cannot reach it", zorder=0)
        axes.set_ylabel("width of every layer")
        legend_above(axes)

    def _draw_costs(self, axes: Any) -> None:
        self._draw_sizes(axes, "parameters")
        axes.set_ylabel("parameters")
        legend_above(axes)

    def _draw_sizes(self, axes: Any, key: str, least: int = 1) -> float:
        """Lines of a proved and a conjectured size; returns the top of the axis.

        Logarithms are drawn, not numbers: these may have a thousand digits.
        """
        top = log10(least)
        lines = {key: "proved to reach it", f"conjectured_{key}": "if the conjecture holds"}
        for number, (field, said) in enumerate(lines.items()):
            # A gap where there is no size: a line across it would promise one.
            sizes = [nan if getattr(row, field) is None else log10(getattr(row, field)) for row in self.rows]
            if found := [size for size in sizes if not isnan(size)]:
                axes.plot([row.depth for row in self.rows], sizes, **look(number), label=said)
            top = max([top, *found])
        top = 1.05 * max(1.0, top)
        powers(axes, top)
        axes.set(xlabel="depth", ylim=(-0.02 * top, top), xticks=[row.depth for row in self.rows])
        return top

    def __str__(self) -> str:
        lines = [
            f"RAC of separation rank {readable(self.rank)}: inputs {self.inputs}, length {self.length}, "
            f"cut {self.cut}, domain {self.domain}",
            f"  {self._best()}",
        ]
        if row := self.conjectured:
            network = _network(row.depth, row.conjectured_width, row.conjectured_parameters)
            lines.append(f"  fewer, if the paper's conjecture holds: {network}")
        if self.shallow.width is None:
            lines.append(f"  one layer cannot reach it at any width: {self.shallow.obstacle}")
        else:
            lines.append(f"  one layer needs {_network(1, self.shallow.width, self.shallow.parameters)}")
        lines += ["", text_table([_cells(row) for row in self.rows], heads=_HEADS, left=(len(_HEADS) - 1,))]
        return "\n".join(lines)

    def _best(self) -> str:
        if self.best is None:
            return "no size up to this depth is proved to reach it"
        return f"fewest parameters, proved: {_network(self.best.depth, self.best.width, self.best.parameters)}"


def plan(
    *,
    rank: int,
    length: int,
    inputs: int,
    domain: str = "functional",
    cut: int | None = None,
    max_depth: int = 4,
) -> Plan:
    """The Recurrent Arithmetic Circuit with the fewest parameters that reaches a separation rank.

    Args:
        rank: the target, at least 1.
        length: T, time steps.
        inputs: M, numbers per input vector, or number of tokens.
        domain: "functional" (inputs range over all vectors) or "tokens" (over M linearly independent ones).
        cut: c, steps in the start half; by default T // 2.
        max_depth: depths 1 to this are compared; at most 200.

    Returns:
        For every depth: the least width that is proved to reach the target, the least by the conjecture where that is
        less, the greatest that provably cannot; and the cheapest network of all.

    Raises:
        ValueError: an argument is out of range, or a `NotWholeError`.

    Source: the bounds of docs/theory.md. Levine, Sharir, Ziv, Shashua 2017 (arXiv:1710.09431), Theorem 1 and
        Conjecture 1.

    Example:
        >>> found = plan(rank=1_000_000, length=100, inputs=50)
        >>> found.best.depth, found.best.width, found.shallow.width
        (4, 3, 1000000)
    """
    rank, inputs = check_whole("rank", rank, 1), check_whole("inputs", inputs, 1)
    length, cut = check_cut(length, cut)
    if rank >= 10**MOST_DIGITS:
        raise ValueError(f"rank must have at most {MOST_DIGITS} digits, got {readable(rank)}; use a smaller rank")
    depths = range(1, check_whole("max_depth", max_depth, 1) + 1)
    if len(depths) > MOST_DEPTH:
        raise ValueError(f"max_depth must be at most {MOST_DEPTH}, got {len(depths)}; use a smaller depth")
    asked: Asked = {"length": length, "cut": cut, "domain": domain}
    rows = [_at_depth(rank, depth, inputs, asked) for depth in depths]
    best = min((r for r in rows if r.parameters), key=lambda r: r.parameters or 0, default=None)
    guess = min(
        (r for r in rows if r.conjectured_parameters), key=lambda r: r.conjectured_parameters or 0, default=None
    )
    if best and guess and (guess.conjectured_parameters or 0) >= (best.parameters or 0):
        guess = None
    return Plan(rank, length, cut, inputs, domain, best, guess, rows[0], rows)


Known = Callable[[int, str], list[Bound]]
"""The bounds of networks of one depth, from their width and the kind: exact ones are among the lower and the upper."""


def _at_depth(rank: int, depth: int, inputs: int, asked: Asked) -> Depth:
    @cache
    def known(width: int, kind: str) -> list[Bound]:
        kinds = (kind,) if kind == "conjectured" else ("exact", kind)
        return bounds(inputs=inputs, width=width, kinds=kinds, below=rank, depth=depth, **asked)

    # None where it is above the rank, and left out.
    ceiling = least_ceiling(inputs=inputs, below=rank, depth=depth, **asked)
    # From this width on no lower bound, and no bound by the inputs, depends on the width any more.
    last = rank if depth == 1 else inputs
    # One layer of R units has rank R at most: its state has R coordinates.
    is_reachable = ceiling is None or ceiling >= rank
    narrow = _narrower(rank, rank if depth == 1 else 1, last, known) if is_reachable else None
    upper = None if narrow == 0 else known(last if narrow is None else narrow, "upper")
    obstacle = None if upper is None else min(upper, key=lambda bound: bound.value)
    width = guess = None
    if narrow is not None:
        # The conjecture fails for some sizes; what provably cannot be is not conjectured.
        width, guess = (_first_to_reach(rank, kind, narrow + 1, last, known) for kind in ("lower", "conjectured"))
    if guess is not None and width is not None and guess >= width:
        guess = None
    return Depth(
        depth=depth,
        width=width,
        parameters=None if width is None else _count(inputs, width, depth),
        source=None if width is None else max(known(width, "lower"), key=lambda bound: bound.value).source,
        conjectured_width=guess,
        conjectured_parameters=None if guess is None else _count(inputs, guess, depth),
        too_narrow=narrow,
        obstacle=f"{obstacle.name} bound {readable(obstacle.value)}" if obstacle else None,
    )


def _reaches(known: Known, width: int, kind: str, rank: int) -> bool:
    """Whether a lower bound reaches the rank, or all upper ones do; those too long to be listed do."""
    listed = (bound.value >= rank for bound in known(width, kind))
    return all(listed) if kind == "upper" else any(listed)


def _narrower(rank: int, least: int, last: int, known: Known) -> int:
    """The greatest width that provably cannot reach the rank, at least `least` - 1, where some width may."""

    def can(width: int) -> bool:
        # Where a lower bound reaches it all upper ones do, and they take longer.
        return _reaches(known, width, "lower", rank) or _reaches(known, width, "upper", rank)

    width = least
    while not can(width):
        width = 2 * width if width >= last else min(2 * width, last)
    return _halve(can, max(least - 1, width // 2), width) - 1


def _first_to_reach(rank: int, kind: str, least: int, last: int, known: Known) -> int | None:
    """The least width from `least` on for which a lower bound reaches the rank, None if none does."""
    listed = known(least, kind)
    if not listed:
        return None
    below, width = least - 1, least
    while not _reaches(known, width, kind, rank):
        if width >= last:
            return None
        below, width = width, min(2 * width, last)
    return _halve(lambda width: _reaches(known, width, kind, rank), below, width)


def _halve(holds: Callable[[int], bool], below: int, width: int) -> int:
    """The least width for which it holds, above one for which it does not and at most one for which it does."""
    while width - below > 1:
        middle = (below + width) // 2
        below, width = (below, middle) if holds(middle) else (middle, width)
    return width


def _count(inputs: int, width: int, depth: int) -> int:
    return MODELS["rac"].count_parameters(inputs, width, depth)


def _network(depth: int, width: int | None, parameters: int | None) -> str:
    return f"depth {depth}, width {readable(width or 0)}, {readable(parameters or 0)} parameters"


_HEADS = ["depth", "width", "parameters", "conjectured", "parameters", "cannot up to", "because of"]


def _cells(row: Depth) -> list[str]:
    numbers = [row.depth, row.width, row.parameters, row.conjectured_width, row.conjectured_parameters]
    shown = ["-" if number is None else readable(number) for number in numbers]
    return [*shown, "any width" if row.too_narrow is None else readable(row.too_narrow), row.obstacle or ""]
