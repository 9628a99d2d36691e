"""quimb, imported when it is needed; its first import is slow."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..system.extras import need

PATIENCE = 3.0
"""Seconds after which standard error says what takes so long"""
COMPILING = "loading quimb; at its first import it compiles parts of itself, which takes 15 to 45 s"


def load_quimb() -> Any:
    """`quimb.tensor`; when that takes a while, standard error says why."""
    purpose = "contracting tensor networks"
    with said_if_slow(COMPILING):
        need("cotengra", "draw", purpose)
        return need("quimb.tensor", "draw", purpose)


@contextmanager
def said_if_slow(text: str, patience: float | int = PATIENCE) -> Iterator[None]:
    """Say the text on standard error if the body takes longer than `patience` seconds."""
    timer = threading.Timer(patience, lambda: print(f"seprank: {text}", file=sys.stderr, flush=True))  # noqa: T201
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
