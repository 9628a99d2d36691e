"""The parts of a certificate, and the checks of each part by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Len

from ..result.result import STRICT
from ..system.names import quoted_name, shown
from .asked import Question
from .form import MOST_DIMENSIONS, CertificateError, Count, Number

_HASH = re.compile(r"[0-9a-f]{64}")

OPTIONAL = {
    "model": ("replaced", "functions", "constants", "divisions", "read_as"),
    "question": ("squash", "split", "called"),
    "": ("left_out_starts", "left_out_ends"),
}
"""Fields that are present only if they are not empty"""


ModelSettings = dict[str, int | float | bool | str]
"""inputs, width and depth of a registered model; the keyword arguments of a factory"""


@dataclass(frozen=True)
class ModelRecord:
    """The certified module."""

    __pydantic_config__ = STRICT

    name: str
    """Name in the registry, or file.py:factory, or module.Class"""
    kind: Literal["registry", "factory", "class"]
    """What the name refers to"""
    settings: ModelSettings
    sha256: str | None
    """Hash of the source file, None for a registered model"""
    parameters: dict[str, Annotated[list[Number], Len(0, MOST_DIMENSIONS)]]
    """Name and shape of every parameter"""
    fixed: dict[str, str]
    """SHA-256 of the values of every buffer, and of every parameter that kept its value"""
    replaced: dict[str, list[str]] = field(default_factory=dict)
    """Operations that were replaced by the identity, and the sub-modules they were in"""
    functions: dict[str, str] = field(default_factory=dict)
    """Parameters that the network uses only through a function, in whose place an element was drawn; the function"""
    constants: dict[str, list[str]] = field(default_factory=dict)
    """Operations on constants that were evaluated in float64, and SHA-256 of the results"""
    divisions: list[str] = field(default_factory=list)
    """Operations that divide by values, and the sub-modules they were in"""
    read_as: str = ""
    """How the module was read, if not by the convention of `torch.nn.RNN`"""


@dataclass(frozen=True)
class Minor:
    """A square submatrix with a determinant that is not zero modulo the prime: the proof of the rank."""

    __pydantic_config__ = STRICT

    rows: list[Number]
    """Numbers of the start halves, ascending"""
    columns: list[Number]
    """Numbers of the columns, ascending: end x channels + channel"""
    determinant: Number
    """Modulo the prime, 1..prime-1"""


@dataclass(frozen=True)
class Draw:
    """Another draw of weights and samples, which showed no higher rank."""

    __pydantic_config__ = STRICT

    seed: Number
    samples: Count
    """Halves per side, or all words there are"""
    rank: Number


def check_record(model: ModelRecord) -> None:
    """Check the record of the module."""
    lists = {"replaced": model.replaced, "constants": model.constants, "divisions": {"": model.divisions}}
    for name, groups in lists.items():
        if any(texts != sorted(set(texts)) or (not texts and name != "divisions") for texts in groups.values()):
            raise CertificateError("fields", f"model.{name} must list each text once, sorted")
    constants = {
        f"{name} {number}": text for name, texts in model.constants.items() for number, text in enumerate(texts)
    }
    _check_hashes({"model.sha256": model.sha256 or "0" * 64, **model.fixed, **constants})


def check_split_of(question: Question) -> None:
    """Check which positions are the start."""
    if question.split is not None and (
        len(question.split) != question.cut
        or question.split != tuple(sorted(set(question.split)))
        or question.split[0] < 0
        or question.split[-1] >= question.length
    ):
        raise CertificateError("fields", "question.split must be as many different positions as cut, ascending")


def check_called(question: Question) -> None:
    """Check how the module is called."""
    try:
        same = sorted(question.hints.stated()) == sorted(question.called)
    except TypeError as error:
        raise CertificateError("fields", f"question.called: {error}") from None
    if not same:
        raise CertificateError("fields", "question.called must not state defaults")


def check_left_out(starts: list[int], pairs: list[tuple[int, int]]) -> None:
    """Check the form of the samples at which a divisor is 0."""
    ends = [end for _, end in pairs]
    if starts != sorted(set(starts)) or ends != sorted(set(ends)):
        raise CertificateError("fields", "left_out_starts and left_out_ends must have each number once, ascending")


def _check_hashes(hashes: dict[str, str]) -> None:
    for name, text in hashes.items():
        if not _HASH.fullmatch(text):
            raise CertificateError("fields", f"{quoted_name(name)} must have a SHA-256 of 64 digits, got {shown(text)}")
