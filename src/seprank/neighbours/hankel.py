"""Hankel singular values of stable linear networks, which balanced truncation keeps, and the spectrum at a cut."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..question import check_cut
from ..result.chart import legend_above, look, mark, whole_numbers
from ..result.panels import Panel
from ..result.result import Result, Row
from ..settings.entries import given
from ..settings.floating import FloatingSettings
from ..settings.hints import FirstState
from .exact import Unstable
from .linear import Array, LinearNetwork
from .operator import of_network
from .stateful import as_stateful

DOUBLINGS = 60


@dataclass(frozen=True, repr=False)
class HankelSpectrum(Result):
    """Singular values of the map from all past inputs to all later outputs, and from those of one cut sequence.

    The second are those of the Start-End matrix of a linear network, with all outputs after the cut and without what
    the end alone adds; they tend to the first with growing length.
    """

    NOUN: ClassVar[str] = "Hankel spectrum"

    values: tuple[float, ...]
    """Hankel singular values, largest first, one for each unit"""
    at_cut: tuple[float, ...]
    """Singular values between the two halves of a sequence of this length, as many"""
    floor: float
    """Values below it are rounding"""
    radius: float
    """Spectral radius of the network"""
    length: int
    cut: int
    units: int
    seconds: float
    notes: tuple[str, ...] = ()

    def sentence(self) -> str:
        """The result in one sentence."""
        above = sum(value > max(self.floor, 0.01 * self.values[0]) for value in self.values)
        return (
            f"{above} of {self.units} Hankel singular values are above 1 % of the largest, {self.values[0]:.3g}: a "
            "network of that many units does nearly the same."
        )

    def records(self) -> list[Row]:
        """A row for each value."""
        rows = zip(self.values, self.at_cut, strict=True)
        return [{"number": n, "hankel": value, "at_cut": own} for n, (value, own) in enumerate(rows, 1)]

    def panels(self) -> list[Panel]:
        """Both spectra on a logarithmic scale."""
        caption = (
            f"Singular values of the Hankel operator, and those between halves of {self.length} steps, which tend to "
            f"them with the length; spectral radius {self.radius:.4g}. Dashed: what rounding leaves."
        )
        return [Panel("Hankel singular values", self._draw, caption)]

    def _draw(self, axes: Any) -> None:
        numbers = range(1, len(self.values) + 1)
        axes.set(yscale="log", xlabel="number", ylabel="singular value")
        axes.plot(numbers, self.values, **look(0), label="Hankel")
        axes.plot(numbers, self.at_cut, **look(1), label=f"length {self.length}, cut {self.cut}")
        whole_numbers(axes)
        mark(axes, self.floor, "rounding")
        legend_above(axes)

    def headline(self) -> str:
        """The result in one line."""
        return f"{self.units} values from {self.values[0]:.3g} to {self.values[-1]:.3g}"


def hankel_singular_values(
    model: Any,
    length: int = 64,
    *,
    cut: int | None = None,
    inputs: int | None = None,
    seed: int = 0,
    memory: int | None = None,
    batch_first: bool | None = None,
    output: str | int | None = None,
    state: str | FirstState | None = None,
    call: Mapping[str, Any] | None = None,
) -> HankelSpectrum:
    """Hankel singular values of a stable linear network, and the spectrum between the halves of a sequence.

    They are the square roots of the eigenvalues of the product of both Gramians, computed from factors of these, so
    that the error of small ones is rounding times the largest.

    Args:
        model: matrices (A, B, C), (A, B, C, D) or (W, Win); a node of reservoirpy; or a module whose step is linear.
        length: T, steps of the sequence that is cut.
        cut: c, steps before it; by default T // 2.
        inputs: features per step, where the model does not say it itself.
        seed: of the states the step is tried at.
        memory: bytes this may take; by default half of what is free.
        batch_first, output, state, call: how the model is called, where that cannot be found out, see `adapters.adapt`.

    Raises:
        ConventionError: the model cannot be called, or fails one of the checks that every model must pass.
        ValueError: it is not linear, not stable, has no state, or an argument is out of range.

    Source: Moore 1981 (doi:10.1109/TAC.1981.1102568); Laub et al. 1987 (doi:10.1109/TAC.1987.1104549), section 3.

    Example:
        >>> found = hankel_singular_values(([[0.5]], [1.0], [1.0]))  # 0.5^(1 + i + j) for all i and j
        >>> round(found.values[0], 12)
        0.666666666667
    """
    began = time.perf_counter()
    length, cut = check_cut(length, cut)
    settings = given(FloatingSettings, locals())
    with as_stateful(model, settings, inputs) as found:
        network, notes = found.linear(settings.seed), found.notes
    values = singular_values(network)
    own = np.linalg.svd(of_network(network, length).after(cut), compute_uv=False)
    return HankelSpectrum(
        values=tuple(values.tolist()),
        at_cut=tuple(_padded(own, network.units).tolist()),
        floor=float(network.units * 2.0**-52 * values[0]),
        radius=network.radius,
        length=length,
        cut=cut,
        units=network.units,
        seconds=time.perf_counter() - began,
        notes=notes,
    )


def singular_values(network: LinearNetwork) -> Array:
    """Hankel singular values, largest first.

    The output of a step is read after its input, y_t = C h_(t-1) + D x_t, so that the past reaches the state by
    B, AB, ... and the state the later outputs by C, CA, ...

    Raises:
        Unstable: the network is not stable.
    """
    reach, see = _root(network.a, network.b, network), _root(network.a.T, network.c.T, network)
    return _padded(np.linalg.svd(see.T @ reach, compute_uv=False), network.units)


def _padded(values: Any, count: int) -> Array:
    """The first `count` values, filled up with zeros."""
    return np.array([*values[:count], *[0.0] * (count - len(values))])


def _root(a: Array, b: Array, network: LinearNetwork) -> Array:
    """A factor R of the Gramian R R', by doubling the steps that are summed, and compressing by QR."""
    root, power = b, a
    for _ in range(DOUBLINGS):
        root = _compressed(np.concatenate([root, power @ root], 1))
        power = power @ power
        size = float(np.linalg.norm(power))
        if not np.isfinite(size):
            break
        if size < 2.0**-60:
            return root
    raise Unstable(network, "Hankel singular values")


def _compressed(root: Array) -> Array:
    """A square factor with the same product R R'."""
    if root.shape[1] <= root.shape[0]:
        return root
    triangle: Array = np.asarray(np.linalg.qr(root.T, mode="r"))
    return triangle.T
