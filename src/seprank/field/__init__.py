"""The prime field: running polynomial modules exactly modulo p."""

from .arithmetic import DEFAULT_PRIME, PRIME_LIMIT, constant, require_prime
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
    "require_prime",
]
