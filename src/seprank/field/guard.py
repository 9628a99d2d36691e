"""What torch hides from a dispatch mode: reading memory out, and integers beyond 64 bits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import _disable_current_modes

_WORDS = 2**63
"""Integers of this size do not reach an operation of torch"""

_LEAVING = frozenset(
    {
        Tensor.numpy,
        Tensor.tolist,
        Tensor.data_ptr,
        Tensor.untyped_storage,
        Tensor.storage,
        Tensor._typed_storage,
        Tensor.apply_,
        Tensor.map_,
        Tensor.map2_,
        Tensor.__array__,
        Tensor.__dlpack__,
        Tensor.__reduce_ex__,
    }
)
"""Functions that hand the memory of a tensor to code that torch does not see"""

_PRODUCTS = frozenset({Tensor.mul, torch.mul, Tensor.multiply, torch.multiply})
_SUMS = frozenset({Tensor.add, torch.add, Tensor.sub, torch.sub, Tensor.subtract, torch.subtract, Tensor.__rsub__})
_QUOTIENTS = frozenset({Tensor.div, torch.div, Tensor.true_divide, torch.true_divide})

LEAVES = (
    "the values would leave the field, and what is computed from them outside is no residue; compute with torch's own "
    "operations"
)


class Guard(TorchFunctionMode):
    """Refuses to hand out the memory of values, and passes large integers on as constants.

    Args:
        refuse: raises an error, given the name of an operation and the reason.
        number: makes a 0-dimensional tensor that stands for an integer, or for one divided by it.
        stand_in: the replacement of a function.
        replaced: the functions that have one.
    """

    def __init__(
        self,
        refuse: Callable[[str, str], Any],
        number: Callable[[int, bool], Tensor],
        stand_in: Callable[[Any], Callable[..., Any]],
        replaced: Iterable[Any],
    ) -> None:
        super().__init__()
        self._refuse, self._number, self._stand_in = refuse, number, stand_in
        self._replaced = frozenset(replaced)
        self._watched = _LEAVING | self._replaced

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in self._watched:
            if func in self._replaced:
                func = self._stand_in(func)
            elif args[0].dtype.is_floating_point:
                self._refuse(func.__name__, LEAVES)
        for arg in args:
            if arg.__class__ is int and not -_WORDS <= arg < _WORDS:
                return self._with_large_integer(func, args, kwargs or {})
        return func(*args, **kwargs) if kwargs else func(*args)

    def _with_large_integer(self, func: Any, args: Any, kwargs: Any) -> Any:
        left, right = args if len(args) == 2 else (None, None)
        divided = func in _QUOTIENTS and isinstance(right, int)
        if divided and not kwargs:
            func = torch.mul
        elif func not in _PRODUCTS | _SUMS or not (isinstance(left, Tensor) or isinstance(right, Tensor)):
            self._refuse(func.__name__, "an integer beyond 64 bits may be added, multiplied by or divided by; no more")
        return func(*(self._number(a, divided) if isinstance(a, int) else a for a in args), **kwargs)


@contextmanager
def outside() -> Iterator[None]:
    """While it is entered, torch computes with numbers as ever, though a field is active."""
    with torch._C.DisableTorchFunction(), _disable_current_modes():
        yield


def read(values: Tensor) -> npt.NDArray[Any]:
    """The only way out of a field: the entries of a tensor, as an array."""
    with outside():
        return np.asarray(values.detach().cpu().numpy())
