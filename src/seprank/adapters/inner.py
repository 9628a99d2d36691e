"""Recurrent modules inside a module that does not return their states."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from .contract import ConventionError
from .reading import Reading
from .structure import tensors_in

Unread = Callable[[], Any]


def recurrent_parts(module: Any, run: Unread) -> tuple[str, ...]:
    """Names of the outermost modules inside that return (output, state); none if one is called more than once.

    Example:
        >>> class Tagger(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.rnn = nn.GRU(2, 3, batch_first=True)
        ...     def forward(self, x):
        ...         return self.rnn(x)[0]
        >>> tagger = Tagger()
        >>> recurrent_parts(tagger, lambda: tagger(torch.zeros(1, 2, 2)))
        ('rnn',)
    """
    if not isinstance(module, nn.Module) or isinstance(module, torch.jit.ScriptModule):
        return ()
    calls: Counter[str] = Counter()
    found: set[str] = set()

    def note(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(part: nn.Module, _: Any, result: Any) -> None:
            calls[name] += 1
            pair = isinstance(result, tuple) and len(result) == 2 and isinstance(result[0], Tensor)
            if pair and tensors_in(result[1]) and _takes_state(part):
                found.add(name)

        return hook

    with ExitStack() as hooks, torch.no_grad():
        for name, part in module.named_modules():
            if name:
                hooks.callback(part.register_forward_hook(note(name)).remove)
        run()
    outermost = [name for name in calls if name in found and not any(name.startswith(f"{o}.") for o in found)]
    return tuple(outermost) if all(calls[name] == 1 for name in outermost) else ()


def _takes_state(part: nn.Module) -> bool:
    try:
        return len(inspect.signature(part.forward).parameters) > 1
    except (ValueError, TypeError):
        return False


class InnerStates:
    """A module with the convention of `torch.nn.RNN`, its state the list of the states of the named modules inside.

    What else the module does is unknown, so it must be checked that it can be continued like this.
    """

    def __init__(self, module: nn.Module, names: tuple[str, ...], reading: Reading) -> None:
        self._module, self._reading = module, reading
        self._parts = [module.get_submodule(name) for name in names]

    def __call__(self, pieces: Tensor, state: list[Any] | None = None) -> tuple[Tensor, list[Any]]:
        """Run on pieces, the modules inside from their states."""
        after: dict[int, Any] = {}
        with ExitStack() as hooks:
            for place, part in enumerate(self._parts):
                if state is not None:
                    begin = _begins_from(state[place])
                    hooks.callback(part.register_forward_pre_hook(begin, with_kwargs=True).remove)
                hooks.callback(part.register_forward_hook(_keeps(after, place)).remove)
            output, _ = self._reading.run(self._module, pieces)
        return output, [after[place] for place in range(len(self._parts))]


def _begins_from(state: Any) -> Callable[[nn.Module, Any, Any], tuple[Any, Any]]:
    def hook(part: nn.Module, args: Any, kwargs: Any) -> tuple[Any, Any]:
        name = list(inspect.signature(part.forward).parameters)[1]
        return (args[0], state, *args[2:]), {key: value for key, value in kwargs.items() if key != name}

    return hook


def _keeps(after: dict[int, Any], place: int) -> Callable[[nn.Module, Any, Any], None]:
    def hook(part: nn.Module, args: Any, result: Any) -> None:
        if place in after:
            raise ConventionError(f"{type(part).__name__} inside is called more than once")
        after[place] = result[1]

    return hook
