"""Operations of linear algebra: products of matrices and vectors, traces and determinants."""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor

from .arithmetic import Arithmetic, Scalar

_EXPANDED = 5
"""Rows up to which a determinant is expanded, which keeps its degree as low as that of its products"""


def addmm(f: Arithmetic, c: Tensor, a: Tensor, b: Tensor, beta: Scalar = 1, alpha: Scalar = 1) -> Tensor:
    return f.add(f.scale(c, beta), f.scale(f.matmul(a, b), alpha))


def addbmm(f: Arithmetic, c: Tensor, a: Tensor, b: Tensor, beta: Scalar = 1, alpha: Scalar = 1) -> Tensor:
    return f.add(f.scale(c, beta), f.scale(f.sum(f.matmul(a, b), [0]), alpha))


def mv(f: Arithmetic, a: Tensor, x: Tensor) -> Tensor:
    return f.matmul(a, x.unsqueeze(-1)).squeeze(-1)


def addmv(f: Arithmetic, c: Tensor, a: Tensor, x: Tensor, beta: Scalar = 1, alpha: Scalar = 1) -> Tensor:
    return f.add(f.scale(c, beta), f.scale(mv(f, a, x), alpha))


def addr(f: Arithmetic, c: Tensor, a: Tensor, b: Tensor, beta: Scalar = 1, alpha: Scalar = 1) -> Tensor:
    return f.add(f.scale(c, beta), f.scale(f.mul(a.unsqueeze(-1), b), alpha))


def dot(f: Arithmetic, a: Tensor, b: Tensor) -> Tensor:
    return f.matmul(a.unsqueeze(0), b.unsqueeze(-1)).reshape(())


def trace(f: Arithmetic, a: Tensor) -> Tensor:
    return f.sum(a.diagonal(), [0])


def trilinear(
    f: Arithmetic,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    expand_a: list[int],
    expand_b: list[int],
    expand_c: list[int],
    sums: list[int],
    unroll: int = 1,
) -> Tensor:
    """What nn.Bilinear runs: the three factors, new axes inserted, multiplied and summed."""
    for axes, name in ((expand_a, "a"), (expand_b, "b"), (expand_c, "c")):
        for axis in axes:
            a, b, c = (t.unsqueeze(axis) if key == name else t for key, t in zip("abc", (a, b, c), strict=True))
    return f.sum(f.mul(f.mul(a, b), c), sums)


def cross(f: Arithmetic, a: Tensor, b: Tensor, *, dim: int = -1) -> Tensor:
    a, b = torch.broadcast_tensors(a, b)
    before, after = ((a.roll(-n, dim), b.roll(n - 3, dim)) for n in (1, 2))
    return f.sub(f.mul(*before), f.mul(*after))


def determinant(f: Arithmetic, a: Tensor) -> list[Tensor]:
    """Determinants of matrices (..., n, n), without the decomposition that torch gives beside them.

    Source: for many rows, Bird, A simple division-free algorithm for computing determinants, Information Processing
    Letters 111 (2011), section 2.
    """
    found = _expanded(f, a) if a.shape[-1] <= _EXPANDED else _without_division(f, a)
    return [found, a.new_zeros(0), torch.zeros(0, dtype=torch.int32, device=a.device)]


def _expanded(f: Arithmetic, a: Tensor) -> Tensor:
    """Minors of the first rows, by columns, each expanded by its last row."""
    minors: dict[tuple[int, ...], Tensor] = {(): a.new_ones(a.shape[:-2])}
    for row in range(a.shape[-1]):
        above, minors = minors, {}
        for columns in combinations(range(a.shape[-1]), row + 1):
            total = None
            for place, column in enumerate(columns):
                term = f.mul(a[..., row, column], above[columns[:place] + columns[place + 1 :]])
                total = term if total is None else f.sub(term, total)  # signs alternate, and the last is positive
            assert total is not None
            minors[columns] = total
    return minors[tuple(range(a.shape[-1]))]


def _without_division(f: Arithmetic, a: Tensor) -> Tensor:
    size, found = a.shape[-1], a
    later = f.residues(a.new_ones(size, size).tril(-1))
    for _ in range(size - 1):
        rest = f.matmul(found.diagonal(dim1=-2, dim2=-1).unsqueeze(-2), later).squeeze(-2)
        found = f.matmul(f.sub(found.triu(1), rest.diag_embed()), a)
    corner = found[..., 0, 0]
    return corner if size % 2 else f.scale(corner, -1)
