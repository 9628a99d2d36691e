"""Bounds against counted monomials, computed ideals, ranks of random circuits, and each other."""

import doctest
import itertools
import math
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from typing import Any

import pytest
from flint import nmod_mat
from hypothesis import given, settings
from hypothesis import strategies as st

import oracles
from seprank import theory
from seprank.question import DOMAINS
from seprank.theory import (
    Bound,
    bound,
    bounds,
    counting,
    lower_bound,
    multichoose,
    null_states,
    rac_bounds,
    readable,
    upper_bound,
)

# Other work on the machine must not fail a test of numbers.
unhurried = settings(deadline=None)

SIZES: dict[str, Any] = {"inputs": 4, "width": 3, "depth": 3, "length": 8}


def sizes(inputs: int, width: int, depth: int, length: int, **more: Any) -> dict[str, Any]:
    return {"inputs": inputs, "width": width, "depth": depth, "length": length, **more}


def values(**arguments: Any) -> dict[tuple[str, str], int]:
    """Values by kind and name."""
    return {(bound.kind, bound.name): bound.value for bound in bounds(**arguments)}


def rank(rows: list[list[int]]) -> int:
    return int(nmod_mat(len(rows), len(rows[0]), list(itertools.chain(*rows)), oracles.PRIME_OF_BOUNDS).rank())


def cells(*, most_inputs: int, most_depth: int, longest: int) -> list[dict[str, Any]]:
    """All small sizes with every cut and domain."""
    return [
        sizes(inputs, width, depth, length, cut=cut, domain=domain)
        for inputs in range(1, most_inputs + 1)
        for width in range(1, most_inputs + 1)
        for depth in range(1, most_depth + 1)
        for length in range(2, longest + 1)
        for cut in range(1, length)
        for domain in DOMAINS
    ]


# Certified ranks that meet a bound: sizes, domain, rank, the bounds that say so.
CERTIFIED = [
    (sizes(2, 3, 1, 6), "functional", 3, {"shallow", "state", "copies"}),
    (sizes(2, 2, 2, 8), "functional", 10, {"state", "two-layer"}),
    (sizes(3, 3, 2, 8), "functional", 45, {"state", "two-layer"}),
    (sizes(2, 3, 2, 6), "functional", 24, {"end inputs"}),
    (sizes(2, 3, 2, 8), "functional", 42, {"two-layer"}),
    (sizes(2, 2, 3, 6), "functional", 52, {"three-layer"}),
    (sizes(3, 3, 3, 6), "functional", 759, {"three-layer"}),
    (sizes(4, 3, 3, 8), "functional", 2844, {"three-layer"}),
    (sizes(2, 2, 4, 6), "functional", 106, {"three-step"}),
    (sizes(2, 3, 2, 6, cut=2), "functional", 39, {"short start"}),
    (sizes(3, 5, 2, 10, cut=2), "functional", 2055, {"short start"}),
    (sizes(2, 2, 3, 5, cut=2), "functional", 44, {"short start"}),
    (sizes(2, 2, 3, 6, cut=2), "functional", 80, {"short start"}),
    (sizes(3, 2, 3, 8, cut=2), "functional", 203, {"short start"}),
    (sizes(2, 2, 3, 10, cut=2), "functional", 414, {"short start"}),
    (sizes(4, 5, 2, 10, cut=2), "functional", 2405, {"short start"}),
    (sizes(3, 3, 4, 6), "functional", 2844, {"three-step"}),
    (sizes(3, 3, 3, 5, cut=2), "functional", 678, {"start image"}),
    (sizes(2, 2, 4, 8), "functional", 2038, {"null states"}),
    (sizes(2, 2, 4, 7, cut=3), "functional", 1858, {"start image"}),
    (sizes(2, 3, 3, 10), "functional", 7146, {"null states"}),
    (sizes(8, 2, 4, 6), "tokens", 80, {"end inputs"}),
    (sizes(4, 3, 3, 8), "tokens", 192, {"end inputs"}),
    (sizes(4, 3, 4, 8), "tokens", 192, {"end inputs"}),
]


