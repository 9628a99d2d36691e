"""Building the Start-End matrix of a RAC modulo p: seconds for K x K pairs, one thread.

By its program in LLVM's machine code, in numba and in NumPy, and by the module itself, each against the slow definition
(each pair in NumPy int64 by itself, extrapolated from a few pairs) and against the time the same multiplications take
as one large GEMM. The matrices are compared first. Times are of this process, without imports, set-up and what is
compiled once; recording a program, and compiling it by LLVM, count.

    python benchmarks/startend.py [--samples 2000] [--repetitions 3]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
import torch  # noqa: E402

from seprank import RAC  # noqa: E402
from seprank.certification import recording  # noqa: E402
from seprank.certification.asked import ask  # noqa: E402
from seprank.certification.prepared import enter  # noqa: E402
from seprank.field import DEFAULT_PRIME, draw_elements, executors, interpreter, machine_code  # noqa: E402
from seprank.settings.certify_settings import CertifySettings  # noqa: E402

BUDGET = 2**32
SLOW_PAIRS = 200


EXECUTORS = [*(["LLVM", "numba"] if find_spec("numba") else []), "NumPy", "module"]


def ours(width: int, length: int, depth: int, samples: int, executor: str) -> tuple[np.ndarray, float]:
    """The matrix as `certify` builds it, and the processor's seconds without imports and set-up."""
    module = RAC(width, width, depth)
    question = ask(module, CertifySettings(length=length))
    recording.RECORDED = sys.maxsize if executor == "module" else 0
    executors.fastest = lambda *_: {"NumPy": interpreter, "LLVM": machine_code}.get(executor) or compiled()
    with enter(module, question, arithmetic="float64", device="cpu") as run:
        halves = [run.samples(side, samples) for side in ("starts", "ends")]
        matrix = run.matrix(BUDGET)
        began = time.process_time()
        values = matrix.grow(*halves)
        seconds = time.process_time() - began
        assert not run.recorded.reason, run.recorded.reason
        return values, seconds


def compiled() -> ModuleType:
    """The compiled executor, which only a machine with numba has."""
    return import_module("seprank.field.compiled")


def one_by_one(width: int, length: int, depth: int, pairs: list[tuple[int, int]]) -> tuple[list[int], float]:
    """The definition, pair by pair in int64 from the documented random streams, and the seconds for a pair."""
    p = DEFAULT_PRIME

    def draw(name: str, *shape: int) -> np.ndarray:
        return draw_elements(0, name, int(np.prod(shape)), p).astype(np.int64).reshape(shape)

    weights = [
        (draw(f"parameter/weight_ih_l{k}", width, width), draw(f"parameter/weight_hh_l{k}", width, width))
        for k in range(depth)
    ]
    initial, readout = draw("parameter/initial_state", depth, width), draw("readout", width)
    count = 1 + max(max(pair) for pair in pairs)
    half = length // 2
    starts, ends = draw("starts", count, half, width), draw("ends", count, half, width)
    began = time.perf_counter()
    found = []
    for i, j in pairs:
        states = list(initial)
        for x in np.concatenate([starts[i], ends[j]]):
            below = x
            for layer, (from_input, recurrent) in enumerate(weights):
                below = (recurrent @ states[layer] % p) * (from_input @ below % p) % p
                states[layer] = below
        found.append(int(readout @ states[-1] % p))
    return found, (time.perf_counter() - began) / len(pairs)


def gemm_seconds(width: int, length: int, depth: int, samples: int) -> float:
    """The multiplications of all end halves, as one square GEMM of as many."""
    flops = 2 * samples**2 * (length // 2) * depth * 2 * width**2
    size = 2000
    a, b = torch.rand(size, size, dtype=torch.float64), torch.rand(size, size, dtype=torch.float64)
    a @ b
    began = time.perf_counter()
    a @ b
    return flops / (2 * size**3 / (time.perf_counter() - began))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=2000, help="K, start and end halves")
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    print(f"seconds for {options.samples} x {options.samples} pairs, one thread, median of {options.repetitions}")
    print(f"{'R  T  L':<10} {'':<9} {'seconds':>8} {'/ module':>9} {'slow /':>7} {'GEMM':>6} {'of GEMM':>8}")
    for width, length, depth in [(4, 8, 2), (4, 8, 3), (8, 12, 2), (8, 12, 3)]:
        if "numba" in EXECUTORS:
            ours(width, length, depth, 40, "numba")
        kinds = EXECUTORS * options.repetitions  # in turn: the machine may not be quiet
        runs = [(kind, *ours(width, length, depth, options.samples, kind)) for kind in kinds]
        pairs = [(int(i), int(j)) for i, j in rng.integers(0, min(options.samples, 100), (SLOW_PAIRS, 2))]
        expected, per_pair = one_by_one(width, length, depth, pairs)
        first = runs[0][1]
        agree = all(int(first[i, j]) % DEFAULT_PRIME == y for (i, j), y in zip(pairs, expected, strict=True))
        if not agree or any(not np.array_equal(values, first) for _, values, _ in runs):
            print(f"R = {width}, T = {length}, L = {depth}: the matrices differ; no speed from a wrong result")
            return 1
        median = {kind: statistics.median(s for k, _, s in runs if k == kind) for kind in EXECUTORS}
        slow, gemm = per_pair * options.samples**2, gemm_seconds(width, length, depth, options.samples)
        for kind, seconds in median.items():
            print(
                f"{width:<2} {length:<3} {depth:<3} {kind:<9} {seconds:>8.2f} {seconds / median['module']:>9.2f} "
                f"{slow / seconds:>6.0f}x {gemm:>6.2f} {100 * gemm / seconds:>7.0f}%"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
