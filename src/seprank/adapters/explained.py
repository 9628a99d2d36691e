"""Errors that a module raises while it runs, explained in terms of the request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from .contract import ConventionError


def wants_another_order(error: Exception) -> bool:
    """Whether `.view()` in a module failed because of the order of a tensor in memory: another can be tried."""
    return isinstance(error, RuntimeError) and "view size" in str(error)


@contextmanager
def explained(module: nn.Module, inputs: Tensor, remedy: str, told: str = "") -> Iterator[None]:
    """Turn an error in a module's own code into a `ConventionError`.

    Errors of our arithmetic pass unchanged, and so do those that another order in memory would cure.

    Args:
        module: the module that runs.
        inputs: what it runs on.
        remedy: what to do about a failure.
        told: what was asked of it, such as " with 3 inputs per step, of".
    """
    try:
        yield
    except (ArithmeticError, MemoryError):
        raise
    except Exception as error:
        if wants_another_order(error):
            raise
        raise ConventionError(
            f"{type(module).__name__} failed on sequences{told} of shape {tuple(inputs.shape)}, with "
            f"{type(error).__name__}: {error}; {remedy}"
        ) from error
