"""The prime field: running polynomial modules exactly modulo p."""

from ..question import DEFAULT_PRIME, PRIME_LIMIT
from .arithmetic import DivisorVanishes, constant
from .drawn_weights import Weights, admit_table, read_weights
from .executors import evaluate
from .functions import Functions
from .guard import outside, read
from .not_polynomial import NotPolynomial
from .notes import Notes
from .prime import PrimeField
from .program import Program, Stages
from .random import draw_elements, raw_stream
from .symbolic import NotRecorded, Symbolic

__all__ = [
    "DEFAULT_PRIME",
    "PRIME_LIMIT",
    "DivisorVanishes",
    "Functions",
    "NotPolynomial",
    "NotRecorded",
    "Notes",
    "PrimeField",
    "Program",
    "Stages",
    "Symbolic",
    "Weights",
    "admit_table",
    "constant",
    "draw_elements",
    "evaluate",
    "outside",
    "raw_stream",
    "read",
    "read_weights",
]
