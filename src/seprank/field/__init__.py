"""The prime field: running polynomial modules exactly modulo p."""

from ..question import DEFAULT_PRIME, PRIME_LIMIT
from .arithmetic import constant
from .mode import NotPolynomial, PrimeField
from .random import draw_elements, raw_stream

__all__ = [
    "DEFAULT_PRIME",
    "PRIME_LIMIT",
    "NotPolynomial",
    "PrimeField",
    "constant",
    "draw_elements",
    "raw_stream",
]
