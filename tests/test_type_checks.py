"""The checks that the tests put into the package find what they are there to find."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

import type_checks
from seprank.theory import multichoose

SOURCE = """
from __future__ import annotations
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from elsewhere import Unknown
def half(n: int) -> int:
    return n / 2
def outer(n: str) -> int:
    def inner(m: int) -> int:
        return m
    return inner(n)
def lenient(what: Unknown, n: int) -> Unknown:
    return what
class Circle:
    def grow(self, by: float) -> Circle:
        return self
@dataclass(frozen=True)
class Sizes:
    width: int
    of: Unknown | None = None
    more: list[int] = field(default_factory=list)
"""


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    made = types.ModuleType("made_of_source")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    exec(type_checks.with_checks(SOURCE), vars(made))
    return vars(made)


@pytest.mark.parametrize(
    "call",
    ["half('a')", "half(1)", "outer('a')", "lenient(0, 'a')", "Circle().grow('a')", "Sizes('a')", "Sizes(1, 2, 3)"],
)
def test_wrong_types_are_found(call: str, module: dict[str, Any]) -> None:
    with pytest.raises(type_checks.WrongType):
        eval(call, module)


@pytest.mark.parametrize("call", ["lenient(0, 1)", "Circle().grow(0.5)", "Sizes(1, of=2)", "Sizes(1, more=[2])"])
def test_right_types_are_let_through(call: str, module: dict[str, Any]) -> None:
    eval(call, module)


def test_the_package_is_checked() -> None:
    with pytest.raises(type_checks.WrongType):
        multichoose("a", 2)  # type: ignore[arg-type]
