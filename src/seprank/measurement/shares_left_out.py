"""The shares of the variance without a group of starts and ends, from sums over the decomposition of all.

Of y = mean + a(s) + b(e) + c(s, e) only c needs means over what is left: with u(s) and v(e) the means of c over the
ends and the starts that are left, and w over both, the parts of what is left are a + u, b + v, each less its mean, and
c - u - v + w, whose sum of squares is that of c less those of u and v and plus that of w, over all pairs left.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..adapters.rounding import EPSILON
from .figures import Decomposition, Shares, anova, sum_of_squares, unbiased_shares

_LOST = 1e-3
"""If less than this is left of the variance, the sums have lost digits"""


class SharesLeftOut:
    """`anova` of what is left of outputs without a group, for each group from one pass over the outputs.

    Args:
        parts: the outputs of all samples, decomposed.
        starts, ends: the group of each, 0, 1, ....
        precision: as of `anova`.

    Example:
        >>> from seprank.measurement.figures import decomposed
        >>> values, groups = np.random.default_rng(0).standard_normal((4, 6, 2)), (np.arange(4) % 2, np.arange(6) % 2)
        >>> left = values[groups[0] != 1][:, groups[1] != 1]
        >>> round(SharesLeftOut(decomposed(values), *groups).without(1).end - anova(left)[1].end, 12)
        0.0
    """

    def __init__(
        self,
        parts: Decomposition,
        starts: npt.NDArray[np.int64],
        ends: npt.NDArray[np.int64],
        precision: float = EPSILON,
    ) -> None:
        self._parts, self._starts, self._ends, self._precision = parts, starts, ends, precision
        self._least = max(_LOST * sum(parts.mean_squares), precision**2 * parts.mean_square)
        of_start, of_end = (np.eye(labels.max() + 1)[:, labels] for labels in (starts, ends))
        squares = np.einsum("sec,sec->se", parts.rest, parts.rest)
        self._squares = of_start @ squares @ of_end.T
        self._over_ends = of_end @ parts.rest  # (starts, groups, channels)
        self._over_starts = (of_start @ parts.rest.reshape(len(starts), -1)).reshape(-1, *parts.by_end.shape)

    def without(self, group: int) -> Shares:
        """Unbiased shares of what is left.

        Raises:
            ConstantOutput: it does not vary.
        """
        starts, ends = self._starts != group, self._ends != group
        counts = int(starts.sum()), int(ends.sum())
        plain = self._mean_squares(group, starts, ends, counts)
        if sum(plain) <= self._least:
            return anova(self._parts.values[starts][:, ends], precision=self._precision)[1]
        return unbiased_shares(plain, *counts)

    def _mean_squares(
        self, group: int, starts: npt.NDArray[np.bool_], ends: npt.NDArray[np.bool_], counts: tuple[int, int]
    ) -> list[float]:
        parts, kept = self._parts, np.arange(len(self._squares)) != group
        by_start = self._over_ends[starts][:, kept].sum(1) / counts[1]
        by_end = self._over_starts[kept][:, ends].sum(0) / counts[0]
        mean = by_start.mean(0)
        jointly = (
            float(self._squares[kept][:, kept].sum()) / (counts[0] * counts[1])
            - sum_of_squares(by_start) / counts[0]
            - sum_of_squares(by_end) / counts[1]
            + sum_of_squares(mean)
        )
        alone = [(parts.by_start[starts] + by_start, counts[0]), (parts.by_end[ends] + by_end, counts[1])]
        return [*(sum_of_squares(part - part.mean(0)) / count for part, count in alone), jointly]
