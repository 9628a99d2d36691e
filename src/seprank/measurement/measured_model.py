"""The model of a measurement: a copy in the requested arithmetic, or else in its own, adapted and checked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from ..adapters import CallFailed, Checked, Rescaled
from ..adapters.choose import search
from ..adapters.copies import converted, copy_module, unwrapped
from ..adapters.refusal import Refused
from ..settings.floating import FloatingSettings
from ..startend import Halves
from ..system.quiet import quiet
from ..system.seeds import seeded
from .inputs import Samples

DTYPES = {"float64": torch.float64, "float32": torch.float32}
_OWN = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
"""Arithmetics that a function, which has no parameters to tell, may have been written for"""

_TRIED = 64
"""Sequences of the samples that are enough for every check"""
_TIMED_STEPS = 16
"""Steps that are run to see how long one takes"""


@dataclass(frozen=True)
class Version:
    """A model in some arithmetic."""

    model: Any
    dtype: torch.dtype
    """Of vectors given to it"""
    device: str

    @property
    def name(self) -> str:
        return str(self.dtype).removeprefix("torch.")

    def cast(self, sequences: Tensor) -> Tensor:
        """Sequences in the type and on the device of the model's inputs."""
        return sequences.to(self.device, self.dtype if sequences.is_floating_point() else None)


@dataclass(frozen=True)
class Subject:
    """A model that has passed every check, with how it is run."""

    model: Checked
    version: Version
    notes: tuple[str, ...] = field(default=())

    @property
    def rescaled(self) -> bool:
        """Whether outputs carry their exponent in a row of their own."""
        return isinstance(self.model.model, Rescaled)

    def cast(self, halves: Halves) -> Halves:
        """Halves in the type and on the device of the model's inputs."""
        return Halves(vectors=self.version.cast(halves.sequences()))

    def seconds_per_step(self, sequences: Tensor) -> float:
        """How long a step of one of these sequences takes if they are run together, from a try of a few steps."""
        tried = sequences[:, :_TIMED_STEPS] if self.model.splits else sequences
        pieces = self.model.pieces(tried)
        began = time.perf_counter()
        self.model(pieces, None)
        return (time.perf_counter() - began) / (tried.shape[0] * tried.shape[1])


@contextmanager
def prepared(model: Any, settings: FloatingSettings) -> Iterator[list[Version]]:
    """Copies of the model in evaluation mode, without gradients: in the requested arithmetic first, then in its own.

    Global generators of random numbers are restored afterwards, whatever the model does.
    """
    with quiet(settings.device), torch.no_grad(), threadpool_limits(limits=1), seeded(settings.seed):
        yield list(_versions(model, settings))


def _versions(model: Any, settings: FloatingSettings) -> Iterator[Version]:
    asked = DTYPES[settings.dtype]
    model = unwrapped(model)
    if not isinstance(model, nn.Module):
        yield from (Version(model, dtype, settings.device) for dtype in dict.fromkeys((asked, *_OWN)))
        return
    yield Version(converted(copy_module(model).to(settings.device), asked).eval(), asked, settings.device)
    tensors = [t for t in (*model.parameters(), *model.buffers()) if t.is_floating_point()]
    own = tensors[0].dtype if tensors else torch.get_default_dtype()
    if own != asked or any(t.dtype != asked for t in tensors):
        yield Version(copy_module(model).to(settings.device).eval(), own, settings.device)


def adapt_to(versions: list[Version], samples: Samples, settings: FloatingSettings, length: int) -> Subject:
    """The model adapted and checked, in the first arithmetic in which it runs.

    Another arithmetic is tried if calls fail, never if a check fails.

    Raises:
        CallFailed: it runs in none; the message has every failure.
        ConventionError: as `adapt` raises it.
    """
    failures: list[tuple[str, CallFailed]] = []
    checked: frozenset[str] = frozenset()
    for version in versions:
        try:
            model = search(
                version.model,
                version.cast(_trial(samples)),
                settings.hints,
                length=length,
                rescale=isinstance(version.model, nn.Module) and version.dtype == torch.float64,
                barred=checked,
            )
        except Refused as refused:
            if not isinstance(refused.error, CallFailed):
                raise refused.error from refused.error.__cause__
            failures.append((version.name, refused.error))
            checked |= refused.checked  # whatever ran and failed a check is not tried in a coarser arithmetic
        else:
            return Subject(model, version, _notes(model, version, failures, samples.inferred))
    first = failures[0][1]
    others = [(name, e) for name, e in failures[1:2] if str(e.__cause__) != str(first.__cause__)]
    error = CallFailed("; ".join([str(first), *(f"as it is, in {name}: {e}" for name, e in others)]))
    for note in getattr(first, "__notes__", []):
        error.add_note(note)
    raise error from first


def _trial(samples: Samples) -> Tensor:
    """Whole sequences out of the samples."""
    count = min(len(samples.starts), len(samples.ends), _TRIED)
    return torch.cat([half.sequences(0, count) for half in (samples.starts, samples.ends)], 1)


def _notes(model: Checked, version: Version, failures: list[tuple[str, CallFailed]], inferred: str) -> tuple[str, ...]:
    notes = [inferred] if inferred else []
    if failures:
        name, error = failures[0]
        reason = " ".join(str(error.__cause__ or error).split())[:120]
        notes.append(f"run in {version.name}, its own arithmetic, because it does not run in {name} ({reason})")
    if model.read_as:
        notes.append(f"read as: {model.read_as}")
    if not model.splits:
        notes.append("evaluated on whole sequences: the model keeps no state that could be spread over ends")
    if model.looks_ahead:
        notes.append(
            "its outputs at a step depend on later steps: only the output after the last step counts, and a cut means "
            "nothing before the whole sequence is read"
        )
    if isinstance(model.model, Rescaled):
        notes.append("states were rescaled by powers of two, which is exact; outputs are up to one common factor")
    return tuple(notes)
