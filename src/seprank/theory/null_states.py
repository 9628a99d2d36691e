"""Upper bounds from null states, after which every end gives 0, and from equations of the states a short start reaches.

Proofs in docs/theory.md, "Null states" and "Start image". They need that some linear functionals, or some multiples of
equations, are independent for generic weights, which their rank at one point modulo one prime proves. It was computed
for the sizes listed here, and `tests/test_null_states.py` computes it again; for other sizes nothing is claimed.

Only the standard library is imported. Notation: M inputs, R wide, L deep, b end steps, m = min(M, R).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from .counting import MOST_DIGITS, count_digits, multichoose

FOUR_LAYERS = range(4, 7)
"""End steps for which the conditions of four layers of width 2 were found independent, and depths with four end steps.
For fewer the stepwise bound is less."""

THREE_LAYERS = {3: (5,)}
"""Likewise for three layers with one input less than units: end steps by width. For fewer the end inputs give less."""

TWO_STEP_EQUATIONS = {3: 153, 4: 845}
"""By end steps: independent multiples of the equations of three layers of width 3 after two steps"""

FOUR_LAYERS_ON_IMAGE = {4: 140, 5: 280}
"""By end steps: the most conditions of four layers of width 2 that are independent on the multiples of the equation of
the states after three steps"""


def null_states(*, width: int, channels: int, depth: int, end: int) -> int | None:
    """The monomials of the state at the cut that null states leave, for any start; `channels` is m, `end` is b.

    Returns:
        An upper bound, None where it is not known.

    Source: docs/theory.md, "Null states".

    Example:
        >>> null_states(width=2, channels=2, depth=4, end=4), null_states(width=3, channels=2, depth=3, end=5)
        (2038, 7146)
    """
    if depth == 4 and width == channels == 2 and end in FOUR_LAYERS:
        return _monomials(2, _degrees(4, end)) - _four_layers(end)
    if depth == 3 and channels == width - 1 and end in THREE_LAYERS.get(width, ()):
        return _three_layers(width, end)
    return None


def null_steps(*, width: int, channels: int, depth: int, end: int) -> int | None:
    """`null_states` with time and depth exchanged, for vectors and four end steps; arguments as there.

    Example:
        >>> null_steps(width=2, channels=2, depth=5, end=4)
        6444
    """
    if end == 4 and depth != 4 and width == channels == 2 and depth in FOUR_LAYERS:
        return null_states(width=2, channels=2, depth=4, end=depth)
    return None


def start_image(*, width: int, channels: int, depth: int, start: int, end: int) -> int | None:
    """The monomials that are independent on the states a short start of c steps reaches; arguments as in `null_states`.

    Returns:
        An upper bound, None where it is not known or too long.

    Source: docs/theory.md, "Start image".

    Example:
        >>> start_image(width=2, channels=2, depth=4, start=3, end=4)
        1858
        >>> [start_image(width=3, channels=3, depth=3, start=2, end=end) for end in (3, 4)]
        [678, 2122]
    """
    if channels < width:
        return None
    if width == 2 and start == depth - 1 and start > 1 and _is_short(depth, end):
        return _one_equation(depth, end)
    if (width, depth, start) == (3, 3, 2) and end in TWO_STEP_EQUATIONS:
        return _monomials(3, _degrees(3, end)) - TWO_STEP_EQUATIONS[end] - 3 * _left_of_three_cubics(end + 2)
    return None


def _degrees(depth: int, end: int) -> list[int]:
    """Of the output in the state of each layer, the lowest first."""
    return [multichoose(end, depth - layer) for layer in range(1, depth + 1)]


def _monomials(width: int, degrees: Iterable[int]) -> int:
    return math.prod(multichoose(width, degree) for degree in degrees)


def _is_short(depth: int, end: int) -> bool:
    # The factors of the state bound, of which the lowest layer's is the longest.
    return depth * count_digits(end, depth) < MOST_DIGITS


def _four_layers(end: int) -> int:
    """12 d_1 + 4 d_2 - 4 b + 8: the independent conditions of four layers of width 2."""
    lowest, second, *_ = _degrees(4, end)
    return 12 * lowest + 4 * second - 4 * end + 8


def _three_layers(width: int, end: int) -> int:
    """The three-layer bound, less R² (C(b + 2m - 1, 2m) - C(b + m - 1, m)) and R²."""
    m, (lowest, second, _) = width - 1, _degrees(3, end)
    terms = (
        (-1) ** (j + 1) * math.comb(m, j) * multichoose(width, lowest - j) * multichoose(width, second - j)
        for j in range(1, m + 1)
    )
    fat = math.comb(end + 2 * m - 1, 2 * m) - math.comb(end + m - 1, m)
    total: int = width * sum(terms) - width**2 * (fat + 1)
    return total


def _one_equation(depth: int, end: int) -> int:
    """Π (d_j + 1) - Π (d_j - C(L-1, j-1) + 1): width 2, one equation of degree C(L-1, j-1) in layer j."""
    degrees = _degrees(depth, end)
    multiples = [degree - math.comb(depth - 1, layer) for layer, degree in enumerate(degrees)]
    found = _monomials(2, degrees) - (_monomials(2, multiples) if min(multiples) >= 0 else 0)
    if depth == 4 and end in FOUR_LAYERS_ON_IMAGE:
        found -= _four_layers(end) - FOUR_LAYERS_ON_IMAGE[end]
    return found


def _left_of_three_cubics(degree: int) -> int:
    """The coefficient of t^degree in (1 + t + t²)³: forms in three variables modulo three generic cubics."""
    return {0: 1, 1: 3, 2: 6, 3: 7, 4: 6, 5: 3, 6: 1}.get(degree, 0)