@pytest.mark.parametrize(("arguments", "domain", "certified", "names"), CERTIFIED)
def test_upper_bound_is_the_certified_rank(
    arguments: dict[str, Any], domain: str, certified: int, names: set[str]
) -> None:
    listed = bounds(**arguments, domain=domain)
    assert upper_bound(**arguments, domain=domain).value == certified
    tight = {bound.name for bound in listed if bound.kind != "lower" and bound.value == certified}
    assert names <= tight
    assert lower_bound(**arguments, domain=domain).value <= certified


@pytest.mark.parametrize(
    ("arguments", "kind", "name", "value"),
    [
        (sizes(3, 3, 2, 8), "lower", "two-layer", 15),
        (sizes(2, 2, 2, 8, cut=6), "lower", "two-layer", 3),
        (sizes(2, 2, 2, 8, cut=6, domain="tokens"), "lower", "two-layer", 3),
        (sizes(2, 2, 2, 8, cut=2, domain="tokens"), "lower", "two-layer", 3),
        (sizes(2, 2, 2, 8, cut=2), "lower", "two-layer", 7),
        (sizes(4, 3, 4, 8), "lower", "power", 231),
        (sizes(4, 3, 4, 8, domain="tokens"), "lower", "last input", 3),
        (sizes(4, 3, 4, 8, domain="tokens"), "conjectured", "conjecture 1", 231),
        (sizes(2, 2, 9, 4, domain="tokens"), "conjectured", "conjecture 1", 4),
        (sizes(2, 2, 3, 8), "upper", "copies", 2 ** (1 + 4 + 10)),
        (sizes(2, 2, 3, 6), "upper", "start inputs", 11 * 16 * 22),
        (sizes(9, 2, 3, 6, domain="tokens"), "upper", "end inputs", 2 * 4 * 7),
    ],
)
def test_single_statements(arguments: dict[str, Any], kind: str, name: str, value: int) -> None:
    assert values(**arguments)[kind, name] == value


def test_conjecture_is_listed_only_where_it_says_something() -> None:
    def listed(**more: Any) -> bool:
        return ("conjectured", "conjecture 1") in values(**sizes(4, 3, more.pop("depth", 3), 8, **more))

    assert listed(domain="tokens", cut=4)
    assert listed(domain="tokens", cut=5)
    assert not listed(domain="tokens", cut=3)
    assert not listed(domain="tokens", depth=2)
    assert not listed()


def test_conjecture_read_for_tokens_fails() -> None:
    arguments = sizes(4, 3, 4, 4, domain="tokens")
    assert values(**arguments)["conjectured", "conjecture 1"] == 15
    assert upper_bound(**arguments).value == 12


@pytest.mark.parametrize(("n", "k"), list(itertools.product(range(5), range(6))))
def test_multichoose_counts_monomials(n: int, k: int) -> None:
    assert multichoose(n, k) == len(oracles.monomials(n, k))


def test_multichoose_of_a_negative_degree() -> None:
    assert multichoose(3, -1) == multichoose(0, -1) == 0


@pytest.mark.parametrize(
    ("width", "channels", "depth", "end"),
    [
        *itertools.product([2], [1, 2], [2, 3], [1, 2, 3]),
        *itertools.product([2], [1, 2], [4], [2]),
        *itertools.product([3], [1, 2, 3], [2], [1, 2, 3, 4]),
        *itertools.product([3], [1, 2, 3], [3], [2]),
        (3, 2, 3, 3),
    ],
)
def test_layered_bound_counts_an_ideal(width: int, channels: int, depth: int, end: int) -> None:
    generators = oracles.first_end_step(width, depth, channels, seed=0)
    degrees = [multichoose(end, layer) for layer in range(1, depth)]
    dimension = rank(oracles.ideal_rows(generators, width, degrees))
    arguments = sizes(channels, width, depth, 2 * end)
    name = {2: "two-layer", 3: "three-layer", 4: "4-layer"}[depth]
    assert values(**arguments)["upper", name] == width * dimension


def small_ranks() -> list[dict[str, Any]]:
    # Beyond about 30 samples a side the definition in Python integers is too slow to run many times.
    grid = cells(most_inputs=3, most_depth=4, longest=5)
    return [arguments for arguments in grid if upper_bound(**arguments).value <= 24]


