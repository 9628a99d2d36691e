"""Pictures of a study of training runs, for the documentation and for print."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from seprank.result.palette import COLOURS
from seprank.store import Record

from .depth import SIZE, Line, lines, success, trials

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = "osD^Pv"
_STYLES = {"width": "-", "parameters": "--"}


def _pyplot() -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("pictures of a study need matplotlib: pip install 'seprank[draw]'") from error
    return pyplot


def steps_figure(records: Sequence[Record], task: str, model: str) -> Figure:
    """Steps until a task is solved against depth: a dot for every seed, a line through the medians.

    One panel for each size of the task. Runs that do not solve it lie on the line at the top.
    """
    table = [line for line in lines(records) if (line.task, line.model) == (task, model)]
    sizes = sorted({group.size for line in table for group in line.trials})
    figure, panels = _pyplot().subplots(1, len(sizes), figsize=(3 * len(sizes), 3), sharey=True, squeeze=False)
    limit = max(record.job.settings["steps"] for record in records)
    for panel, size in zip(panels[0], sizes, strict=True):
        _steps_panel(panel, table, size, limit)
        panel.set_title(f"{SIZE[task][0]} {size}", fontsize=10)
    panels[0][0].set_ylabel("steps until solved")
    panels[0][-1].legend(fontsize=8, loc="lower left")
    figure.tight_layout()
    return figure  # type: ignore[no-any-return]


def _steps_panel(panel: Axes, table: Sequence[Line], size: int, limit: int) -> None:
    unsolved = 1.5 * limit
    for number, equal in enumerate(_STYLES):
        points = [(line.depth, group) for line in table if line.equal == equal for group in line.trials]
        points = [(depth, group) for depth, group in points if group.size == size]
        look: dict[str, Any] = {"color": COLOURS[number], "marker": _MARKERS[number]}
        shift = 0.06 * (2 * number - 1)
        for depth, group in points:
            heights = [min(steps, unsolved) for steps in group.steps]
            panel.plot([depth + shift] * len(heights), heights, linestyle="", markersize=4, alpha=0.6, **look)
        middle = [min(median(group.steps), unsolved) for _, group in points]
        depths = [depth + shift for depth, _ in points]
        panel.plot(depths, middle, _STYLES[equal], label=f"equal {equal}", markersize=7, **look)
    panel.axhline(unsolved, color="#777777", linewidth=0.8, linestyle=":")
    panel.text(1.5, unsolved * 1.05, f"not solved in {limit:,}", fontsize=7, color="#555555", va="bottom")
    panel.set(yscale="log", xlabel="depth", xticks=sorted({line.depth for line in table}))
    panel.set_ylim(0.08 * limit, 2.2 * limit)
    ticks = [limit / 8, limit / 4, limit / 2, limit]
    panel.set_yticks(ticks, labels=[f"{tick:,.0f}" for tick in ticks])
    panel.minorticks_off()


def memory_figure(records: Sequence[Record], task: str, model: str, size: int, measure: str = "interaction") -> Figure:
    """A figure of memory while networks are trained: a line for every run, at equal width, one panel per depth."""
    chosen = [t for t in trials(records) if t.settings["width"] is not None and t.settings["task"] == task]
    chosen = [t for t in chosen if t.settings["model"] == model and t.size == size]
    chosen.sort(key=lambda t: int(t.settings["depth"]))
    figure, panels = _pyplot().subplots(1, len(chosen), figsize=(3 * len(chosen), 2.8), sharey=True, squeeze=False)
    for panel, group in zip(panels[0], chosen, strict=True):
        for number, record in enumerate(group.records):
            points = [(row["step"], row[measure]) for row in record.result["memory"] if row[measure] is not None]
            look: dict[str, Any] = {"color": COLOURS[number], "marker": _MARKERS[number]}
            panel.plot(*zip(*points, strict=True), linewidth=1, markersize=4, label=_label(record), **look)
        panel.set(title=f"depth {group.settings['depth']}", xlabel="steps")
        panel.title.set_size(10)
        panel.legend(fontsize=7)
    panels[0][0].set_ylabel("interaction share" if measure == "interaction" else "entropy, nats")
    figure.tight_layout()
    return figure  # type: ignore[no-any-return]


def _label(record: Record) -> str:
    solved = record.result["solved_at"] is not None
    end = "solved" if solved else f"accuracy {success(record):.2f}"
    return f"seed {record.job.settings['seed']}: {end}"


def success_figure(records: Sequence[Record], task: str) -> Figure:
    """Memory after training against the score that counts, a dot for every run, one panel for each figure."""
    figure, panels = _pyplot().subplots(1, 2, figsize=(7, 3), sharey=True)
    models = sorted({record.job.settings["model"] for record in records if record.job.settings["task"] == task})
    for panel, measure in zip(panels, ("interaction", "entropy"), strict=True):
        for number, model in enumerate(models):
            found = [r for r in records if (r.job.settings["task"], r.job.settings["model"]) == (task, model)]
            points = [
                (r.result["memory"][-1][measure], success(r))
                for r in found
                if r.result["test"] is not None and r.result["memory"][-1][measure] is not None
            ]
            look: dict[str, Any] = {"color": COLOURS[number], "marker": _MARKERS[number]}
            panel.plot(*zip(*points, strict=True), linestyle="", markersize=4, alpha=0.7, label=model, **look)
        panel.set_xlabel("interaction share after training" if measure == "interaction" else "entropy after training")
    panels[0].set_ylabel("accuracy on the test")
    panels[0].legend(fontsize=8)
    figure.tight_layout()
    return figure  # type: ignore[no-any-return]
