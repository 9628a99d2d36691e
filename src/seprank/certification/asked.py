"""The question that a certificate answers, with every setting checked, and the module as it is asked."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import Ge
from torch import Tensor, nn

from ..adapters import ConventionError
from ..adapters.alphabet import count_inputs
from ..adapters.like_rnn import like_rnn
from ..degrees import OfDegrees
from ..models import spec_of
from ..question import (
    Domain,
    Readout,
    Squash,
    check_choice,
    check_domain,
    check_readout,
    check_split,
    check_squash,
    check_whole,
    is_whole,
)
from ..settings.certify_settings import LETTERS, CertifySettings, Letters
from ..settings.hints import Hints
from ..theory import Asked
from .form import Count

Called = bool | int | str | dict[str, bool | int | float | str | None]
Templates = Letters | tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Question:
    """Together with the module, this determines every entry of the Start-End matrix."""

    __pydantic_config__ = {"extra": "forbid", "strict": True}  # noqa: RUF012  (read by pydantic when a file is loaded)

    inputs: Count
    """Features per step, or letters of the alphabet where templates are token ids"""
    length: Count
    cut: Count
    domain: Domain
    templates: Templates | None
    """In the tokens domain: what the letters are"""
    readout: Readout
    prime: Annotated[Count, Ge(3)]
    seed: int
    squash: Squash | None = None
    """What activations, softmax and norms are replaced by"""
    split: tuple[int, ...] | None = None
    """Positions of the start, None if it is the first `cut` steps"""
    called: dict[str, Called] = field(default_factory=dict)
    """How the module is called, as far as the user stated it; the names are those of `Hints`"""

    @property
    def hints(self) -> Hints:
        """How the module is called.

        Raises:
            TypeError: a stated value has the wrong type.
        """
        stated: dict[str, Any] = {**self.called}
        return Hints(**stated)

    @property
    def halves(self) -> dict[str, int]:
        """Steps of the start and of the end halves."""
        return {"starts": self.cut, "ends": self.length - self.cut}

    @property
    def asked(self) -> Asked:
        """The halves, as theory's statements are about them."""
        return {"length": self.length, "cut": self.cut, "domain": self.domain}

    @property
    def of_degrees(self) -> OfDegrees:
        """The settings that degrees depend on, as keyword arguments of `total_degrees` and `degree_bounds`."""
        return {
            "length": self.length,
            "cut": self.cut,
            "inputs": self.inputs,
            "domain": self.domain,
            "templates": self.templates,
            "squash": self.squash,
            "split": self.split,
        }

    def features(self, module: nn.Module) -> int | None:
        """Numbers in a step as the module reads it; None for token ids."""
        if self.templates == "ids":
            return None
        if isinstance(self.templates, tuple):
            return len(self.templates[0])
        own = getattr(module, "input_size", None)
        return check_whole("input_size", own) if self.domain == "tokens" and is_whole(own) else self.inputs

    def words_in_all(self, side: str) -> int | None:
        """How many different halves there are on a side; None for vectors, and where there are more than 10^24."""
        steps = self.halves[side]
        few = self.inputs == 1 or steps * math.log2(self.inputs) < 80
        return self.inputs**steps if self.domain == "tokens" and few else None


def ask(module: nn.Module, settings: CertifySettings, inputs: int | None = None) -> Question:
    """The question that settings of `certify` ask of a module.

    Args:
        module: the module.
        settings: already checked as far as possible without it.
        inputs: features per step, or letters; by default what the module states.

    Raises:
        ValueError: a setting is out of range; the message names it and the remedy.
        NotWholeError: a setting must be a whole number; this is a TypeError and a ValueError.
    """
    domain = check_domain(settings.domain)
    templates = _check_templates(settings.templates, domain)
    return Question(
        inputs=_count_inputs(module, inputs, templates, settings),
        length=settings.length,
        cut=settings.start,
        domain=domain,
        templates=templates,
        readout=check_readout(settings.readout),
        prime=settings.prime,
        seed=settings.seed,
        squash=check_squash(settings.squash),
        split=check_split(settings.split, settings.length),
        called=settings.hints.stated(),
    )


def as_rnn(module: nn.Module, question: Question) -> tuple[nn.Module, str]:
    """The module in the convention of `torch.nn.RNN`, and how it was read; empty if it has that convention itself.

    Raises:
        ConventionError: the module can be read in several ways that differ, or not in the way the user states.
    """
    called = question.called
    if spec_of(module) is not None:
        if called:
            raise ConventionError(
                f"{type(module).__name__} is called as torch.nn.RNN is; leave out {', '.join(called)}"
            )
        return module, ""
    length = question.length if called else None
    return like_rnn(module, _random_sequences(module, question, length or 6), said=question.hints, length=length)


def _random_sequences(module: nn.Module, question: Question, steps: int) -> Tensor:
    """Sequences of the kind that the question is about, as ordinary numbers, to try the module on."""
    generator, features = torch.Generator().manual_seed(0), question.features(module)
    if features is None:
        return torch.randint(question.inputs, (16, steps), generator=generator)
    return torch.randn(16, steps, features, generator=generator, dtype=torch.float64)


def _check_templates(templates: Any, domain: Domain) -> Templates | None:
    if domain == "functional":
        return None
    if templates is None or isinstance(templates, str):
        named: Letters = check_choice("templates", templates or "generic", LETTERS)
        return named
    rows = np.asarray(templates)
    if rows.ndim != 2 or rows.size == 0:
        raise ValueError(f"templates must be vectors (inputs, features), got an array of shape {rows.shape}")
    if not np.issubdtype(rows.dtype, np.number) or not np.array_equal(rows, np.rint(rows)):
        raise ValueError("templates must be whole numbers to be exact modulo a prime; scale them")
    return tuple(tuple(int(x) for x in row) for row in rows)


def _count_inputs(module: nn.Module, inputs: int | None, templates: Templates | None, settings: CertifySettings) -> int:
    """M: vectors per alphabet, or features per step."""
    if isinstance(templates, tuple):
        features, width = getattr(module, "input_size", None), len(templates[0])
        if is_whole(features) and width != features:
            raise ValueError(f"templates must have {features} features for this module, got {width}")
        if inputs is not None and check_whole("inputs", inputs, 1) != len(templates):
            raise ValueError(f"inputs is {inputs}, but there are {len(templates)} templates; leave inputs out")
        return len(templates)
    if inputs is None:
        return count_inputs(module, ids=templates == "ids", length=settings.length, said=settings.hints)
    return check_whole("inputs", inputs, 1)
