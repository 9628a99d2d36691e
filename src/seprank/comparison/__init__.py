"""Certified ranks of several architectures side by side: compare() and what it returns."""

from .cell import Cell
from .compare import ComparisonInterrupted, compare
from .comparison import Comparison

__all__ = ["Cell", "Comparison", "ComparisonInterrupted", "compare"]
