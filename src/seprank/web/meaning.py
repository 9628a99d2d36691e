"""What a rank is good for, in a sentence of the page."""

from __future__ import annotations

from ..certification import Certificate
from ..theory import readable


def meaning(certificate: Certificate) -> str:
    """What a network of this rank can carry, and the smallest task of comparing that it cannot do.

    Counting the equal places of two words of c symbols out of n, one in each half, has separation rank c (n - 1) + 1
    (`tasks.MatchCount`). A network cannot compute a function of a higher rank than its own, whatever its weights.
    """
    rank, question = certificate.rank, certificate.question
    words = f"The output is a sum of {readable(rank)} products of something about the start and something about the end"
    if not certificate.known.exact:
        return f"{words}, or of more: the rank is a lower bound. More terms are more that both can do together."
    words += ", and of no more, whatever the weights."
    if question.domain == "tokens":
        return words
    places = min(question.cut, question.length - question.cut)
    symbols = (rank - 1) // places + 2
    return (
        f"{words} For example, it cannot count the equal places of two words of {places:,} of "
        f"{readable(symbols)} or more symbols, one in each half: that takes a rank of "
        f"{readable(places * (symbols - 1) + 1)}. What it can do may still be hard to learn."
    )
