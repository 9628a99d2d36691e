"""Squared differences of the outputs of each pair, which are all that is kept of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Squares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Terms:
    """What a block of pairs contributes to the figures, all divided by 4^exponent."""

    lags: tuple[int, ...]
    """Ascending"""
    squares: dict[str, Squares]
    """(lags, pairs) by name. For a = y(s, e), b = y(s', e), c = y(s, e'), d = y(s', e') of each pair: `near` is
    |a-b|² + |c-d|², `far` |a-d|² + |b-c|², `jointly` |(a-b) - (c-d)|², and `alike` 2 (a-b)·(c-d), which is the first
    less the third. See `Crossing` for `shaken` and, where asked for, `single`, `short` and `divergence`"""
    apart: Squares
    """|a-d|² of each pair, (pairs,)"""
    rounding: Squares
    """Square of the rounding error of an output of each pair, (pairs,)"""
    exponent: int = 0

    def __len__(self) -> int:
        return len(self.apart)

    def over(self, exponent: int) -> Terms:
        """The same divided by another power of four."""
        shift = 2 * (self.exponent - exponent)
        if shift == 0:
            return self
        return replace(
            self,
            squares={n: values if n in UNSCALED else np.ldexp(values, shift) for n, values in self.squares.items()},
            apart=np.ldexp(self.apart, shift),
            rounding=np.ldexp(self.rounding, shift),
            exponent=exponent,
        )

    def only(self, lags: Sequence[int]) -> Terms:
        """The terms of some of the lags."""
        rows = [self.lags.index(lag) for lag in lags]
        return replace(self, lags=tuple(lags), squares={name: values[rows] for name, values in self.squares.items()})


UNSCALED = frozenset({"divergence"})
"""Terms that are in nats, not in the unit of the output"""


def join_pairs(blocks: Sequence[Terms]) -> Terms:
    """Terms of several blocks of pairs at the same lags, as those of one.

    Example:
        >>> one = Terms((1,), {"near": np.ones((1, 2))}, np.ones(2), np.zeros(2))
        >>> len(join_pairs([one, one]))
        4
    """
    exponent = max(block.exponent for block in blocks)
    blocks = [block.over(exponent) for block in blocks]
    return Terms(
        blocks[0].lags,
        {name: np.concatenate([block.squares[name] for block in blocks], 1) for name in blocks[0].squares},
        np.concatenate([block.apart for block in blocks]),
        np.concatenate([block.rounding for block in blocks]),
        exponent,
    )


def join_lags(parts: Sequence[Terms]) -> Terms:
    """Terms of the same pairs at different lags, in ascending order of these."""
    exponent = max(part.exponent for part in parts)
    parts = [part.over(exponent) for part in parts]
    lags = [lag for part in parts for lag in part.lags]
    order = np.argsort(lags)
    return replace(
        parts[0],
        lags=tuple(lags[i] for i in order),
        squares={name: np.concatenate([part.squares[name] for part in parts])[order] for name in parts[0].squares},
    )
