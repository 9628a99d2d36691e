"""Tensor networks and recurrences as pictures."""

from .draw import Picture, draw

__all__ = ["Picture", "draw"]
