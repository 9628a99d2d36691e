"""Why no way to read a module passes: one error made of all those that were raised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..settings.hints import Hints
from .advice import missing, name_of, remedy, runs_alone, said_by, wrapper
from .contract import CallFailed, CheckFailed, ConventionError, Undetermined

_SHOWN = 3
"""Further ways that are mentioned"""


@dataclass(frozen=True)
class Attempt:
    """A way to read a module that failed, and why."""

    name: str
    error: ConventionError
    whole: bool = False
    """Whether as a function of whole sequences"""


class Refused(Exception):
    """No way to read a module passes."""

    def __init__(self, error: ConventionError, checked: frozenset[str] = frozenset()) -> None:
        super().__init__(str(error))
        self.error = error
        """For the user"""
        self.checked = checked
        """Names of the ways that ran and failed a check: they are not tried again in another arithmetic"""


def refusal(module: Any, attempts: list[Attempt], hints: Hints, example: Tensor) -> Refused:
    """The most telling error, with the others in short and, as a note, a wrapper to paste."""
    main = _telling(attempts)
    others = list(dict.fromkeys(_short(a) for a in attempts if a is not main and str(a.error) != str(main.error)))
    text = main.error.text if isinstance(main.error, CheckFailed) else str(main.error)
    known = isinstance(main.error, Undetermined)
    wants = "" if known else missing(module, hints)
    if not wants and all(isinstance(a.error, CallFailed) for a in attempts):
        wants = runs_alone(module, example, hints)
    if len(attempts) > 1 and not known:
        text = f"{text} (read as {main.name})"
    if others:
        more = f"; and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        text += f"; also tried: {'; '.join(others[:_SHOWN])}{more}"
    text = f"{wants}; {text}" if wants else text
    error = CheckFailed(main.error.check, text) if isinstance(main.error, CheckFailed) else type(main.error)(text)
    error.__cause__ = main.error.__cause__ or main.error
    error.add_note(wrapper(module, hints))
    return Refused(error, frozenset(a.name for a in attempts if isinstance(a.error, CheckFailed)))


def _telling(attempts: list[Attempt]) -> Attempt:
    """The most telling one: what only the user can decide, then a failed check, then a wrong result."""
    undetermined = [a for a in attempts if isinstance(a.error, Undetermined)]
    order = [
        *(a for a in undetermined if not a.whole),
        *(a for a in attempts if isinstance(a.error, CheckFailed)),
        *undetermined,
        *(a for a in attempts if not isinstance(a.error, CallFailed)),
        *attempts,
    ]
    return order[0]


def _short(attempt: Attempt) -> str:
    text = " ".join(str(attempt.error).split())
    return f"{attempt.name} ({text if len(text) <= 120 else text[:117] + '...'})"


def call_failed(module: Any, shape: tuple[int, ...], dtype: Any, error: Exception) -> CallFailed:
    """The module's own error as ours."""
    text = f"{name_of(module)} failed on sequences {shape} of {dtype} with {said_by(error)}{remedy(error)}"
    failed = CallFailed(text)
    failed.__cause__ = error
    return failed
