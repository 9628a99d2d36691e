"""Running all pairs at the requested lags, here or on workers, and what remains of a run that is interrupted."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from ..measurement.allocation import footprint
from ..measurement.measured_model import Subject, adapt_to, prepared
from ..settings.remember_settings import FEWEST, RememberSettings
from ..startend import pairs_per_block
from ..startend.workers import finished, pack
from ..system.memory import MemoryBudgetError, show_size
from ..system.progress import Report, silent
from .columns import nothing_left
from .crossing import Crossing, steps_at
from .readout import Readout, choose_readout
from .terms import Terms, join_lags, join_pairs
from .windows import Pairs

STAGE = "memory curve"
SENT_PAIRS = 32
"""Pairs in a block that is sent to a worker"""

Enough = Callable[[Terms], bool]
"""Whether lags beyond one with these terms need not be run"""


class Collection:
    """Terms of all pairs, lag by lag if the states of all pasts fit the memory, else block by block."""

    def __init__(
        self, subject: Subject, readout: Readout, pairs: Pairs, settings: RememberSettings, report: Report
    ) -> None:
        self._subject, self._model, self._readout, self._pairs = subject, subject.model, readout, pairs
        self._settings, self._report = settings, report
        size = _block_of_pairs(subject, pairs, settings)
        self._rows = [range(first, min(first + size, len(pairs))) for first in range(0, len(pairs), size)]
        self._kept: list[Crossing] = []
        self._done = self._total = 0
        self.interrupted = False

    def steps(self, lags: Sequence[int]) -> int:
        """Steps of the model, over all sequences."""
        starts = 0 if self._kept else self._settings.length
        return 2 * len(self._pairs) * (starts + steps_at(lags, self._settings, splits=self._model.splits))

    def seconds(self, lags: Sequence[int]) -> float:
        """About how long the lags will take, from a try of a few steps."""
        tried = self._sequences(self._rows[0] if self._model.splits else self._rows[0][:2])
        return self._subject.seconds_per_step(tried) * self.steps(lags)

    def terms(self, lags: Sequence[int], enough: Enough | None = None) -> Terms:
        """Terms at these lags, ascending, up to one that is enough; fewer lags or pairs if interrupted.

        Raises:
            KeyboardInterrupt: interrupted before there was anything to show.
        """
        self._total += self.steps(lags)
        if self._kept or _state_bytes(self._subject, tuple(lags), self._settings) <= self._settings.budget // 4:
            return join_lags(self._gathered(self._lag_by_lag(lags, enough), lambda found: len(found) > 0))
        blocks = self._block_by_block(lags)
        return join_pairs(self._gathered(blocks, lambda found: sum(map(len, found)) >= FEWEST))

    def _gathered(self, parts: Iterator[Terms], enough: Callable[[list[Terms]], bool]) -> list[Terms]:
        found: list[Terms] = []
        try:
            for part in parts:
                found.append(part)
        except KeyboardInterrupt:
            if not enough(found):
                raise
            self.interrupted = True
        return found

    def _lag_by_lag(self, lags: Sequence[int], enough: Enough | None) -> Iterator[Terms]:
        if not self._kept:
            self._kept = [self._crossing(rows, lags) for rows in self._rows]
        for lag in lags:
            found = join_pairs([self._at(lag, *block) for block in zip(self._kept, self._rows, strict=True)])
            yield found
            if enough is not None and enough(found):
                return

    def _block_by_block(self, lags: Sequence[int]) -> Iterator[Terms]:
        for rows in self._rows:
            crossing = self._crossing(rows, lags)
            yield join_lags([self._at(lag, crossing, rows) for lag in lags])

    def _at(self, lag: int, crossing: Crossing, rows: range) -> Terms:
        found = crossing.terms([lag])
        self._tell(rows, steps_at([lag], self._settings, splits=self._model.splits))
        return found

    def _crossing(self, rows: range, lags: Sequence[int]) -> Crossing:
        crossing = Crossing(self._subject, self._readout, self._sequences(rows), lags, self._settings)
        self._tell(rows, self._settings.length)
        return crossing

    def _tell(self, rows: range, steps: int) -> None:
        self._done += 2 * len(rows) * steps
        self._report(STAGE, self._done, self._total)

    def _sequences(self, rows: range) -> torch.Tensor:
        halves = [half[rows.start : rows.stop] for half in (self._pairs.first, self._pairs.second)]
        return self._subject.version.cast(torch.cat(halves))


def _block_of_pairs(subject: Subject, pairs: Pairs, settings: RememberSettings) -> int:
    """How many pairs are run at once: as many as run fast, if they fit a quarter of the memory."""
    model, length, budget = subject.model, settings.length, settings.budget
    halves = pairs.halves()
    found = footprint(model, subject.cast(halves.starts), subject.cast(halves.ends))
    # beside what the model takes inside: the sequences, states spread and joined, outputs and their differences
    own = pairs.first[0].numel() + 8 * model.state_numbers(length) + 24 * model.channels
    each = 2 * (found.per_pair + 8 * own)
    most = (budget // 4 - found.fixed) // each
    if most < 1:
        raise MemoryBudgetError(
            f"running one pair of sequences takes about {show_size(found.fixed + each)}, more than a quarter of the "
            f"{show_size(budget)} this may take; use a shorter length, a narrower model, or more memory"
        )
    return max(1, min(most, pairs_per_block(model.width, 0, budget, settings.device) // 2))


def _state_bytes(subject: Subject, lags: tuple[int, ...], settings: RememberSettings) -> int:
    """Memory that the states of all pasts take if they are kept at all lags."""
    if not subject.model.splits:
        return 0
    return sum(16 * settings.samples * subject.model.state_numbers(settings.length - lag) for lag in lags)


class SentCollection:
    """The same on the workers of an executor, each of which adapts and checks the user's model itself."""

    def __init__(
        self, executor: Executor, model: Any, pairs: Pairs, settings: RememberSettings, report: Report
    ) -> None:
        self._executor, self._report, self._count = executor, report, len(pairs)
        self._packed = pack((model, pairs, settings))
        self.interrupted = False

    def terms(self, lags: Sequence[int], enough: Enough | None = None) -> Terms:
        """Terms at these lags, ascending; of fewer lags or pairs if interrupted.

        If not all lags may be needed, one block is run first until it has enough; the others then run as far, and all
        of them further until all together have enough.

        Raises:
            KeyboardInterrupt: interrupted before there was anything to show.
        """
        lags = tuple(lags)
        blocks = [range(i, min(i + SENT_PAIRS, self._count)) for i in range(0, self._count, SENT_PAIRS)]
        if enough is None:
            return join_pairs(self._sent(blocks, lags))
        first = self._sent(blocks[:1], lags, ends=True)
        ran = first[0].lags
        found = join_pairs([*first, *self._sent(blocks[1:], ran, already=len(first[0]))])
        for place, lag in enumerate(ran):
            if enough(found.only([lag])):
                return found.only(ran[: place + 1])
        if len(ran) == len(lags) or self.interrupted:
            return found
        more = self.terms(lags[len(ran) :], enough)
        return join_lags([found, more]) if len(more) == len(found) else found

    def _sent(
        self, blocks: Sequence[range], lags: tuple[int, ...], *, ends: bool = False, already: int = 0
    ) -> list[Terms]:
        """Terms of blocks of pairs; if interrupted, of those that are finished, once they and `already` are enough."""
        evaluate, found = partial(terms_on_worker, self._packed), dict[int, Terms]()
        try:
            for (rows,), terms in finished(self._executor, evaluate, zip(blocks, strict=True), lags, ends):
                found[rows.start] = terms
                self._report(STAGE, len(found), len(blocks))
        except KeyboardInterrupt:
            if already + sum(map(len, found.values())) < FEWEST:
                raise
            self.interrupted = True
        return [found[first] for first in sorted(found)]


def terms_on_worker(packed: bytes, rows: range, lags: tuple[int, ...], ends: bool) -> Terms:
    """Terms of these pairs, if `ends` only up to a lag at which nothing is left: the one function that workers call."""
    model, pairs, settings = pickle.loads(packed)
    own = replace(pairs, first=pairs.first[rows.start : rows.stop], second=pairs.second[rows.start : rows.stop])
    with prepared(model, settings) as versions:
        subject = adapt_to(versions, own.halves(), settings, settings.length)
        readout = choose_readout(settings, subject, pairs.alphabet.tokens)
        collection = Collection(subject, readout, own, settings, silent)
        return collection.terms(lags, partial(nothing_left, threshold=settings.threshold) if ends else None)
