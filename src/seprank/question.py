"""What is asked of a model, checked once and in one wording: whole numbers, cut, domain, read-out, prime, choices.

A whole number is anything that Python takes as an index, except truth values: Python's integers, NumPy's, and torch's
integer tensors without dimensions. It is handed on as Python's `int`, so that what is computed, stored and printed does
not depend on where it came from. Every public function and every verb goes through here. Neither torch nor NumPy is
imported.

Each check returns what it checked. It raises `NotWholeError` for anything else in place of a whole number, and
`ValueError` for what is out of range or unknown; the message names the argument, the value and what to use instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import cache
from operator import index
from typing import Any, Literal, TypedDict, TypeVar, get_args

from .system.names import shown

Domain = Literal["functional", "tokens"]
"""Inputs range over all vectors, or over M fixed templates"""
DOMAINS: tuple[Domain, ...] = get_args(Domain)

Readout = Literal["random", "all"] | int
"""One linear functional of the last output, all channels of it, or the channel of that number"""
READOUTS = ("random", "all")

Squash = Literal["identity"]
"""What activations, softmax and norms are replaced by"""
SQUASHES: tuple[Squash, ...] = get_args(Squash)

DEFAULT_PRIME = 8388593
"""2^23 - 15: sums of 512 products are exact in float64, and a random minor vanishes once in 8 million."""
PRIME_LIMIT = 2**27
"""Primes must lie below: then a product of two balanced elements stays below 2^52."""

LEAST_CONFIDENCE = 1e-200
"""Smallest probability of an error that can be asked for"""


class Sizes(TypedDict):
    """M, R and L of a network that is built by name."""

    inputs: int
    width: int
    depth: int


Word = TypeVar("Word", bound=str)


class NotWholeError(TypeError, ValueError):
    """Raised for anything else in place of a whole number: it has the wrong type, and is an invalid value."""


def check_whole(name: str, value: Any, least: int | None = None, *, purpose: str = "", remedy: str = "") -> int:
    """A whole number as Python's `int`.

    Args:
        name: what the user calls it.
        value: what came.
        least: the smallest valid one.
        purpose: what the smallest is needed for, such as "to be cut".
        remedy: what to do about one that is too small; by default to use `least` or more.

    Example:
        >>> check_whole("width", 6.0)
        Traceback (most recent call last):
        seprank.question.NotWholeError: width must be a whole number, got 6.0; use 6
    """
    number = _as_index(value)
    if number is None:
        raise NotWholeError(f"{name} must be a whole number, got {shown(value)}; use {_nearest_whole(value, least)}")
    if least is not None and number < least:
        wanted = f"at least {least} {purpose}".rstrip()
        raise ValueError(f"{name} must be {wanted}, got {number}; {remedy or f'use {least} or more'}")
    return number


def check_between(name: str, value: Any, least: int, most: int, *, remedy: str = "") -> int:
    """A whole number with two limits, as Python's `int`."""
    number = check_whole(name, value)
    if not least <= number <= most:
        hint = remedy or f"use {least if number < least else most:,}"
        raise ValueError(f"{name} must be between {least:,} and {most:,}, got {number:,}; {hint}")
    return number


def check_several(name: str, values: Any, least: int) -> list[int]:
    """One whole number or several, each once, as a list."""
    number = _as_index(values)
    if number is None and (isinstance(values, str) or not isinstance(values, Iterable)):
        check_whole(name, values, least)
    several = [number] if number is not None else list(values)
    if not several:
        raise ValueError(f"{name} must be at least one number, got none; use {least} or more")
    return list(dict.fromkeys(check_whole(name, value, least) for value in several))


def check_network(*, inputs: Any, width: Any, depth: Any) -> tuple[int, int, int]:
    """M, R and L of a network."""
    return check_whole("inputs", inputs, 1), check_whole("width", width, 1), check_whole("depth", depth, 1)


def check_cut(length: Any, cut: Any = None) -> tuple[int, int]:
    """T and c: the steps of a sequence, and those of its start half, by default T // 2.

    Example:
        >>> check_cut(9)
        (9, 4)
    """
    length = check_whole("length", length, 2, purpose="to be cut", remedy="use 8 or more")
    middle = length // 2
    if cut is None:
        return length, middle
    cut = check_whole("cut", cut)
    if not 1 <= cut < length:
        raise ValueError(
            f"cut must be between 1 and length - 1 = {length - 1}, got {cut}; leave it out for the middle, {middle}"
        )
    return length, cut


def check_seed(seed: Any) -> int:
    """The seed of all that is drawn; no generator of NumPy takes a negative one."""
    return check_whole("seed", seed, 0)


def check_choice(name: str, value: Any, known: Sequence[Word]) -> Word:
    """One of a few words.

    Example:
        >>> check_choice("domain", "token", DOMAINS)
        Traceback (most recent call last):
        ValueError: domain must be one of functional, tokens, got 'token'; did you mean 'tokens'?
    """
    for word in known:
        if isinstance(value, str) and value == word:
            return word
    hint = meant(value, known, f"use {known[0]!r}")
    raise ValueError(f"{name} must be one of {', '.join(known)}, got {shown(value)}; {hint}")


def check_domain(domain: Any) -> Domain:
    """The domain."""
    return check_choice("domain", domain, DOMAINS)


