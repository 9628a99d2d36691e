"""A large certificate: CPU seconds and peak memory of certifying it and of verifying it, each in a process of its own.

The peer of verifying is FLINT's determinant of the whole minor (conversion included), which it once took; the limit is
LAPACK's dgetrf of a matrix of that size. Both are measured at a smaller size and scaled with its third power. Nothing
is printed unless the certificate is exact and verified.

    python benchmarks/recheck.py [--width 4] [--flint 2000]
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
GOALS = {5920: {"certify": (8.0, 1.0), "verify": (25.0, 1.0)}}
"""CPU seconds and GiB, imports included, by rank"""


def seconds(task: Callable[[], Any]) -> float:
    began = time.process_time()
    task()
    return time.process_time() - began


def run(what: str, width: int, path: Path) -> None:
    """In a process of its own: certify, or verify, and print what it took."""
    if what == "certify":
        certify(RAC(width, width, 3), length=LENGTH, progress=False).save(path)
    else:
        verify(path, progress=False)
    print(time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)


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
    parser.add_argument("--flint", type=int, default=2000, help="size at which FLINT is timed")
    parser.add_argument("--only", nargs=2, metavar=("WHAT", "FILE"), help="used by the benchmark itself")
    options = parser.parse_args()
    if options.only:
        run(options.only[0], options.width, Path(options.only[1]))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path, took = Path(folder, "certificate.json"), {}
        for what in ("certify", "verify"):
            command = [sys.executable, __file__, "--width", str(options.width), "--only", what, str(path)]
            found = subprocess.run(command, stdout=subprocess.PIPE, text=True)
            if found.returncode:
                print(f"{what} failed: no speed without a valid certificate", file=sys.stderr)
                return 1
            took[what] = [float(number) for number in found.stdout.split()]
        certificate = Certificate.load(path)
    if not certificate.exact:
        print(f"rank {certificate.rank} is not exact", file=sys.stderr)
        return 1
    scale = (certificate.rank / options.flint) ** 3
    peer, limit = flint_seconds(options.flint) * scale, lapack_seconds(options.flint) * scale
    print(
        f"RAC, width and inputs {options.width}, 3 layers, length {LENGTH}: rank {certificate.rank:,}, exact, verified"
    )
    for what, (cpu, memory) in took.items():
        goals = GOALS.get(certificate.rank, {}).get(what)
        goal = "" if goals is None else f" (goals {goals[0]:g} s, {goals[1]:g} GiB)"
        print(f"  {what:8} {cpu:6.1f} s, {memory:.2f} GiB{goal}; {cpu / limit:.1f} times dgetrf of that size")
    print(
        f"  FLINT's determinant of the whole minor: about {peer:.0f} s; verify / that = {took['verify'][0] / peer:.2f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
