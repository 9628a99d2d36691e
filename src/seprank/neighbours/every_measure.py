"""Every measure of memory of one model, each with what it can and cannot see, or why it has no meaning."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from ..adapters import ConventionError
from ..adapters.alphabet import Alphabet, find_alphabet
from ..certification import certify
from ..field import NotPolynomial
from ..measurement import measure
from ..measurement.figures import ConstantOutput
from ..memory_curve import MemoryCurve, remember
from ..settings.entries import given
from ..settings.entries import values as values_of
from ..settings.hints import FirstState
from ..settings.neighbours_settings import NeighboursSettings
from ..system.memory import MemoryBudgetError
from ..system.progress import Report
from .capacity import memory_capacity
from .exact import Unstable
from .gradients import gradient_curve
from .hankel import hankel_singular_values
from .linear import NotLinear
from .overviews import MEASURES, Found, Measure, Overview
from .state_size import effective_state_size
from .stateful import Meaningless

log = logging.getLogger("seprank")

CERTIFIED_LENGTH, CERTIFIED_SAMPLES = 8, 512
"""At most these for a certified rank, whose cost grows with the length"""
HALVES = 128
"""Starts and ends of the spectrum"""
_OF_VECTORS = ("size", "capacity", "gradients", "hankel")
_NONE: tuple[type[Exception], ...] = (Meaningless, NotLinear, Unstable, ConstantOutput)
_BEYOND: tuple[type[Exception], ...] = (ConventionError, MemoryBudgetError)
"""Why further measures may fail: they run a model on shorter sequences, and need memory for an operator"""
OPERATIONS = 2e11
"""Limit for the decompositions of effective state-size; a longer length is reduced, and the result says so"""


def overview(  # noqa: PLR0913  (each is a setting a user has)
    model: Any,
    length: int,
    *,
    name: str = "model",
    inputs: int | tuple[int, ...] | None = None,
    tokens: int | None = None,
    samples: int = 256,
    frozen: tuple[str, ...] = (),
    values: tuple[str, ...] = (),
    seed: int = 0,
    memory: int | None = None,
    batch_first: bool | None = None,
    output: str | int | None = None,
    state: str | FirstState | None = None,
    call: Mapping[str, Any] | None = None,
    progress: bool | Report = True,
) -> Overview:
    """Memory curve, separation rank and spectrum, effective state-size, memory capacity, gradients, Hankel values.

    Args:
        model: a module or function, see `adapters.adapt`.
        length: T, steps of the sequences. Ranks are certified at most at length 8.
        name: what to call it.
        inputs, tokens: features per step or number of token ids, where the model does not say it itself.
        samples: pairs of sequences of the memory curve.
        frozen, values: what makes gates, and what is a value, see `effective_state_size`.
        seed, memory, progress: as in each of them.
        batch_first, output, state, call: how the model is called, where that cannot be found out, see `adapters.adapt`.

    Raises:
        ConventionError: the model cannot be called, or fails one of the checks that every model must pass.
        ValueError: an argument is out of range.
    """
    settings = given(NeighboursSettings, locals())
    hints = values_of(settings.hints)
    length = settings.length
    alphabet = find_alphabet(model, inputs, tokens, length=length, said=settings.hints)
    if alphabet.inferred:
        log.info(alphabet.inferred)
    inputs, tokens = alphabet.axes or alphabet.features, alphabet.tokens
    common: dict[str, Any] = {"seed": settings.seed, "memory": memory}
    reads = common | hints | {"inputs": inputs, "tokens": tokens, "progress": progress}
    vectors = common | hints | {"inputs": inputs}
    curve = _tried(lambda: remember(model, length=length, samples=samples, **reads))
    found: dict[str, tuple[Found | None, str]] = {
        "memory_curve": curve,
        "rank": _certified(model, alphabet, settings, progress),
        "spectrum": _tried(lambda: measure(model, length=length, starts=HALVES, ends=HALVES, **reads)),
    }
    if tokens is not None or alphabet.axes:
        why_not = "token ids, which are names, not numbers" if tokens is not None else "more than a vector at a step"
        found |= dict.fromkeys(_OF_VECTORS, (None, f"the model reads {why_not}"))
    else:
        steps = _affordable(length, curve[0])
        found |= {
            "size": _tried(
                lambda: effective_state_size(model, steps, frozen=frozen, values=values, **vectors), _BEYOND
            ),
            "capacity": _tried(lambda: memory_capacity(model, lags=length - 1, progress=progress, **vectors), _BEYOND),
            "gradients": _tried(lambda: gradient_curve(model, length, progress=progress, **vectors)),
            "hankel": _tried(lambda: hankel_singular_values(model, length, **vectors), _BEYOND),
        }
    return Overview(name, length, tuple(Measure(key, *found[key]) for key in MEASURES))


def _tried(run: Callable[[], Found], more: tuple[type[Exception], ...] = ()) -> tuple[Found | None, str]:
    """The result, or why the measure has no meaning for this model."""
    try:
        return run(), ""
    except (*_NONE, *more) as error:
        return None, str(error).rstrip(".")


def _certified(
    model: Any, alphabet: Alphabet, settings: NeighboursSettings, progress: bool | Report
) -> tuple[Found | None, str]:
    if not isinstance(model, nn.Module) or alphabet.tokens is not None or alphabet.axes:
        return None, "only modules that read vectors are certified here; seprank certify has more"
    try:
        called = settings.hints.stated()
    except TypeError as error:  # a certificate states how a module is called, and a function cannot be stated
        return None, str(error)
    length = min(settings.length, CERTIFIED_LENGTH)
    how = {"seed": settings.seed, "memory": settings.memory, "progress": progress, **called}
    try:
        return certify(model, inputs=alphabet.features, length=length, max_samples=CERTIFIED_SAMPLES, **how), ""
    except (NotPolynomial, ConventionError) as error:  # the convention of `certify` is narrower than that of the others
        return None, f"only polynomial networks have a certified rank; {error}"


def _affordable(length: int, curve: Found | None) -> int:
    """The length, or less where all decompositions would take minutes."""
    channels = curve.channels if isinstance(curve, MemoryCurve) else 1
    steps = length
    while steps > 8 and steps * (steps / 2 * channels) ** 3 > OPERATIONS:
        steps //= 2
    return steps
