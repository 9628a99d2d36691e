"""Start-End matrices of torch's modules (hidden 64, inputs 16, length 64, K = 512): halves against whole sequences.

One thread, one process, methods in turn, median processor time of the repetitions. Timed on a few starts with all
ends (whole sequences on a quarter of those) and scaled to K starts. Whole sequences get the block size that suits them
best out of three. The limit is the matrix products of the end halves alone. Matrices are compared first: no speed is
printed from a wrong result.

    python benchmarks/measure.py [--samples 512] [--rows 32] [--repetitions 5]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from seprank.adapters import SequenceModel, adapt  # noqa: E402
from seprank.startend import Halves, StartEndMatrix, pairs_per_block  # noqa: E402

HIDDEN, INPUTS, LENGTH, CUT = 64, 16, 64, 32
BLOCKS_OF_WHOLE = (64, 128, 512)
ROWS: list[tuple[type[nn.RNNBase], torch.dtype, float]] = [
    (nn.LSTM, torch.float32, 1.8),
    (nn.LSTM, torch.float64, 3.0),
    (nn.GRU, torch.float64, 3.0),
    (nn.RNN, torch.float64, 3.0),
]
"""With the goal: how many times faster"""
GATES = {nn.RNN: 1, nn.GRU: 3, nn.LSTM: 4}


def split(model: SequenceModel, starts: Tensor, ends: Tensor) -> np.ndarray:
    """(starts, ends, channels) by the state after each start."""
    numbers = LENGTH * (INPUTS + model.channels) + 4 * model.state_numbers(LENGTH)
    block = pairs_per_block(model.width, 16 * numbers, 2**32)
    matrix = StartEndMatrix(model, lambda output: output, channels=model.channels, block=block)
    return matrix.grow(Halves(vectors=starts), Halves(vectors=ends)).reshape(len(starts), len(ends), -1)


def whole(module: nn.RNNBase, starts: Tensor, ends: Tensor, block: int) -> np.ndarray:
    """The same by whole sequences, so many at a time."""
    values = np.empty((len(starts), len(ends), HIDDEN))
    with torch.no_grad():
        for row, start in zip(values, starts, strict=True):
            for first in range(0, len(ends), block):
                chosen = ends[first : first + block]
                sequences = torch.cat([start.expand(len(chosen), -1, -1), chosen], 1)
                row[first : first + block] = module(sequences)[0][:, -1].numpy()
    return values


def products(gates: int, dtype: torch.dtype, pairs: int) -> Callable[[], None]:
    """The matrix products of the end halves of so many pairs, 512 pairs at a time."""
    weights, states = (
        torch.rand(gates * HIDDEN, HIDDEN + INPUTS, dtype=dtype),
        torch.rand(HIDDEN + INPUTS, 512, dtype=dtype),
    )
    result = weights @ states

    def run() -> None:
        for _ in range((LENGTH - CUT) * pairs // 512):
            torch.mm(weights, states, out=result)

    return run


def medians(methods: dict[str, Callable[[], object]], repetitions: int) -> dict[str, float]:
    """Median seconds of each, in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(repetitions):
        for name, method in methods.items():
            began = time.process_time()
            method()
            seconds[name].append(time.process_time() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}


def compare(kind: type[nn.RNNBase], dtype: torch.dtype, goal: float, samples: int, rows: int, repetitions: int) -> bool:
    """Check agreement, print a line; whether the matrices agree."""
    torch.manual_seed(0)
    name = f"{kind.__name__:<5}{str(dtype).removeprefix('torch.')}"
    module = kind(INPUTS, HIDDEN, batch_first=True, dtype=dtype)
    starts, ends = (torch.randn(count, CUT, INPUTS, dtype=dtype) for count in (rows, samples))
    model = adapt(module, starts)
    few = starts[: max(1, rows // 4)]
    found, expected = split(model, few, ends), whole(module, few, ends, 128)
    difference = abs(found - expected).max() / abs(expected).max()
    if not difference <= 4 * model.floor:
        print(f"{name}: the matrices differ by {difference:.1e} of the largest entry; no speed from a wrong result")
        return False
    methods: dict[str, Callable[[], object]] = {
        f"whole {block}": lambda block=block: whole(module, few, ends, block) for block in BLOCKS_OF_WHOLE
    }
    methods |= {"split": lambda: split(model, starts, ends), "limit": products(GATES[kind], dtype, rows * samples)}
    scale = {name: samples / (len(few) if name.startswith("whole") else rows) for name in methods}
    seconds = {name: scale[name] * value for name, value in medians(methods, repetitions).items()}
    best, ours, limit = min(v for n, v in seconds.items() if n.startswith("whole")), seconds["split"], seconds["limit"]
    print(
        f"{name:<13} {difference:>9.0e} {best:>8.1f} {ours:>8.1f} {best / ours:>6.2f}x "
        f"{f'>= {goal} ' + ('met' if best / ours >= goal else 'missed'):>14} {limit:>7.1f} {100 * limit / ours:>5.0f}%"
    )
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=512, help="K, start and end halves")
    parser.add_argument("--rows", type=int, default=32, help="starts that are timed")
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"seconds for {options.samples} x {options.samples} pairs, scaled from {options.rows} starts, one thread, "
        f"median of {options.repetitions}"
    )
    print(f"{'':<13} {'differ':>9} {'whole':>8} {'split':>8} {'ratio':>7} {'goal':>14} {'limit':>7} {'of it':>6}")
    agree = [compare(*row, options.samples, options.rows, options.repetitions) for row in ROWS]
    return 0 if all(agree) else 1


if __name__ == "__main__":
    sys.exit(main())
