"""The parts of a certificate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Len

from ..result.result import STRICT
from .form import MOST_DIMENSIONS, Count, Number

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
