"""What is asked of a module whose rank is certified, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from torch import nn

from ..adapters.hints import hints
from ..question import (
    Domain,
    Readout,
    Squash,
    check_choice,
    check_cut,
    check_domain,
    check_prime,
    check_readout,
    check_seed,
    check_split,
    check_squash,
    check_whole,
    is_whole,
)

Letters = Literal["generic", "one-hot", "ids"]
Called = bool | int | str | dict[str, bool | int | float | str | None]
Templates = Letters | tuple[tuple[int, ...], ...]
_OF_DEGREES = ("length", "cut", "inputs", "domain", "templates", "squash", "split")


@dataclass(frozen=True)
class Question:
    """What is asked of a module; with the module it determines every entry of the Start-End matrix."""

    __pydantic_config__ = {"extra": "forbid", "strict": True}  # noqa: RUF012  (read by pydantic when a file is loaded)

    inputs: int
    """Features per step, or letters of the alphabet where templates are token ids"""
    length: int
    cut: int
    domain: Domain
    templates: Templates | None
    """In the tokens domain: what the letters are"""
    readout: Readout
    prime: int
    seed: int
    squash: Squash | None = None
    """What activations, softmax and norms are replaced by"""
    split: tuple[int, ...] | None = None
    """Positions of the start, None if it is the first `cut` steps"""
    called: dict[str, Called] = field(default_factory=dict)
    """What the user said of how the module is called, as `Hints` names it"""

    @property
    def halves(self) -> dict[str, int]:
        """Steps of the start and of the end halves."""
        return {"starts": self.cut, "ends": self.length - self.cut}

    @property
    def of_degrees(self) -> dict[str, Any]:
        """What the degrees of a module depend on, as `total_degrees` and `degree_bounds` name it."""
        return {name: getattr(self, name) for name in _OF_DEGREES}

    def words_in_all(self, side: str) -> int | None:
        """How many different halves there are on a side, None if inputs range over vectors."""
        return self.inputs ** self.halves[side] if self.domain == "tokens" else None


def ask(  # noqa: PLR0913  (each is a setting a user has)
    module: nn.Module,
    *,
    length: int,
    cut: int | None,
    domain: str,
    inputs: int | None,
    templates: Any,
    readout: Any,
    prime: int,
    seed: int,
    squash: Any = None,
    split: Any = None,
    called: Mapping[str, Any] | None = None,
) -> Question:
    """Check the arguments of `certify` and put them together.

    Raises:
        ValueError: one of them is out of range; the text says which and what to do.
        NotWholeError: one that must be a whole number is none; it is a TypeError and a ValueError.
    """
    positions = check_split(split, check_cut(length)[0])
    if positions is not None and cut not in (None, len(positions)):
        raise ValueError(f"a split of {len(positions)} positions has no other cut, got {cut!r}; leave the cut out")
    length, cut = check_cut(length, cut if positions is None else len(positions))
    checked_domain = check_domain(domain)
    checked_templates = _check_templates(templates, checked_domain)
    return Question(
        inputs=_count_inputs(module, inputs, checked_templates),
        length=length,
        cut=cut,
        domain=checked_domain,
        templates=checked_templates,
        readout=check_readout(readout),
        prime=check_prime(prime),
        seed=check_seed(seed),
        squash=check_squash(squash),
        split=positions,
        called=hints(**(called or {})).stated(),
    )


def _check_templates(templates: Any, domain: Domain) -> Templates | None:
    if domain == "functional":
        if templates is not None:
            raise ValueError("templates are the alphabet of the tokens domain; use domain='tokens' or leave them out")
        return None
    if templates is None or isinstance(templates, str):
        named: Letters = check_choice("templates", templates or "generic", get_args(Letters))  # type: ignore[assignment]
        return named
    rows = np.asarray(templates)
    if rows.ndim != 2 or rows.size == 0:
        raise ValueError(f"templates must be vectors (inputs, features), got an array of shape {rows.shape}")
    if not np.issubdtype(rows.dtype, np.number) or not np.array_equal(rows, np.rint(rows)):
        raise ValueError("templates must be whole numbers to be exact modulo a prime; scale them")
    return tuple(tuple(int(x) for x in row) for row in rows)


def _count_inputs(module: nn.Module, inputs: int | None, templates: Templates | None) -> int:
    """M: vectors per alphabet, or features per step."""
    features = getattr(module, "input_size", None)
    if isinstance(templates, tuple):
        width = len(templates[0])
        if is_whole(features) and width != features:
            raise ValueError(f"templates must have {features} features for this module, got {width}")
        if inputs is not None and check_whole("inputs", inputs, 1) != len(templates):
            raise ValueError(f"inputs is {inputs}, but there are {len(templates)} templates; leave inputs out")
        return len(templates)
    if inputs is None:
        if not is_whole(features):
            raise ValueError("inputs (features per step) must be given for a module without an attribute input_size")
        return check_whole("input_size", features, 1)
    return check_whole("inputs", inputs, 1)
