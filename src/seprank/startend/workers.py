"""Worker processes on this machine or of a running Dask scheduler."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any, TypeVar

from ..sources.code import user_modules
from ..system.extras import need

# Dask would also set a threshold for giving memory back, which keeps the C library from learning ours: every larger
# tensor would then be fresh memory, and half of the time go into page faults.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""Of workers on this machine"""

MOST_WORKERS = 256
"""Processes on this machine: each takes about 200 MiB before it does anything"""

TIMEOUT = "10s"
"""How long a scheduler may take to answer"""


UNDER_WAY = 128
"""Blocks that are sent before one comes back, so that workers do not fill up with what is not fetched yet"""

Block = TypeVar("Block", bound=tuple[Any, ...])
Found = TypeVar("Found")


def finished(
    executor: Executor, evaluate: Callable[..., Found], blocks: Iterable[Block], *others: Any
) -> Iterator[tuple[Block, Found]]:
    """Blocks with `evaluate(*block, *others)`, as workers finish them; where one fails, the others are cancelled."""
    rest, under_way = iter(blocks), dict[Future[Found], Block]()

    def send(count: int) -> None:
        under_way.update((executor.submit(evaluate, *block, *others), block) for block in islice(rest, count))

    send(UNDER_WAY)
    try:
        while under_way:
            done, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                yield under_way.pop(future), future.result()
                send(1)
    finally:
        for future in under_way:
            future.cancel()


@contextmanager
def connect(*, workers: int | None = None, scheduler: str | None = None) -> Iterator[Any]:
    """A Dask client; what was started for it ends with the context.

    Args:
        workers: processes to start on this machine, where no scheduler is given.
        scheduler: address of a running Dask scheduler, such as tcp://host:8786.

    Raises:
        ImportError: Dask is not installed.
        OSError: the scheduler does not answer.
        ValueError: there are more workers than one machine can have.
    """
    if scheduler is None and workers is not None and workers > MOST_WORKERS:
        raise ValueError(
            f"workers must be at most {MOST_WORKERS} on one machine, got {workers:,}; for more give --scheduler"
        )
    purpose = "running on workers"
    dask, distributed = need("dask", "cluster", purpose), need("distributed", "cluster", purpose)
    with dask.config.set({"distributed.nanny.pre-spawn-environ": ENVIRONMENT}), ExitStack() as stack:
        if scheduler is None:
            # One thread each: a job's own threads would compete with the other workers.
            scheduler = stack.enter_context(
                distributed.LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    memory_limit=None,
                    dashboard_address="127.0.0.1:0",
                    silence_logs=logging.CRITICAL,
                )
            )
        yield stack.enter_context(distributed.Client(scheduler, timeout=TIMEOUT))


def pack(content: Any) -> bytes:
    """Anything with its classes as bytes that `pickle.loads` reads on a worker, user's own files included.

    Raises:
        ImportError: cloudpickle, which comes with Dask, is not installed.
        ValueError: it holds what cannot be sent, such as an open file.
    """
    cloudpickle = need("cloudpickle", "cluster", "sending a model to workers")
    # No worker can import what is from files that the user named, or lies beside them.
    own = [sys.modules[name] for name in user_modules()]
    for module in own:
        cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(content))
    except Exception as error:
        raise ValueError(f"{type(content).__name__} cannot be sent to workers: {error}") from error
    finally:
        for module in own:
            cloudpickle.unregister_pickle_by_value(module)
