"""What may be asked: whole numbers, cuts, domains, read-outs and choices have one wording, at every entrance."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from enum import IntEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from entrances import EVERY
from seprank.question import (
    DOMAINS,
    NotWholeError,
    check_between,
    check_choice,
    check_cut,
    check_domain,
    check_prime,
    check_readout,
    check_several,
    check_whole,
    nearest,
)

Number = IntEnum("Number", {"SIX": 6})
SIX = [6, Number(6), np.int64(6), np.int8(6), np.uint64(6), np.array(6), torch.tensor(6), torch.tensor(6).byte()]
NONE_AT_ALL = [
    (6.0, "6.0; use 6"),
    (6.5, "6.5; use 6 or 7"),
    (np.float32(6), r"np.float32\(6.0\); use 6"),
    (torch.tensor(6.0), r"tensor\(6.\); use 6"),
    (Fraction(6), r"Fraction\(6, 1\); use 6"),
    ("6", "'6'; use 6"),
    ("six", "'six'; use 2 or more"),
    (True, "True; use 2 or more"),
    (np.True_, "np.True_; use 2 or more"),
    (torch.tensor(True), r"tensor\(True\); use 2 or more"),
    (None, "None; use 2 or more"),
    ([6], r"\[6\]; use 2 or more"),
    (np.array([6]), r"array\(\[6\]\); use 2 or more"),
    (torch.tensor([6]), r"tensor\(\[6\]\); use 6"),
    (float("nan"), "nan; use 2 or more"),
    (1e300, r"1e\+300; use 2 or more"),
    (1.0, "1.0; use 2 or more"),
    ("x" * 100, r"'x+\.\.\.'; use 2 or more"),
]


@pytest.mark.parametrize("value", SIX, ids=lambda value: f"{type(value).__name__} {getattr(value, 'dtype', '')}")
def test_a_whole_number_goes_on_as_pythons(value: Any) -> None:
    for found in (check_whole("length", value, 2), check_between("length", value, 2, 6), check_cut(value)[0]):
        assert (type(found), found) == (int, 6)
    assert check_several("length", value, 2) == [6]
    assert check_readout(value) == 6


@pytest.mark.parametrize(("value", "said"), NONE_AT_ALL, ids=lambda value: str(value)[:20])
def test_what_is_no_whole_number(value: Any, said: str) -> None:
    for error in (NotWholeError, TypeError, ValueError):
        with pytest.raises(error, match=f"^length must be a whole number, got {said}$"):
            check_whole("length", value, 2)


def test_limits() -> None:
    assert check_whole("seed", -5) == -5
    with pytest.raises(ValueError, match=r"^width must be at least 1, got 0; use 1 or more$"):
        check_whole("width", 0, 1)
    with pytest.raises(ValueError, match=r"^width must be between 1 and 1,000, got 1,001; use 1,000$"):
        check_between("width", 1001, 1, 1000)
    with pytest.raises(ValueError, match=r"^length must be at least one number, got none; use 2 or more$"):
        check_several("length", [], 2)
    assert check_several("length", np.array([4, 6, 4]), 2) == [4, 6]


def test_the_cut() -> None:
    assert [check_cut(7, cut) for cut in (None, 1, 6)] == [(7, 3), (7, 1), (7, 6)]
    for cut in (0, 5, -1, 6):
        with pytest.raises(
            ValueError, match=r"^cut must be between 1 and length - 1 = 4, got .*; leave it out for the"
        ):
            check_cut(5, cut)
    with pytest.raises(ValueError, match=r"^length must be at least 2 to be cut, got 1; use 8 or more$"):
        check_cut(1)


def test_words() -> None:
    assert [check_domain(word) for word in DOMAINS] == ["functional", "tokens"]
    assert [check_readout(word, 1) for word in ("random", "all", 0)] == ["random", "all", 0]
    with pytest.raises(ValueError, match=r"^domain must be one of functional, tokens, got 3; use 'functional'$"):
        check_domain(3)
    with pytest.raises(ValueError, match=r"number of an output channel, got 'al'; did you mean 'all'\?$"):
        check_readout("al")
    with pytest.raises(ValueError, match=r"^readout must be below the 2 output channels of the model, got 2; use 1$"):
        check_readout(2, 2)
    for wrong, said in ((1.0, r"1\.0; use 1"), (-1, "-1; use 0 or more"), (True, "True; use 0 or more")):
        with pytest.raises(ValueError, match=f"number of an output channel, got {said}$"):
            check_readout(wrong)
    with pytest.raises(ValueError, match=r"^dtype must be one of a, b, got \['a'\]"):
        check_choice("dtype", ["a"], ("a", "b"))
    assert (nearest("START_END", ["start-end", "copying"]), nearest("zzz", ["start-end"])) == ("start-end", None)


def test_a_prime_that_was_seen_as_an_integer_is_still_none_as_a_float() -> None:
    assert check_prime(97) == 97
    with pytest.raises(NotWholeError, match=r"^prime must be a whole number, got 97\.0; use 97$"):
        check_prime(97.0)


# Every entrance


@functools.cache
def outcomes() -> dict[str, Any]:
    """From a process without the type checks of the tests, which would come first."""
    program = Path(__file__).with_name("entrances.py")
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_numpy_integers_give_what_integers_give(name: str) -> None:
    assert outcomes()[name]["differing"] == {}


def wording(argument: str, value: int) -> dict[str, str]:
    """The end of what must be said of one argument, by the kind of wrong value."""
    must = f"{argument} must be a whole number, got "
    if argument == "readout":
        must = "readout must be 'random', 'all' or the number of an output channel, got "
    if argument == "max_samples on the page":
        must = must.replace("max_samples on the page", "samples at most")
    return {
        "float": f"{must}{value}.0; use {value}",
        "half": f"{must}{value}.5; use {value} or {value + 1}",
        "float64": f"{must}np.float64({value}.0); use {value}",
        "bool": f"{must}True; use ",
        "bool_": f"{must}np.True_; use ",
        "text": f"{must}'many'; ",
        "list": f"{must}[{value}, 'many']; use ",
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_what_is_no_whole_number_is_refused_in_one_wording(name: str) -> None:
    for argument, value in EVERY[name].whole.items():
        known = f"{argument} on the page" if (name, argument) == ("page", "max_samples") else argument
        for kind, words in wording(known, value).items():
            if (name, argument, kind) in ELSEWHERE:
                words = ELSEWHERE[name, argument, kind]
            said = outcomes()[name]["messages"][argument][kind]
            assert words in said, (argument, kind)


AXES = "inputs must be a whole number, got (3, 'many'); use "
MEMBER = " must be a whole number, got 'many'; use "
FRACTION = "cut must be a fraction between 0 and 1 or a number of steps, got 'many'"
ELSEWHERE = {
    ("compare", "length", "list"): f"length{MEMBER}",
    ("compare", "depth", "list"): f"depth{MEMBER}",
    ("compare at equal parameters", "length", "list"): f"length{MEMBER}",
    **{(verb, "inputs", "list"): f"each of inputs{MEMBER}" for verb in ("measure", "profile")},
    **{(f"sweep of {verb}", "inputs", "list"): AXES for verb in ("certify", "measure")},
    ("sweep of certify", "cut", "text"): FRACTION,
    ("sweep of measure", "cut", "text"): FRACTION,
}
"""Several lengths and depths may be compared, inputs may have several axes, and in a sweep a cut may be "1/4"."""

CUT = "cut must be between 1 and length - 1 = 3, got {cut}; leave it out for the middle, 2"
OTHERS = {
    "cut 0": CUT.format(cut=0),
    "cut 4": CUT.format(cut=4),
    "length 1": "length must be at least 2 to be cut, got 1; use 8 or more",
    "domain": "domain must be one of functional, tokens, got 'token'; did you mean 'tokens'?",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_cuts_and_domains_are_refused_in_one_wording(name: str) -> None:
    messages = outcomes()[name]["messages"]
    for case, words in OTHERS.items():
        if case in messages:
            assert words in messages[case], case
