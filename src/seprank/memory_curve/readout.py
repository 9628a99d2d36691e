"""The read-out: which numbers of a model's output are compared, scaled so that their squares are safe."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ..measurement.directions import directions
from ..measurement.figures import SAFE_EXPONENT
from ..measurement.measured_model import Subject
from ..question import check_readout
from ..settings.remember_settings import PROBABILITIES, RememberSettings

Columns = npt.NDArray[np.float64]
"""(channels, sequences)"""


@dataclass(frozen=True)
class Readout:
    """From the last outputs of an adapted model to the columns that are compared."""

    kind: str | int
    """"all", "random", "probabilities", or the number of a channel"""
    rescaled: bool
    """Whether the last row of the outputs has exponents"""
    direction: Columns | None
    """(1, channels) of "random" """
    channels: int
    """Outputs that are looked at"""

    @property
    def probabilities(self) -> bool:
        return self.kind == PROBABILITIES

    def raw(self, output: Tensor) -> tuple[Columns, Columns | None]:
        """Mantissas (channels, sequences) and exponents (sequences,), if there are any."""
        values = output.detach().double().cpu().numpy()
        return (values[:-1], values[-1]) if self.rescaled else (values, None)

    def exponent(self, output: Tensor) -> int:
        """The power of two by which outputs like these are divided; 0 if their squares are safe already."""
        values, powers = self.raw(output)
        mantissas, exponents = np.frexp(values)
        if powers is not None:
            exponents = exponents + powers.astype(np.int64)
        present = exponents[(mantissas != 0) & np.isfinite(mantissas)]
        top = int(present.max()) if present.size else 0
        return 0 if self.probabilities or abs(top) <= SAFE_EXPONENT else top

    def __call__(self, output: Tensor, exponent: int = 0) -> Columns:
        """Columns of the outputs over 2^exponent; for probabilities, their square roots."""
        values, powers = self.raw(output)
        if powers is not None:
            values = np.ldexp(values, np.clip(powers - exponent, -4000, 4000).astype(np.int64))
        elif exponent:
            values = np.ldexp(values, -exponent)
        if self.probabilities:
            return np.exp(log_probabilities(values) / 2)
        if isinstance(self.kind, int):
            return values[self.kind : self.kind + 1]
        return values if self.direction is None else np.asarray(self.direction @ values)

    def log_probabilities(self, output: Tensor) -> Columns:
        """Logarithms of the softmax over the channels."""
        return log_probabilities(self.raw(output)[0])

    def rounding(self, output: Tensor, columns: Columns, floor: float) -> Columns:
        """Square of the rounding error of each column, from the relative one of the outputs.

        An error of e in every logit changes sqrt(p) by at most e sqrt(p), so the column by e.
        """
        if self.probabilities:
            largest = float(np.abs(self.raw(output)[0]).max(initial=0.0))
            return np.full(columns.shape[1], (floor * max(largest, 1.0)) ** 2)
        return np.asarray(floor**2 * np.einsum("cn,cn->n", columns, columns))


def log_probabilities(logits: Columns) -> Columns:
    """Logarithms of the softmax over the first axis.

    Example:
        >>> np.exp(log_probabilities(np.zeros((4, 1)))).ravel().tolist()
        [0.25, 0.25, 0.25, 0.25]
    """
    shifted = logits - logits.max(0, initial=-math.inf)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(0)), dtype=np.float64)


def choose_readout(settings: RememberSettings, subject: Subject, tokens: int | None) -> Readout:
    """The requested read-out, or the one that fits the model.

    Raises:
        ValueError: the model has no such channel, or a single one for probabilities.
    """
    asked, rescaled = settings.readout, subject.rescaled
    channels = subject.model.channels - rescaled
    kind = asked if asked is not None else PROBABILITIES if tokens is not None and channels >= max(tokens, 2) else "all"
    if kind != PROBABILITIES:
        kind = check_readout(kind, channels)
    if kind == PROBABILITIES and (channels < 2 or rescaled):
        raise ValueError(
            f"probabilities need a model with a logit for each of several choices, got {channels} output channels"
            + (" that are products of all steps" if rescaled else "")
            + "; use readout='all'"
        )
    direction = directions("random", channels, settings.seed) if kind == "random" else None
    return Readout(kind, rescaled, direction, 1 if kind == "random" or isinstance(kind, int) else channels)
