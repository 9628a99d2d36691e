"""Limits on the file of a certificate, checked before anything is made of its numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Interval

from ..system.files import FileTooLarge, read_whole
from ..system.names import quoted_name, shown

# The limits are listed in docs/certificate.md; a test compares.

MOST_BYTES = 2**24
"""Of a file: a rank of a hundred thousand takes two million"""

MOST_VALUES = 2_000_000
"""Numbers, strings, lists and objects in a file"""

MOST_NESTING = 8
"""Lists and objects inside each other; a certificate has four levels"""

MOST_DIGITS = 1000
"""Of any number; bounds with more digits are left out of the file"""

MOST_SIZE = 2**63 - 1
"""Of everything that counts: sizes, samples, numbers of rows and columns"""

MOST_TEXT = 1000
"""Printable characters of a name or another string, on one line"""

MOST_DIMENSIONS = 64
"""Of a parameter; PyTorch has no more"""

MOST_RUN_SECONDS = 1e9
"""Longest run that may be stated: thirty years"""

Number = Annotated[int, Interval(ge=0, le=MOST_SIZE)]
"""Of a sample, a row or a column, counted from 0; or an element of the field"""

Count = Annotated[int, Interval(ge=1, le=MOST_SIZE)]
"""How many there are of what there is"""

VERSIONS = ("python", "seprank", "torch", "numpy")
"""Packages whose versions a certificate states"""

_TOO_LONG = 10**MOST_DIGITS


class CertificateError(ValueError):
    """Raised when a certificate is invalid.

    Attributes:
        step: which check failed: "read", "digest", "fields", "flags", "model", "bounds" or "minor".
    """

    def __init__(self, step: str, reason: str) -> None:
        self.step = step
        super().__init__(f"certificate invalid at step {step!r}: {reason}")


def read(path: str | Path) -> Any:
    """The content of a JSON file, read within the limits on its size; `FileError` if it cannot be read."""
    try:
        content = read_whole(path, most=MOST_BYTES)
    except FileTooLarge as error:
        raise CertificateError("read", f"{error}") from None
    try:
        return parse(content.decode())
    except UnicodeDecodeError as error:
        raise CertificateError("read", f"{path} is not JSON in UTF-8 ({error.reason}); is it a certificate?") from None


def parse(text: str) -> Any:
    """The content of strict JSON: no NaN, no number beyond a float, no field twice."""
    if sum(map(text.count, ",[{")) > MOST_VALUES:
        raise CertificateError("read", f"it holds more than {MOST_VALUES:,} values; is it a certificate?")
    try:
        return json.loads(
            text,
            object_pairs_hook=_without_repeats,
            parse_int=_whole,
            parse_float=_decimal,
            parse_constant=_no_number,
        )
    except CertificateError:
        raise
    except RecursionError:
        raise CertificateError("read", f"it nests more than {MOST_NESTING} deep; is it a certificate?") from None
    except ValueError as error:
        raise CertificateError("read", f"it is not JSON ({error}); is the file complete?") from None


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise CertificateError("read", f"it has the field {quoted_name(name)} twice")
        found[name] = value
    return found


def _whole(literal: str) -> int:
    if len(literal.lstrip("-")) > MOST_DIGITS:
        raise CertificateError("read", f"it has a number of more than {MOST_DIGITS:,} digits")
    return int(literal)


def _decimal(literal: str) -> float:
    value = float(literal) if len(literal) <= MOST_DIGITS else math.inf
    if not math.isfinite(value):
        raise CertificateError("read", f"it has a number that is too large or too long, {shown(literal)}")
    return value


def _no_number(literal: str) -> float:
    raise CertificateError("read", f"it has {literal}, which is not a number")


def check_values(content: Any, where: str = "it", nesting: int = 0) -> None:
    """Refuse values that no field has: long or unprintable strings, long or infinite numbers, deep nesting."""
    if nesting > MOST_NESTING:
        raise CertificateError("read", f"it nests more than {MOST_NESTING} deep; is it a certificate?")
    if isinstance(content, str):
        _check_text(content, where)
    elif isinstance(content, float) and not math.isfinite(content):
        raise CertificateError("fields", f"{where} must be a finite number, got {content}")
    elif isinstance(content, int) and abs(content) >= _TOO_LONG:
        raise CertificateError("fields", f"{where} must have at most {MOST_DIGITS:,} digits")
    for name, value in _inside(content):
        _check_text(name, f"a name in {where}")
        check_values(value, name if where == "it" else f"{where}.{name}", nesting + 1)


def _inside(content: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict):
        yield from content.items()
    elif isinstance(content, list | tuple):
        yield from ((str(number), value) for number, value in enumerate(content))


def _check_text(text: str, where: str) -> None:
    if len(text) > MOST_TEXT or not text.isprintable():
        raise CertificateError(
            "fields", f"{where} must be one line of at most {MOST_TEXT:,} printable characters, got {shown(text)}"
        )
