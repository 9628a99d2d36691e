"""What is known about matrix states that keys and values are added to, beyond what degrees say (docs/theory.md)."""

from __future__ import annotations

from typing import Literal, Unpack

from .attention_bounds import count_seen
from .bound import PROVED, Bound, Bounds, Sizes, check_sizes
from .counting import multichoose

MatrixState = Literal["linear attention", "delta rule", "mlstm"]
_TITLES: dict[MatrixState, str] = {
    "linear attention": "linear attention",
    "delta rule": "the delta rule",
    "mlstm": "mLSTM",
}
"""As docs/theory.md calls them"""


def matrix_state_bounds(model: MatrixState, **sizes: Unpack[Sizes]) -> Bounds:
    """Statements about the generic separation rank of one layer, and of two of linear attention; none for more.

    Args:
        model: "linear attention", "delta rule", or "mlstm", each without squashing.
        sizes: inputs, width, depth, length, cut and domain, as in `bounds`.

    Raises:
        ValueError, TypeError: a size is out of range or no whole number.

    Source: docs/theory.md, "Linear attention" and "One layer of mLSTM".

    Example:
        >>> sizes = {"inputs": 3, "width": 3, "length": 8}
        >>> [bound.value for bound in matrix_state_bounds("linear attention", **sizes, depth=2)]
        [47]
        >>> [bound.value for bound in matrix_state_bounds("delta rule", **sizes, depth=1)]
        [4]
        >>> [bound.value for bound in matrix_state_bounds("mlstm", **sizes, depth=1)]
        [9]
    """
    inputs, width, depth, _, _, tokens = check_sizes(**sizes)  # no cut changes these statements
    is_exact = model == "linear attention" and not tokens
    if depth == 1:
        value = _mlstm(inputs, width) if model == "mlstm" else min(inputs, width) + 1
        source = f"{PROVED}one layer of {_TITLES[model]}"
        return Bounds([Bound("one layer", "exact" if is_exact else "upper", value, source, "rank")])
    if depth == 2 and model == "linear attention":
        source = f"{PROVED}two layers of linear attention"
        return Bounds([Bound("two layers", "upper", _two_layers(inputs, width), source, "rank")])
    return Bounds([])


def _mlstm(inputs: int, width: int) -> int:
    """Output gates and queries each span so many of the inputs + 1 affine functions of the last input."""
    spanned = min(width, inputs + 1)
    shared = max(2 * spanned - (inputs + 1), 0)
    return spanned**2 - shared * (shared - 1) // 2 + 1


def _two_layers(inputs: int, width: int) -> int:
    """1 + u + quadratic functions of the start, and those whose end functions are few."""
    m = min(inputs, width)
    seen = count_seen(inputs, width)
    rest = multichoose(seen - m, 2)
    if inputs <= width:
        mixed, paired = (m - 1) ** 2, 0
    else:
        mixed, paired = multichoose(2, 2) if width == 2 else width**2, width
    quadratic = multichoose(seen, 2) - rest + min(mixed, rest)
    return 1 + seen + quadratic + m * multichoose(m, 2) + m + paired
