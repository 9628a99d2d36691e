"""The Start-End matrix: Y[i, (j, channel)] = output after start half i followed by end half j.

Start halves are run once; the states they leave are spread over the end halves, block by block. Where the end
halves are all sequences over a few templates they are run as a tree, so that common beginnings are shared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..adapters import SequenceModel, State, Values
from ..system.memory import MemoryBudgetError, show_size
from .workers import finished

Matrix = npt.NDArray[np.float64]

_IN_CACHE, _ON_CARD = 2**17, 2**23
"""Numbers per tensor of a block: a megabyte, so that the few tensors alive at once stay near the processor's cache; on
a card 64 MiB, so that an operation takes longer than it takes to be started"""

_SENT_PAIRS, _MOST_SENT = 2**18, 2**22
"""Pairs in a block that is sent to a worker, at least and at most"""

Progress = Callable[[int, int], None]
"""Called with the pairs done so far and the pairs to do."""


def pairs_per_block(width: int, bytes_per_pair: int, budget: int, device: str = "cpu") -> int:
    """How many pairs to run at once.

    Args:
        width: numbers per pair in the widest tensor of one step.
        bytes_per_pair: memory that a pair takes, with its inputs and outputs at all steps.
        budget: bytes that a block may take.
        device: of torch, on which they are run.

    Raises:
        MemoryBudgetError: not even 16 pairs fit.
    """
    most = budget // max(bytes_per_pair, 1)
    if most < 16:
        raise MemoryBudgetError(
            f"running 16 pairs of sequences takes about {show_size(16 * bytes_per_pair)}, more than the "
            f"{show_size(budget)} set apart for it; use shorter sequences, a narrower model, or more --memory"
        )
    numbers = _IN_CACHE if device == "cpu" else _ON_CARD
    return max(16, min(numbers // max(width, 1), numbers // 4, most))


@dataclass(frozen=True)
class Halves:
    """Start or end halves of sequences.

    Either vectors, or words over `alphabet`: then `words` has the letters, and `alphabet[words]` the inputs.
    """

    vectors: Tensor | None = None
    """(count, steps, features)"""
    words: npt.NDArray[np.int64] | None = None
    """(count, steps), letters 0..M-1"""
    alphabet: Tensor | None = None
    """(M, features), or the letters themselves (M,) for a model that takes token ids"""

    def __len__(self) -> int:
        return len(self.words) if self.words is not None else len(self._vectors)

    @property
    def _vectors(self) -> Tensor:
        assert self.vectors is not None
        return self.vectors

    def sequences(self, first: int = 0, last: int | None = None) -> Tensor:
        """Inputs (count, steps, features), or token ids (count, steps)."""
        if self.words is None:
            return self._vectors[first:last]
        assert self.alphabet is not None
        return self.alphabet[_numbers(self.words[first:last], self.alphabet)]

    def only(self, numbers: npt.NDArray[np.int64]) -> Halves:
        """The halves with these numbers."""
        if self.words is not None:
            return Halves(words=self.words[numbers], alphabet=self.alphabet)
        return Halves(vectors=self._vectors[_numbers(numbers, self._vectors)])

    def after(self, first: int) -> Halves:
        """The halves from number `first` on."""
        if self.words is not None:
            return Halves(words=self.words[first:], alphabet=self.alphabet)
        return Halves(vectors=self._vectors[first:])


class _Growing:
    """Entries that are kept to grow from, so that nobody may write into them, until they are taken away."""

    def __init__(self, channels: int) -> None:
        self._kept: Values | None = np.zeros((0, 0, channels))

    def take(self) -> Matrix:
        """The whole matrix, (starts, ends x channels), to be written into: nothing is kept, and it cannot grow."""
        values, self._kept = self._values, None
        return values.reshape(len(values), -1)

    @property
    def _values(self) -> Values:
        if self._kept is None:
            raise RuntimeError("a matrix that was taken away cannot grow; call grow before take")
        return self._kept

    def _keep(self, values: Values) -> Matrix:
        self._kept = values
        shown = values.reshape(len(values), -1)
        shown.flags.writeable = False
        return shown


class StartEndMatrix(_Growing):
    """The Start-End matrix of a model, which grows with the samples.

    Args:
        model: an adapted model.
        readout: from the last output (model.channels, pairs) to the columns of an end, (channels, pairs).
        channels: columns per end.
        block: pairs per batch, see `pairs_per_block`.
        progress: called after each block.
        read: from a tensor to an array; inside a field, the way out of it.
        undefined: errors that a pair may end in that has no value; the entries of such a pair are not a number.
    """

    def __init__(
        self,
        model: SequenceModel,
        readout: Callable[[Tensor], Tensor],
        *,
        channels: int,
        block: int,
        progress: Progress | None = None,
        read: Callable[[Tensor], Values] = lambda tensor: tensor.cpu().numpy(),
        undefined: type[ArithmeticError] | tuple[()] = (),
    ) -> None:
        self._undefined = undefined
        self._without_state: list[int] = []
        self._model = model
        self._readout = readout
        self._read = read
        self._block = block
        self._progress = progress or (lambda done, total: None)
        self._states: State | None = None
        super().__init__(channels)
        self._done = self._total = 0

    def grow(self, starts: Halves, ends: Halves, *, states: State | None = None) -> Matrix:
        """Extend to these samples, of which those already there are the first; only new entries are computed.

        Args:
            starts, ends: the samples.
            states: that the starts leave, where they have been run already.

        Returns:
            The whole matrix, (starts, ends x channels), not to be written into. An interrupted call leaves the matrix
            as it was.

        Raises:
            RuntimeError: it was taken away.
        """
        rows, columns, channels = self._values.shape
        self._done, self._total = 0, len(starts) * len(ends) - rows * columns
        states = self._run_starts(starts, rows) if states is None else states
        values = np.empty((len(starts), len(ends), channels))
        values[:rows, :columns] = self._values
        self._fill(values[rows:], self._model.spread(states, rows, len(starts), 1), ends)
        if rows and len(ends) > columns:
            self._fill(values[:rows, columns:], states, ends.after(columns))
        values[self._without_state] = np.nan
        self._states = states
        return self._keep(values)

    def _run_starts(self, starts: Halves, known: int) -> State:
        batches = [] if self._states is None else [self._states]
        for first in range(known, len(starts), self._block):
            batches.append(self._run_batch(starts, range(first, min(first + self._block, len(starts)))))
        return self._model.join(batches)

    def _run_batch(self, starts: Halves, numbers: range) -> State:
        """The states that some starts leave; that of another one for a start that leaves none."""
        pieces = self._model.pieces(starts.sequences(numbers.start, numbers.stop))
        try:
            return self._model(pieces, None)[1]
        except self._undefined:
            if len(numbers) == 1:
                raise
        middle = len(numbers) // 2
        found: list[State | None] = []
        for part in (numbers[:middle], numbers[middle:]):
            try:
                found.append(self._run_batch(starts, part))
            except self._undefined:
                found.append(None)
                self._without_state += part
        for place, other in ((0, found[1]), (1, found[0])):
            if found[place] is None and other is not None:
                count = middle if place == 0 else len(numbers) - middle
                found[place] = self._model.spread(other, 0, 1, count)
        both = [state for state in found if state is not None]
        if not both:
            raise ZeroDivisionError("no start leaves a state: a divisor is 0 after each")
        return self._model.join(both)

    def _fill(self, values: Values, states: State, ends: Halves) -> None:
        """Each of the states against each end, into `values` (starts, ends, channels)."""
        fill = self._fill_by_tree if self._model.splits and _is_tree(ends) else self._fill_by_pairs
        done = self._done
        try:
            fill(values, states, ends)
        except self._undefined:
            self._done = done
            self._fill_parts(values, states, ends)

    def _fill_parts(self, values: Values, states: State, ends: Halves) -> None:
        """The same where some pair has no value: in halves, down to that pair."""
        starts, count, _ = values.shape
        if starts == count == 1:
            values[:] = np.nan
            self._done += 1
        elif starts > 1:
            middle = starts // 2
            for first, last in ((0, middle), (middle, starts)):
                self._fill(values[first:last], self._model.spread(states, first, last, 1), ends)
        else:
            middle = count // 2
            self._fill(values[:, :middle], states, ends.only(np.arange(middle)))
            self._fill(values[:, middle:], states, ends.only(np.arange(middle, count)))

    def _fill_by_pairs(self, values: Values, states: State, ends: Halves) -> None:
        for begin in range(0, len(ends), self._block):
            sequences = ends.sequences(begin, begin + self._block)
            copies = len(sequences)
            step = min(max(1, self._block // copies), max(1, len(values)))
            pieces: Tensor | None = None
            for first in range(0, len(values), step):
                last = min(first + step, len(values))
                if pieces is None or last - first < step:
                    pieces = self._model.pieces(sequences.repeat(last - first, *[1] * (sequences.ndim - 1)))
                version = pieces._version
                output, _ = self._model(pieces, self._model.spread(states, first, last, copies))
                if pieces._version != version:
                    pieces = None  # the module wrote into its input
                self._store(values[first:last, begin : begin + copies], self._readout(output))

    def _fill_by_tree(self, values: Values, states: State, ends: Halves) -> None:
        """Run every word over the alphabet letter by letter, and keep the words asked for."""
        assert ends.words is not None
        assert ends.alphabet is not None
        letters, steps = len(ends.alphabet), ends.words.shape[1]
        wanted = _numbers(_word_numbers(ends.words, letters), ends.alphabet)
        step = max(1, self._block // letters**steps)
        for first in range(0, len(values), step):
            last = min(first + step, len(values))
            state, nodes = self._model.spread(states, first, last, 1), last - first
            for _ in range(steps):
                pieces = ends.alphabet.repeat(nodes, *[1] * (ends.alphabet.ndim - 1)).unsqueeze(1)
                output, state = self._model(self._model.pieces(pieces), self._model.spread(state, 0, nodes, letters))
                nodes *= letters
            leaves = self._readout(output).reshape(-1, last - first, letters**steps)
            self._store(values[first:last], leaves[:, :, wanted].flatten(1))

    def _store(self, values: Values, columns: Tensor) -> None:
        """(channels, starts x ends) into (starts, ends, channels)."""
        starts, ends, channels = values.shape
        values[:] = self._read(columns.reshape(channels, starts, ends).permute(1, 2, 0))
        self._report(starts * ends)

    def _report(self, pairs: int) -> None:
        self._done += pairs
        self._progress(self._done, self._total)


class RowBlocks(_Growing):
    """A Start-End matrix whose blocks of rows are evaluated by the workers of an executor, and which grows, too.

    Args:
        executor: runs blocks; of `concurrent.futures`' kind, on this machine or a cluster.
        evaluate: called with the numbers of the starts and of the ends of a block and with how many samples there are
            of both; returns the block's values (starts, ends, channels). It is sent to the workers.
        channels: columns per end.
        progress: called after each block.
    """

    def __init__(
        self,
        executor: Executor,
        evaluate: Callable[[range, range, tuple[int, int]], Values],
        *,
        channels: int,
        progress: Progress | None = None,
    ) -> None:
        self._executor = executor
        self._evaluate = evaluate
        self._progress = progress or (lambda done, total: None)
        super().__init__(channels)

    def grow(self, starts: Halves, ends: Halves) -> Matrix:
        """Extend to these samples, as `StartEndMatrix.grow` does."""
        rows, columns, channels = self._values.shape
        values = np.empty((len(starts), len(ends), channels))
        values[:rows, :columns] = self._values
        blocks = [*_row_blocks(range(rows, len(starts)), range(len(ends)))]
        blocks += _row_blocks(range(rows), range(columns, len(ends)))
        self._fill(values, blocks, (len(starts), len(ends)))
        return self._keep(values)

    def _fill(self, values: Values, blocks: list[tuple[range, range]], samples: tuple[int, int]) -> None:
        total, done = sum(len(rows) * len(ends) for rows, ends in blocks), 0
        for (rows, ends), found in finished(self._executor, self._evaluate, blocks, samples):
            values[rows.start : rows.stop, ends.start : ends.stop] = found
            done += found.shape[0] * found.shape[1]
            self._progress(done, total)


def _row_blocks(rows: range, ends: range) -> Iterator[tuple[range, range]]:
    """Blocks: a worker needs a quarter of a second to get ready for one, and more blocks than workers are even."""
    pairs = min(_MOST_SENT, max(_SENT_PAIRS, len(rows) * len(ends) // 32))
    step = max(1, pairs // max(len(ends), 1))
    for first in range(rows.start, rows.stop if ends else rows.start, step):
        yield range(first, min(first + step, rows.stop)), ends


def _numbers(numbers: npt.NDArray[np.int64], like: Tensor) -> Tensor:
    """Numbers where another tensor is."""
    return torch.from_numpy(numbers).to(like.device)


def _is_tree(ends: Halves) -> bool:
    """Whether at least half of all words are asked for, so that the tree of all of them is less work."""
    if ends.words is None or ends.alphabet is None:
        return False
    letters, steps = len(ends.alphabet), ends.words.shape[1]
    return letters > 1 and steps * math.log2(letters) < 19 and 2 * len(ends) >= letters**steps


def _word_numbers(words: npt.NDArray[np.int64], letters: int) -> npt.NDArray[np.int64]:
    """The place of each word in the lexicographic order of all."""
    weights = letters ** np.arange(words.shape[1])[::-1]
    numbers: npt.NDArray[np.int64] = words @ weights
    return numbers
