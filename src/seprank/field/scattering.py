"""Operations that put values at positions given by integer tensors, or take them from there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from .arithmetic import Arithmetic, Scalar
from .operands import Refusal, div, element

_SUM, _MEAN = 0, 1
"""Numbers that torch has for what an embedding bag does with its rows"""


def embedding(f: Arithmetic, weight: Tensor, indices: Tensor, *_: Any) -> Tensor:
    return torch.embedding(weight, indices)


def require_known_padding(table: Any, ids: Any, padding: int = -1, *_: Any) -> None:
    """Refuse a row for padding that was drawn: training does not change such a row."""
    known = getattr(table, "_seprank_padding", None)
    if padding >= 0 and known is not None and padding not in known:
        raise Refusal(
            f"row {padding} is for padding here and keeps its value, but nothing says so before the module runs; use "
            f"nn.Embedding(..., padding_idx={padding})"
        )


def index_add(f: Arithmetic, a: Tensor, dim: int, index: Tensor, source: Tensor, alpha: Scalar = 1) -> Tensor:
    source = f.scale(element(f, source), alpha)
    return f.add_at(a, lambda places: places.index_select(dim, index), source, most=source.numel())


def scatter_add(f: Arithmetic, a: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    used = source[tuple(map(slice, index.shape))]
    return f.add_at(a, lambda places: places.gather(dim, index), used, most=index.numel())


def index_put(f: Arithmetic, a: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    values = element(f, values)
    if not accumulate:
        return a.index_put(tuple(indices), values)
    return f.add_at(a, partial(_indexed, indices), values, most=_most_at_one_place(indices))


def _indexed(indices: Any, places: Tensor) -> Tensor:
    taken: Tensor = torch.ops.aten.index(places, list(indices))
    return taken


def _most_at_one_place(indices: Sequence[Tensor | None]) -> int:
    """The most often that these may name one place: positions as often as they have entries, masks once."""
    given = [index for index in indices if index is not None]
    positions = [index.shape for index in given if index.dtype != torch.bool]
    masks = math.prod(index.numel() for index in given if index.dtype == torch.bool) if positions else 1
    together: tuple[int, ...] = torch.broadcast_shapes(*positions)
    return math.prod(together) * masks


def index_fill(f: Arithmetic, a: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    return a.index_fill(dim, index, element(f, value))


def scatter(f: Arithmetic, a: Tensor, dim: int, index: Tensor, source: Any, reduce: str | None = None) -> Tensor:
    source = element(f, source)
    if reduce == "add":
        return scatter_add(f, a, dim, index, source.expand(index.shape) if source.ndim == 0 else source)
    if reduce is not None:
        raise Refusal("of the reductions of scatter only sums are supported; use scatter_add")
    return a.scatter(dim, index, source) if source.ndim == a.ndim else _scatter_one(a, dim, index, source)


def _scatter_one(a: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    return a.scatter(dim, index, source.expand(index.shape))


def scatter_reduce(
    f: Arithmetic, a: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, include_self: bool = True
) -> Tensor:
    if reduce != "sum":
        raise Refusal(f"{reduce!r} of what is scattered is not supported, only 'sum'; use scatter_reduce(..., 'sum')")
    return scatter_add(f, a if include_self else a.scatter(dim, index, 0.0), dim, index, element(f, source))


def embedding_bag(
    f: Arithmetic,
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale_grad_by_freq: bool = False,
    mode: int = _SUM,
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int = -1,
) -> list[Tensor]:
    """Sums or means of rows of a table, one for each bag; rows for padding are in none."""
    if mode not in (_SUM, _MEAN):
        raise Refusal("the greatest of several values is no polynomial; use mode='sum' or 'mean'")
    begins = offsets[:-1] if include_last_offset else offsets
    bags = torch.searchsorted(begins, torch.arange(len(indices), device=begins.device), right=True) - 1
    kept = indices != padding_idx
    bags, rows = bags[kept], weight[indices[kept]]
    if per_sample_weights is not None:
        rows = f.mul(rows, element(f, per_sample_weights)[kept].unsqueeze(1))
    total = index_add(f, rows.new_zeros(len(begins), weight.shape[1]), 0, bags, rows)
    if mode == _MEAN:
        total = div(f, total, bags.bincount(minlength=len(begins)).clamp(min=1).unsqueeze(1))
    unused = indices.new_zeros(0)  # what gradients would need
    return [total, unused, unused.clone(), unused.clone()]
