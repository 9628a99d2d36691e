"""A study of training runs: which settings solve a task, how soon, and what became of the memory meanwhile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from statistics import median
from typing import Any

from seprank.store import Record

from .tables import markdown_table

MEASURES = ("entropy", "interaction")
SIZE = {
    "copying-memory": ("delay", lambda settings: settings["delay"]),
    "start-end-similarity": ("length", lambda settings: settings["length"]),
}
"""Of each task, what makes it longer"""


@dataclass(frozen=True)
class Trials:
    """Runs that differ in nothing but their seed."""

    records: tuple[Record, ...]

    @property
    def settings(self) -> dict[str, Any]:
        """What they have in common; the seed is that of the first."""
        return dict(self.records[0].job.settings)

    @cached_property
    def steps(self) -> list[float]:
        """Steps until each was solved, infinite where it was not, ascending."""
        found = (record.result["solved_at"] for record in self.records)
        return sorted(inf if steps is None else float(steps) for steps in found)

    @property
    def solved(self) -> int:
        """How many solved the task."""
        return sum(steps < inf for steps in self.steps)

    @property
    def mostly_solved(self) -> bool:
        """Whether more than half of them did."""
        return 2 * self.solved > len(self.records)

    @property
    def size(self) -> int:
        """How long the task is: delay or length."""
        return int(SIZE[self.settings["task"]][1](self.settings["task_settings"]))

    def __str__(self) -> str:
        """Median and range of the steps, and how many solved the task where not all did."""
        limit = self.settings["steps"]
        middle, least, most = (_steps(value, limit) for value in (median(self.steps), self.steps[0], self.steps[-1]))
        text = middle if least == most else f"{middle} ({least}–{most})"
        return text if self.solved in (0, len(self.records)) else f"{text}, {self.solved} of {len(self.records)}"


def _steps(value: float, limit: int) -> str:
    return f">{limit:,}" if value == inf else f"{value:,.0f}"


def trials(records: Iterable[Record]) -> list[Trials]:
    """Training runs by their settings without the seed, in the order they are met."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        settings = {name: value for name, value in record.job.settings.items() if name != "seed"}
        groups[repr(sorted(settings.items(), key=lambda item: item[0]))].append(record)
    return [Trials(tuple(sorted(group, key=lambda r: int(r.job.settings["seed"])))) for group in groups.values()]


@dataclass(frozen=True)
class Line:
    """One network at all sizes of a task."""

    task: str
    model: str
    equal: str
    """What is equal at all depths: width or parameters"""
    depth: int
    trials: tuple[Trials, ...]
    """The shortest task first"""

    @property
    def widths(self) -> str:
        """Width, or widths where they differ with the size of the task."""
        return _span(record.result["width"] for group in self.trials for record in group.records)

    @property
    def parameters(self) -> str:
        """Numbers in the network."""
        return _span(record.result["parameters"] for group in self.trials for record in group.records)

    @property
    def largest(self) -> int | None:
        """The longest task that most seeds solve, None if they solve none."""
        return max((group.size for group in self.trials if group.mostly_solved), default=None)


def _span(values: Iterable[int]) -> str:
    found = sorted(set(values))
    return f"{found[0]:,}" if len(found) == 1 else f"{found[0]:,}–{found[-1]:,}"


def lines(records: Iterable[Record]) -> list[Line]:
    """The table of a study: tasks, models, what is equal, depths."""
    groups: dict[tuple[str, str, str, int], list[Trials]] = defaultdict(list)
    for group in trials(records):
        settings = group.settings
        equal = "width" if settings["width"] is not None else "parameters"
        groups[settings["task"], settings["model"], equal, settings["depth"]].append(group)
    found = [Line(*key, tuple(sorted(group, key=lambda t: t.size))) for key, group in groups.items()]
    return sorted(found, key=lambda line: (line.task, line.model, line.equal == "parameters", line.depth))


