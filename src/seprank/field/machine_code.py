"""Programs run as machine code: LLVM, which comes with numba, compiles the steps of one program.

The steps for pairs become one function without a loop over them. It takes four pairs at once, whose numbers are in
registers; so it is faster than `compiled`, which looks steps up and has its rows in memory, where sums are short. It
does without numba, which takes a second to load. But each program is compiled anew, in a time that grows with its
length.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..kernels.residues import ONE_PASS
from .interpreter import run_steps
from .program import KINDS, Stage
from .symbolic import Linear, Numbers, Products

_PAIRS = 4
"""In a vector; wider ones run no faster, and take LLVM several times as long"""

_VECTOR = f"<{_PAIRS} x double>"

_LONGEST = 2**13
"""Lines of a program, about; LLVM takes a second for them"""

_PER_LINE, _AT_LEAST = 2**22, 2**30
"""Work in NumPy (see `Stage.work`) that takes ten times as long as compiling a line, and loading LLVM"""

_one_at_a_time = threading.Lock()
"""A program is compiled by one thread, for which the others wait"""

__all__ = ["is_worth_it", "run_pairs", "run_steps"]


def is_worth_it(stage: Stage, pairs: int) -> bool:
    """Whether LLVM is installed, and compiling these steps takes little time beside running them on so many pairs."""
    lines = int((stage.heads[:, 1] * (stage.heads[:, 2] + 3)).sum()) + 2 * stage.given
    least = _AT_LEAST + _PER_LINE * lines
    return lines <= _LONGEST and stage.work * pairs >= least and find_spec("llvmlite") is not None


def run_pairs(stage: Stage, starts: Numbers, ends: Numbers, p: int, out: Numbers) -> None:
    """As `interpreter.run_pairs`."""
    width = max(_PAIRS, out.shape[1])
    own = found = out.transpose(0, 2, 1)
    if out.shape[1] < _PAIRS or found.strides[2] != found.itemsize:
        own = np.empty((*found.shape[:2], width))
    given = np.ascontiguousarray(ends if out.shape[1] == width else np.pad(ends, ((0, 0), (0, width - out.shape[1]))))
    by_start = np.ascontiguousarray(starts.T)
    with _one_at_a_time:
        function = _compiled(stage, len(starts), p)
    strides = (stride // own.itemsize for stride in own.strides[:2])
    function(by_start.ctypes.data, given.ctypes.data, own.ctypes.data, len(out), width, *strides)
    if own is not found:
        found[:] = own[:, :, : out.shape[1]]


@lru_cache(maxsize=4)
def _compiled(stage: Stage, many: int, p: int) -> Callable[..., None]:
    """A function of the addresses of starts, ends and results, how many starts and ends, and the results' strides."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2
    )
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly("\n".join(_source(stage, many, p))), target)
    engine.finalize_object()
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, *[ctypes.c_int64] * 4)
    function: Any = kind(engine.get_function_address("pairs"))
    function.engine = engine  # which owns the memory of the code
    return function  # type: ignore[no-any-return]


def _source(stage: Stage, many: int, p: int) -> Iterable[str]:
    """For each start, four ends at a time, of which the last four begin early where the number is no multiple."""
    code = _Code(p)
    yield f"declare {_VECTOR} @llvm.fmuladd.v{_PAIRS}f64({_VECTOR}, {_VECTOR}, {_VECTOR})"
    yield f"declare {_VECTOR} @llvm.rint.v{_PAIRS}f64({_VECTOR})"
    yield "define void @pairs(ptr %starts, ptr %ends, ptr noalias %out, i64 %count, i64 %width, i64 %row, i64 %channel)"
    yield f"{{\nentry:\n %last = sub i64 %width, {_PAIRS}\n %some = icmp sgt i64 %count, 0"
    yield " br i1 %some, label %start, label %done"
    yield f"start:\n %i = phi i64 [0, %entry], [%next, %after]\n %first = mul i64 %i, {many}\n %own = mul i64 %i, %row"
    rows = [_number(1.0), *(code.of_start(number) for number in range(many))] + [""] * (stage.rows - 1 - many)
    yield from code.taken()
    yield " br label %lane\nlane:\n %k = phi i64 [0, %start], [%beyond, %lane]\n %early = icmp sgt i64 %k, %last"
    yield " %at = select i1 %early, i64 %last, i64 %k"
    rows[1 + many : 1 + stage.given] = [code.of_end(number) for number in range(stage.given - many)]
    _steps(stage, rows, code)
    for channel, result in enumerate(stage.results):
        code.store(channel, rows[result])
    yield from code.taken()
    yield f" %beyond = add i64 %k, {_PAIRS}\n %more = icmp slt i64 %beyond, %width"
    yield " br i1 %more, label %lane, label %after"
    yield "after:\n %next = add i64 %i, 1\n %again = icmp slt i64 %next, %count"
    yield " br i1 %again, label %start, label %done\ndone:\n ret void\n}"


