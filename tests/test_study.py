"""Tables of a study: medians and ranges over seeds, what is solved, and how memory goes with success."""

import gzip
import json
from math import inf
from pathlib import Path
from statistics import median

import pytest

from seprank.jobs import read_sweep
from seprank.store import Job, Record, export
from studies import depth as study
from studies import depth_figures as study_figures

STEPS = 4000
ROOT = Path(__file__).parents[1]


def study_records() -> list[Record]:
    """The runs of the depth study."""
    with gzip.open(ROOT / "docs" / "depth" / "runs.json.gz", "rt", encoding="utf-8") as file:
        return [Record.from_dict(content) for content in json.load(file)]


def run(
    seed: int, solved_at: int | None, *, delay: int = 30, width: int | None = 32, depth: int = 1, **more: float
) -> Record:
    """A record such as `seprank train` keeps."""
    settings = {
        "task": "copying-memory",
        "task_settings": {"delay": delay},
        "model": "gru",
        "width": width,
        "parameters": None if width else 5000,
        "depth": depth,
        "steps": STEPS,
        "seed": seed,
    }
    memory = [
        {"step": 0, "entropy": 0.5, "interaction": 0.0},
        {"step": 100, "entropy": more.get("entropy", 1.0), "interaction": more.get("interaction", 0.1)},
    ]
    result = {
        "solved_at": solved_at,
        "width": width or 20,
        "parameters": 1234,
        "memory": memory,
        "test": {"loss": 0.1, "data_accuracy": more.get("success", 1.0)},
    }
    return Record(Job("train", settings), "done", result, None, 1.0, "2026-01-01T00:00:00.000+00:00")


@pytest.mark.parametrize(
    ("steps", "text", "mostly"),
    [
        ([700, 500, 600], "600 (500–700)", True),
        ([700, 700, 700], "700", True),
        ([700, None, 1600], "1,600 (700–>4,000), 2 of 3", True),
        ([700, None, None], ">4,000 (700–>4,000), 1 of 3", False),
        ([None, None, None], ">4,000", False),
        ([700, None], ">4,000 (700–>4,000), 1 of 2", False),
    ],
)
def test_trials_are_told_by_median_range_and_number_solved(steps: list[int | None], text: str, mostly: bool) -> None:
    (group,) = study.trials([run(seed, at) for seed, at in enumerate(steps)])
    assert (str(group), group.mostly_solved) == (text, mostly)
    assert group.steps.count(inf) == steps.count(None)


def test_a_table_has_a_line_per_network_and_a_column_per_size() -> None:
    records = [
        run(seed, 100 * delay, delay=delay, depth=depth) for seed in (0, 1, 2) for delay in (30, 60) for depth in (1, 2)
    ]
    records += [
        run(seed, None if delay == 60 else 50, delay=delay, width=None) for seed in (0, 1, 2) for delay in (60, 30)
    ]
    assert study.markdown(study.lines(records)).splitlines() == [
        "| equal | depth | width | parameters | delay 30 | delay 60 | longest delay solved |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| width | 1 | 32 | 1,234 | 3,000 | 6,000 | 60 |",
        "| width | 2 | 32 | 1,234 | 3,000 | 6,000 | 60 |",
        "| parameters | 1 | 20 | 1,234 | 50 | >4,000 | 30 |",
    ]


def test_rank_correlations_are_spearmans() -> None:
    values = [0.1, 0.4, 0.2, 0.3]
    records = [run(seed, 10, interaction=value, success=value**3, entropy=-value) for seed, value in enumerate(values)]
    found = {item.figure: item.coefficient for item in study.correlations(records)}
    assert found["interaction after"] == pytest.approx(1)
    assert found["entropy after"] == found["change of entropy"] == pytest.approx(-1)
    shuffled = [run(seed, 10, interaction=seed, success=value) for seed, value in enumerate(values)]
    # Ranks 1 4 2 3 against 1 2 3 4: 1 - 6 (0 + 4 + 1 + 1) / (4 * 15)
    assert study.correlations(shuffled)[2].coefficient == pytest.approx(0.4)
    same = [run(seed, 10, interaction=seed, success=0.5) for seed in range(4)]
    assert study.correlations(same)[2].coefficient is None
    assert "| copying-memory | gru | all | interaction after | 4 | +0.40 |" in study.correlation_markdown(
        study.correlations(shuffled)
    )


