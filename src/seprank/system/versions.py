"""Versions of Python and of packages, for records."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version


def versions(*packages: str) -> dict[str, str]:
    """The version of Python and of each package, by its name for pip; `missing` where it is not installed.

    Example:
        >>> versions("no-such-package")["no-such-package"]
        'missing'
    """
    return {"python": platform.python_version(), **{name: _version(name) for name in packages}}


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
