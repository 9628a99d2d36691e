"""How far back networks remember before and after they were trained, as a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from seprank.store import Record

from .depth import SIZE
from .tables import markdown_table

_TASKS = {"copying-memory": "copying", "start-end-similarity": "similarity"}


def markdown(records: Iterable[Record]) -> str:
    """Mean age of what the last output depends on, by task, network and depth: least and greatest over the seeds.

    Raises:
        ValueError: a run is not finished, or has no memory curve of before and after.
    """
    groups: dict[tuple[str, int, str], dict[int, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        settings = record.job.settings
        size = SIZE[settings["task"]][1](settings["task_settings"])
        groups[settings["task"], size, settings["model"]][settings["depth"]].append(record)
    depths = sorted({depth for group in groups.values() for depth in group})
    listed = ", ".join(map(str, depths))
    rows = []
    for (task, size, model), group in sorted(groups.items(), key=lambda item: _order(*item[0])):
        before, after = (", ".join(_span(_means(group[depth], end)) for depth in depths) for end in (0, -1))
        rows.append([f"{_TASKS[task]}, {SIZE[task][0]} {size}", "GRU" if model == "gru" else model, before, after])
    return markdown_table(["task", "network", f"mean before, depth {listed}", f"mean after, depth {listed}"], rows)


def _order(task: str, size: int, model: str) -> tuple[str, bool, int]:
    return task, model == "gru", size


def _means(records: Sequence[Record], end: int) -> list[float]:
    if not records or not all(len(record.result.get("memory", [])) >= 2 for record in records):
        raise ValueError("a run has no memory of before and after; run `seprank sweep reach` to its end")
    return [record.result["memory"][end]["mean"] for record in records]


def _span(values: Sequence[float]) -> str:
    least, most = (f"{value:.1f}" for value in (min(values), max(values)))
    return least if least == most else f"{least}–{most}"
