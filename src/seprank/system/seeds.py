"""Random numbers that follow from a seed alone, and leave what others draw as it was."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """The global generators of torch, NumPy and Python, set to a seed inside, and afterwards as they were before.

    Weights of every model that is built by name come from here, so that one seed is one network in every command.

    Example:
        >>> with seeded(3):
        ...     first = torch.rand(2)
        >>> with seeded(3):
        ...     again = torch.rand(2)
        >>> torch.equal(first, again)
        True
    """
    theirs = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    torch.default_generator.manual_seed(seed % 2**64)
    np.random.seed(seed % 2**32)  # noqa: NPY002  (what a user's own factory may draw from)
    random.seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(theirs[0])
        np.random.set_state(theirs[1])  # noqa: NPY002
        random.setstate(theirs[2])
