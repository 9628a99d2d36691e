"""Every bound with every read-out, domain and cut, against ranks by brute force: Python integers, and FLINT's rank."""

import itertools
from typing import Any

import flint
import pytest

import oracles
from seprank import RAC, certify, verify
from seprank.adapters import ConventionError
from seprank.certification import search
from seprank.certification.asked import ask
from seprank.certification.known import known_bounds
from seprank.certification.prepared import Run
from seprank.certification.search import BoundContradicted
from seprank.degrees import degree_bounds
from seprank.settings.certify_settings import CertifySettings
from seprank.theory import Bound, Bounds, bounds, for_readout

PRIME = oracles.PRIME_OF_BOUNDS
MOST = 40
"""Cells of vectors with a greater least bound are too slow in Python integers"""

SIZES = [
    (inputs, width, depth, length, cut)
    for inputs, width, depth, length in itertools.product((1, 2, 3), (1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5))
    for cut in range(1, length)
]


def rank(matrix: list[list[int]]) -> int:
    return int(flint.nmod_mat(len(matrix), len(matrix[0]), [x for row in matrix for x in row], PRIME).rank())


def true_rank(sizes: tuple[int, ...], domain: str, readout: str | int, templates: Any, samples: int) -> int:
    """Of a random network, over so many samples, or all words: there are 3^5 pairs of them at most."""
    inputs, width, depth, length, cut = sizes
    matrix = oracles.multiplicative_start_end(
        inputs,
        width,
        depth,
        cut,
        length - cut,
        domain=domain,
        samples=samples if domain == "functional" else 10**6,
        seed=5,
        readout=readout,
        templates=templates,
    )
    return rank(matrix)


def known(sizes: tuple[int, ...], domain: str, readout: str | int, templates: Any, *, degrees: bool) -> list[Bound]:
    """The bounds of the family, and those by degree, which take longer."""
    inputs, width, depth, length, cut = sizes
    module = RAC(inputs, width, depth)
    letters = None if templates is None else tuple(map(tuple, templates))
    asked: dict[str, Any] = {"length": length, "cut": cut, "domain": domain, "readout": readout}
    count = None if templates is None else len(templates)
    question = ask(module, CertifySettings(**asked, templates=letters), count)
    by_degree = degree_bounds(module, **asked, inputs=count, templates=letters) if degrees else []
    return [*known_bounds(module, question), *by_degree]


def check(
    sizes: tuple[int, ...], domain: str, readout: str | int, templates: Any = None, *, degrees: bool = True
) -> set[tuple[str, str]]:
    """Compare all bounds with the rank; those that are met."""
    stated = known(sizes, domain, readout, templates, degrees=degrees)
    least = min(bound.value for bound in stated if bound.kind in ("upper", "exact"))
    if domain == "functional" and least > MOST:
        return set()
    # With more samples than a bound that is false allows, its cell shows a greater rank.
    found = true_rank(sizes, domain, readout, templates, least + 3)
    met = set()
    for bound in stated:
        case = (sizes, domain, readout, templates, bound, found)
        if bound.kind in ("upper", "exact"):
            assert found <= bound.value, case
        if bound.kind in ("lower", "exact"):
            assert found >= bound.value, case
        if found == bound.value and bound.kind == "upper":
            met.add((bound.counts, bound.name))
    return met


@pytest.mark.slow
@pytest.mark.parametrize("domain", ["functional", "tokens"])
@pytest.mark.parametrize("readout", ["random", "all", "number"])
def test_no_bound_of_any_read_out_is_on_the_wrong_side_of_the_rank(domain: str, readout: str) -> None:
    met = set()
    for number, sizes in enumerate(SIZES):
        met |= check(sizes, domain, sizes[1] - 1 if readout == "number" else readout, degrees=number % 24 == 0)
    assert {counts for counts, _ in met} >= {"state", "start", "end"}
    if (domain, readout) == ("functional", "all"):
        assert ("end", "two-step") in met


@pytest.mark.parametrize("readout", ["random", "all", 1])
@pytest.mark.parametrize(
    "sizes", [(2, 2, 1, 2, 1), (2, 2, 2, 4, 2), (2, 2, 3, 4, 2), (3, 2, 2, 3, 1), (2, 3, 2, 4, 1), (2, 2, 4, 3, 1)]
)
def test_bounds_and_ranks_of_a_few_cells(sizes: tuple[int, ...], readout: str | int) -> None:
    for domain in ("functional", "tokens"):
        assert check(sizes, domain, readout) or readout == 1


