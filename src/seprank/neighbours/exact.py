"""Ranks and quadratic forms of linear networks without rounding: modulo a prime, in integers, and in Arb's balls.

Every float64 is a whole number over a power of two, so that a network's matrices are used exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from flint import arb, arb_mat, ctx, fmpz, fmpz_mat

from ..elimination import rank_profile
from ..question import DEFAULT_PRIME
from .linear import Array, LinearNetwork

PRIMES = (DEFAULT_PRIME, 8388587, 8388581)
"""A rank that is lower modulo one of them by accident is found modulo another"""
FIRST_BITS, MOST_BITS = 128, 2**15
DOUBLINGS = 40
"""Powers of A beyond 2^40 are not tried"""

Integers = npt.NDArray[np.int64]


class Unstable(ValueError):
    """A linear network whose states grow, or are not shown to fade; `what` does not exist then."""

    def __init__(self, network: LinearNetwork, what: str) -> None:
        super().__init__(
            f"the states of this linear network do not fade: its spectral radius is {network.radius:.6g}, and must be "
            f"below 1 for {what} to exist; scale the recurrent weights down"
        )


@dataclass(frozen=True)
class Reached:
    """The part of the state space that the inputs of a linear network reach."""

    rank: int
    """Of [B, AB, A^2 B, ...]; certified: a minor of this size is not zero modulo a prime"""
    rows: tuple[int, ...]
    """Units of such a minor: their values determine those of the others"""
    steps: int
    """Blocks after which the rank no longer rises"""
    prime: int
    exact: bool
    """Whether it is also proved to be no larger: it is the number of units, or was found in integers"""


def residues(matrix: Array, p: int) -> Integers:
    """Entries modulo a prime; each is a whole number over a power of two.

    Example:
        >>> residues(np.array([[0.5, 3.0]]), 7).tolist()
        [[4, 3]]
    """
    half = pow(2, -1, p)
    parts = ((value.as_integer_ratio()) for value in matrix.ravel().tolist())
    found = [top % p * pow(half, bottom.bit_length() - 1, p) % p for top, bottom in parts]
    return np.array(found, dtype=np.int64).reshape(matrix.shape)


def multiply(left: Integers, right: Integers, p: int) -> Integers:
    """A product modulo a prime below 2^23: sums of fewer than 2^17 products of residues stay below 2^63."""
    product: Integers = left @ right % p
    return product


def reached(network: LinearNetwork) -> Reached:
    """The rank of the controllability matrix, certified from below, and in integers where it is not full.

    An `ArithmeticError` says that three primes in a row divide all minors of that size, which does not happen.
    """
    for p in PRIMES:
        found = _reached_modulo(network, p)
        if found.exact or _rank_in_integers(network, found.steps + 1) == found.rank:
            return Reached(found.rank, found.rows, found.steps, p, exact=True)
    raise ArithmeticError(f"ranks modulo {PRIMES} are all below the rank in integers; use another network")


def _reached_modulo(network: LinearNetwork, p: int) -> Reached:
    a, block = residues(network.a, p), residues(network.b, p)
    units = network.units
    every = [block]
    rank, steps = rank_profile(block.astype(np.float64), p).rank, 1
    while 0 < rank < units and steps < units:
        more = min(max(1, steps), units - steps)  # twice as many blocks each time
        for _ in range(more):
            every.append(multiply(a, every[-1], p))
        longer = rank_profile(np.concatenate(every, 1).astype(np.float64), p).rank
        steps += more
        if longer == rank:
            break
        rank = longer
    profile = rank_profile(np.concatenate(every, 1).astype(np.float64), p)
    return Reached(profile.rank, tuple(profile.rows.tolist()), steps, p, exact=profile.rank == units)


def _rank_in_integers(network: LinearNetwork, steps: int) -> int:
    """Rank of the first blocks, all entries multiplied by powers of two that make them whole."""
    a, block = _whole(network.a), _whole(network.b)
    columns = [block]
    for _ in range(min(steps, network.units) - 1):
        columns.append(a * columns[-1])
    table = [[entry for column in columns for entry in column.table()[row]] for row in range(network.units)]
    return int(fmpz_mat(table).rank())


def _whole(matrix: Array) -> fmpz_mat:
    ratios = [[value.as_integer_ratio() for value in row] for row in matrix.tolist()]
    common = max(bottom for row in ratios for _, bottom in row)
    return fmpz_mat([[fmpz(top * (common // bottom)) for top, bottom in row] for row in ratios])


@dataclass(frozen=True)
class Ball:
    """A number with an error that is proved."""

    value: float
    error: float


def capacities(
    network: LinearNetwork, found: Reached, lags: int, width: float, told: Callable[[int], None] = lambda bits: None
) -> list[Ball]:
    """MC_k = sum over the columns b of A^k B of b' G^-1 b, for k = 0 ... lags, with G = sum of all b b'.

    If only a part of the state space is reached, b and G are restricted to units that determine the others.

    Args:
        network: a stable one.
        found: what its inputs reach.
        lags: the last k.
        width: the largest error allowed.
        told: called with the bits of each attempt.

    Raises:
        Unstable: its states grow, or are not shown to fade.
        ArithmeticError: more than 2^15 bits would be needed.

    Source: Jaeger 2001 (GMD Report 152); Dambre et al. 2012 (doi:10.1038/srep00514); balls: Johansson 2017
        (doi:10.1109/TC.2017.2690633).
    """
    if found.rank == 0:
        return [Ball(0.0, 0.0)] * (lags + 1)
    bits = max(FIRST_BITS, 8 * network.units)
    while bits <= MOST_BITS:
        told(bits)
        balls = _capacities_at(network, found, lags, bits)
        if balls is not None and all(ball.error <= width for ball in balls):
            return balls
        bits *= 2
    raise ArithmeticError(
        f"{MOST_BITS} bits do not bring the error below {width:g}: the states that inputs reach are too similar; "
        "use a larger width, or a network with a larger spectral radius"
    )


def _capacities_at(network: LinearNetwork, found: Reached, lags: int, bits: int) -> list[Ball] | None:
    """None where the balls are too wide to divide by."""
    with ctx.workprec(bits):
        a, b = (arb_mat(matrix.tolist()) for matrix in (network.a, network.b))
        every = _gramian(network, a, b, bits)
        gramian = arb_mat([[row[column] for column in found.rows] for row in _rows(every, found.rows)])
        blocks = [b]
        for _ in range(lags):
            blocks.append(a * blocks[-1])
        seen = [_rows(block, found.rows) for block in blocks]
        columns = arb_mat([[x for block in seen for x in block[row]] for row in range(found.rank)])
        try:
            solved = gramian.solve(columns).table()
        except ZeroDivisionError:
            return None
        known = columns.table()
        inputs = network.inputs
        return [_ball(_form(known, solved, range(k * inputs, (k + 1) * inputs))) for k in range(lags + 1)]


def _form(left: list[list[arb]], right: list[list[arb]], columns: range) -> arb:
    return sum((left[row][col] * right[row][col] for row in range(len(left)) for col in columns), arb(0))


def _ball(found: arb) -> Ball:
    """A float and its largest possible error, both roundings included."""
    value = float(found.mid())
    error = float((found - value).abs_upper())
    return Ball(value, math.nextafter(error, math.inf) if error else 0.0)


def _gramian(network: LinearNetwork, a: arb_mat, b: arb_mat, bits: int) -> arb_mat:
    """Sum over k of A^k B B' A'^k, doubled until the rest, which is bounded, is below the precision.

    With m steps summed, the rest is A^m G A'^m, of norm at most |A^m|^2 |G|, and |G| <= |G_m| / (1 - |A^m|^2).
    """
    gramian, power, little = b * b.transpose(), a, arb(2) ** -bits
    for _ in range(DOUBLINGS):
        gramian, power = gramian + power * gramian * power.transpose(), power * power
        left = _square(power)
        if not left.is_finite():
            break
        if left < little:
            rest = arb(0, (left / (1 - left) * _square(gramian).sqrt()).abs_upper())
            return arb_mat([[entry + rest for entry in row] for row in gramian.table()])
        if left > arb(2) ** (8 * bits):
            break
    raise Unstable(network, "a memory capacity")


def _square(matrix: arb_mat) -> arb:
    """Sum of the squared entries."""
    return sum((entry * entry for entry in matrix.entries()), arb(0))


def _rows(matrix: arb_mat, rows: tuple[int, ...]) -> list[list[arb]]:
    table = matrix.table()
    return [table[row] for row in rows]
