"""Loops and branches that torch has as operators, taken as the Python that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

_FRAMES: Any = getattr(torch._C._dynamo, "eval_frame", None)
"""Of torch's compiler; older ones cannot be told to skip a function, and then these operators are refused"""


def _branch(decides: Any, if_true: Callable[..., Any], if_false: Callable[..., Any], operands: Sequence[Any]) -> Any:
    return (if_true if decides else if_false)(*operands)


def _repeat(
    goes_on: Callable[..., Any], body: Callable[..., Any], carried: Sequence[Any], more: Sequence[Any] = (), **_: Any
) -> Any:
    carried = tuple(carried)
    while goes_on(*carried, *more):
        carried = tuple(body(*carried, *more))
    return carried


def _scan(combine: Callable[..., Any], first: Sequence[Any], along: Sequence[Any], more: Sequence[Any] = ()) -> Any:
    """Carried values of the last step, then what each step gives, along the first axis."""
    carried, given = [*first], []
    for step in zip(*(t.unbind(0) for t in along), strict=True):
        found = combine(*carried, *step, *more)
        carried, outputs = [*found[: len(first)]], found[len(first) :]
        given.append(outputs)
    return (*carried, *(None if each[0] is None else torch.stack(each) for each in zip(*given, strict=True)))


LOOPS: dict[str, Callable[..., Any]] = (
    {"cond": _branch, "while_loop": _repeat, "scan": _scan} if hasattr(_FRAMES, "set_code_exec_strategy") else {}
)
"""Name of the operator -> what it does. What a branch or a loop is decided by must be an integer or a truth value."""


def leave_alone(*functions: Any) -> None:
    """Have torch's compiler, which these operators bring in, skip functions and what they call."""
    if not LOOPS:
        return
    skip = _FRAMES._FrameExecStrategy(_FRAMES._FrameAction.SKIP, _FRAMES._FrameAction.SKIP)
    for function in functions:
        _FRAMES.set_code_exec_strategy(function.__code__, skip)
