"""The command `certify` as a whole, (inputs, width, length, depth) = (4, 3, 8, 3), beside `import torch`.

Processes in turn, each by itself: processor seconds of all its threads, and seconds on the clock, medians. The rank is
compared with what is known first, in a run that also compiles what is compiled once: no speed from a wrong result.

    python benchmarks/startup.py [--repetitions 5]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

SIZES = ["--inputs", "4", "--width", "3", "--depth", "3", "--length", "8"]
COMMAND = ["-m", "seprank", "certify", "rac", *SIZES, "--json"]
RANK = 2844
GOAL = 1.5
"""Processor seconds beside those of `import torch`"""
PROCESSES = {
    "python": ["-c", "pass"],
    "import torch": ["-c", "import torch"],
    "seprank --help": ["-m", "seprank", "--help"],
    "seprank certify": COMMAND,
}


def run(arguments: list[str]) -> tuple[float, float, str]:
    """Processor seconds, seconds on the clock, and what was printed."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    # modules are compiled once where their users are: not at each start
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    printed = subprocess.run(
        [sys.executable, *arguments], check=True, capture_output=True, text=True, env=environment
    ).stdout
    taken, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, taken, printed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    found = json.loads(run(COMMAND)[2])["rank"]
    if found != RANK:
        print(f"the rank is {RANK}, got {found}; no speed from a wrong result")
        return 1
    runs = [(name, *run(arguments)) for _ in range(options.repetitions) for name, arguments in PROCESSES.items()]
    median = {
        name: [statistics.median(r[column] for r in runs if r[0] == name) for column in (1, 2)] for name in PROCESSES
    }
    print(f"median of {options.repetitions}{'':<6} {'processor':>9} {'clock':>7} {'/ import torch':>15}")
    for name, (cpu, wall) in median.items():
        print(f"{name:<17} {cpu:>7.2f} s {wall:>5.2f} s {cpu / median['import torch'][0]:>14.2f}x")
    own = median["seprank certify"][0] - median["import torch"][0]
    print(f"certify beside import torch: {own:.2f} s (goal <= {GOAL}: {'met' if own <= GOAL else 'missed'})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
