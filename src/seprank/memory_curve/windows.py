"""Pairs of independent sequences: drawn, or windows of the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..adapters.alphabet import Alphabet
from ..measurement.inputs import Data, DataError, Samples, as_array, checked_sequences, halved, whole_sequences
from ..settings.remember_settings import FEWEST, RememberSettings
from ..startend import Halves
from ..system.memory import MemoryBudgetError, show_size


@dataclass(frozen=True)
class Pairs:
    """N pairs of sequences, and where they come from."""

    first: Tensor
    """x: (pairs, length, features), or token ids (pairs, length)"""
    second: Tensor
    """x', independent of x"""
    source: str
    """In words: what the sequences are"""
    independent: bool
    """Whether the steps of a sequence are independent, so that memory cannot rise with the lag"""
    alphabet: Alphabet
    """What a step of them is"""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.first)

    def halves(self) -> Samples:
        """Starts and ends on which a model is tried."""
        whole = Halves(vectors=self.first)
        samples = Samples(whole, whole, self.source, inferred=self.alphabet.inferred)
        return halved(samples, max(1, self.first.shape[1] // 2))


def make_pairs(data: Data | None, alphabet: Alphabet, settings: RememberSettings) -> Pairs:
    """Pairs of random sequences, or windows of the data.

    Raises:
        DataError: the data do not fit the model, or give too few windows.
        MemoryBudgetError: the sequences alone exceed the budget of bytes.
    """
    budget = settings.budget
    need = 2 * settings.samples * settings.length * 8 * (alphabet.features or 1)
    if need > budget // 2:
        raise MemoryBudgetError(
            f"{settings.samples} pairs of sequences of {settings.length} steps take {show_size(need)}, more than half "
            f"of the {show_size(budget)} this may take; use fewer samples, a shorter length or more memory"
        )
    return _drawn(alphabet, settings) if data is None else _windows(as_array(data), alphabet, settings)


def _drawn(alphabet: Alphabet, settings: RememberSettings) -> Pairs:
    count = settings.samples
    drawn = whole_sequences(alphabet, length=settings.length, starts=count, ends=count, seed=settings.seed)
    return Pairs(drawn.starts.sequences(), drawn.ends.sequences(), drawn.source, independent=True, alphabet=alphabet)


def _windows(data: npt.NDArray[Any], alphabet: Alphabet, settings: RememberSettings) -> Pairs:
    """Windows that do not overlap, each in one pair only, so that x and x' share no steps."""
    data = data[None] if data.ndim == 1 else data
    each = max(1, data.shape[1] // settings.length) if data.ndim > 1 else 1
    every = torch.from_numpy(checked_sequences(data, alphabet, each * settings.length))
    cut = every.reshape(-1, settings.length, *every.shape[2:])
    pairs = min(settings.samples, len(cut) // 2)
    if pairs < FEWEST:
        raise DataError(
            f"the data has {len(cut)} windows of {settings.length} steps that do not overlap, and {2 * FEWEST} are "
            f"needed for {FEWEST} pairs; use a shorter --length or more data"
        )
    order = torch.from_numpy(np.random.default_rng((settings.seed, 3)).permutation(len(cut))[: 2 * pairs])
    return Pairs(
        cut[order[:pairs]].contiguous(),
        cut[order[pairs:]].contiguous(),
        f"{2 * pairs} windows of {len(every)} sequences given",
        independent=False,
        alphabet=alphabet,
        notes=tuple(_doubts(pairs, settings.samples, each)),
    )


def _doubts(pairs: int, asked: int, windows_each: int) -> list[str]:
    notes = [
        "the past of one window was put before the end of another, so most sequences did not occur in the data; since "
        "their steps are not independent, memory also counts what the end of a sequence says about its past, and "
        "may rise with the lag"
    ]
    if pairs < asked:
        notes.append(f"the data has windows for {pairs} pairs; {asked} were asked for")
    if windows_each > 1:
        notes.append("windows of one sequence are not quite independent, so intervals may be too narrow")
    return notes


def read_text(path: str | Path, tokenizer: Any) -> npt.NDArray[np.int64]:
    """The token ids of a text file, as one sequence.

    Args:
        path: of a text in UTF-8.
        tokenizer: a function from text to ids, or anything with a method `encode` that is one.

    Returns:
        Ids (steps,).

    Raises:
        DataError: the file is no text, or the tokenizer gives no ids.
        OSError: it cannot be read.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "a.txt"
        ...     _ = path.write_text("abc")
        ...     read_text(path, lambda text: [ord(letter) for letter in text]).tolist()
        [97, 98, 99]
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"there is no file {path}; check the path")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not text in UTF-8: {error.reason} at byte {error.start}") from error
    encode = getattr(tokenizer, "encode", tokenizer)
    if not callable(encode):
        raise DataError(f"a tokenizer must be a function from text to ids, or have encode, got {type(tokenizer)}")
    ids = encode(text)
    found = np.asarray(getattr(ids, "ids", ids))
    if found.ndim != 1 or not np.issubdtype(found.dtype, np.integer) or len(found) == 0:
        raise DataError(f"the tokenizer must give token ids (steps,), got {found.dtype} of shape {found.shape}")
    return found.astype(np.int64)
