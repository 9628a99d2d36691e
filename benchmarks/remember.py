"""Memory curve of an LSTM (hidden 64, inputs 4, length 1,000, 256 pairs, default lags) against what else would do.

- The limit: two plain forward passes of the 256 pairs' sequences, by the same fast cell and by torch's own.
- A model that remembers to the end: no lag may be left out, which is the most that a curve can cost.
- The same shares by Start-End matrices at the same lags, with as many starts as give the same error; timed at a few
  lags and scaled by the steps.
- One position resampled at a time with a whole forward pass each, as packages for effective context do; timed at a few
  positions and scaled.

Agreement with the definition, sequence by sequence, and with the matrices is checked first: no speed is printed from a
wrong result. One thread, seconds of processor time.

    python benchmarks/remember.py [--length 1000] [--samples 256] [--repetitions 3]
"""

from __future__ import annotations

import argparse
import math
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

import seprank as sr  # noqa: E402
from seprank.adapters import adapt  # noqa: E402

HIDDEN, INPUTS = 64, 4
MOST = 3.0
"""Times the limit that a curve may take"""
FEW = 4
"""Lags at which matrices are timed, and positions that are resampled"""


def network(remembering: bool) -> nn.LSTM:
    """Normal weights; or one whose forget gates stay open, so that memory lasts to the end."""
    generator = torch.Generator().manual_seed(0)
    module = nn.LSTM(INPUTS, HIDDEN, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        for parameter in module.parameters():
            size = 1 / math.sqrt(HIDDEN)
            parameter.copy_(torch.rand(parameter.shape, generator=generator, dtype=torch.float64) * 2 * size - size)
        if remembering:
            module.bias_ih_l0[HIDDEN : 2 * HIDDEN] = 9.0
    return module.requires_grad_(False)


def seconds(work: Callable[[], object], repetitions: int) -> float:
    """Median seconds of processor time."""
    taken = []
    for _ in range(repetitions):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def agrees(module: nn.LSTM) -> bool:
    """The curve is that of the definition, and Start-End matrices give the same shares within the errors."""
    length, pairs = 12, 32
    curve = sr.remember(module, length=length, samples=pairs, lags="all", progress=False)
    first, second = (
        torch.from_numpy(np.random.default_rng((0, side)).standard_normal((pairs, length, INPUTS))) for side in (0, 1)
    )
    worst = max(
        abs(by_definition(module, first, second, lag) / memory - 1)
        for lag, memory in zip(curve.lags, curve.memory, strict=True)
    )
    curve = sr.remember(module, length=length, samples=1000, lags=(1, 3), progress=False)
    off = 0.0
    for place, lag in enumerate(curve.lags):
        shares = sr.measure(module, length=length, cut=length - lag, progress=False)
        low, high = curve.intervals["memory"][place]
        error = math.hypot((high - low) / 3.8, shares.errors["end"].standard_error)
        off = max(off, abs(shares.shares.start + shares.shares.interaction - curve.memory[place]) / error)
    print(f"agreement: {worst:.0e} from the definition, {off:.1f} standard errors from Start-End matrices")
    return worst < 1e-9 and off < 4


def by_definition(module: nn.LSTM, first: Tensor, second: Tensor, lag: int) -> float:
    """Memory at a lag from whole sequences."""

    def last(start: Tensor, end: Tensor) -> Tensor:
        return module(torch.cat([start[:, :-lag], end[:, -lag:]], 1))[0][:, -1]

    a, b, c, d = (last(start, end) for end in (first, second) for start in (first, second))
    return float((((a - b) ** 2).sum() + ((c - d) ** 2).sum()) / (((a - d) ** 2).sum() + ((b - c) ** 2).sum()))


def matrices(module: nn.LSTM, lags: tuple[int, ...], length: int, starts: int, ends: int) -> float:
    """Seconds for Start-End matrices at all lags from starts that are run once, scaled by steps from a few lags."""
    tried = lags[:FEW]
    taken = seconds(
        lambda: [
            sr.measure(module, length=length, cut=length - lag, starts=starts, ends=ends, progress=False)
            for lag in tried
        ],
        1,
    )
    steps = sum(starts * (length + ends * lag) for lag in tried)
    return taken * starts * (length + ends * sum(lags)) / steps


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--length", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=256, help="pairs of sequences")
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if not all(agrees(network(remembering)) for remembering in (False, True)):
        print("they do not agree; no speed from a wrong result")
        return 1
    sequences = torch.randn(2 * options.samples, options.length, INPUTS, dtype=torch.float64)
    print(f"seconds, length {options.length}, {options.samples} pairs, one thread, median of {options.repetitions}")
    for remembering in (False, True):
        compare(network(remembering), sequences, options, "remembers to the end" if remembering else "forgets")
    return 0


def compare(module: nn.LSTM, sequences: Tensor, options: argparse.Namespace, kind: str) -> None:
    """Print the lines of one network."""
    pairs, length = options.samples, options.length
    found: list[sr.MemoryCurve] = []

    def run() -> None:
        found.append(sr.remember(module, length=length, samples=pairs, progress=False))

    model = adapt(module, sequences[:3])
    with torch.no_grad():
        limit = seconds(lambda: model(model.pieces(sequences), None), options.repetitions)
        plain = seconds(lambda: module(sequences), options.repetitions)
        one = seconds(lambda: [module(sequences[:1]) for _ in range(FEW)], options.repetitions) / FEW
        batch = seconds(lambda: model(model.pieces(sequences[:pairs]), None), options.repetitions)
    curve = seconds(run, options.repetitions)
    lags = found[-1].lags
    ran = tuple(lag for lag, memory in zip(lags, found[-1].memory, strict=True) if memory > 0)
    work = 1 + sum(ran) / length  # in steps of the model, over those of the limit
    goal = f"at most {MOST:g}x: {'met' if curve <= MOST * limit else 'missed'}" if ran != lags else f"work {work:.2f}x"
    print(f"LSTM that {kind}: {len(lags)} lags, memory above the floor to lag {ran[-1]}, reach {found[-1].reach()}")
    print(f"  curve                                {curve:>9.2f}")
    print(f"  limit: plain passes, the same cell   {limit:>9.2f}   curve is {curve / limit:>5.2f}x  ({goal})")
    print(f"  plain passes, torch's cell           {plain:>9.2f}   curve is {curve / plain:>5.2f}x")
    # a variance from K starts has a relative error of sqrt(2 / K), as that from as many pairs; 16 ends are the fewest
    others = {
        f"Start-End matrices, {pairs} x 16": matrices(module, ran, length, pairs, 16),
        f"Start-End matrices, {pairs} x {pairs}": matrices(module, ran, length, pairs, pairs),
        f"one position at a time, batches of {pairs}": batch * (length + 1),
        "one position and one sequence at a time": one * pairs * (length + 1),
    }
    for name, taken in others.items():
        print(f"  {name:<37}{taken:>9.2f}   {taken / curve:>8.1f}x the curve")


if __name__ == "__main__":
    sys.exit(main())
