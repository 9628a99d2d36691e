"""Random integers that another program can reproduce.

The stream called `name` under `seed` is the raw 64-bit output of the counter-based generator Philox4x64-10
(Salmon et al. 2011) whose 128-bit key is the first 16 bytes, little endian, of the SHA-256 of the text
"<seed>/<name>". As in NumPy, the first four words come from the counter one, not zero. The numbers follow from the
stream by a remainder alone: no floating-point distribution, no rejection.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt


def raw_stream(seed: int, name: str, count: int, *, skip: int = 0) -> npt.NDArray[np.uint64]:
    """`count` words of the stream, after the first `skip`.

    Example:
        >>> bool((raw_stream(0, "w", 5)[2:] == raw_stream(0, "w", 3, skip=2)).all())
        True
    """
    key = int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:16], "little")
    philox = np.random.Philox(key=key)
    philox.advance(skip // 4)  # the counter steps once for four words
    return philox.random_raw(skip % 4 + count)[skip % 4 :]


def draw_elements(seed: int, name: str, count: int, p: int, *, skip: int = 0) -> npt.NDArray[np.float64]:
    """`count` field elements, balanced: each is a word modulo p, minus p where that exceeds (p-1)/2."""
    residues = (raw_stream(seed, name, count, skip=skip) % np.uint64(p)).astype(np.int64)
    return np.where(residues > p // 2, residues - p, residues).astype(np.float64)
