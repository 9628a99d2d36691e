"""The prime field: running polynomial modules exactly modulo p."""

from ..question import DEFAULT_PRIME, PRIME_LIMIT
from .arithmetic import DivisorVanishes, constant
from .functions import Functions
from .guard import read
from .notes import Notes
from .prime import NotPolynomial, PrimeField
from .random import draw_elements, raw_stream
from .weights import Weights, read_weights

__all__ = [
    "DEFAULT_PRIME",
    "PRIME_LIMIT",
    "DivisorVanishes",
    "Functions",
    "NotPolynomial",
    "Notes",
    "PrimeField",
    "Weights",
    "constant",
    "draw_elements",
    "raw_stream",
    "read",
    "read_weights",
]
