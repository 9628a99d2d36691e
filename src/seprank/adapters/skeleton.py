"""Any object as its tensors and the rest, which is bytes and, unlike a `Structure`, keeps no tensor alive."""

from __future__ import annotations

import io
import pickle
from typing import Any

from torch import Tensor


def take_apart(thing: Any) -> tuple[bytes, list[Tensor]]:
    """The object without its tensors, pickled, and its tensors, which are not copied.

    Example:
        >>> import torch
        >>> skeleton, tensors = take_apart({"a": [torch.ones(2), 3]})
        >>> put_together(skeleton, [torch.zeros(1)])
        {'a': [tensor([0.]), 3]}
    """
    buffer = io.BytesIO()
    pickler = _Pickler(buffer)
    pickler.dump(thing)
    return buffer.getvalue(), pickler.tensors


def put_together(skeleton: bytes, tensors: list[Tensor]) -> Any:
    """A new object from a skeleton and as many tensors; only for skeletons made in this process."""
    return _Unpickler(skeleton, tensors).load()


class _Pickler(pickle.Pickler):
    def __init__(self, buffer: io.BytesIO) -> None:
        super().__init__(buffer)
        self.tensors: list[Tensor] = []

    def persistent_id(self, thing: Any) -> int | None:
        if not isinstance(thing, Tensor):
            return None
        self.tensors.append(thing)
        return len(self.tensors) - 1


class _Unpickler(pickle.Unpickler):
    def __init__(self, skeleton: bytes, tensors: list[Tensor]) -> None:
        super().__init__(io.BytesIO(skeleton))
        self._tensors = tensors

    def persistent_load(self, place: int) -> Tensor:
        return self._tensors[place]