def check_readout(readout: Any, channels: int | None = None) -> Readout:
    """What is read of the last output.

    Args:
        readout: "random", "all", or the number of a channel from 0.
        channels: how many there are, where that is known.
    """
    if isinstance(readout, str) and readout in READOUTS:
        word: Readout = readout  # type: ignore[assignment]
        return word
    number = _as_index(readout)
    if number is None or number < 0:
        is_text = isinstance(readout, str)
        hint = meant(readout, READOUTS, "use 'random'") if is_text else f"use {_nearest_whole(readout, 0)}"
        raise ValueError(
            f"readout must be 'random', 'all' or the number of an output channel, got {shown(readout)}; {hint}"
        )
    if channels is not None and number >= channels:
        raise ValueError(
            f"readout must be below the {channels} output channels of the model, got {number}; use {channels - 1}"
        )
    return number


def check_squash(squash: Any) -> Squash | None:
    """What activations, softmax and norms are replaced by; None if they are left alone."""
    return None if squash is None else check_choice("squash", squash, SQUASHES)


def check_split(split: Any, length: int) -> tuple[int, ...] | None:
    """The positions of the start, ascending; None if it is the first steps.

    Example:
        >>> check_split([4, 0, 2], length=6)
        (0, 2, 4)
    """
    if split is None:
        return None
    if isinstance(split, str) or not isinstance(split, Iterable):
        raise NotWholeError(f"split must be positions, such as [0, 2, 4], got {shown(split)}")
    positions = sorted(check_between("a position of split", place, 0, length - 1) for place in split)
    if not 1 <= len(positions) < length or len(set(positions)) < len(positions):
        raise ValueError(
            f"split must be 1 to {length - 1} different positions of {length}, the rest being the end, got "
            f"{shown(positions)}"
        )
    return tuple(positions)


def check_prime(prime: Any) -> int:
    """An odd prime below `PRIME_LIMIT`."""
    remedy = f"the default is {DEFAULT_PRIME}"
    p = check_whole("prime", prime)
    if not 3 <= p < PRIME_LIMIT:
        raise ValueError(f"prime must be odd and below 2^27 = {PRIME_LIMIT}, got {p}; {remedy}")
    divisor = _least_divisor(p)
    if divisor < p:
        raise ValueError(f"prime must be a prime number, got {p} = {divisor} * {p // divisor}; {remedy}")
    return p


@cache
def _least_divisor(number: int) -> int:
    return next((d for d in range(2, math.isqrt(number) + 1) if number % d == 0), number)


def keep_whole(settings: object, name: str, least: int) -> int:
    """Check a field of a frozen dataclass as it is made, and keep it as Python's `int`."""
    number = check_whole(name, getattr(settings, name), least)
    keep(settings, **{name: number})
    return number


def keep_whole_if_given(settings: object, name: str, least: int) -> None:
    """As `keep_whole`, of a field that may be None."""
    if getattr(settings, name) is not None:
        keep_whole(settings, name, least)


def keep(settings: object, **values: Any) -> None:
    """Replace fields of a frozen dataclass as it is made, by what was checked."""
    for name, value in values.items():
        object.__setattr__(settings, name, value)


def check_confidence(confidence: Any) -> float | None:
    """A probability of error; `TypeError` if it is no number.

    Example:
        >>> check_confidence(1e-12)
        1e-12
    """
    if confidence is None:
        return None
    if isinstance(confidence, bool) or not isinstance(confidence, int | float):
        raise TypeError(f"confidence must be a number such as 1e-12, got {confidence!r}")
    if not LEAST_CONFIDENCE <= confidence < 1:
        raise ValueError(
            f"confidence is the probability of an error that is accepted, {LEAST_CONFIDENCE} to 1, got {confidence}; "
            "use 1e-12"
        )
    return float(confidence)


def nearest(value: Any, known: Iterable[str]) -> str | None:
    """The known word that is most like another, None if none is like it; case and underscores do not count."""

    def folded(word: str) -> str:
        return word.lower().replace("_", "-")

    words = {folded(word): word for word in known}
    near = get_close_matches(folded(str(value)), words, n=1, cutoff=0.4)
    return words[near[0]] if near else None


def meant(value: Any, known: Iterable[str], otherwise: str) -> str:
    """What a message says beside an unknown word: the nearest known one, or something else where none is near."""
    near = nearest(value, known)
    return otherwise if near is None else f"did you mean {near!r}?"


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number: where an argument may be something else instead."""
    return _as_index(value) is not None


def _as_index(value: Any) -> int | None:
    """Python's integer, None for what is no whole number: truth values and what has dimensions, too."""
    dimensions: int = getattr(value, "ndim", 0)
    if _is_truth_value(value) or dimensions:
        return None
    try:
        return index(value)
    except TypeError:
        return None


def _is_truth_value(value: Any) -> bool:
    return isinstance(value, bool) or "bool" in str(getattr(value, "dtype", ""))


def _nearest_whole(value: Any, least: int | None) -> str:
    """What to use in place of what was given."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    low = -math.inf if least is None else least
    if _is_truth_value(value) or number < low or not abs(number) < 1e15:
        return f"{1 if least is None else least} or more"
    return f"{number:.0f}" if number.is_integer() else f"{math.floor(number)} or {math.ceil(number)}"
