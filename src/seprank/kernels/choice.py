"""Which loops run: NumPy's, or compiled ones where numba is installed and loading it is worth while."""

from __future__ import annotations

import importlib
import sys
from collections import deque
from importlib.util import find_spec
from types import ModuleType

COMPILED = 2**32
"""Work from which on numba is loaded: NumPy takes a second for it, loading one, and compiling ten, once"""

_worked: deque[int] = deque(maxlen=1000)
"""Work that was asked for in this process"""


def is_worth_compiling(work: int) -> bool:
    """Whether numba is installed, and was loaded here or is worth it for so much work.

    What was worked before in this process counts: where there was much, there will be more.

    Args:
        work: numbers that NumPy reads and writes, about; a reduction goes over them eight times.
    """
    _worked.append(work)
    return _is_loaded() or (sum(_worked) >= COMPILED and find_spec("numba") is not None)


def _is_loaded() -> bool:
    return f"{__package__}.fused" in sys.modules


def chosen(work: int) -> ModuleType:
    """`fused` or `residues`, for so much work."""
    return importlib.import_module(f"{__package__}.{'fused' if is_worth_compiling(work) else 'residues'}")
