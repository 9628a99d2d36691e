"""Which combinations of the output's channels are measured: all of them, one, or a random one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_STREAM = 2


def directions(readout: str | int, channels: int, seed: int) -> npt.NDArray[np.float64]:
    """Orthonormal rows (count, channels): every unit vector for "all", one for a channel's number, or a random one.

    Args:
        readout: "all", "random" or the number of a channel, as `check_readout` returns it.
        channels: of the output.
        seed: of the random direction.

    Example:
        >>> directions(1, 3, seed=0).tolist(), directions("random", 3, seed=0).shape
        ([[0.0, 1.0, 0.0]], (1, 3))
    """
    if readout == "all":
        return np.eye(channels)
    if isinstance(readout, int):
        return np.asarray(np.arange(channels)[None] == readout, dtype=np.float64)
    drawn = np.random.default_rng((seed, _STREAM)).standard_normal((1, channels))
    return np.asarray(drawn / np.linalg.norm(drawn))
