"""Proved upper bounds for any polynomial module: run it over degrees, count monomials (docs/degrees.md)."""

from .bounds import degree_bounds
from .gradings import Grading, count_monomials
from .mode import DegreeField
from .totals import OfDegrees, Totals, total_degrees

__all__ = ["DegreeField", "Grading", "OfDegrees", "Totals", "count_monomials", "degree_bounds", "total_degrees"]
