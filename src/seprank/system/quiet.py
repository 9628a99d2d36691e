"""How torch computes while many small operations are run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def quiet(device: str = "cpu", *, cudnn: bool = True) -> Iterator[None]:
    """torch on one thread, and on a graphics card without TF32; afterwards everything is as it was.

    Where the tensors of a block fit the cache and an operation takes microseconds, a second thread gains nothing on an
    idle machine and loses a factor on a busy one, where threads wait for each other by spinning. TF32 rounds float32 to
    ten bits. cuDNN runs a recurrent layer as one operation that cannot be looked into.
    """
    import torch

    threads = torch.get_num_threads()
    with ExitStack() as stack:
        stack.callback(torch.set_num_threads, threads)
        torch.set_num_threads(1)
        if device != "cpu":
            products = torch.backends.cuda.matmul
            stack.callback(setattr, products, "allow_tf32", products.allow_tf32)
            products.allow_tf32 = False
            enabled = cudnn and torch.backends.cudnn.enabled
            stack.enter_context(torch.backends.cudnn.flags(enabled=enabled, allow_tf32=False))
        yield
