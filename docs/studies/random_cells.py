"""No bound is contradicted: ranks of random cells against every statement that theory makes about them.

`python -m studies.random_cells` does 2,000 of them, with `docs` on the path, and prints the open ones.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from seprank import RAC, certify
from seprank.certification.certificate import Certificate
from seprank.degrees import degree_bounds
from seprank.theory import bounds

MOST = 320
"""The least upper bound of a cell that is looked at: how many halves a side are drawn"""


@dataclass(frozen=True)
class Asked:
    """A cell and how it is read."""

    inputs: int
    width: int
    depth: int
    length: int
    cut: int
    domain: str
    readout: str | int
    seed: int

    @property
    def sizes(self) -> dict[str, Any]:
        """What bounds of a generic read-out are asked for."""
        return {name: value for name, value in asdict(self).items() if name not in ("readout", "seed")}


def draw_cells(count: int, *, seed: int, most: int = MOST) -> Iterator[Asked]:
    """Different random cells with at most 6 inputs, width and depth 5 and length 10, every cut, domain and read-out."""
    draw, seen = random.Random(seed), set[Asked]()
    while len(seen) < count:
        length, width = draw.randint(2, 10), draw.randint(1, 5)
        readouts: list[str | int] = ["random", "all", draw.randrange(width)]
        asked = Asked(
            inputs=draw.randint(1, 6),
            width=width,
            depth=draw.randint(1, 5),
            length=length,
            cut=draw.randint(1, length - 1),
            domain=draw.choice(["functional", "tokens"]),
            readout=draw.choice(readouts),
            seed=draw.randrange(10**6),
        )
        least = min(b.value for b in bounds(**asked.sizes, kinds=("exact", "upper")))
        channels = width if asked.readout == "all" else 1
        if least * channels <= most and asked not in seen:
            seen.add(asked)
            yield asked


@dataclass(frozen=True)
class Found:
    """The rank of a cell, beside what is stated of it."""

    asked: Asked
    certificate: Certificate
    contradicted: tuple[str, ...]
    """Statements that the rank contradicts, with a prime of seven digits by bad luck where it is below a lower bound"""

    @property
    def is_gap(self) -> bool:
        """Whether the rank, which more samples would not raise, is below every bound."""
        return self.certificate.saturated and not self.certificate.exact


def check(asked: Asked) -> Found:
    """Certify a cell and compare it with its bounds, and with those that follow from degrees alone.

    Raises:
        BoundContradicted: the rank is above the least bound.
    """
    module = RAC(asked.inputs, asked.width, asked.depth)
    settings: dict[str, Any] = {name: getattr(asked, name) for name in ("length", "cut", "domain", "readout")}
    found = certify(module, **settings, seed=asked.seed, progress=False)
    by_degree = degree_bounds(module, **settings)
    stated = [
        *(b for b in [*found.bounds, *by_degree] if b.kind in ("exact", "upper") and found.rank > b.value),
        *(b for b in found.bounds if b.kind in ("exact", "lower") and found.rank < b.value and found.saturated),
    ]
    return Found(asked, found, tuple(f"{b.kind} {b.name} {b.value}" for b in stated))


def main(count: int = 2000, seed: int = 1) -> None:
    began, exact, open_, wrong = time.perf_counter(), 0, [], []
    for number, asked in enumerate(draw_cells(count, seed=seed), 1):
        found = check(asked)
        exact += found.certificate.exact
        open_ += [found] if found.is_gap else []
        wrong += [found] if found.contradicted else []
        if number % 100 == 0:
            sys.stderr.write(f"{number} of {count}, {time.perf_counter() - began:.0f} s\n")
    lines = [f"{count} cells, {exact} exact, {len(open_)} gaps, {len(wrong)} contradict a bound"]
    lines += [f"contradicted {item.asked}, rank {item.certificate.rank}: {item.contradicted}" for item in wrong]
    open_.sort(key=lambda item: item.certificate.rank)
    lines += [f"gap {x.asked}, rank {x.certificate.rank}, bound {x.certificate.upper_bound}" for x in open_]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
