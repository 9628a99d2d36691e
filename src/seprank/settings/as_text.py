"""Values as people write them on a command line or in an address; `ValueError` for what cannot be read."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from ..system.memory import parse_size
from .entries import FromText


def whole_number(option: str, text: str) -> int:
    """A whole number of any size up to 10,000 digits, also written as 1e100."""
    from decimal import Decimal, InvalidOperation

    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    # The exponent is looked at before anything of that length is made.
    if not number.is_finite() or number.adjusted() > 10_000 or number != number.to_integral_value():
        raise ValueError(f"{option} must be a whole number such as 1000000 or 1e100, got {text!r}")
    return int(number)


def split_names(text: str) -> tuple[str, ...]:
    """Names with commas between them."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def split_numbers(option: str, text: str) -> tuple[int, ...]:
    """Whole numbers with commas between them."""
    if not all(name.isdecimal() for name in split_names(text)):
        raise ValueError(f"{option} must be whole numbers with commas between them, got {text!r}")
    return tuple(int(name) for name in split_names(text))


def _number_or_axes(option: str, text: str) -> int | tuple[int, ...]:
    numbers = split_numbers(option, text)
    if not numbers:
        raise ValueError(f"{option} must be a whole number, or several with commas between them, got {text!r}")
    return numbers if len(numbers) > 1 else numbers[0]


def _number_or_name(_: str, text: str) -> int | str:
    return int(text) if text.removeprefix("-").isdecimal() and len(text) < 20 else text


def _numbers_or_all(option: str, text: str) -> str | tuple[int, ...]:
    return text if text == "all" else split_numbers(option, text)


def key_values(option: str, texts: Iterable[str]) -> dict[str, Any]:
    """key=value pairs; values are read as JSON or as Python writes it where they are that, else as text."""
    parsed: dict[str, Any] = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or not key.isidentifier():
            raise ValueError(f"{option} must be key=value, got {text!r}")
        if key in parsed:
            raise ValueError(f"{option} gives {key} twice; give it once")
        parsed[key] = _value(value)
    return parsed


def _value(text: str) -> Any:
    """The value of a text on the command line: False and false are the same, and None and null."""
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
            # Of what only Python can write, such as sets and bytes, no certificate could speak.
            if json.loads(json.dumps(value, allow_nan=False)) == value:
                return value
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            continue
    return text


def _with_commas(values: Iterable[Any]) -> str:
    return ",".join(map(str, values))


Channel = Annotated[str | int, FromText(_number_or_name)]
"""A word, or the number of an output channel"""
Numbers = Annotated[tuple[int, ...], FromText(split_numbers, _with_commas)]
NumbersOrAll = Annotated[str | tuple[int, ...] | None, FromText(_numbers_or_all, _with_commas)]
Axes = Annotated[
    int | tuple[int, ...],
    FromText(_number_or_axes, lambda value: _with_commas(value if isinstance(value, tuple) else (value,))),
]
"""A number, or the sizes of several axes"""
Names = Annotated[tuple[str, ...], FromText(lambda _, text: split_names(text), _with_commas)]
Arguments = Annotated[Mapping[str, Any], FromText(key_values, several=True, metavar="KEY=VALUE")]
Big = Annotated[int, FromText(whole_number)]
"""A whole number of any size"""
AsItIs = FromText(lambda _, text: text)
"""For values that are not text in Python: the name of a file or of something that is looked up"""
Bytes = Annotated[int | None, FromText(lambda _, text: parse_size(text))]
