"""The sub-module that is running, for error messages."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook


class Place:
    """A context whose text is the running sub-module, as 'path (Class)'."""

    def __init__(self) -> None:
        self._path: list[nn.Module] = []
        self._hooks: list[Any] = []

    def __enter__(self) -> Place:
        self._hooks = [
            register_module_forward_pre_hook(lambda module, _: self._path.append(module)),
            register_module_forward_hook(lambda *_: self._leave(), always_call=True),
        ]
        return self

    def __exit__(self, *exception: Any) -> None:
        for hook in self._hooks:
            hook.remove()
        self._path.clear()

    def _leave(self) -> None:
        if self._path:
            self._path.pop()

    def __str__(self) -> str:
        if not self._path:
            return "code outside of any module"
        root, module = self._path[0], self._path[-1]
        names = {id(m): n for n, m in root.named_modules(remove_duplicate=False)}
        path = names.get(id(module), "")
        return f"{path} ({type(module).__name__})" if path else type(module).__name__
