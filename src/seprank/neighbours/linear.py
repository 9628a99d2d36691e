"""Linear networks, h' = A h + B x, y = C h + D x: given as matrices, or found from what a model does in a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Step = Callable[[Array, Array], tuple[Array, Array]]
"""From states (n, units) and inputs (n, inputs) to outputs (n, channels) and the states after them"""

LARGE = 2.0**200
"""Unit vectors of this length give the entries of A, B, C and D without the rounding of a constant added to them"""
SCALES = (1e-6, 1e-2, 1.0, 1e3, 1e8)
"""Sizes of states and inputs at which a step is compared with its matrices"""
SLACK = 1e3
"""Roundings of float64 that a step may make in a sum, relative to its terms"""


class NotLinear(ValueError):
    """The measure exists for linear networks only; the message says by how much this one is not linear."""


@dataclass(frozen=True)
class LinearNetwork:
    """Matrices in float64, whose numbers are taken as exact."""

    a: Array
    """(units, units)"""
    b: Array
    """(units, inputs)"""
    c: Array
    """(channels, units)"""
    d: Array
    """(channels, inputs)"""

    @property
    def units(self) -> int:
        return len(self.a)

    @property
    def inputs(self) -> int:
        return int(self.b.shape[1])

    @property
    def radius(self) -> float:
        """The spectral radius of A, in floating point."""
        return float(np.abs(np.linalg.eigvals(self.a)).max(initial=0.0))

    def blocks(self, length: int) -> list[Array]:
        """The effect of an input on the output 0, 1, ... length - 1 steps later: D, C B, C A B, ... (channels, inputs).

        Here the output of a step is read after its input: y_t = C h_(t-1) + D x_t.
        """
        found, carried = [self.d], self.b
        for _ in range(length - 1):
            found.append(self.c @ carried)
            carried = self.a @ carried
        return found


def from_matrices(given: tuple[Any, ...]) -> LinearNetwork:
    """A network from (W, Win), whose output is its state, or from (A, B, C) or (A, B, C, D).

    h_t = A h_(t-1) + B x_t and y_t = C h_t + D x_t, D being zero by default.

    Raises:
        ValueError: there are other matrices, they do not fit, are complex or not finite.

    Example:
        >>> network = from_matrices(([[0.5]], [1.0]))
        >>> [block.item() for block in network.blocks(3)]
        [1.0, 0.5, 0.25]
    """
    if not 2 <= len(given) <= 4:
        raise ValueError(f"a linear network is (W, Win), (A, B, C) or (A, B, C, D), got {len(given)} matrices")
    names = ("W", "Win") if len(given) == 2 else ("A", "B", "C", "D")
    a, b, *rest = (_matrix(name, matrix) for name, matrix in zip(names, given, strict=False))
    units = len(a)
    if a.shape != (units, units) or units == 0:
        raise ValueError(f"{names[0]} must be square, (units, units), got {a.shape}")
    if len(b) != units or b.shape[1] == 0:
        raise ValueError(f"{names[1]} must be (units, inputs) with {units} units as {names[0]} has, got {b.shape}")
    c = rest[0] if rest else np.eye(units)
    if rest and np.ndim(given[2]) == 1:
        c = c.T
    if c.shape[1] != units:
        raise ValueError(f"C must be (channels, units) with {units} units as A has, got {c.shape}")
    d = rest[1] if len(rest) > 1 else np.zeros((len(c), b.shape[1]))
    if d.shape != (len(c), b.shape[1]):
        raise ValueError(f"D must be (channels, inputs) = {(len(c), b.shape[1])}, got {d.shape}")
    return LinearNetwork(a, b, c @ a, c @ b + d)


def _matrix(name: str, given: Any) -> Array:
    """As float64; a vector is a column."""
    dense = given.toarray() if hasattr(given, "toarray") else given
    detached = dense.detach().cpu() if hasattr(dense, "detach") else dense
    found = np.asarray(detached)
    if np.iscomplexobj(found):
        raise ValueError(
            f"{name} must be real, got {found.dtype}; write a complex network of n units as a real one of 2 n"
        )
    if found.dtype.kind not in "fiu" or found.ndim not in (1, 2):
        raise ValueError(f"{name} must be a matrix of numbers, got {found.dtype} of shape {found.shape}")
    if not np.isfinite(found).all():
        raise ValueError(f"{name} must be finite, got {found[~np.isfinite(found)][0]}")
    return (found[:, None] if found.ndim == 1 else found).astype(np.float64)


def read_linear(step: Step, units: int, inputs: int, seed: int) -> LinearNetwork:
    """The matrices of a step that is linear up to a constant; each entry is the factor that the step itself applies.

    The step is tried at several sizes of states and inputs, drawn from the seed; `NotLinear` says where it is not
    linear.
    """
    basis = np.eye(units + inputs)
    y, h = _run(step, LARGE * basis, units)
    y0, h0 = _run(step, np.zeros((1, units + inputs)), units)
    after, output = ((found - zero).T / LARGE for found, zero in ((h, h0), (y, y0)))
    network = LinearNetwork(after[:, :units], after[:, units:], output[:, :units], output[:, units:])
    _require_linear(step, network, np.concatenate([h0, y0], 1), seed)
    return network


def _run(step: Step, points: Array, units: int) -> tuple[Array, Array]:
    with np.errstate(over="ignore", invalid="ignore"):
        return step(points[:, :units], points[:, units:])


def _require_linear(step: Step, network: LinearNetwork, constant: Array, seed: int) -> None:
    matrix = np.block([[network.a, network.b], [network.c, network.d]])
    if not (np.isfinite(matrix).all() and np.isfinite(constant).all()):
        raise NotLinear("the state update is not linear: it is not finite at large states")
    generator = np.random.default_rng((seed, 11))
    allowed = SLACK * 2.0**-52 * max(matrix.shape) ** 0.5
    for scale in SCALES:
        points = scale * generator.standard_normal((8, matrix.shape[1]))
        y, h = _run(step, points, network.units)
        expected = points @ matrix.T + constant
        size = np.abs(points) @ np.abs(matrix.T) + np.abs(constant)
        apart = np.abs(np.concatenate([h, y], 1) - expected)
        worst = float((apart / np.where(size > 0, size, 1.0)).max(initial=0.0))
        if not worst <= allowed:
            raise NotLinear(
                f"the state update is not linear: at states and inputs of size {scale:g} it is {worst:.1e} off, "
                f"relative to its terms, where rounding makes {allowed:.0e}"
            )
