"""Different words over an alphabet, drawn at random."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..field import raw_stream

Words = npt.NDArray[np.int64]

_PERMUTED = 2**22
"""Up to this many words in all, the drawn ones begin a permutation of all; beyond, letters are drawn."""


def draw_words(seed: int, name: str, count: int, *, steps: int, letters: int) -> Words:
    """The first `count` of a stream of different words, (count, steps) letters.

    If there are few words in all, the stream is a permutation of them, sorted by the raw random stream; a word is its
    number in base `letters`, first letter most significant. Otherwise letters are raw numbers modulo `letters`, and
    repeated words are skipped.
    """
    # Capped, because the count would have as many digits as a long word has letters.
    in_all = letters ** min(steps, _PERMUTED.bit_length())
    if in_all <= _PERMUTED:
        numbers = np.argsort(raw_stream(seed, name, in_all), kind="stable")[:count]
        return numbers[:, None] // letters ** np.arange(steps)[::-1] % letters
    drawn = count + 16
    while True:
        raw = raw_stream(seed, name, drawn * steps).reshape(drawn, steps)
        words = (raw % np.uint64(letters)).astype(np.int64)
        first = np.sort(np.unique(words, axis=0, return_index=True)[1])
        if len(first) >= count:
            return words[first[:count]]
        drawn *= 2