@pytest.mark.slow
def test_ranks_of_random_circuits_lie_between_the_bounds() -> None:
    """At a random point modulo a prime the rank is at most the generic rank, and below it by bad luck only."""
    attained = 0
    for arguments in (found := small_ranks()):
        upper, lower = upper_bound(**arguments).value, lower_bound(**arguments).value
        matrix = oracles.multiplicative_start_end(
            arguments["inputs"],
            arguments["width"],
            arguments["depth"],
            arguments["cut"],
            arguments["length"] - arguments["cut"],
            domain=arguments["domain"],
            samples=upper + 1,
            seed=1,
        )
        assert lower <= rank(matrix) <= upper, arguments
        attained += rank(matrix) == upper
    assert attained == len(found)


def test_lower_bounds_are_below_upper_bounds() -> None:
    for arguments in cells(most_inputs=4, most_depth=4, longest=6):
        found = bounds(**arguments)
        greatest = max(bound.value for bound in found if bound.kind in ("exact", "lower"))
        least = min(bound.value for bound in found if bound.kind in ("exact", "upper"))
        assert greatest <= least, arguments
        assert all(bound.value >= 1 for bound in found)


def test_one_step_after_the_cut_is_exact() -> None:
    for arguments in cells(most_inputs=3, most_depth=4, longest=4):
        if arguments["cut"] == arguments["length"] - 1:
            assert upper_bound(**arguments).value == lower_bound(**arguments).value


SMALL = st.fixed_dictionaries(
    {
        "inputs": st.integers(1, 12),
        "width": st.integers(1, 12),
        "depth": st.integers(1, 5),
        "length": st.integers(2, 14),
    }
)


@unhurried
@given(SMALL, st.data())
def test_no_bound_of_tokens_exceeds_that_of_vectors(arguments: dict[str, Any], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, arguments["length"] - 1))
    vectors = {bound.name: bound.value for bound in bounds(**arguments, cut=cut, kinds=("exact", "upper"))}
    tokens = bounds(**arguments, cut=cut, domain="tokens", kinds=("exact", "upper"))
    # The stepwise bound, which is about vectors, may be less than each of those for tokens.
    assert all(bound.value <= vectors.get(bound.name, bound.value) for bound in tokens)
    assert min(bound.value for bound in tokens) <= arguments["inputs"] ** min(cut, arguments["length"] - cut)


@unhurried
@given(SMALL, st.sampled_from(DOMAINS))
def test_bounds_grow_with_width(arguments: dict[str, Any], domain: str) -> None:
    narrow = values(**arguments, domain=domain)
    wide = values(**(arguments | {"width": arguments["width"] + 1}), domain=domain)
    assert all(narrow[statement] <= wide[statement] for statement in narrow.keys() & wide.keys())


@unhurried
@given(st.integers(2, 9), st.integers(0, 5), st.integers(2, 20))
def test_two_layer_bound_in_closed_form(width: int, fewer: int, length: int) -> None:
    inputs, end = max(1, width - fewer), length - length // 2
    found = values(**sizes(inputs, width, 2, length))
    expected = width * (multichoose(width, end) - multichoose(width - inputs, end))
    assert found["upper", "two-layer"] == expected
    assert (expected == found["upper", "state"]) == (inputs == width)


@unhurried
@given(SMALL)
def test_one_layer_is_exact_and_below_every_upper_bound(arguments: dict[str, Any]) -> None:
    first, *others = bounds(**(arguments | {"depth": 1}))
    half = arguments["length"] // 2
    assert (first.kind, first.value) == ("exact", min(arguments["width"], arguments["inputs"] ** half))
    assert all(first.value <= bound.value for bound in others)


@unhurried
@given(SMALL, st.sampled_from(DOMAINS))
def test_order(arguments: dict[str, Any], domain: str) -> None:
    found = bounds(**arguments, domain=domain)
    keys = [(theory.KINDS.index(bound.kind), bound.value) for bound in found]
    assert keys == sorted(keys)
    assert len({(bound.kind, bound.name) for bound in found}) == len(found)


