"""The packages of the extra `tn`, imported when they are needed."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

PATIENCE = 3.0
"""Seconds after which it is said what is being waited for"""
COMPILING = "loading quimb; at its first import it compiles parts of itself, which takes 15 to 45 s"


def load(name: str, purpose: str) -> ModuleType:
    """A package of the extra.

    Raises:
        ImportError: it is not installed; the text says how to install it.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        package = name.split(".")[0]
        if error.name is None or error.name.split(".")[0] != package:
            raise
        raise ImportError(f"{purpose} needs {package}: pip install 'seprank[tn]'", name=package) from None


def load_quimb() -> ModuleType:
    """`quimb.tensor`; when that takes a while, standard error says why.

    Raises:
        ImportError: it or cotengra is not installed.
    """
    purpose = "drawing tensor networks"
    with said_if_slow(COMPILING):
        load("cotengra", purpose)
        return load("quimb.tensor", purpose)


@contextmanager
def said_if_slow(text: str, patience: float | int = PATIENCE) -> Iterator[None]:
    """A line on standard error if what is done inside takes longer than that many seconds."""
    timer = threading.Timer(patience, _say, [text])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _say(text: str) -> None:
    print(f"seprank: {text}", file=sys.stderr, flush=True)  # noqa: T201
