"""Notes of a field on how the polynomial that it ran differs from the module."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Notes:
    """Kept by a field while it is entered; the same for the same calls."""

    replaced: dict[str, set[str]] = field(default_factory=dict)
    """Operation replaced by the identity -> sub-modules it was in"""
    functions: dict[str, str] = field(default_factory=dict)
    """Parameter -> the function of it that a drawn element stands for"""
    constants: dict[str, set[str]] = field(default_factory=dict)
    """Operation and sub-module -> SHA-256 of its results on constants, evaluated in float64"""
    divisions: set[str] = field(default_factory=set)
    """Operation and sub-module of every division by a value"""

    def replace(self, operation: str, place: str) -> None:
        """Note that the identity replaced an operation."""
        self.replaced.setdefault(operation, set()).add(place)
