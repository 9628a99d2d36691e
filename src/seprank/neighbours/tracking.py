"""Gradients through checked models, which the adapters turn off because measurements need none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode


class Tracked(TorchFunctionMode):
    """While it is active gradients are recorded, even in code that runs under `no_grad`."""

    def __enter__(self) -> Any:
        self._grad = torch.enable_grad()
        self._grad.__enter__()
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._grad.__exit__(*error)

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return None if func is torch._C._set_grad_enabled else self.call(func, args, kwargs or {})

    def call(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """What becomes of a call of torch."""
        return func(*args, **kwargs)


def slow_kernels(model: Any) -> None:
    """Let every nn.LSTM in a copy of a model be run by torch itself: the faster cell has no gradients.

    A module with a hook is one that the faster cell leaves alone.
    """
    if not isinstance(model, nn.Module):
        return
    for part in model.modules():
        if isinstance(part, nn.LSTM):
            part.register_forward_hook(_nothing)


def _nothing(module: nn.Module, given: Any, result: Any) -> None:
    pass
