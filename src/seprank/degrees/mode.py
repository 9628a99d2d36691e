"""DegreeField: run an unchanged polynomial module over the degrees of polynomials instead of numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from ..field import PrimeField, read
from ..field.leaves import tensors
from ..field.operands import Refusal
from ..question import Squash
from .tropical import RULES, Degrees

ZERO = -1
"""The degree of what is certainly zero"""

_LOOKING_UP = ("embedding", "index")

_BAGS = ("_embedding_bag", "_embedding_bag_forward_only")
"""Sums or means of rows from a lookup"""


class DegreeField(PrimeField):
    """Context in which torch computes highest or lowest degrees.

    It is the context of the prime field with another arithmetic: the same rules say what is polynomial, where new
    tensors come from and what may be written into. Tensors from outside are constants, or zero at their zeros;
    `degrees` makes variables, `ids` makes unknown token numbers.

    Args:
        lowest: lowest degrees rather than highest.
        squash: as in `PrimeField`.

    Source: docs/degrees.md, "Running a module over degrees".

    Example:
        >>> with DegreeField() as field:
        ...     x = field.degrees(np.array([1, 1]))
        ...     y = x * x * x + 2 * x
        >>> field.read(y)
        array([3., 3.])
    """

    def __init__(self, *, lowest: bool = False, squash: Squash | None = None) -> None:
        super().__init__(squash=squash)
        self.arithmetic: Degrees = Degrees(lowest=lowest)
        self._has_ids = False

    def __enter__(self) -> DegreeField:
        super().__enter__()
        return self

    def degrees(self, degrees: npt.ArrayLike) -> Tensor:
        """Polynomials of these degrees, `ZERO` for zero."""
        with _disable_current_modes():
            tensor: Tensor = self._mark(torch.from_numpy(np.asarray(np.asarray(degrees) + 1.0)), self._from_outside)
        return tensor

    def ids(self, shape: tuple[int, ...]) -> Tensor:
        """Unknown token numbers: they may be looked up, but nothing may be decided by them."""
        self._has_ids = True
        with _disable_current_modes():
            return _make_unknown(torch.zeros(shape, dtype=torch.int64))

    def read(self, tensor: Tensor) -> npt.NDArray[np.float64]:
        """The degrees in a tensor of this context, infinite where they are too high to be exact."""
        return np.asarray(read(tensor) - 1)

    def _decimals(self, value: Tensor) -> Tensor:
        return self.arithmetic.residues(value)

    def _number(self, value: int, inverse: bool) -> Tensor:
        return self.degrees(np.zeros(()))

    def _run(self, operation: Any, args: Any, kwargs: Any) -> Any:
        if not (self._has_ids and any(map(is_unknown, tensors([args, kwargs])))):
            return super()._run(operation, args, kwargs)
        if operation.name in _LOOKING_UP and _looks_up_rows(args):
            return self._any_row(args[0], _only(args[1]))
        if operation.name in _BAGS and is_unknown(args[1]) and not any(map(is_unknown, args[2:])):
            # A sum of any rows, padding left out or not, has the degrees of any row.
            row = self._any_row(args[0], args[1][:1])
            return super()._run(operation, (row, torch.zeros_like(args[1]), *args[2:8]), kwargs)
        if operation.name == "_local_scalar_dense":
            raise Refusal("it branches on a token number; look tokens up in an embedding")
        result = super()._run(operation, args, kwargs)
        if not isinstance(result, Tensor) or not result.is_floating_point():
            return _each_unknown(result)
        if operation.name != "_to_copy":
            raise Refusal("a token number may be looked up in an embedding or converted to a float, not used otherwise")
        return self.degrees(np.zeros(tuple(result.shape)))

    def _any_row(self, table: Tensor, ids: Tensor) -> Tensor:
        """An unknown row of a table."""
        rows = self._admit(table)
        worst = self.arithmetic.sum(rows, [0])
        return self._mark(worst.expand(*ids.shape, *worst.shape).clone())  # type: ignore[no-any-return]

    def _compute(self, operation: Any, args: Any, kwargs: Any) -> Any:
        return super()._compute(_with_rule(operation), args, kwargs)


@cache
def _with_rule(operation: Any) -> Any:
    handler: Callable[..., Any] | None = RULES.get(operation.name)
    if operation.handler is not None and handler is None:
        handler = _refuse
    return replace(operation, handler=handler)


def _refuse(*_: Any, **__: Any) -> Tensor:
    raise Refusal("degrees have no rule for it; write it with sums and products")


def is_unknown(value: Any) -> bool:
    """Whether a value consists of integers that follow from token numbers."""
    return isinstance(value, Tensor) and hasattr(value, "_seprank_unknown")


def _make_unknown(ids: Tensor) -> Tensor:
    ids._seprank_unknown = True  # type: ignore[attr-defined]
    return ids


def _each_unknown(result: Any) -> Any:
    for leaf in tensors([result]):
        _make_unknown(leaf)
    return result


def _only(index: Any) -> Any:
    return index[0] if isinstance(index, list | tuple) and len(index) == 1 else index


def _looks_up_rows(args: Any) -> bool:
    """Whether it takes rows of a table of values by token numbers, as embedding(table, ids) and table[ids] do."""
    table, ids = args[0], _only(args[1])
    return isinstance(table, Tensor) and table.is_floating_point() and is_unknown(ids) and not is_unknown(table)
