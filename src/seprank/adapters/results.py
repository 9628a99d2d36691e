"""What a call returns: its parts by name or place, and which of them are the output and the state."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..settings.hints import Hints, Key
from .contract import AmbiguousOutput, ConventionError
from .structure import tensors_in

OUTPUTS = ("logits", "last_hidden_state", "output", "outputs")
"""Names of the output in results with names; the first one present is taken"""


def parts(result: Any) -> dict[Key, Any]:
    """What a call returned, by name or place; empty for a tensor or an unknown kind of object.

    Example:
        >>> parts((1, None))
        {0: 1, 1: None}
    """
    if isinstance(result, Mapping):
        return {key: value for key, value in result.items() if isinstance(key, str)}
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return dict(zip(result._fields, result, strict=True))
    if isinstance(result, list | tuple):
        return dict(enumerate(result))
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return {f.name: getattr(result, f.name) for f in dataclasses.fields(result)}
    return {}


def part(result: Any, key: Key) -> Any:
    """One of the parts; a place is also valid in results with names.

    Raises:
        ConventionError: there is no such part.
    """
    found = parts(result)
    if key in found:
        return found[key]
    values = list(found.values())
    if isinstance(key, int) and -len(values) <= key < len(values):
        return values[key]
    raise ConventionError(f"a call returns {describe(result)}, and no {key!r}")


@dataclass(frozen=True)
class Selection:
    """Which part of a result is the output, and which are the state."""

    output: Key | None
    """None for the result itself, or for the first tensor in it"""
    state: tuple[Key, ...] | None
    """None for the result as a whole"""
    further: int = 0
    """Parts that are ignored"""

    def of(self, result: Any) -> tuple[Any, Any]:
        """Output and state."""
        if self.output is not None:
            output = part(result, self.output)
        else:
            output = result if isinstance(result, Tensor) else next(iter(tensors_in(result)), None)
        if self.state is None:
            return output, result
        states = [part(result, key) for key in self.state]
        return output, states[0] if len(states) == 1 else tuple(states)

    def __str__(self) -> str:
        output = "" if self.output in (None, 0) else f"output {self.output!r}"
        if self.state is None or (self.state == (1,) and not self.further):
            return output
        return ", ".join(filter(None, [output, "state " + " and ".join(map(repr, self.state))]))


def selections(result: Any, hints: Hints) -> list[Selection]:
    """Every way to read an output and a state out of a result, the likeliest first; the checks decide."""
    if isinstance(result, Tensor):
        _require_no_part(hints)
        return [Selection(None, None)]
    found = {key: value for key, value in parts(result).items() if tensors_in(value)}
    given = _given(result, found, hints)
    outputs = [key for key in given if isinstance(found.get(key), Tensor)]
    chosen: list[Selection] = []
    for output in outputs[:3]:
        others = [key for key in found if key != output]
        if isinstance(hints.state, str) and hints.state in found:
            chosen.append(Selection(output, (hints.state,)))
            continue
        groups = [tuple(others), *((key,) for key in others)] if len(others) > 1 else [(key,) for key in others]
        chosen += [Selection(output, group, len(found) - 1 - len(group)) for group in groups[:4]]
    whole = Selection(hints.output, None)  # (h, c) of an LSTM's cell, whose output is h
    return [*chosen, whole] if tensors_in(result) else chosen


def _require_no_part(hints: Hints) -> None:
    """Refuse to look for a part in a result that is a tensor."""
    if hints.output is not None:
        raise ConventionError(
            f"there is no {hints.output!r} in what a call returns, which is one tensor; leave output= out"
        )


def _given(result: Any, found: dict[Key, Any], hints: Hints) -> list[Key]:
    """Keys of the output: the one asked for, or all in the order in which they are tried."""
    if hints.output is None:
        named = [name for name in OUTPUTS if name in found]
        return [*named, *(key for key in found if key not in named)]
    part(result, hints.output)  # refused if there is none
    keys = list(parts(result))
    return [hints.output if hints.output in keys else keys[hints.output]]  # type: ignore[index]


def output_key(result: Any, hints: Hints, batch: int, steps: int, *, batch_first: bool) -> Key | None:
    """The part of a result that is the output of a function of whole sequences; None for the result itself.

    Raises:
        ConventionError: no part can be.
        AmbiguousOutput: several parts can be.
    """
    if isinstance(result, Tensor):
        _require_no_part(hints)
        return None
    found = parts(result)
    keys = _given(result, {k: v for k, v in found.items() if isinstance(v, Tensor)}, hints)
    if hints.output is not None or (keys and keys[0] in OUTPUTS):
        return keys[0]
    leading = (batch, steps) if batch_first else (steps, batch)
    fitting = [key for key in keys if _fits(found[key], leading, batch)]
    if len(fitting) > 1:
        raise AmbiguousOutput(
            f"a call returns {describe(result)}, of which {' and '.join(map(repr, fitting))} may be the output; "
            f"say which, output={fitting[0]!r}"
        )
    if not fitting:
        raise ConventionError(
            f"a function of whole sequences must return {(*leading, 'channels')}, {(batch, 'channels')} or {(batch,)} "
            f"for this input, got {describe(result)}; say which part is the output, output=..., or wrap it: "
            "lambda x: module(x)[0]"
        )
    return fitting[0]


def _fits(value: Tensor, leading: tuple[int, int], batch: int) -> bool:
    shape = tuple(value.shape)
    weights = len(shape) == 3 and shape[:2] == leading and shape[2] == leading[1]  # of attention: step by step
    return (len(shape) >= 3 and shape[:2] == leading and not weights) or (len(shape) <= 2 and shape[:1] == (batch,))


def describe(result: Any) -> str:
    """What a call returned, in words."""
    found = parts(result)
    if not found:
        return f"a tensor {tuple(result.shape)}" if isinstance(result, Tensor) else type(result).__name__
    shown = [
        f"{key!r}: {tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__}"
        for key, value in list(found.items())[:6]
    ]
    return f"{len(found)} values ({', '.join(shown)})"
