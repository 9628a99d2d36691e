"""Rank and determinant of an integer matrix modulo an odd prime, with the minor that proves them."""

from .arithmetic import BlasError
from .blocked import RankProfile
from .factor import Factor, sign
from .profile import determinant, rank, rank_profile

__all__ = ["BlasError", "Factor", "RankProfile", "determinant", "rank", "rank_profile", "sign"]
