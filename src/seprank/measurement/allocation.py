"""How much memory a model allocates inside, measured by running a few pairs."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, UntypedStorage
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..adapters import SequenceModel
from ..startend import Halves

_FEW, _MORE = 2, 8
"""Pairs that are run: from the difference follows the memory of a pair, from the rest that of any call"""

_MARGIN = 1.25
"""For memory that kernels allocate and free inside, which is not seen"""


class AllocationWatch(TorchDispatchMode):
    """Counts the bytes of all tensors that are made while it is active and have not been freed."""

    def __init__(self) -> None:
        super().__init__()
        self.most: int = 0
        """The largest number of bytes at any time"""
        self._alive: dict[int, weakref.ref[Any]] = {}
        self._now = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(func, OpOverload) and (func.is_view or func._schema.is_mutable):
            return result  # no new memory
        for leaf in [result] if isinstance(result, Tensor) else tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._count(leaf.untyped_storage())
        return result

    def _count(self, storage: UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._alive:
            return

        def end(_: object) -> None:
            self._now -= size
            del self._alive[key]

        self._alive[key] = weakref.ref(storage, end)
        self._now += size
        self.most = max(self.most, self._now)


@dataclass(frozen=True)
class Footprint:
    """Bytes that running pairs takes beside their matrix."""

    fixed: int
    """However many pairs"""
    per_pair: int


def footprint(model: SequenceModel, starts: Halves, ends: Halves) -> Footprint:
    """Run a few starts, then pairs, and see how much memory their tensors take at most.

    Memory allocated outside torch is not seen.
    """
    few, more = (_peak(model, starts, ends, count) for count in (_FEW, _MORE))
    per_pair = max(0, more - few) / (_MORE - _FEW)
    return Footprint(int(max(0.0, few - _FEW * per_pair)), int(_MARGIN * per_pair))


def _peak(model: SequenceModel, starts: Halves, ends: Halves, count: int) -> int:
    with AllocationWatch() as watch:
        state = model(model.pieces(starts.sequences(0, 1).repeat_interleave(count, 0)), None)[1]
        model(model.pieces(ends.sequences(0, 1).repeat_interleave(count, 0)), model.spread(state, 0, count, 1))
    return int(watch.most)
