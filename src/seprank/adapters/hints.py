"""What only the user can say of how a model is called."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Key = str | int
"""Of a part of what a call returns: the name of a field, or a place"""

CALLED = ("batch_first", "output", "state", "call")
"""Names of these arguments, the same wherever a model is given"""

FirstState = Callable[[int], Any]
"""From the size of a batch to the state in which its sequences begin"""


@dataclass(frozen=True)
class Hints:
    """Arguments for what cannot be found out by trying."""

    batch_first: bool | None = None
    """Whether the model takes (batch, time, ...) or (time, batch, ...)"""
    output: Key | None = None
    """Which part of what it returns is the output"""
    state: str | FirstState | None = None
    """Name of the argument or of the field that holds the state, or of the method that makes the first one; or a
    function from the size of a batch to the first one"""
    call: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments by name; a function among them is called with the inputs"""

    def stated(self) -> dict[str, Any]:
        """What was said, as plain values that a file can hold.

        Raises:
            TypeError: a function or a tensor is none.

        Example:
            >>> Hints(output="logits", call={"sr": 16000}).stated()
            {'output': 'logits', 'call': {'sr': 16000}}
        """
        if self.state is not None and not isinstance(self.state, str):
            raise TypeError(
                "state must be a name to be recorded, got a function; give the module a method init_hidden(batch) that "
                "makes the first state"
            )
        for name, value in self.call.items():
            infinite = isinstance(value, float) and not math.isfinite(value)
            if infinite or not isinstance(value, bool | int | float | str | None):
                raise TypeError(
                    f"call must be finite numbers, texts, True, False or None to be recorded, got {name}={value!r}; "
                    "wrap the module in one whose forward calls it so"
                )
        said = {name: getattr(self, name) for name in CALLED}
        return {name: value for name, value in said.items() if value is not None and (name != "call" or value)}


def hints(batch_first: Any = None, output: Any = None, state: Any = None, call: Any = None) -> Hints:
    """Hints as the user gives them, their types checked.

    Raises:
        TypeError: one is of another type.

    Example:
        >>> hints(output="logits").output
        'logits'
    """
    if batch_first is not None and not isinstance(batch_first, bool):
        raise TypeError(f"batch_first must be True, False or None, got {batch_first!r}")
    if output is not None and (isinstance(output, bool) or not isinstance(output, str | int)):
        raise TypeError(f"output must be the name or the place of what a call returns, got {output!r}")
    if state is not None and not isinstance(state, str) and not callable(state):
        raise TypeError(
            "state must be the name of an argument, of a field or of a method, or a function from the size of a batch "
            f"to the first state, lambda batch: torch.zeros(batch, 8); got {type(state).__name__}"
        )
    if call is not None and not (isinstance(call, Mapping) and all(isinstance(name, str) for name in call)):
        raise TypeError(f"call must be arguments by name, such as {{'sr': 16000}}, got {call!r}")
    return Hints(batch_first, output, state, dict(call or {}))
