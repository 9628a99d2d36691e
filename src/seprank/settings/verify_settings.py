"""Settings of `verify`."""

from __future__ import annotations

from dataclasses import dataclass

from .resources import Memory

MOST_SECONDS = 3600.0
"""That a recheck may be estimated to take, unless more is allowed"""


@dataclass(frozen=True, kw_only=True)
class VerifySettings(Memory):
    """What a recheck does, and what it may take."""

    seconds: float = MOST_SECONDS
    """Refuse what is estimated to take longer."""
    again: bool = False
    """Draw weights and samples once more, with a new seed."""
