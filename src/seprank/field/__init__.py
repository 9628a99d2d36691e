"""The prime field: running polynomial modules exactly modulo p."""

from .arithmetic import DEFAULT_PRIME, PRIME_LIMIT, constant, require_prime
from .guard import read
from .mode import NotPolynomial, PrimeField
from .random import draw_elements, raw_stream
from .weights import Weights, read_weights

__all__ = [
    "DEFAULT_PRIME",
    "PRIME_LIMIT",
    "NotPolynomial",
    "PrimeField",
    "Weights",
    "constant",
    "draw_elements",
    "raw_stream",
    "read",
    "read_weights",
    "require_prime",
]
