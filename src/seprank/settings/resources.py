"""Where a command works, and what it may use there; no number depends on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ..question import keep
from ..system.memory import default_budget, free_bytes
from .as_text import Bytes
from .entries import FromText


def find_device(name: str) -> str:
    """The device of torch that a name stands for; `ValueError` if there is none."""
    if name == "cpu":
        return name
    kind, _, number = name.partition(":")
    if name != "auto" and (kind != "cuda" or not (number.isdecimal() or name == kind)):
        raise ValueError(f"device must be auto, cpu or cuda, got {name!r}; a second card is cuda:1")
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if int(number or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise ValueError(f"device {name} was asked for, but torch sees {count or 'none'}; use --device cpu")
    return name


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
    """auto, cpu or cuda."""

    def __post_init__(self) -> None:
        keep(self, device=find_device(str(self.device)))
        following = getattr(super(), "__post_init__", None)  # of a class that is inherited from beside this one
        if following is not None:
            following()


@dataclass(frozen=True, kw_only=True)
class Place(OnDevice, Memory):
    """Where a command works."""

    @property
    def budget(self) -> int:
        """Bytes that this may take; on a card no more than half of what is free there."""
        return super().budget if self.device == "cpu" else min(super().budget, free_bytes(self.device) // 2)
