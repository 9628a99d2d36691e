"""Starts and ends of a rational network at which one of its divisors is 0 modulo the prime."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..startend import Matrix


@dataclass(frozen=True)
class LeftOut:
    """Samples left out because a divisor is 0."""

    starts: list[int] = field(default_factory=list)
    ends: list[tuple[int, int]] = field(default_factory=list)
    """Each with a start after which it is 0: (start, end)"""


def without_undefined(values: Matrix, channels: int, ends: int) -> tuple[Matrix, LeftOut]:
    """A Start-End matrix with 0 in the rows, and then in the columns, where a divisor is 0; and which these are.

    Raises:
        ZeroDivisionError: more than half of one side would be left out.
    """
    by_channel = np.isnan(values).reshape(len(values), ends, channels)
    undefined: npt.NDArray[np.bool_] = np.logical_or.reduce(by_channel, axis=2)
    starts = [int(start) for start in np.flatnonzero(undefined.all(axis=1))]
    undefined[starts] = False
    pairs = [(int(undefined[:, end].argmax()), int(end)) for end in np.flatnonzero(undefined.any(axis=0))]
    if 2 * len(starts) > len(values) or 2 * len(pairs) > ends:
        raise ZeroDivisionError(
            f"a divisor is 0 for {len(starts)} of {len(values)} starts and for {len(pairs)} of {ends} ends; use a "
            "larger --prime, or another --seed"
        )
    if starts or pairs:
        values = values.copy()
        values[starts] = 0.0
        values.reshape(len(values), ends, channels)[:, [end for _, end in pairs]] = 0.0
    return values, LeftOut(starts, pairs)
