"""One thread, while many small operations are run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """torch on one thread; afterwards it has as many as before.

    Where the tensors of a block fit the cache and an operation takes microseconds, a second thread gains nothing on an
    idle machine and loses a factor on a busy one, where threads wait for each other by spinning.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
