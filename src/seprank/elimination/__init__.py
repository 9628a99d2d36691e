"""Rank and determinant of an integer matrix modulo an odd prime, with the minor that proves them."""

from .blas import BlasError
from .blocked import RankProfile
from .exact_rank import determinant, rank, rank_profile
from .factor import Factor, sign

__all__ = ["BlasError", "Factor", "RankProfile", "determinant", "rank", "rank_profile", "sign"]
