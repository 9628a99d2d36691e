"""No bound by degrees is contradicted by random polynomial modules, evaluated in Python integers by another program."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

import pytest
from torch import nn

from random_modules import NEWER, Integers, Program, RandomRecurrent, RandomWhole, draw_program
from seprank import certify
from seprank.degrees import degree_bounds

pytestmark = pytest.mark.usefixtures("one_thread")
PRIME = 2**31 - 1
MOST = 12
"""Samples a side: a bound is put to the test where it is below"""
COUNT, PARTS, FAST = 300, 3, 12


@dataclass(frozen=True)
class Case:
    programs: list[Program]
    whole: bool
    length: int
    starts: list[int]

    @property
    def module(self) -> nn.Module:
        return (RandomWhole if self.whole else RandomRecurrent)(self.programs)


def draw_case(seed: int) -> Case:
    draw = random.Random(seed)
    whole, inputs = seed % 4 == 0, draw.randint(1, 2)
    programs = [draw_program(draw, inputs, whole=whole)]
    while draw.random() < 0.35 and len(programs) < 2:
        programs.append(draw_program(draw, programs[-1].width, whole=whole))
    length = draw.randint(2, 4)
    cut = draw.randint(1, length - 1)
    return Case(programs, whole, length, sorted(draw.sample(range(length), cut)) if whole else list(range(cut)))


def ranks(seed: int, *, certified: bool) -> tuple[int, dict[str, int]]:
    """The rank in Python integers, and the bounds; the certified rank is compared where it is asked for."""
    case = draw_case(seed)
    where = {"split": case.starts} if case.whole else {"cut": len(case.starts)}
    known = degree_bounds(case.module, length=case.length, **where)
    least = min((bound.value for bound in known), default=MOST)
    samples, draw = min(MOST, least + 2), random.Random(seed + 1)
    found = Integers(case.programs, draw, PRIME).rank(case.length, case.starts, samples, draw, whole=case.whole)
    if certified:
        same = certify(case.module, length=case.length, samples=samples, progress=False, **where)
        assert same.rank == found, case
    return found, {bound.name: bound.value for bound in known}


@pytest.mark.parametrize("seed", range(FAST))
def test_certified_ranks_are_those_of_python_integers(seed: int) -> None:
    rank, bounds = ranks(seed, certified=True)
    assert all(rank <= value for value in bounds.values())


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_no_bound_is_contradicted_by_300_modules(part: int) -> None:
    met: Counter[str] = Counter()
    tested = above = 0
    for seed in range(part, COUNT, PARTS):
        rank, bounds = ranks(seed, certified=False)
        for name, value in bounds.items():
            assert rank <= value, (seed, name, rank, value)
            met[name] += rank == value
        tested += min(bounds.values(), default=MOST) < MOST
        above += rank > 2
    assert min(tested, above) > COUNT // PARTS // 3
    # The joint bound is listed only where it is the least.
    wanted = {"state": 15, "start inputs": 15, "end inputs": 15, "joint": 3}
    assert all(met[f"degrees: {name}"] >= count for name, count in wanted.items()), (met, tested, above)


NEWER_COUNT, NEWER_SAMPLES = 40, 8


def draw_newer(seed: int) -> Case:
    """Whole sequences; every fourth module also divides."""
    draw = random.Random(1000 + seed)
    newer = (*NEWER, *["divide"] * 8) if seed % 4 == 3 else NEWER
    program = draw_program(draw, draw.randint(1, 2), whole=True, newer=newer)
    length = draw.randint(2, 4)
    return Case([program], True, length, sorted(draw.sample(range(length), draw.randint(1, length - 1))))


@pytest.mark.parametrize(
    "seed", [pytest.param(n, marks=[pytest.mark.slow] * (n > 1), id=str(n)) for n in range(NEWER_COUNT)]
)
def test_newer_operations_have_the_ranks_of_python_integers(seed: int) -> None:
    case, draw = draw_newer(seed), random.Random(seed)
    found = certify(case.module, length=case.length, split=case.starts, samples=NEWER_SAMPLES, progress=False)
    same = Integers(case.programs, draw, PRIME)
    assert found.rank == same.rank(case.length, case.starts, NEWER_SAMPLES, draw, whole=True), case
    assert all(found.rank <= bound.value for bound in found.bounds)
    divides = any(name == "divide" for name, *_ in case.programs[0].instructions)
    assert divides >= bool(found.model.divisions)


def test_the_newer_operations_are_all_there() -> None:
    operations = Counter(name for seed in range(NEWER_COUNT) for name, *_ in draw_newer(seed).programs[0].instructions)
    assert {*NEWER, "divide"} <= set(operations)
    assert min(operations[name] for name in (*NEWER, "divide")) > 5, operations


def test_the_modules_are_of_many_kinds() -> None:
    cases = [draw_case(seed) for seed in range(COUNT)]
    operations = Counter(name for case in cases for p in case.programs for name, *_ in p.instructions)
    assert {"linear", "affine", "product", "sum", "difference", "constant", "read", "mix"} == set(operations)
    assert min(operations.values()) > 20
    assert Counter(case.whole for case in cases) == {False: 225, True: 75}
    assert {p.memory for case in cases for p in case.programs} == {"", "add", "erase"}
    assert sum(len(case.programs) == 2 for case in cases) > 60
