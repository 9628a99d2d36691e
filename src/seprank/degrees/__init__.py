"""Proved upper bounds for any polynomial module: run it over degrees, count monomials (docs/degrees.md)."""

from .bounds import degree_bounds
from .counting import Grading, count_monomials
from .mode import DegreeField

__all__ = ["DegreeField", "Grading", "count_monomials", "degree_bounds"]
