"""Loops over residues modulo an odd prime, in NumPy and compiled.

A residue is a float64 integer of absolute value about p / 2 at most. `residues` is the definition, in NumPy, and what
runs where numba is not installed; `fused` has the same functions for numba, in one pass over memory, and gives the
same numbers, bit for bit. `chosen` says which of both is worth its loading.
`integers` has such loops for rechecks, in 64-bit integers.
"""

from .choice import chosen, is_worth_compiling

__all__ = ["chosen", "is_worth_compiling"]
