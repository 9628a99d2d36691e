"""Functions of NumPy arrays, or of anything that converts to them."""

from __future__ import annotations

import inspect
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .structure import flatten, unflatten


class OverArrays:
    """A function of tensors made from one that takes NumPy arrays, and returns NumPy or JAX arrays in any structure.

    Example:
        >>> OverArrays(lambda x: np.cumsum(x, 1))(torch.ones(1, 3))
        tensor([[1., 2., 3.]])
    """

    def __init__(self, function: Any) -> None:
        self._function = function
        self.__name__ = getattr(function, "__name__", type(function).__name__)
        with suppress(ValueError, TypeError):  # some built-in functions do not say what they take
            self.__signature__ = inspect.signature(function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function on arrays."""
        given, structure = flatten((args, kwargs))
        args, kwargs = unflatten(structure, [leaf.numpy() if isinstance(leaf, Tensor) else leaf for leaf in given])
        leaves, structure = flatten(self._function(*args, **kwargs))
        return unflatten(structure, [_as_tensor(leaf) for leaf in leaves])


def _as_tensor(leaf: Any) -> Any:
    if isinstance(leaf, Tensor) or not hasattr(leaf, "__array__"):
        return leaf
    return torch.from_numpy(np.array(leaf))  # a copy: arrays of JAX cannot be written into
