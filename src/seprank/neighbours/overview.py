"""Every measure of memory of one model, each with what it sees and what it cannot, or why it has no meaning."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from ..adapters import ConventionError
from ..certification import Certificate, certify
from ..field import NotPolynomial
from ..measurement import Measurement, measure
from ..measurement.alphabet import find_alphabet
from ..measurement.figures import ConstantOutput
from ..memory_curve import MemoryCurve, remember
from ..question import check_whole
from ..system.extras import need
from ..system.memory import MemoryBudgetError
from ..system.progress import Report
from .capacity import MemoryCapacity, memory_capacity
from .exact import Unstable
from .gradients import GradientCurve, gradient_curve
from .hankel import HankelSpectrum, hankel_singular_values
from .linear import NotLinear
from .state_size import EffectiveStateSize, effective_state_size
from .stateful import Meaningless

Result = MemoryCurve | Certificate | Measurement | EffectiveStateSize | MemoryCapacity | GradientCurve | HankelSpectrum

CERTIFIED_LENGTH, CERTIFIED_SAMPLES = 8, 512
"""What a rank is certified at: it grows with the length, and so does its cost"""
HALVES = 128
"""Starts and ends of the spectrum"""
_OF_VECTORS = ("size", "capacity", "gradients", "hankel")
_NONE: tuple[type[Exception], ...] = (Meaningless, NotLinear, Unstable, ConstantOutput)
_BEYOND: tuple[type[Exception], ...] = (ConventionError, MemoryBudgetError)
"""What these ask beyond the others: that a model also runs on shorter sequences, and memory for an operator"""
OPERATIONS = 2e11
"""Of the decompositions of effective state-size; beyond it, the length is cut down, and the result says so"""


@dataclass(frozen=True)
class Measure:
    """One measure of a model."""

    name: str
    title: str
    sees: str
    blind: str
    result: Result | None
    reason: str = ""
    """Why there is no result"""

    def sentence(self) -> str:
        """What came out, or why nothing did."""
        if self.result is None:
            return f"None here: {self.reason}."
        if isinstance(self.result, Certificate):
            relation = "is" if self.result.exact else "is at least"
            steps = self.result.question.length
            return (
                f"Start and end of {steps} steps are tied by a sum of products whose number {relation} "
                f"{self.result.rank:,}, for generic weights of this architecture ({self.result.known.sureness.value})."
            )
        return self.result.sentence()

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        said = {"sentence": self.sentence(), "sees": self.sees, "cannot_see": self.blind}
        if self.result is None:
            return said | {"result": None, "reason": self.reason}
        plain = self.result.summary().to_dict() if isinstance(self.result, Certificate) else self.result.to_dict()
        return said | {"result": plain}


@dataclass(frozen=True)
class Overview:
    """The measures of one model, in the order in which they are shown."""

    model: str
    length: int
    measures: tuple[Measure, ...]

    def __getitem__(self, name: str) -> Measure:
        return {measure.name: measure for measure in self.measures}[name]

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON, by name of the measure."""
        return {"model": self.model, "length": self.length} | {m.name: m.to_dict() for m in self.measures}

    def __str__(self) -> str:
        parts = [f"{self.model}, length {self.length}"]
        for found in self.measures:
            parts += ["", found.title, f"  {found.sentence()}", f"  sees: {found.sees}", f"  cannot see: {found.blind}"]
        return "\n".join(parts)

    def plot(self) -> tuple[Any, Any]:
        """All measures in one figure of matplotlib, those without meaning with the reason.

        Returns:
            Figure and axes.
        """
        figure = need("matplotlib.figure", "draw", "drawing").Figure(figsize=(11, 14), layout="constrained")
        figure.suptitle(f"{self.model}: every measure of memory, length {self.length}")
        axes = figure.subplots((len(self.measures) + 1) // 2, 2).ravel()
        for ax, found in zip(axes, self.measures, strict=False):
            _draw(found, ax)
        for ax in axes[len(self.measures) :]:
            ax.set_axis_off()
        return figure, axes


def _draw(found: Measure, ax: Any) -> None:
    drawn = found.result is not None and not isinstance(found.result, Certificate | Measurement)
    if drawn:
        found.result.plot(ax)  # type: ignore[union-attr]
    elif isinstance(found.result, Measurement):
        values = [value for value in found.result.singular_values if value > 0]
        ax.set(yscale="log", xlabel="number", ylabel="singular value")
        ax.plot(range(1, len(values) + 1), values, ".-", color="#0072b2")
    else:
        ax.set_axis_off()
        ax.text(0.5, 0.5, textwrap.fill(found.sentence(), 50), ha="center", va="center", fontsize=9)
    lines = [found.title, f"sees {found.sees}", f"not {found.blind}"]
    ax.set_title("\n".join(textwrap.fill(line, 78) for line in lines), fontsize=7.5, loc="left")


def overview(  # noqa: PLR0913  (each is a setting a user has)
    model: Any,
    length: int,
    *,
    name: str = "model",
    inputs: int | None = None,
    tokens: int | None = None,
    samples: int = 256,
    frozen: tuple[str, ...] = (),
    values: tuple[str, ...] = (),
    seed: int = 0,
    memory: int | None = None,
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

    Raises:
        ConventionError: the model cannot be called, or fails one of the checks that every model must pass.
        ValueError: an argument is out of range.
    """
    length = check_whole("length", length, 2, purpose="to have a past", remedy="use 16 or more")
    tokens = find_alphabet(model, inputs, tokens, length=length).tokens
    common: dict[str, Any] = {"seed": seed, "memory": memory}
    reads = common | {"inputs": inputs, "tokens": tokens, "progress": progress}
    vectors = common | {"inputs": inputs}
    curve, why = _tried(lambda: remember(model, length=length, samples=samples, **reads))
    spectrum, no_spectrum = _tried(lambda: measure(model, length=length, starts=HALVES, ends=HALVES, **reads))
    rank, no_rank = _certified(model, length, inputs, tokens, common, progress)
    if tokens is not None:
        nothing = "the model reads token ids, which are names and no numbers"
        rest: dict[str, tuple[Result | None, str]] = dict.fromkeys(
            ("size", "capacity", "gradients", "hankel"), (None, nothing)
        )
    else:
        steps = _affordable(length, curve)
        rest = {
            "size": _tried(
                lambda: effective_state_size(model, steps, frozen=frozen, values=values, **vectors), _BEYOND
            ),
            "capacity": _tried(lambda: memory_capacity(model, lags=length - 1, progress=progress, **vectors), _BEYOND),
            "gradients": _tried(lambda: gradient_curve(model, length, progress=progress, **vectors)),
            "hankel": _tried(lambda: hankel_singular_values(model, length, **vectors), _BEYOND),
        }
    every = {"memory_curve": (curve, why), "rank": (rank, no_rank), "spectrum": (spectrum, no_spectrum), **rest}
    return Overview(name, length, tuple(Measure(key, *WORDS[key], *every[key]) for key in WORDS))


WORDS: Mapping[str, tuple[str, str, str]] = {
    "memory_curve": (
        "Memory curve",
        "how much of the output's variance depends on inputs before the last k steps",
        "in how many ways it does, nor what the state holds beside this output",
    ),
    "rank": (
        "Separation rank",
        "in how many independent ways start and end are tied, for generic weights, with proof",
        "how strongly, nor how far back",
    ),
    "spectrum": (
        "Spectrum of the Start-End matrix",
        "how strong each product of a function of the start and one of the end is, for these weights",
        "weak ones below rounding and sampling error, nor which steps of the start count",
    ),
    "size": (
        "Effective state-size",
        "how many numbers linear in the inputs cross each position, with gates held",
        "what gates carry, nor anything of a layer with another non-linearity",
    ),
    "capacity": (
        "Memory capacity",
        "how many past inputs a linear read-out finds in the state",
        "what only a non-linear read-out finds, nor whether the model's own output uses it",
    ),
    "gradients": (
        "Gradients",
        "what an infinitely small change of an old input does to the output",
        "large changes: a saturated unit has no gradient, and may remember for ever",
    ),
    "hankel": (
        "Hankel singular values",
        "by how few units a stable linear network could be done, and with what error",
        "anything of a network that is not linear",
    ),
}
"""Title, what it sees and what it cannot, by name"""


def _tried(run: Callable[[], Result], more: tuple[type[Exception], ...] = ()) -> tuple[Result | None, str]:
    """The result, or why the measure has no meaning for this model."""
    try:
        return run(), ""
    except (*_NONE, *more) as error:
        return None, str(error).rstrip(".")


def _certified(
    model: Any, length: int, inputs: int | None, tokens: int | None, common: dict[str, Any], progress: bool | Report
) -> tuple[Result | None, str]:
    if not isinstance(model, nn.Module) or tokens is not None:
        return None, "only modules that read vectors are certified here; seprank certify has more"
    try:
        found = certify(
            model,
            length=min(length, CERTIFIED_LENGTH),
            max_samples=CERTIFIED_SAMPLES,
            inputs=inputs,
            progress=progress,
            **common,
        )
    except (NotPolynomial, ConventionError) as error:  # the convention of `certify` is narrower than that of the others
        return None, f"only polynomial networks have a certified rank; {error}"
    return found, ""


def _affordable(length: int, curve: Result | None) -> int:
    """The length, or less where all decompositions would take minutes."""
    channels = curve.channels if isinstance(curve, MemoryCurve) else 1
    steps = length
    while steps > 8 and steps * (steps / 2 * channels) ** 3 > OPERATIONS:
        steps //= 2
    return steps
