"""The task that is named on a command line or in a file of jobs: of the registry, or the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..tasks import build_task
from .code import FactoryError, find_code, is_code
from .factory import factory_of

if TYPE_CHECKING:
    from ..tasks import Task

_TRIED = 4
"""Sequences on which a task is tried"""
_HINT = "see CONTRIBUTING.md, 'A new task', for an example"


def find_task(name: str, settings: Mapping[str, Any]) -> Task:
    """A task with its parameters.

    Args:
        name: of a task of the registry, or file.py:name, or package.module:name: a class derived from
            `seprank.tasks.Task`, a function that makes such a task, or the task itself.
        settings: its parameters; the others keep their defaults.

    Raises:
        FactoryError: the user's code cannot be found, or fails, or is no task.
        ValueError: there is no such task or parameter, or a value does not fit.
    """
    if not is_code(name):
        return build_task(name, **settings)
    from ..tasks import Task

    found = find_code(name)
    task = found.value
    if not isinstance(task, Task):
        if not callable(task):
            raise FactoryError(f"{name} must be a task, or a class or function that makes one, got a {_kind(task)}")
        task = factory_of(found, task, dict(settings)).make()
    elif settings:
        raise FactoryError(f"{name} is a task that already exists and takes no {next(iter(settings))}; name its class")
    if not isinstance(task, Task):
        raise FactoryError(f"{name} must make a task, derived from seprank.tasks.Task, got a {_kind(task)}; {_HINT}")
    _check(name, task)
    return task


def _kind(value: object) -> str:
    return type(value).__name__


def _check(name: str, task: Task) -> None:
    """Refuse a task without the batches, losses, scores or baselines of a `Task`, or whose runs cannot be repeated."""
    import json

    import torch

    def refuse(what: str) -> FactoryError:
        return FactoryError(f"{name} {what}; {_HINT}")

    try:
        first, again = (task.batch(_TRIED, seed=0, stream="train", index=0) for _ in range(2))
        outputs = torch.zeros(_TRIED, task.length, task.outputs)
        loss, scores = task.loss(outputs, first.targets), task.score(outputs, first.targets)
        baselines, known, (goal, _) = task.baselines(), task.settings(), task.goal
    except Exception as error:
        raise refuse(f"cannot be used as a task: it failed with {_kind(error)}: {error}") from error
    wanted = (_TRIED, task.length, task.inputs)
    if tuple(first.inputs.shape) != wanted or not first.inputs.is_floating_point():
        got = f"{tuple(first.inputs.shape)} of {first.inputs.dtype}"
        raise refuse(f"must draw inputs {wanted} (sequences, length, inputs) of floating-point numbers, got {got}")
    if not all(torch.equal(a, b) for a, b in zip(first, again, strict=True)):
        raise refuse("drew other numbers from the same generator; draw all of them from the one that it is given")
    if loss.ndim or not torch.isfinite(loss):
        raise refuse(f"must have a loss that is one finite number, got {loss}")
    if not {"loss", goal} <= scores.keys() or "loss" not in baselines:
        got = f"scores {[*scores]} and baselines {[*baselines]}"
        raise refuse(f"needs scores of loss and of its goal, {goal}, and a baseline of loss, got {got}")
    try:
        json.dumps(known, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise refuse(f"must have parameters that a file can hold (numbers, texts, lists), got {known!r}") from error