@pytest.mark.parametrize("depth", [1, 2, 7])
def test_additive_integration(depth: int) -> None:
    (bound,) = bounds(**(SIZES | {"depth": depth}), model="additive")
    assert (bound.kind, bound.value) == ("exact", 2)
    assert upper_bound(**SIZES, model="additive") == lower_bound(**SIZES, model="additive")


def test_additive_integration_with_one_token() -> None:
    assert upper_bound(**sizes(1, 3, 2, 6), model="additive", domain="tokens").value == 1
    assert upper_bound(**sizes(1, 3, 2, 6), model="additive").value == 2


@pytest.mark.slow
@pytest.mark.parametrize("inputs", [2, 10**9])
@pytest.mark.parametrize("width", [1, 2, 10**9])
@pytest.mark.parametrize(("depth", "length"), [(5, 1000), (1, 10**6), (3, 10**6), (10**6, 10**6), (10**9, 2)])
@pytest.mark.parametrize("domain", DOMAINS)
def test_absurd_sizes_return(inputs: int, width: int, depth: int, length: int, domain: str) -> None:
    began = time.perf_counter()
    found = bounds(**sizes(inputs, width, depth, length), domain=domain)
    assert time.perf_counter() - began < 20
    assert any(bound.kind in ("exact", "lower") for bound in found)
    assert all(len(repr(bound)) < 300 for bound in found)


def test_large_sizes() -> None:
    began = time.perf_counter()
    found = values(**sizes(1000, 1000, 5, 1000))
    assert time.perf_counter() - began < 20
    assert found["upper", "5-layer"] < found["upper", "state"]
    assert ("upper", "end inputs") not in found
    assert ("upper", "copies") not in found


def test_an_upper_bound_is_kept_rounded_up() -> None:
    (kept,) = (bound for bound in bounds(**sizes(3, 10**5, 3, 10**6)) if bound.kind == "upper")
    assert kept.value.bit_count() == 1
    assert "rounded up to a power of two" in kept.source


@unhurried
@given(st.integers(1, 40), st.integers(1, 15), st.integers(1, 30))
def test_rounded_state_bound_is_above_the_state_bound(width: int, depth: int, end: int) -> None:
    cell = rac_bounds._Cell(inputs=1, width=width, depth=depth, start=1, end=end, tokens=False)
    rounded, exact = rac_bounds._rounded_state(cell), rac_bounds._state(cell)
    assert rounded is None or exact is None or rounded >= exact


def test_beyond_every_limit_there_is_no_upper_bound() -> None:
    with pytest.raises(ValueError, match=r"upper bounds must have at most 134,217,728 bits, got more for width"):
        upper_bound(**sizes(1000, 1000, 1000, 10**6))
    assert lower_bound(**sizes(1000, 1000, 1000, 10**6)).value == 1000


@unhurried
@given(st.integers(1, 2000), st.integers(0, 10**6))
def test_digits_estimate(n: int, k: int) -> None:
    if counting.count_digits(n, k) < 3000:
        assert math.isclose(counting.count_digits(n, k), math.log10(multichoose(n, k)), abs_tol=1e-4)


@pytest.mark.parametrize(("n", "k"), [(4, 10**13), (10**13, 4), (3, 10**40), (10**400, 2)])
def test_digits_estimate_of_long_arguments(n: int, k: int) -> None:
    assert math.isclose(counting.count_digits(n, k), math.log10(multichoose(n, k)), abs_tol=1e-4)


@unhurried
@given(st.integers(0, 10**400))
def test_readable_keeps_the_magnitude(value: int) -> None:
    text = readable(value)
    if value < 10**12:
        assert int(text.replace(",", "")) == value
        return
    number, _, digits = text.partition(" ")
    mantissa, _, exponent = number.partition("e")
    assert abs(Fraction(mantissa) * 10 ** int(exponent) / value - 1) <= Fraction(5, 10_000)
    assert digits == f"({len(str(value))} digits)"


@pytest.mark.parametrize("power", [12, 59, 60, 61, 300, 5000])
def test_readable_around_powers_of_ten(power: int) -> None:
    assert readable(10**power) == f"1.000e{power} ({power + 1:,} digits)"
    if power > 12:
        assert readable(10**power - 1) == f"1.000e{power} ({power:,} digits)"