def _steps(stage: Stage, rows: list[str], code: _Code) -> None:
    """What holds the numbers of each row, after all steps."""
    for kind, count, length, at, by in stage.heads.tolist():
        places, found = stage.places[at + count :], []
        for number in range(count):
            own = slice(number * length, (number + 1) * length)
            lefts = places[:length] if kind == KINDS[Linear] else places[own]
            if kind == KINDS[Products]:
                factors = [rows[right] for right in places[count * length :][own]]
            else:
                factors = [_number(factor) for factor in stage.factors[by:][own]]
            found.append(code.sum_of_products([rows[left] for left in lefts], factors))
        for row, result in zip(stage.places[at : at + count], found, strict=True):
            rows[row] = result


def _number(value: float) -> str:
    """A vector that has a number in each place."""
    bits = int(np.float64(value).view(np.uint64))
    return "<" + ", ".join([f"double 0x{bits:016X}"] * _PAIRS) + ">"


class _Code:
    """Lines of LLVM's language, each of which gives a new name to what it computes."""

    def __init__(self, p: int) -> None:
        self._lines: list[str] = []
        self._named = 0
        self._inverse, self._minus = _number(1.0 / p), _number(-float(p))
        self._one_pass = ONE_PASS // (p // 2) ** 2
        """Products that one rounding reduces the sum of"""

    def taken(self) -> list[str]:
        """The lines since the last call."""
        lines, self._lines = self._lines, []
        return lines

    def let(self, text: str) -> str:
        self._named += 1
        self._lines.append(f" %v{self._named} = {text}")
        return f"%v{self._named}"

    def address(self, of: str, *places: str) -> str:
        place = places[0]
        for other in places[1:]:
            place = self.let(f"add i64 {place}, {other}")
        return self.let(f"getelementptr double, ptr {of}, i64 {place}")

    def of_start(self, number: int) -> str:
        """A number of a start, in each place of a vector."""
        one = self.let(f"load double, ptr {self.address('%starts', '%first', str(number))}")
        first = self.let(f"insertelement {_VECTOR} undef, double {one}, i32 0")
        return self.let(f"shufflevector {_VECTOR} {first}, {_VECTOR} undef, <{_PAIRS} x i32> zeroinitializer")

    def of_end(self, number: int) -> str:
        """The same number of several ends."""
        before = self.let(f"mul i64 %width, {number}")
        return self.let(f"load {_VECTOR}, ptr {self.address('%ends', before, '%at')}, align 8")

    def store(self, channel: int, result: str) -> None:
        before = self.let(f"mul i64 %channel, {channel}")
        place = self.address("%out", "%own", before, "%at")
        self._lines.append(f" store {_VECTOR} {result}, ptr {place}, align 8")

    def sum_of_products(self, lefts: list[str], rights: list[str]) -> str:
        """Their balanced residue. That sums are rounded once or twice is the same, as all are integers below 2^53."""
        total = self.let(f"fmul {_VECTOR} {lefts[0]}, {rights[0]}")
        for left, right in zip(lefts[1:], rights[1:], strict=True):
            total = self.plus(total, left, right)
        for _ in range(1 if len(lefts) <= self._one_pass else 2):
            quotient = self.let(f"fmul {_VECTOR} {total}, {self._inverse}")
            whole = self.let(f"call {_VECTOR} @llvm.rint.v{_PAIRS}f64({_VECTOR} {quotient})")
            total = self.plus(total, whole, self._minus)
        return total

    def plus(self, total: str, left: str, right: str) -> str:
        return self.let(
            f"call {_VECTOR} @llvm.fmuladd.v{_PAIRS}f64({_VECTOR} {left}, {_VECTOR} {right}, {_VECTOR} {total})"
        )
