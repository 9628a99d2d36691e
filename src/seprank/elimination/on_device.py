"""The elimination of `blocked` on tensors of torch, in the memory of a device such as a graphics card.

Which rows and columns become pivots is decided as there, by the same code: leading blocks are copied to the processor
and eliminated by it, all products and reductions are done on the device, in float64. Their results are the same
integers, so the profile is the same, too.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ..kernels.residues import Floats
from ..system.memory import MemoryBudgetError, free_bytes, show_size
from .blas import EXACT, Field, Indices
from .blocked import Elimination, blocks

TILE = (2**12, 2**13)
"""Rows and columns of one product, which takes 256 MiB: large enough to keep a card busy, small beside its memory"""


def loaded(matrix: Floats, field: Field, device: str) -> Tensor | None:
    """A matrix modulo the prime in the memory of a device; None if one reduction is not enough, or a number is none.

    A processor takes longer to look at all numbers than a card to eliminate them.

    Raises:
        MemoryBudgetError: as of `sent`.
    """
    work = sent(matrix, device)
    if not all(bool(((part.round() == part) & (part.abs() <= EXACT // 2)).all()) for part in _tiles(work)):
        return None
    reduce = DeviceField(field, work.device).reduce
    for part in _tiles(work):
        reduce(part)
    return work


def _tiles(work: Tensor) -> Iterator[Tensor]:
    return (part for rows in work.split(TILE[0]) for part in rows.split(TILE[1], 1))


def sent(work: Floats, device: str) -> Tensor:
    """Numbers in the memory of a device.

    Raises:
        MemoryBudgetError: it has too little for them and two tiles, a product and what it is reduced with.
    """
    rows, columns = work.shape
    need, free = 8 * (work.size + 2 * min(rows, TILE[0]) * min(columns, TILE[1])), free_bytes(device)
    if need > free:
        raise MemoryBudgetError(
            f"eliminating a matrix of {rows} x {columns} takes {show_size(need)} on {device}, which has "
            f"{show_size(free)} free; use device='cpu' (--device cpu), or fewer samples"
        )
    # torch warns of arrays that may not be written into, such as a matrix that is kept to grow from
    return torch.from_numpy(np.require(work, requirements=("C", "W"))).to(device, copy=True)


class DeviceField(Field):
    """The arithmetic of `Field` on tensors; blocks on the processor use that of the field itself."""

    def __init__(self, field: Field, device: torch.device) -> None:
        super().__init__(field.prime, field.loops)
        self.device = device

    def placed(self, numbers: Floats) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(numbers)).to(self.device)

    def reduce(self, values: Tensor) -> None:
        self.reduce_tensor(values, torch.empty_like(values))

    def reduce_tensor(self, values: Tensor, scratch: Tensor) -> None:
        """The steps of `residues.reduce`, of which each gives the same number on every device."""
        torch.mul(values, 1.0 / self.prime, out=scratch)
        scratch.round_()
        values.sub_(scratch.mul_(self.prime))


class DeviceElimination(Elimination):
    """One run over a tensor.

    Args:
        work: residues, float64, (rows, columns), used up.
        field: the arithmetic.
    """

    def __init__(self, work: Tensor, field: Field) -> None:
        self.on_device = DeviceField(field, work.device)
        super().__init__(work, self.on_device, threads=1)
        self.block = blocks(field)
        self.product: Tensor | None = None

    def copied(self, rows: slice, columns: slice) -> Floats:
        found: Floats = np.array(self.work[rows, columns].cpu().numpy(), order="C")
        return found

    def move_rows(self, rows: slice, source: slice | Indices, right: int) -> None:
        places = np.arange(source.start, source.stop) if isinstance(source, slice) else source
        self.work[rows, right:] = self.work[self._numbers(places), right:]
        self.rows[rows] = self.rows[source]

    def move_columns(self, rows: Tensor, columns: Indices, source: Indices) -> None:
        rows[:, self._numbers(columns)] = rows[:, self._numbers(source)]

    def used_columns(self, top: int, bottom: int, left: int) -> Indices:
        used = (self.work[top:bottom, left:] != 0).any(0)
        return np.flatnonzero(used.cpu().numpy())

    def tile(self, columns: int) -> tuple[int, int]:
        return TILE

    def subtract_tile(self, target: Tensor, left: Tensor, right: Tensor) -> None:
        size = target.numel()
        if self.product is None or len(self.product) < size:
            self.product = torch.empty(size, dtype=torch.float64, device=self.work.device)
        product = self.product[:size].view(target.shape)
        torch.mm(left, right, out=product)
        target.sub_(product)
        self.on_device.reduce_tensor(target, product)

    def _numbers(self, numbers: Indices) -> Tensor:
        return torch.from_numpy(numbers).to(self.work.device)
