"""A short training result: what one layer and several learn of a task in the same number of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..result.chart import chart, label, legend_above, look
from ..result.document import SURE, Figure, Section, Table


class Run(NamedTuple):
    """A training run, as a store has it."""

    settings: Mapping[str, Any]
    result: Mapping[str, Any]


HEADING = "What is learnt with it?"
_SCORES = (
    "Scores on sequences that no training step has seen: accuracy is the share of right answers, data accuracy that of "
    "those which need what was read long before"
)


def learning_section(runs: Sequence[Run]) -> Section:
    """Learning curves and test scores of training runs on one task."""
    first = runs[0].settings
    text = (
        f"Networks that differ in depth only, trained on {first['task']} for up to {first['steps']:,} steps. These are "
        "single short runs with one seed: they show that training works and what it looks like, and decide nothing "
        "about depth."
    )
    caption = (
        "Loss on validation sequences against steps, a line for each network. The dashed line is the loss of the best "
        "answer that does not look at the input: a line that falls below it has learnt to remember. A line ends where "
        "the task is solved."
    )
    return Section(HEADING, text, [Figure(_figure(runs), caption), _table(runs)])


def missing_section(reason: str) -> Section:
    """The section that says what to install instead of the result."""
    return Section(HEADING, f"Not computed: {reason}.")


def _name(settings: Mapping[str, Any]) -> str:
    return f"{settings['model']}, depth {settings['depth']}"


def _figure(runs: Sequence[Run]) -> str:
    def draw(axes: Any) -> None:
        for number, (settings, result) in enumerate(runs):
            steps, losses = ([row[name] for row in result["curve"]] for name in ("step", "loss"))
            axes.plot(steps, losses, **look(number), label=label(_name(settings)))
        baseline = runs[0].result["baselines"].get("loss")
        if baseline is not None:
            axes.axhline(baseline, ls="--", color="#555555", label="looking at no input")
        axes.set(xlabel="steps", ylabel="loss", ylim=(0, None))
        legend_above(axes)

    return chart(draw, 0.58)


def _table(runs: Sequence[Run]) -> Table:
    rows = []
    for settings, result in runs:
        scores = result["test"] or {}
        rows.append(
            {
                "network": _name(settings),
                "parameters": result["parameters"],
                "outcome": result["outcome"],
                "steps": result["steps"],
                **{f"test {name.replace('_', ' ')}": value for name, value in scores.items()},
                SURE: f"measured on {settings['test']:,} test sequences, one run, seed {settings['seed']}",
                "seconds": result["seconds"],
            }
        )
    return Table("training", rows, _SCORES)
