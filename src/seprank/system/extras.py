"""Packages that only one job needs: imported when it needs them, with a message that says what to install."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_DISTRIBUTIONS = {"sklearn": "scikit-learn"}
"""What pip calls a package, where that is not the name it is imported by"""


def need(package: str, extra: str, purpose: str) -> Any:
    """A package that comes with an extra, imported.

    Args:
        package: the module to import, such as `lightning.pytorch`.
        extra: the extra that brings it.
        purpose: what needs it: the first words of the message.

    Raises:
        ImportError: exactly this package is missing; the message says how to install it. When it is there and lacks
            something itself, its own error comes through.

    Example:
        >>> need("json", "draw", "this example").dumps([1])
        '[1]'
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        wanted = package.partition(".")[0]
        # A module that is set to None in sys.modules has the full name as its name.
        if (error.name or "").partition(".")[0] != wanted:
            raise
        name = _DISTRIBUTIONS.get(wanted, wanted)
        raise ImportError(f"{purpose} needs {name}: pip install 'seprank[{extra}]'", name=wanted) from None
