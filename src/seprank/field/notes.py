"""What a field had to note while a module ran: where it is not the polynomial that it would be without the note."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Notes:
    """Kept by a field while it is entered; the same for the same calls."""

    replaced: dict[str, set[str]] = field(default_factory=dict)
    """Operation that the identity stands for -> sub-modules it was in"""
    functions: dict[str, str] = field(default_factory=dict)
    """Parameter -> the function of it that a drawn element stands for"""
    constants: dict[str, set[str]] = field(default_factory=dict)
    """Operation and sub-module -> SHA-256 of what constants became there, evaluated in float64"""
    divisions: set[str] = field(default_factory=set)
    """Operation and sub-module of every division by a value"""

    def replace(self, operation: str, place: str) -> None:
        """Note that the identity stands for an operation."""
        self.replaced.setdefault(operation, set()).add(place)