@pytest.mark.parametrize("readout", ["random", "all", 0])
@pytest.mark.parametrize(
    "templates",
    [[[1, 0], [0, 1]], [[1, 2], [2, 4]], [[1, 0], [0, 1], [1, 1]], [[1, 3], [2, 5], [3, 8], [4, 4]], [[0, 0], [1, 1]]],
)
def test_bounds_hold_for_templates_that_are_dependent_or_more_than_the_inputs(
    templates: list[list[int]], readout: str | int
) -> None:
    for depth, length, cut in [(1, 2, 1), (1, 4, 2), (2, 4, 2), (2, 3, 1), (3, 4, 2)]:
        check((2, 2, depth, length, cut), "tokens", readout, templates)
    module = RAC(2, 2, 2)
    question = ask(module, CertifySettings(length=4, domain="tokens", templates=templates, readout=readout))
    from_below = any(bound.kind == "lower" for bound in known_bounds(module, question))
    assert from_below == (len(templates) == 2 and templates[0] == [1, 0] and readout != 0)


def test_all_channels_of_a_deep_network_are_counted() -> None:
    found = certify(RAC(3, 3, 3), length=4, readout="all", progress=False)
    assert (found.rank, found.exact) == (90, True)
    assert (found.error, found.saturated) == (0.0, True)
    assert verify(found, progress=False)
    few = certify(RAC(3, 3, 3), length=4, readout="all", samples=30, progress=False)
    assert (few.rank, few.exact, few.saturated) == (30, False, False)


@pytest.mark.parametrize(
    ("kind", "counts", "readout", "expected"),
    [
        ("upper", "state", "all", [("upper", 7)]),
        ("upper", "start", "all", [("upper", 7)]),
        ("upper", "end", "all", [("upper", 21)]),
        ("upper", "rank", "all", [("upper", 21)]),
        ("exact", "rank", "all", [("lower", 7), ("upper", 21)]),
        ("lower", "rank", "all", [("lower", 7)]),
        ("conjectured", "rank", "all", [("conjectured", 7)]),
        ("upper", "end", 2, [("upper", 7)]),
        ("exact", "rank", 2, [("upper", 7)]),
        ("lower", "rank", 2, []),
        ("exact", "rank", "random", [("exact", 7)]),
    ],
)
def test_what_a_bound_says_of_another_read_out_follows_from_what_it_counts(
    kind: Any, counts: Any, readout: str | int, expected: list[tuple[str, int]]
) -> None:
    for name in ("end inputs", "state", "anything"):
        bound = Bound(name, kind, 7, "s", counts)
        found = for_readout([bound], channels=3, readout=readout)
        assert [(b.kind, b.value) for b in found] == expected
        assert for_readout([bound], channels=1, readout=readout) == [bound]


def test_every_bound_from_above_counts_functions() -> None:
    for sizes in SIZES:
        names = ("inputs", "width", "depth", "length", "cut")
        for bound in bounds(**dict(zip(names, sizes, strict=True))):
            assert (bound.counts == "rank") == (bound.kind != "upper")


def contradicted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound that is false."""
    false = Bound("false", "upper", 3, "nowhere", "state")
    monkeypatch.setattr(search, "known_bounds", lambda module, question: Bounds([false]))


def test_a_contradiction_names_the_rank_of_the_matrix_and_not_of_its_remains(monkeypatch: pytest.MonkeyPatch) -> None:
    contradicted(monkeypatch)
    # eleven samples, all of them independent: more were not drawn, and none after elimination
    with pytest.raises(
        BoundContradicted, match=r"rank 11 was found where 3 .* 64 sequences show no fault of the module"
    ):
        certify(RAC(3, 3, 3), length=4, progress=False)


def test_a_contradiction_is_blamed_on_a_module_that_fails_its_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    contradicted(monkeypatch)
    counts = []

    def check(run: Run, count: int = 3) -> None:
        counts.append(count)
        if count > 3:
            raise ConventionError("halves differ")

    monkeypatch.setattr(Run, "check", check)
    with pytest.raises(ConventionError, match="halves differ"):
        certify(RAC(2, 2, 2), length=6, progress=False)
    assert max(counts) == 64
