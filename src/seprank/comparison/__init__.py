"""Certified ranks of several architectures side by side: compare() and what it returns."""

from .result import Cell, Comparison
from .run import ComparisonInterrupted, compare

__all__ = ["Cell", "Comparison", "ComparisonInterrupted", "compare"]