def markdown(table: Sequence[Line]) -> str:
    """Lines of one task and model as a table: median steps to solve it (smallest to largest over the seeds)."""
    (task,) = {line.task for line in table}
    name = SIZE[task][0]
    sizes = [group.size for group in table[0].trials]
    head = ["equal", "depth", "width", "parameters", *(f"{name} {size}" for size in sizes), f"longest {name} solved"]
    rows = []
    for line in table:
        cells = [line.equal, str(line.depth), line.widths, line.parameters, *map(str, line.trials)]
        rows.append([*cells, "none" if line.largest is None else str(line.largest)])
    return markdown_table(head, rows)


@dataclass(frozen=True)
class Correlation:
    """How a figure of memory goes with success over runs."""

    task: str
    model: str
    size: int | None
    """Delay or length, None for all sizes together"""
    figure: str
    """entropy or interaction, after training, or how much it has changed"""
    runs: int
    coefficient: float | None
    """Spearman's, None where one of the two does not vary"""
    probability: float | None
    """Of a coefficient at least as far from 0, were the two independent; runs are taken for independent here"""


def correlations(records: Sequence[Record], *, each_size: bool = False) -> list[Correlation]:
    """Spearman's rank correlation of memory figures with the score that decides whether a task is solved.

    Args:
        records: of training runs that measured memory.
        each_size: compare only runs on tasks of one size. Together, longer tasks are solved less often and have other
            memory to begin with, which is a correlation, too.

    Returns:
        For each task and model (and size): entropy and interaction share after training, and their change since the
        start.

    Raises:
        ImportError: SciPy is not installed.
    """
    groups: dict[tuple[str, str, int | None], list[Record]] = defaultdict(list)
    for record in records:
        if record.result["test"] is not None:
            size = Trials((record,)).size if each_size else None
            groups[record.job.settings["task"], record.job.settings["model"], size].append(record)
    return [
        _correlation(key, name, figure, group)
        for key, group in sorted(groups.items(), key=lambda item: (*item[0][:2], item[0][2] or 0))
        for name, figure in _figures()
    ]


def _figures() -> list[tuple[str, Callable[[Record], float | None]]]:
    """Names of figures, and what finds them in a record."""

    def after(measure: str) -> Callable[[Record], float | None]:
        return lambda record: record.result["memory"][-1][measure]

    def change(measure: str) -> Callable[[Record], float | None]:
        def find(record: Record) -> float | None:
            first, last = (record.result["memory"][place][measure] for place in (0, -1))
            return None if first is None or last is None else last - first

        return find

    found = []
    for measure in MEASURES:
        found += [(f"{measure} after", after(measure)), (f"change of {measure}", change(measure))]
    return found


def success(record: Record) -> float:
    """The score on the test sequences that decides whether the task is solved."""
    scores = record.result["test"]
    return float(scores.get("data_accuracy", scores.get("accuracy", -scores["loss"])))


def _correlation(
    key: tuple[str, str, int | None], name: str, figure: Callable[[Record], float | None], group: list[Record]
) -> Correlation:
    try:
        from scipy.stats import spearmanr
    except ImportError as error:
        raise ImportError("correlations need SciPy: pip install 'seprank[data]'") from error
    pairs = [(value, success(record)) for record in group if (value := figure(record)) is not None]
    varied = all(len(set(column)) > 1 for column in zip(*pairs, strict=True)) if pairs else False
    if not varied:
        return Correlation(*key, name, len(pairs), None, None)
    found = spearmanr(*zip(*pairs, strict=True))
    return Correlation(*key, name, len(pairs), float(found.statistic), float(found.pvalue))


def correlation_markdown(found: Iterable[Correlation]) -> str:
    """Correlations as a table."""
    rows = []
    for item in found:
        size = "all" if item.size is None else item.size
        numbers = ("-", "-") if item.coefficient is None else (f"{item.coefficient:+.2f}", f"{item.probability:.1g}")
        rows.append([item.task, item.model, size, item.figure, item.runs, *numbers])
    return markdown_table(["task", "model", "size", "figure", "runs", "correlation with success", "p"], rows)
