"""What is known about matrix states that keys and values are added to, beyond what degrees say (docs/theory.md)."""

from __future__ import annotations

from ..question import check_cut, check_domain, check_network
from .attention_bounds import count_seen
from .bound import Bound, Bounds
from .counting import multichoose

_PROVED = "proved in docs/theory.md: "


def linear_attention_bounds(
    *, inputs: int, width: int, depth: int, length: int, cut: int | None = None, domain: str = "functional"
) -> Bounds:
    """Statements about linear attention of one or two layers; none for more.

    Args:
        inputs: M, numbers per input vector, or number of tokens.
        width: R, units per layer.
        depth: L, number of layers.
        length: T, number of time steps.
        cut: c, number of steps in the start; `length // 2` if not given.
        domain: `functional` (inputs range over all vectors) or `tokens` (over M of them).

    Raises:
        ValueError, TypeError: a size is out of range or no whole number.

    Source: docs/theory.md, "Linear attention".

    Example:
        >>> [bound.value for bound in linear_attention_bounds(inputs=3, width=3, depth=2, length=8)]
        [47]
    """
    inputs, width, depth, tokens = _checked(inputs, width, depth, length, cut, domain)
    if depth == 1:
        value = min(inputs, width) + 1
        return Bounds([Bound("one layer", "upper" if tokens else "exact", value, _source("one layer"), "rank")])
    if depth > 2:
        return Bounds([])
    return Bounds([Bound("two layers", "upper", _two_layers(inputs, width), _source("two layers"), "rank")])


def delta_rule_bounds(
    *, inputs: int, width: int, depth: int, length: int, cut: int | None = None, domain: str = "functional"
) -> Bounds:
    """Statements about the delta rule in one layer; none for more. Arguments and errors as in the above.

    Source: docs/theory.md, "Linear attention".

    Example:
        >>> [bound.value for bound in delta_rule_bounds(inputs=3, width=10, depth=1, length=8)]
        [4]
    """
    inputs, width, depth, _ = _checked(inputs, width, depth, length, cut, domain)
    if depth > 1:
        return Bounds([])
    return Bounds([Bound("one layer", "upper", min(inputs, width) + 1, _source("delta rule"), "rank")])


def mlstm_bounds(
    *, inputs: int, width: int, depth: int, length: int, cut: int | None = None, domain: str = "functional"
) -> Bounds:
    """Statements about an mLSTM without squashing in one layer; none for more. Arguments and errors as in the above.

    Source: docs/theory.md, "One layer of mLSTM".

    Example:
        >>> [bound.value for bound in mlstm_bounds(inputs=3, width=3, depth=1, length=8)]
        [9]
    """
    inputs, width, depth, _ = _checked(inputs, width, depth, length, cut, domain)
    if depth > 1:
        return Bounds([])
    # Output gates and queries each span so many of the inputs + 1 affine functions of the last input.
    spanned = min(width, inputs + 1)
    shared = max(2 * spanned - (inputs + 1), 0)
    value = spanned**2 - shared * (shared - 1) // 2 + 1
    return Bounds([Bound("one layer", "upper", value, _source("mlstm"), "rank")])


def _checked(
    inputs: int, width: int, depth: int, length: int, cut: int | None, domain: str
) -> tuple[int, int, int, bool]:
    """M, R, L, and whether over tokens; length and cut have no part in these statements, but must be possible."""
    check_cut(length, cut)
    return *check_network(inputs=inputs, width=width, depth=depth), check_domain(domain) == "tokens"


def _source(section: str) -> str:
    titles = {
        "one layer": "one layer of linear attention",
        "two layers": "two layers of linear attention",
        "delta rule": "one layer of the delta rule",
        "mlstm": "one layer of mLSTM",
    }
    return _PROVED + titles[section]


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
