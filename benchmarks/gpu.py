"""A graphics card against two of the processor's cores: ranks, Start-End matrices, and what commands do with them.

The same work by `device="cuda"` and by `device="cpu"`, seconds on the clock, median of the repetitions. The results
are compared first: no speed from a wrong one. The limit of a rank is one product of float64 matrices with as many
multiplications, 2 n^3 / 3, on the card. Without a card nothing is run.

    python benchmarks/gpu.py [--sizes 2000 4000 8000] [--samples 4000] [--repetitions 3] [--cores 2] [--device cuda]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from seprank import RAC, certify, measure, remember
from seprank.certification.asked import ask
from seprank.certification.prepared import enter
from seprank.elimination import rank_profile
from seprank.question import DEFAULT_PRIME
from seprank.settings.certify_settings import CertifySettings

BUDGET = 2**33


def seconds(task: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    found = task()
    return found, time.perf_counter() - began


def gemm_seconds(size: int, device: str) -> float:
    """2 n^3 / 3 multiplications as products of float64 matrices."""
    a = torch.rand(size, size, dtype=torch.float64, device=device)
    float((a @ a)[0, 0])
    return seconds(lambda: float((a @ a)[0, 0]))[1] / 3


def compare(
    name: str, task: Callable[[str], Any], same: Callable[[Any, Any], bool], repetitions: int, card: str
) -> float:
    """Print a row; the seconds on the card.

    Raises:
        ArithmeticError: the results differ.
    """
    if not same(task(card), task("cpu")):  # also warms both up
        raise ArithmeticError(f"{name}: {card} and the processor differ; no speed from a wrong result")
    runs = {device: [seconds(lambda d=device: task(d))[1] for _ in range(repetitions)] for device in (card, "cpu")}
    fast, slow = (statistics.median(runs[device]) for device in (card, "cpu"))
    print(f"{name:<28} {fast:>9.3f} s {slow:>9.3f} s {slow / fast:>7.1f}x", end="", flush=True)
    return fast


def ranks(size: int, repetitions: int, card: str) -> None:
    matrix = np.random.default_rng(0).integers(DEFAULT_PRIME, size=(size, size)).astype(np.float64)

    def same(a: Any, b: Any) -> bool:
        return (a.rank, a.determinant) == (b.rank, b.determinant) and np.array_equal(a.columns, b.columns)

    taken = compare(f"rank, n = {size}", lambda d: rank_profile(matrix, device=d), same, repetitions, card)
    print(f" {taken / gemm_seconds(size, card):>8.1f}x the limit")


def matrices(samples: int, repetitions: int, card: str) -> None:
    width, length, depth = 8, 12, 3
    module = RAC(width, width, depth)

    def build(device: str) -> np.ndarray:
        question = ask(module, CertifySettings(length=length))
        with enter(module, question, arithmetic="float64", device=device) as run:
            return run.matrix(BUDGET).grow(*(run.samples(side, samples) for side in ("starts", "ends")))

    compare(f"Start-End matrix, K = {samples}", build, np.array_equal, repetitions, card)
    print()


def commands(repetitions: int, card: str) -> None:
    """What whole calls take, most of which is not done on the card alone."""
    torch.manual_seed(0)
    lstm = nn.LSTM(16, 64, batch_first=True)

    def minor(device: str) -> Any:
        found = certify(RAC(6, 6, 2), length=12, device=device, progress=False)
        return found.rank, found.minor

    def close(a: Any, b: Any) -> bool:
        return np.allclose(a, b, rtol=1e-10, atol=1e-10 * np.abs(b).max())

    def spectrum(device: str) -> Any:
        return measure(lstm, length=64, starts=256, ends=256, device=device, progress=False).singular_values

    def curve(device: str) -> Any:
        return remember(lstm, length=1000, samples=256, device=device, progress=False).memory

    for name, task, same in [
        ("certify, RAC of rank 2,772", minor, lambda a, b: a == b),
        ("measure, LSTM, 256 x 256", spectrum, close),
        ("remember, LSTM, 1000 steps", curve, close),
    ]:
        compare(name, task, same, repetitions, card)
        print()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[2000, 4000, 8000])
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--cores", type=int, default=2, help="of the processor, which work for the card, too")
    parser.add_argument("--device", default="cuda", help="cpu:0 runs the card's elimination on the processor")
    options = parser.parse_args()
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        print("no graphics card here: nothing to compare")
        return 0
    name = torch.cuda.get_device_name(options.device) if options.device.startswith("cuda") else options.device
    cores = sorted(os.sched_getaffinity(0))[: options.cores]
    os.sched_setaffinity(0, cores)
    print(f"median of {options.repetitions}, {name} against {len(cores)} cores")
    for size in options.sizes:
        ranks(size, options.repetitions, options.device)
    matrices(options.samples, options.repetitions, options.device)
    commands(options.repetitions, options.device)
    return 0


if __name__ == "__main__":
    sys.exit(main())
