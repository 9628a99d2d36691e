"""What an error message adds: where the user's code failed, what may be missing, and a wrapper to paste."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..settings.hints import Hints
from .reading import parameters_of

_OURS = Path(__file__).resolve().parent.parent
_TORCH = Path(torch.__file__).resolve().parent
_SAID = 300
"""Characters of an error that are shown"""


def name_of(module: Any) -> str:
    """The name of a function, or of the class of a module."""
    return getattr(module, "__name__", type(module).__name__)


def place_of(error: BaseException) -> str:
    """File and line of the user's code in which an error was raised; empty if it was raised elsewhere."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if not any(file.is_relative_to(home) for home in (_OURS, _TORCH)) and file.is_file():
            return f"{file.name}, line {frame.lineno}, in {frame.name}"
    return ""


def said_by(error: BaseException) -> str:
    """An error in one line, with its class and place, and the beginning of its message."""
    place = place_of(error)
    text = f"{type(error).__name__}: {error}".split()
    return " ".join(text)[:_SAID] + (f" ({place})" if place else "")


def remedy(error: BaseException) -> str:
    """What to do about an error that comes from asking for a GPU; empty for any other."""
    frames = traceback.extract_tb(error.__traceback__)
    if not any(Path(frame.filename).is_relative_to(_TORCH / "cuda") for frame in frames):
        return ""
    return "; it asks for a GPU: make its tensors on x.device, or measure it where there is one, device='cuda'"


def runs_alone(module: Any, example: Tensor, hints: Hints) -> str:
    """What to do with a function of a single sequence; empty if it does not run on one."""
    further = {name: value for name, value in hints.call.items() if not callable(value)}
    try:
        with torch.no_grad():
            result = module(example[0].clone(), **further)
    except Exception:  # it does not run on one sequence either
        return ""
    place = "" if isinstance(result, Tensor) else "[0]"
    return (
        f"it runs on one sequence {tuple(example.shape[1:])} by itself: if it takes no batch, give "
        f"lambda x: torch.stack([module(sequence){place} for sequence in x])"
    )


def missing(module: Any, hints: Hints) -> str:
    """What to do about arguments that the module needs and was not given."""
    required = parameters_of(module, hints).required
    if not required:
        return ""
    names = ", ".join(f"{name!r}: ..." for name in required)
    return (
        f"{name_of(module)} needs {' and '.join(required)} beside its inputs: give call={{{names}}}, or, if that is "
        "the state in which sequences begin, state=lambda batch: torch.zeros(batch, ...)"
    )


def wrapper(module: Any, hints: Hints) -> str:
    """A class to paste, filled in with the module's own argument names."""
    parameters = parameters_of(module, hints)
    given = "".join(f", {name}={value!r}" for name, value in hints.call.items())
    wanted = "".join(f", {name}=..." for name in parameters.required)
    optional = [name for name in parameters.optional if name not in hints.call]
    passed = f", {optional[0]}=state" if optional and not parameters.required else ""
    return f"""a wrapper to paste, for {name_of(module)}:

class Wrapped(torch.nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x, state=None):  # x (batch, time, features) or token ids (batch, time); state None at the start
        result = self.module(x{wanted}{given}{passed})
        return result[0], result[1]  # output (batch, time, channels), and the state after the last step
        # without a state: return the output alone"""