def test_readable_beyond_the_limit_of_text() -> None:
    assert readable(12345) == "12,345"
    assert readable(1 << 33_219_281) == "1.036e10000000 (10,000,001 digits)"
    assert readable(10**12 - 1) == "999,999,999,999"


def test_bounds_as_plain_values() -> None:
    short, long = (Bound("state", "upper", value, "s", "state") for value in (45, 10**5000))
    assert short.to_dict() == {
        "name": "state",
        "kind": "upper",
        "value": 45,
        "readable": "45",
        "source": "s",
        "counts": "state",
    }
    assert long.to_dict()["value"] is None
    assert long.to_dict()["readable"] == "1.000e5000 (5,001 digits)"
    assert repr(short) == "Bound(name='state', kind='upper', value=45, source='s', counts='state')"


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        ({"inputs": 0}, ValueError, r"inputs must be at least 1, got 0; use 1 or more"),
        ({"width": -2}, ValueError, r"width must be at least 1, got -2; use 1 or more"),
        ({"depth": 0}, ValueError, r"depth must be at least 1, got 0; use 1 or more"),
        ({"length": 1}, ValueError, r"length must be at least 2 to be cut, got 1; use 8 or more"),
        ({"cut": 0}, ValueError, r"cut must be between 1 and length - 1 = 7, got 0; leave it out for the middle, 4"),
        ({"cut": 8}, ValueError, r"cut must be between 1 and length - 1 = 7, got 8; leave it out for the middle, 4"),
        ({"width": True}, TypeError, r"width must be a whole number, got True; use 1 or more"),
        (
            {"domain": "token"},
            ValueError,
            r"domain must be one of functional, tokens, got 'token'; did you mean 'tokens'\?",
        ),
        (
            {"model": "additiv"},
            ValueError,
            r"model must be one of rac, additive, attention, got 'additiv'; did you mean 'additive'\?",
        ),
    ],
)
def test_errors_name_the_argument(wrong: dict[str, Any], error: type[Exception], text: str) -> None:
    for function in (bounds, upper_bound, lower_bound):
        with pytest.raises(error, match=text):
            function(**(SIZES | wrong))


def test_other_errors() -> None:
    with pytest.raises(ValueError, match="n must be at least 0, got -1; it counts variables"):
        multichoose(-1, 2)


def run(program: str) -> "subprocess.CompletedProcess[str]":
    """A program in an interpreter of its own, without the type checks that the tests switch on."""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)


def test_fractions_are_refused() -> None:
    done = run("from seprank.theory import bounds; bounds(inputs=2, width=2.5, depth=1, length=4)")
    assert "width must be a whole number, got 2.5; use 2 or 3" in done.stderr


def test_theory_needs_the_standard_library_only() -> None:
    done = run("import sys, seprank.theory; print({'numpy', 'torch', 'flint'} & sys.modules.keys())")
    assert done.stdout.strip() == "set()"


def test_examples_run() -> None:
    failed, tried = map(
        sum, zip(*(doctest.testmod(module) for module in (bound, counting, null_states, rac_bounds)), strict=True)
    )
    assert (failed, tried > 5) == (0, True)


def some_sizes() -> Iterator[dict[str, Any]]:
    draw = random.Random(11)
    for _ in range(60):
        length = draw.choice([2, 3, 6, 9, 40, 300])
        yield {
            "inputs": draw.choice([1, 2, 3, 50]),
            "width": draw.choice([1, 2, 3, 7, 60]),
            "depth": draw.randint(1, 5),
            "length": length,
            "cut": draw.randint(1, length - 1),
            "domain": draw.choice(DOMAINS),
            "model": draw.choice(rac_bounds.MODELS),
        }


def test_only_the_kinds_that_are_wanted() -> None:
    for sizes in some_sizes():
        everything = theory.bounds(**sizes)
        for kinds in [("exact",), ("lower",), ("conjectured",), ("upper",), ("exact", "lower"), ()]:
            assert theory.bounds(**sizes, kinds=kinds) == [b for b in everything if b.kind in kinds]
    with pytest.raises(ValueError, match=r"kinds must be one of .* got 'uper'; did you mean 'upper'"):
        theory.bounds(inputs=2, width=2, depth=2, length=4, kinds=("uper",))


