"""Gradients by lag: how much a small change of the input of k steps ago changes the output, on average."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..adapters.alphabet import Alphabet
from ..measurement.directions import directions
from ..measurement.inputs import DataError, checked_sequences
from ..question import check_readout, check_whole
from ..result.chart import band, look, whole_numbers
from ..result.panels import Panel
from ..result.result import Result, Row
from ..settings.entries import given
from ..settings.floating import FloatingSettings
from ..settings.hints import FirstState
from ..system.progress import Report, bars
from .linear import Array
from .sampled import FOLDS, interval
from .stateful import Opened, opened
from .tracking import Tracked

SAMPLES = 64
BLOCK = 32
"""Sequences that are run at once"""
STAGE = "gradients"


@dataclass(frozen=True, repr=False)
class GradientCurve(Result):
    """E |dy_T / dx_(T-k)|^2 for every k: the sum of the squared entries of the Jacobian, averaged over sequences."""

    NOUN: ClassVar[str] = "gradient curve"

    values: tuple[float, ...]
    """By lag k = 0 ... length - 1, in squared units of output per input"""
    errors: tuple[float, ...]
    """Half of a 90 % interval of each, over sequences"""
    length: int
    samples: int
    channels: int
    """Outputs that were differentiated"""
    readout: str | int
    dtype: str
    seed: int
    seconds: float
    source: str
    """In words: what the sequences are"""
    notes: tuple[str, ...] = ()

    @property
    def lags(self) -> range:
        """0 ... length - 1."""
        return range(self.length)

    def reach(self, share: float = 0.01) -> int:
        """The largest lag with a squared gradient above a share of the largest; 0 where all are 0.

        Raises:
            ValueError: the share is not between 0 and 1.
        """
        if isinstance(share, bool) or not 0 < share < 1:
            raise ValueError(f"share must be a part of the largest squared gradient between 0 and 1, got {share}")
        largest = max(self.values)
        return max((lag for lag, value in enumerate(self.values) if value > share * largest), default=0)

    def sentence(self) -> str:
        """The result in one sentence."""
        if max(self.values) == 0:
            return "The output does not change with any input, as far as gradients see."
        return (
            f"Squared gradients fall from {self.values[0]:.3g} for the newest input to {self.values[-1]:.3g} for that "
            f"of {self.length - 1} steps ago; they are above 1 % of the largest up to {self.reach()} steps back."
        )

    def records(self) -> list[Row]:
        """A row for each lag."""
        rows = zip(self.values, self.errors, strict=True)
        return [{"lag": lag, "gradient": value, "error": error} for lag, (value, error) in enumerate(rows)]

    def panels(self) -> list[Panel]:
        """Squared gradients by lag, on a logarithmic scale."""
        caption = f"Mean over {self.samples} sequences, {self.source}; the band is the 90 % interval."
        return [Panel("Gradients", self._draw, caption)]

    def _draw(self, axes: Any) -> None:
        shown = [lag for lag in self.lags if self.values[lag] > 0]
        axes.set(yscale="log" if shown else "linear", xlabel="steps back", ylabel="mean squared gradient")
        axes.plot(shown, [self.values[lag] for lag in shown], **look(0))
        whole_numbers(axes)
        low = [max(self.values[lag] - self.errors[lag], self.values[lag] / 100) for lag in shown]
        band(axes, shown, low, [self.values[lag] + self.errors[lag] for lag in shown], 0)

    def headline(self) -> str:
        """The result in one line."""
        return (
            f"{self.values[0]:.3g} at lag 0, {self.values[-1]:.3g} at lag {self.length - 1}; {self.samples} sequences"
        )


def gradient_curve(  # noqa: PLR0913  (each is a setting a user has)
    model: Any,
    length: int,
    *,
    samples: int = SAMPLES,
    readout: str | int = "all",
    data: npt.NDArray[Any] | Tensor | None = None,
    inputs: int | None = None,
    seed: int = 0,
    memory: int | None = None,
    batch_first: bool | None = None,
    output: str | int | None = None,
    state: str | FirstState | None = None,
    call: Mapping[str, Any] | None = None,
    progress: bool | Report = True,
) -> GradientCurve:
    """Mean squared gradients of the last output by the input of k steps ago: the picture of vanishing gradients.

    They are a local measure, of an infinitely small change: a saturated unit has none, and may still remember for ever.

    Args:
        model: a module or function that torch can differentiate, see `adapters.adapt`.
        length: T, steps of the sequences.
        samples: sequences, at least 8.
        readout: "all" output channels (squares added up), "random" for one random combination, or a channel's number.
        data: sequences (count, steps, features) to take gradients at; by default normal numbers.
        inputs: features per step, where the model does not say it itself.
        seed: of the sequences and the read-out.
        memory: bytes this may take; by default half of what is free.
        batch_first, output, state, call: how the model is called, where that cannot be found out, see `adapters.adapt`.
        progress: show progress bars on standard error if it is a terminal.

    Returns:
        Means by lag from 0 to T - 1, with 90 % intervals.

    Raises:
        ConventionError: the model cannot be called, or fails one of the checks that every model must pass.
        DataError: the data do not fit.
        ValueError: the model reads token ids, has no gradients, or an argument is out of range.

    Source: Bengio, Simard, Frasconi 1994 (doi:10.1109/72.279181).

    Example:
        >>> gradient_curve(lambda x: x[:, -1] - 2 * x[:, -3], 4, inputs=1, samples=8).values
        (1.0, 0.0, 4.0, 0.0)
    """
    began = time.perf_counter()
    length = check_whole("length", length, 2, purpose="to have a past", remedy="use 16 or more")
    samples = check_whole("samples", samples, FOLDS, remedy=f"use {SAMPLES}, or the errors would not be known")
    readout = check_readout(readout)
    settings = given(FloatingSettings, locals())
    seed = settings.seed
    if inputs is None and data is not None and data.ndim == 3:
        inputs = data.shape[2]
    with bars(progress) as report, opened(model, settings, length=length, inputs=inputs) as checked:
        sequences, source = _sequences(data, checked.alphabet, length, samples, seed)
        chosen = directions(check_readout(readout, checked.channels), checked.channels, seed)
        blocks = []
        for first in range(0, len(sequences), BLOCK):
            blocks.append(_squares(checked, sequences[first : first + BLOCK], chosen))
            report(STAGE, min(first + BLOCK, len(sequences)), len(sequences))
        squares = np.concatenate(blocks)[:, ::-1]
        dtype, notes = checked.subject.version.name, checked.notes
    if not np.isfinite(squares).all():
        raise ValueError("gradients are not finite; use a shorter length or smaller inputs")
    groups = np.stack([squares[group::FOLDS].mean(0) for group in range(FOLDS)])
    return GradientCurve(
        values=tuple(squares.mean(0).tolist()),
        errors=tuple(interval(groups)[1].tolist()),
        length=length,
        samples=len(squares),
        channels=len(chosen),
        readout=readout,
        dtype=dtype,
        seed=seed,
        seconds=time.perf_counter() - began,
        source=source,
        notes=notes,
    )


def _sequences(
    data: npt.NDArray[Any] | Tensor | None, alphabet: Alphabet, length: int, samples: int, seed: int
) -> tuple[Tensor, str]:
    """(samples, length, features)."""
    features = alphabet.features or 1
    if data is None:
        drawn = np.random.default_rng((seed, 15)).standard_normal((samples, length, features))
        return torch.from_numpy(drawn), "independent normal vectors"
    found = checked_sequences(data, alphabet, length)[:samples]
    if len(found) < FOLDS:
        raise DataError(f"data must be at least {FOLDS} sequences, or the errors would not be known, got {len(found)}")
    return torch.from_numpy(found), f"{len(found)} sequences given"


def _squares(checked: Opened, sequences: Tensor, chosen: Array) -> Array:
    """Squared norms (samples, steps): one pass backward for each direction (count, channels)."""
    with Tracked():
        given = sequences.clone().requires_grad_()
        output = checked.run(checked.pieces(given), None)[0]
        if not output.requires_grad:
            raise ValueError(
                "the model has no gradients by its inputs; functions of NumPy, and whatever passes through .detach(), "
                "have none: write it in torch"
            )
        total = np.zeros(tuple(sequences.shape[:2]))
        for direction in chosen:
            weights = torch.from_numpy(direction).to(output)
            (found,) = torch.autograd.grad((weights @ output).sum(), given, retain_graph=True)
            total += (found**2).sum(2).detach().cpu().numpy()
    return total
