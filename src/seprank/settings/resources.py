"""Where a command works, and what it may use there; no number depends on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ..system.memory import default_budget
from .as_text import Bytes
from .entries import FromText


def find_device(name: str) -> str:
    """The device of torch that a name on the command line stands for."""
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu or cuda, got {name!r}")
    import torch

    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ValueError("device cuda was asked for, but torch sees none; use --device cpu")
    return "cuda" if name != "cpu" and available else "cpu"


Device = Annotated[str, FromText(lambda _, text: find_device(text))]


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What a command may use."""

    memory: Bytes = None
    """Memory budget, such as 4GiB; half of the free memory by default."""

    @property
    def budget(self) -> int:
        """The budget in bytes."""
        return default_budget() if self.memory is None else self.memory


@dataclass(frozen=True, kw_only=True)
class OnDevice:
    """What runs a network."""

    device: Device = "cpu"
    """auto, cpu or cuda; only cpu is tested."""


@dataclass(frozen=True, kw_only=True)
class Place(OnDevice, Memory):
    """Where a command works."""
