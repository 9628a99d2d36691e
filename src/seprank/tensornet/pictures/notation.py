"""Products and cuts as words in pictures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from ...theory import readable
from ..cut import LayerCount, MinimalCut, counted, state_copies
from ..rac_sizes import Sizes
from ..unrolling import Bond
from .scene import power


def powers(bonds: Iterable[Bond]) -> str:
    """The product of the dimensions, as powers and as a number: 2 · 3³ = 54."""
    return product_words(Counter(bond.dimension for bond in bonds))


def product_words(counts: dict[int, int]) -> str:
    """A product of powers, from the exponent of each base.

    Example:
        >>> product_words({3: 3, 2: 1}), product_words({3: 1})
        ('2 · 3³ = 54', '3')
    """
    product = " · ".join(power(base, exponent) for base, exponent in sorted(counts.items()))
    value = readable(math.prod(base**exponent for base, exponent in counts.items()))
    return value if value == product else f"{product} = {value}"


def count_notes(sizes: Sizes, cut: MinimalCut | None) -> list[str]:
    """Sentences about the cut through all states, copies counted as different and as equal, and the minimal cut."""
    counts = state_copies(sizes)
    total = sum(count.copies for count in counts)
    apart = ", ".join(f"{count.copies:,} of layer {count.layer}" for count in counts)
    product = unbroken(product_words({sizes.width: total}))
    notes = [
        f"The end uses copies of the last start states: {apart}. A line between start and end cuts them all: {product}."
    ]
    if any(count.monomials < count.words for count in counts):
        symbols = " · ".join(_monomials(count, sizes.width) for count in counts)
        values = " · ".join(readable(count.monomials) for count in counts)
        steps = [symbols, values, readable(math.prod(count.monomials for count in counts))]
        equal = unbroken(" = ".join(steps if len(counts) > 1 else steps[:2]))
        notes.append(
            "The copies of a layer are equal, so that their order does not matter: counted without order that is "
            f"{equal}, the state bound. The rank is at most each of these numbers."
        )
    if cut is None:
        notes.append("The network is too large to look for a cheaper cut.")
    elif cut.value < cut.copies:
        notes.append(f"There is a cheaper cut, through {counted(cut.bonds)}: {unbroken(powers(cut.bonds))}.")
    return notes


def unbroken(formula: str) -> str:
    """A formula that is kept on one line."""
    return formula.replace(" ", "\u00a0")


def _monomials(count: LayerCount, width: int) -> str:
    return f"(({width}; {count.copies:,}))" if count.copies > 1 else f"{width}"
