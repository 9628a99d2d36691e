"""What only the user knows about how a model is called."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from ..question import keep
from .as_text import Arguments, AsItIs, Channel
from .entries import Flag, values

Key = str | int
"""Of a part of what a call returns: the name of a field, or an index"""

FirstState = Callable[[int], Any]
"""From the batch size to the initial state"""


@dataclass(frozen=True, kw_only=True)
class Hints:
    """Arguments for what cannot be found out by trying; `TypeError` if one has another type.

    Example:
        >>> Hints(output="logits").output
        'logits'
    """

    batch_first: Annotated[bool | None, Flag("--batch-first/--time-first")] = None
    """Order of the model's axes, (batch, time, ...) or (time, batch, ...), where the model does not state it."""
    output: Channel | None = None
    """Part of the returned value that is the output, such as logits."""
    state: Annotated[str | FirstState | None, AsItIs] = None
    """Argument or field that holds the model's state, or method that makes the initial one. In Python also a function
    from the batch size to the initial state."""
    call: Arguments = field(default_factory=dict)
    """key=value, passed to each call of the model; may be repeated. In Python, a value that is a function is called
    with the inputs."""

    def __post_init__(self) -> None:
        state, call = self.state, self.call
        if self.batch_first is not None and not isinstance(self.batch_first, bool):
            raise TypeError(f"batch_first must be True, False or None, got {self.batch_first!r}")
        if self.output is not None and (isinstance(self.output, bool) or not isinstance(self.output, str | int)):
            raise TypeError(f"output must be the name or the place of what a call returns, got {self.output!r}")
        if state is not None and not isinstance(state, str) and not callable(state):
            raise TypeError(
                "state must be the name of an argument, of a field or of a method, or a function from the size of a "
                f"batch to the first state, lambda batch: torch.zeros(batch, 8); got {type(state).__name__}"
            )
        if call is not None and not (isinstance(call, Mapping) and all(isinstance(name, str) for name in call)):
            raise TypeError(f"call must be arguments by name, such as {{'sr': 16000}}, got {call!r}")
        keep(self, call=dict(call or {}))

    @property
    def hints(self) -> Hints:
        """These alone."""
        return Hints(batch_first=self.batch_first, output=self.output, state=self.state, call=self.call)

    def stated(self) -> dict[str, Any]:
        """What was said, as plain values that a file can hold; `TypeError` for a function or a tensor.

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
        said = values(self.hints)
        return {name: value for name, value in said.items() if value is not None and (name != "call" or value)}
