"""Recording a module: the third arithmetic, in which values are names of unknown numbers.

A module runs unchanged in the prime field on `Symbolic`: constants are residues, and every unknown number, such as an
entry of the input, is a name. Operations that move entries move names; sums and products of names make new names and
record a `Step`. The result is a straight-line program of the module: sums and products of numbers, without calls,
views, shapes and batches. Nothing in it can depend on the values of inputs, because there are none during recording.

A name is a float64 NaN that carries the number of its register in its free bits. So memory may be copied in any way,
and a name that reaches arithmetic by another path is found out: the field admits finite numbers only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .arithmetic import Arithmetic, Float64, Places, Scalar, _product, constant, placed
from .guard import read

Numbers = npt.NDArray[np.float64]
Registers = npt.NDArray[np.int64]

ONE = 0
"""The register that holds the number one; a constant in a sum is a multiple of it"""

MOST_TERMS = 2**23
"""Products in a recording, hundreds of megabytes; larger modules are not recorded"""

_NAME = 0x7FF8 << 48
"""The bits of a NaN, of which the lowest 32 are free"""


class NotRecorded(ArithmeticError):
    """Raised when a module cannot be recorded; the message says why."""


@dataclass(frozen=True)
class Sums:
    """outs[i] = sum over k of factors[i, k] * terms[i, k]"""

    outs: Registers
    terms: Registers
    factors: Numbers


@dataclass(frozen=True)
class Products:
    """outs[i] = sum over k of left[i, k] * right[i, k]"""

    outs: Registers
    left: Registers
    right: Registers


@dataclass(frozen=True)
class Linear:
    """outs[i] = sum over k of matrix[i, k] * terms[k]"""

    outs: Registers
    terms: Registers
    matrix: Numbers


Step = Sums | Products | Linear


class Symbolic(Arithmetic):
    """Constants are computed, everything else is recorded.

    Args:
        p: the prime.
        known: computes constants, by default in float64.
    """

    exact_limit = Float64.exact_limit

    def __init__(self, p: int, known: Arithmetic | None = None) -> None:
        super().__init__(p)
        self.longest_sum -= 1  # a constant may be added
        if self.longest_sum < 2:
            raise NotRecorded(f"sums of products modulo {p} leave float64")
        self.steps: list[Step] = []
        """The recorded steps, in order; each register is written once"""
        self.registers = 1
        """How many registers there are"""
        self._terms = 0
        self._known = known or Float64(p)
        self._constants: dict[float, int] = {}

    def unknown(self, *shape: int) -> Tensor:
        """New names; the registers are in the order of rows."""
        return _named(self._new(math.prod(shape)).reshape(shape))

    def registers_of(self, values: Tensor) -> Registers:
        """The registers that a tensor names; a constant gets one."""
        return self._as_registers(_array(values))

    def apply(self, function: Callable[..., Tensor], *tensors: Tensor, bound: int) -> Tensor:
        if not any(bool(t.isnan().any()) for t in tensors):
            return self._known.apply(function, *tensors, bound=bound)
        if function is _product:
            return self._matrix_product(*tensors)
        if function is torch.mul:
            return self._each(self._multiply, *tensors)
        factors = {torch.add: (1, 1), torch.sub: (1, -1), torch.neg: (-1,)}.get(function)
        if factors is None:
            raise NotRecorded("it has an operation that is not recorded, such as a cumulative sum")
        return self._each(lambda *terms: self._add(np.stack(terms, 1), np.asarray(factors)), *tensors)

    def scale(self, a: Tensor, factor: Scalar) -> Tensor:
        residue = constant(factor, self.p)
        return a if residue == 1 else self._each(lambda terms: self._add(terms[:, None], np.asarray([residue])), a)

    def sum(self, a: Tensor, dims: Sequence[int], keepdim: bool = False) -> Tensor:
        places = sorted(d % a.ndim for d in dims) if dims else [*range(a.ndim)]
        if not places:
            return a.clone()
        rest = [d for d in range(a.ndim) if d not in places]
        terms = _array(a).transpose(rest + places).reshape(math.prod(a.shape[d] for d in rest), -1)
        found = self._add(terms, np.ones(terms.shape[1])).reshape([a.shape[d] for d in rest])
        return torch.from_numpy(np.expand_dims(found, places) if keepdim else found)

    def add_at(self, a: Tensor, where: Places, values: Tensor, *, most: int) -> Tensor:
        flat, places, each = (read(t) for t in placed(a, where, values))
        found, order = flat.copy(), np.argsort(places, kind="stable")
        counts = np.bincount(places, minlength=len(flat))
        first = np.cumsum(counts) - counts
        for count in {int(n) for n in counts if n}:
            own = np.flatnonzero(counts == count)
            terms = each[order[first[own][:, None] + np.arange(count)]]
            found[own] = self._add(np.column_stack([flat[own], terms]), np.ones(count + 1))
        return torch.from_numpy(found.reshape(a.shape))

    def inverse(self, a: Tensor) -> Tensor:
        if bool(a.isnan().any()):
            raise NotRecorded("it divides by a value, which may be zero")
        return self._known.inverse(a)

    def _each(self, function: Callable[..., Numbers], *tensors: Tensor) -> Tensor:
        """Apply a function entry by entry to tensors that are broadcast."""
        shape = np.broadcast_shapes(*(t.shape for t in tensors))
        found = function(*(_array(t.expand(shape)).reshape(-1) for t in tensors))
        return torch.from_numpy(found.reshape(shape))

    def _add(self, terms: Numbers, factors: Numbers) -> Numbers:
        """Sums (rows,) of factors (rows, terms), or (terms,), times constants and names (rows, terms)."""
        length = terms.shape[1]
        if length > self.longest_sum:
            pieces = range(0, length, self.longest_sum)
            step, factors = self.longest_sum, np.broadcast_to(factors, terms.shape)
            parts = [self._add(terms[:, k : k + step], factors[:, k : k + step]) for k in pieces]
            return self._add(np.stack(parts, 1), np.ones(len(parts)))
        factors = np.broadcast_to(factors, terms.shape).astype(np.float64)
        named = np.isnan(terms)
        rest = self._residues((np.where(named, 0, terms).astype(np.int64) * factors.astype(np.int64)).sum(1))
        if not named.any():
            return rest
        live = named & (factors != 0)
        counts = live.sum(1)
        registers = np.where(live, _registers(terms), ONE)
        found = rest.copy()
        same = (counts == 1) & (rest == 0) & ((live * factors).sum(1) == 1)
        found[same] = _named_array(registers.max(1)[same])
        open_ = (counts > 0) & ~same
        widths = counts + (rest != 0)
        for width in {int(w) for w in widths[open_]}:
            chosen = np.flatnonzero(open_ & (widths == width))
            # Live terms first, in their order; the constant, if there is one, takes the next place.
            order = np.argsort(~live[chosen], axis=1, kind="stable")[:, :width]
            if order.shape[1] < width:
                order = np.pad(order, ((0, 0), (0, 1)))
            own = np.take_along_axis(registers[chosen], order, 1)
            by = np.take_along_axis(factors[chosen], order, 1)
            with_rest = rest[chosen] != 0
            own[with_rest, width - 1], by[with_rest, width - 1] = ONE, rest[chosen][with_rest]
            outs = self._new(len(chosen))
            self._record(Sums(outs, own, by), own.size)
            found[chosen] = _named_array(outs)
        return found

    def _multiply(self, a: Numbers, b: Numbers) -> Numbers:
        left, right = np.isnan(a), np.isnan(b)
        both, found = left & right, np.empty_like(a)
        # A constant times a name, or times a constant, is a sum of one term.
        swapped = ~left & right
        terms, factors = np.where(swapped, b, a)[~both], np.where(swapped, a, b)[~both]
        found[~both] = self._add(terms[:, None], factors[:, None])
        if both.any():
            outs = self._new(int(both.sum()))
            self._record(Products(outs, _registers(a[both])[:, None], _registers(b[both])[:, None]), len(outs))
            found[both] = _named_array(outs)
        return found

    def _matrix_product(self, a: Tensor, b: Tensor) -> Tensor:
        shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        left = _array(a.expand(*shape, *a.shape[-2:])).reshape(-1, *a.shape[-2:])
        right = _array(b.expand(*shape, *b.shape[-2:])).reshape(-1, *b.shape[-2:])
        found = [self._product_of_two(x, y) for x, y in zip(left, right, strict=True)]
        return torch.from_numpy(np.stack(found).reshape(*shape, a.shape[-2], b.shape[-1]))

    def _product_of_two(self, a: Numbers, b: Numbers) -> Numbers:
        if not np.isnan(b).any():
            return np.stack([self._linear(b.T, row) for row in a])
        if not np.isnan(a).any():
            return np.stack([self._linear(a, column) for column in b.T], 1)
        left, right = (self._as_registers(t) for t in (a, b))
        outs = self._new(len(a) * b.shape[1])
        self._record(
            Products(outs, np.repeat(left, b.shape[1], 0), np.tile(right.T, (len(a), 1))), len(outs) * a.shape[1]
        )
        return _named_array(outs).reshape(len(a), b.shape[1])

    def _linear(self, matrix: Numbers, vector: Numbers) -> Numbers:
        """A matrix of constants times a vector."""
        named = np.isnan(vector)
        rest = self._dot(matrix[:, ~named], vector[~named])
        if not named.any():
            return rest
        terms, columns = _registers(vector[named]), matrix[:, named]
        if rest.any():
            terms, columns = np.append(terms, ONE), np.column_stack([columns, rest])
        outs = self._new(len(matrix))
        self._record(Linear(outs, terms, np.ascontiguousarray(columns)), columns.size)
        return _named_array(outs)

    def _dot(self, matrix: Numbers, vector: Numbers) -> Numbers:
        return self._residues(matrix.astype(np.int64) @ vector.astype(np.int64))

    def _residues(self, integers: npt.NDArray[np.int64]) -> Numbers:
        half = self.p // 2
        return ((integers + half) % self.p - half).astype(np.float64)

    def _as_registers(self, values: Numbers) -> Registers:
        """Registers of names, and of constants, each of which gets one."""
        known = ~np.isnan(values)
        registers = _registers(values)
        if known.any():
            new = [float(v) for v in np.unique(values[known]) if float(v) not in self._constants]
            if new:
                outs = self._new(len(new))
                factors = np.asarray(new)[:, None]
                self._record(Sums(outs, np.full((len(new), 1), ONE), factors), len(new))
                self._constants.update(zip(new, map(int, outs), strict=True))
            registers[known] = [self._constants[float(v)] for v in values[known]]
        return registers

    def _new(self, count: int) -> Registers:
        first, self.registers = self.registers, self.registers + count
        if self.registers > MOST_TERMS:
            raise NotRecorded(f"it computes more than {MOST_TERMS:,} numbers per sequence")
        return np.arange(first, self.registers)

    def _record(self, step: Step, terms: int) -> None:
        self._terms += terms
        if self._terms > MOST_TERMS:
            raise NotRecorded(f"it multiplies more than {MOST_TERMS:,} numbers per sequence")
        self.steps.append(step)


def _array(values: Tensor) -> Numbers:
    array: Numbers = np.ascontiguousarray(read(values))
    if (np.isnan(array) & (_registers(array) == ONE)).any():
        raise NotRecorded("it has an operation that computes with names")
    return array


def _registers(values: Numbers) -> Registers:
    """The registers of names; of numbers, anything."""
    bits: Any = np.ascontiguousarray(values).view(np.int64)
    found: Registers = bits & (2**32 - 1)
    return found


def _named_array(registers: Registers) -> Numbers:
    return (registers | _NAME).view(np.float64)


def _named(registers: Registers) -> Tensor:
    return torch.from_numpy(_named_array(registers))
