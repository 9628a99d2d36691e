"""A large certificate: seconds and peak memory of certifying it and of verifying it, each in a process of its own.

The peer of verifying is FLINT's determinant of the whole minor (conversion included), which it once took; the limit is
LAPACK's dgetrf of a matrix of that size. Both are measured at a smaller size and scaled with its third power. Nothing
is printed unless the certificate is verified, and exact or of as many samples as were asked for.

    python benchmarks/recheck.py [--width 4] [--flint 2000]
    python benchmarks/recheck.py --width 5 --samples 20000  # four gigabytes, ten minutes of a core
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.linalg.lapack import dgetrf
from threadpoolctl import threadpool_limits

from seprank import RAC, Certificate, certify, verify
from seprank.question import DEFAULT_PRIME

LENGTH = 6
GOALS = {5920: {"certify": (8.0, 1.0), "verify": (25.0, 1.0)}, 20000: {"certify": (300.0, 6.0), "verify": (300.0, 6.0)}}
"""CPU seconds and GiB, imports included, by rank"""


def seconds(task: Callable[[], Any]) -> float:
    began = time.process_time()
    task()
    return time.process_time() - began


def run(what: str, options: argparse.Namespace, path: Path) -> None:
    """In a process of its own: certify, or verify, and print what it took."""
    began, width = time.perf_counter(), options.width
    if what == "certify":
        certify(RAC(width, width, 3), length=LENGTH, samples=options.samples, progress=False).save(path)
    else:
        verify(path, progress=False)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(time.process_time(), peak, time.perf_counter() - began)


def flint_seconds(size: int) -> float:
    import flint

    matrix = np.random.default_rng(0).integers(DEFAULT_PRIME, size=(size, size))
    return seconds(lambda: flint.nmod_mat(size, size, matrix.ravel().tolist(), DEFAULT_PRIME).det())


def lapack_seconds(size: int) -> float:
    matrix = np.asfortranarray(np.random.default_rng(0).random((size, size)))
    with threadpool_limits(1):
        return seconds(lambda: dgetrf(matrix))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=4)
    parser.add_argument("--samples", type=int, help="halves of each side; by default as many as the rank takes")
    parser.add_argument("--flint", type=int, default=2000, help="size at which FLINT is timed")
    parser.add_argument("--only", nargs=2, metavar=("WHAT", "FILE"), help="used by the benchmark itself")
    options = parser.parse_args()
    if options.only:
        run(options.only[0], options, Path(options.only[1]))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path, took = Path(folder, "certificate.json"), {}
        for what in ("certify", "verify"):
            command = [sys.executable, __file__, "--width", str(options.width), "--only", what, str(path)]
            command += [] if options.samples is None else ["--samples", str(options.samples)]
            found = subprocess.run(command, stdout=subprocess.PIPE, text=True)
            if found.returncode:
                print(f"{what} failed: no speed without a valid certificate", file=sys.stderr)
                return 1
            took[what] = [float(number) for number in found.stdout.split()]
        certificate = Certificate.load(path)
    if not certificate.exact and certificate.rank != options.samples:
        print(f"rank {certificate.rank} is neither exact nor the number of samples", file=sys.stderr)
        return 1
    scale = (certificate.rank / options.flint) ** 3
    peer, limit = flint_seconds(options.flint) * scale, lapack_seconds(options.flint) * scale
    rank = f"rank {certificate.rank:,}, {'exact' if certificate.exact else 'of as many samples'}, verified"
    print(f"RAC, width and inputs {options.width}, 3 layers, length {LENGTH}: {rank}")
    for what, (cpu, memory, wall) in took.items():
        goals = GOALS.get(certificate.rank, {}).get(what)
        goal = "" if goals is None else f" (goals {goals[0]:g} s, {goals[1]:g} GiB)"
        print(
            f"  {what:8} {cpu:6.1f} s ({wall:.1f} by the clock), {memory:.2f} GiB{goal}; {cpu / limit:.1f} times dgetrf"
        )
    print(
        f"  FLINT's determinant of the whole minor: about {peer:.0f} s; verify / that = {took['verify'][0] / peer:.2f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
