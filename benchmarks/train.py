"""Training steps (forward and backward) of the Recurrent Arithmetic Circuit against torch's own networks.

One thread, one process, methods in turn, median processor time of a step. RAC and orthogonal network run as they are
trained (hand-written layers) and by plain automatic differentiation of their definitions. Gradients are compared first,
in float64 and in float32: no speed is printed from a wrong result. The limit is the matrix products alone. Inputs are
one-hot letters, on which the circuit's values stay at magnitude 1 at its first weights.

    python benchmarks/train.py [--repetitions 7]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from unittest import mock

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from seprank.models import MODELS, orthogonal, rac  # noqa: E402

LETTERS = 32
STEPS_OF_A_TURN = 3
GOALS = {(64, 100, 128): 0.85, (128, 200, 256): 1.0}
"""Of the time of nn.RNN, by batch, length and width, for one layer"""
LEAST_AGAINST_LSTM = 2.5
CASES = [(64, 100, 128, 1), (64, 100, 128, 3), (128, 200, 256, 1), (128, 80, 32, 2)]
OURS = {"RAC": ("rac", {}), "RAC, normalised": ("rac", {"normalize": True}), "orthogonal": ("orthogonal", {})}
LIMITS = {torch.float64: 1e-11, torch.float32: 1e-4}


def plainly(module: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """The module by its definition, step by step."""
    with (
        mock.patch.object(rac, "ordinary", return_value=False),
        mock.patch.object(orthogonal, "ordinary", return_value=False),
    ):
        result: tuple[Tensor, Tensor] = module(x)
        return result


def letters(batch: int, length: int, dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.eye(LETTERS, dtype=dtype)[torch.randint(LETTERS, (batch, length), generator=generator)]


def ours(name: str, width: int, depth: int, dtype: torch.dtype = torch.float32) -> nn.Module:
    model, settings = OURS[name]
    torch.manual_seed(0)
    return MODELS[model].build(inputs=LETTERS, width=width, depth=depth, dtype=dtype, **settings)


def gradients(call: Callable[[Tensor], tuple[Tensor, Tensor]], module: nn.Module, x: Tensor) -> list[Tensor]:
    output, state = call(x)
    weights = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).reshape(output.shape)
    return list(torch.autograd.grad((output * weights).sum() + state.sum(), list(module.parameters())))


def difference(name: str, width: int, length: int, depth: int, dtype: torch.dtype) -> float:
    """The largest difference between gradients of hand-written layers and of the definition, relative to each."""
    module, x = ours(name, width, depth, dtype), letters(8, length, dtype)
    pairs = zip(gradients(module, module, x), gradients(partial(plainly, module), module, x), strict=True)
    return max(((a - b).abs().max() / b.abs().max()).item() for a, b in pairs)


def products(batch: int, length: int, width: int, depth: int) -> Callable[[], None]:
    """The matrix products of a training step: into the states, back out of them, and to the gradients of weights."""
    weight, state = torch.randn(width, width), torch.randn(batch, width)
    result, every = torch.empty_like(state), torch.randn(length * batch, width)

    def run() -> None:
        for layer in range(depth):
            for _ in range(length):
                torch.mm(state, weight.T, out=result)
                torch.mm(state, weight, out=result)
            every.T @ every
            below = every if layer else every[:, :LETTERS]
            projected = below @ (weight.T if layer else weight[:LETTERS])
            projected.T @ below
            if layer:
                every @ weight

    return run


def step(call: Callable[[Tensor], tuple[Tensor, Tensor]], x: Tensor, grad: Tensor) -> None:
    call(x)[0].backward(grad)


def medians(methods: dict[str, Callable[[], object]], repetitions: int) -> dict[str, float]:
    """Median seconds of a step of each. In each turn, one step that is not counted finds memory and caches as training
    leaves them, and the next ones are timed."""
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(repetitions):
        for name, method in methods.items():
            method()
            for _ in range(STEPS_OF_A_TURN):
                began = time.process_time()
                method()
                seconds[name].append(time.process_time() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}


def compare(batch: int, length: int, width: int, depth: int, repetitions: int) -> bool:
    """Print the lines of a size; whether its goals are met."""
    x, grad = letters(batch, length, torch.float32), torch.randn(batch, length, width)
    torch.manual_seed(0)
    peers = {cls.__name__: cls(LETTERS, width, depth, batch_first=True) for cls in (nn.RNN, nn.LSTM)}
    own = {name: ours(name, width, depth) for name in OURS}
    calls = {**peers, **own, **{f"{name}, plain": partial(plainly, module) for name, module in own.items()}}
    methods: dict[str, Callable[[], object]] = {name: partial(step, call, x, grad) for name, call in calls.items()}
    seconds = medians(methods | {"products": products(batch, length, width, depth)}, repetitions)
    print(f"\nbatch {batch}, length {length}, width {width}, layers {depth}; nn.RNN {1e3 * seconds['RNN']:.1f} ms")
    print(f"{'':<18} {'of RNN':>7} {'LSTM is':>8} {'plain is':>9} {'products':>9}")
    for name in OURS:
        mine = seconds[name]
        print(
            f"{name:<18} {mine / seconds['RNN']:>7.2f} {seconds['LSTM'] / mine:>7.2f}x "
            f"{seconds[f'{name}, plain'] / mine:>8.2f}x {100 * seconds['products'] / mine:>8.0f}%"
        )
    goal = GOALS.get((batch, length, width)) if depth == 1 else None
    if goal is None:
        return True
    ratios = seconds["RAC"] / seconds["RNN"], seconds["LSTM"] / seconds["RAC"]
    met = ratios[0] <= goal and ratios[1] >= LEAST_AGAINST_LSTM
    verdict = "met" if met else "MISSED"
    print(f"goal: at most {goal} of nn.RNN, and nn.LSTM at least {LEAST_AGAINST_LSTM}x: {verdict}")
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=7, help="turns of each method")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for dtype, most in LIMITS.items():
        for name in OURS:
            found = max(difference(name, 32, 100, depth, dtype) for depth in (1, 3))
            print(f"{name:<18} {str(dtype).removeprefix('torch.')}: gradients differ by {found:.0e} at most")
            if not found <= most:
                print("that is too much; no speed from a wrong result")
                return 1
    print(f"\ntraining steps, one thread, processor time, median of {options.repetitions * STEPS_OF_A_TURN}")
    met = [compare(*case, options.repetitions) for case in CASES]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