@pytest.mark.parametrize("below", [1, 10, 10**6, 10**100])
def test_upper_bounds_below_a_number_are_all_there(below: int) -> None:
    for sizes in some_sizes():
        everything = theory.bounds(**sizes)
        some = theory.bounds(**sizes, below=below)
        assert [b for b in everything if b.kind != "upper" or b.value <= below] == [
            b for b in some if b.kind != "upper" or b.value <= below
        ]
        assert {(b.name, b.value) for b in some} <= {(b.name, b.value) for b in everything}


@pytest.mark.parametrize("domain", ["functional", "tokens"])
@pytest.mark.parametrize(("inputs", "width"), [(2, 2), (3, 2), (2, 3), (3, 3), (5, 4)])
def test_the_stepwise_bound_is_the_layered_one_of_the_transposed_network(inputs: int, width: int, domain: str) -> None:
    """Exchange depth and end steps; the state bound and the end-input bound change places, too."""
    for depth, end in itertools.product(range(2, 6), range(2, 6)):
        cell = {"inputs": inputs, "width": width, "length": end + 5, "cut": 5}
        found = {b.name: b.value for b in bounds(**cell, depth=depth, domain=domain, kinds=("upper",))}
        words = {2: "two", 3: "three"}
        name = f"{words.get(end, end)}-step"
        if domain == "tokens" or inputs < width or depth == end:
            assert name not in found
            continue
        turned = bounds(**cell | {"length": depth + 5}, depth=end, kinds=("upper",))
        assert found[name] == next(b.value for b in turned if b.name == f"{words.get(end, end)}-layer")
        assert found["end inputs"] == next(b.value for b in turned if b.name == "state")
        expected = width * sum(
            (-1) ** (j + 1)
            * math.comb(width, j)
            * math.prod(ways(width, math.comb(depth + i - 1, i) - j) for i in range(1, end))
            for j in range(1, width + 1)
        )
        assert found[name] == expected


def ways(kinds: int, count: int) -> int:
    """Monomials of a degree, zero for a negative one."""
    return math.comb(kinds + count - 1, count) if count >= 0 else 0


@pytest.mark.parametrize(("inputs", "width", "end", "depth"), [(1, 3, 3, 2), (2, 3, 4, 2), (2, 4, 2, 3), (3, 4, 5, 2)])
def test_the_short_start_bound_counts_monomials_one_by_one(inputs: int, width: int, end: int, depth: int) -> None:
    found = bounds(inputs=inputs, width=width, depth=depth, length=end + 2, cut=2, kinds=("upper",))
    monomials = itertools.combinations_with_replacement(range(width), end + 1)
    expected = sum(min(inputs, len(set(monomial))) for monomial in monomials)
    below = math.prod(ways(width, ways(end, layer)) for layer in range(2, depth))
    assert next(bound.value for bound in found if bound.name == "short start") == expected * below


def test_the_short_start_bound_is_about_two_steps_and_few_inputs() -> None:
    for arguments in (sizes(2, 3, 2, 6), sizes(3, 3, 2, 6, cut=2), sizes(2, 3, 1, 6, cut=2)):
        assert "short start" not in {bound.name for bound in bounds(**arguments)}


@pytest.mark.parametrize(
    "function",
    [
        upper_bound,
        lower_bound,
        theory.least_ceiling,
        theory.attention_bounds,
        partial(theory.matrix_state_bounds, "linear attention"),
    ],
)
def test_arguments_that_are_none_are_refused(function: Callable[..., Any]) -> None:
    """Also where a function passes its keyword arguments on."""
    sizes = {"inputs": 2, "depth": 2, "length": 6} | ({} if function is theory.least_ceiling else {"width": 2})
    assert function(**sizes)
    with pytest.raises(TypeError, match="unexpected keyword argument 'dommain'"):
        function(**sizes, dommain="tokens")
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'length'"):
        function(**{name: size for name, size in sizes.items() if name != "length"})