def test_pictures_show_every_run() -> None:
    pytest.importorskip("matplotlib").use("agg")
    records = [run(seed, at, depth=depth) for depth in (1, 2) for seed, at in enumerate((500, None, 700))]
    panel = study_figures.steps_figure(records, "copying-memory", "gru").axes[0]
    dots = [line for line in panel.lines if line.get_linestyle() == "None"]
    assert sorted(y for line in dots for y in line.get_ydata()) == [500, 500, 700, 700, 1.5 * STEPS, 1.5 * STEPS]
    figure = study_figures.memory_figure(records, "copying-memory", "gru", 30)
    assert [len(axes.lines) for axes in figure.axes] == [3, 3]
    dots = study_figures.success_figure(records, "copying-memory").axes[0].lines
    assert sum(len(line.get_xdata()) for line in dots) == 6


def test_records_come_back_from_an_export(tmp_path: Path) -> None:
    records = [run(0, 10), run(1, None)]
    export(records, tmp_path / "a.json.gz")
    first = (tmp_path / "a.json.gz").read_bytes()
    export(records, tmp_path / "a.json.gz")
    assert (tmp_path / "a.json.gz").read_bytes() == first
    assert [Record.from_dict(content) for content in json.loads(gzip.decompress(first))] == records
    with pytest.raises(ValueError, match=r"\.csv, \.json or \.json\.gz file"):
        export(records, tmp_path / "a.txt")


class TestDepthStudy:
    """What docs/depth.md says of the stored runs."""

    records = study_records()

    def median(self, task: str, model: str, equal: str, depth: int, size: int) -> float:
        for line in study.lines(self.records):
            if (line.task, line.model, line.equal, line.depth) == (task, model, equal, depth):
                return median(next(group.steps for group in line.trials if group.size == size))
        raise AssertionError(f"no line for {task}, {model}, {equal}, {depth}")

    def test_all_runs_of_the_shipped_file_are_there(self) -> None:
        asked = {work.job.key for work in read_sweep("depth").works()}
        assert {record.job.key for record in self.records} == asked
        assert len(asked) == 216
        assert all(record.result["outcome"] != "diverged" for record in self.records)

    def test_equal_width(self) -> None:
        copying, similar = "copying-memory", "start-end-similarity"
        for delay in (30, 60, 120):
            one, two, three = (self.median(copying, "orthogonal", "width", depth, delay) for depth in (1, 2, 3))
            assert one == inf
            assert 400 <= three < two <= 1100
        for delay in (5, 10, 20):
            one, two, three = (self.median(copying, "gru", "width", depth, delay) for depth in (1, 2, 3))
            assert one > two > three
        for length in (8, 12, 16):
            one, two, three = (self.median(similar, "orthogonal", "width", depth, length) for depth in (1, 2, 3))
            assert one > two <= three

    def test_equal_parameters(self) -> None:
        copying, similar = "copying-memory", "start-end-similarity"
        for delay in (30, 60, 120):
            one, two, three = (self.median(copying, "orthogonal", "parameters", depth, delay) for depth in (1, 2, 3))
            assert 1.5 <= one / two <= 2
            assert delay == 30 or three >= two
        one, two, three = (self.median(copying, "gru", "parameters", depth, 20) for depth in (1, 2, 3))
        assert one < two < three
        for length in (8, 12, 16):
            steps = [self.median(similar, "orthogonal", "parameters", depth, length) for depth in (1, 2, 3)]
            assert steps[0] == min(steps) or length == 12
            assert steps[2] == max(steps)

    def test_memory(self) -> None:
        similar = [record for record in self.records if record.job.settings["task"] == "start-end-similarity"]
        for record in similar:
            first, last = (record.result["memory"][place]["interaction"] for place in (0, -1))
            assert first < 0.01
            assert 0.7 < last < 1
            if record.job.settings["model"] == "orthogonal":
                assert record.result["outcome"] == "solved"
