"""Tensor networks as pictures in a report."""

from __future__ import annotations

from ..result.document import SURE, Figure, Section, Table

HEADING = "Where does the rank come from? The tensor networks"


def networks_section(*, inputs: int, width: int, length: int) -> Section:
    """Networks of one, two and three layers with what is cut between start and end; or what to install."""
    from ..tensornet import draw

    parts: list[Figure | Table] = []
    rows = []
    try:
        for depth, words in _WORDS.items():
            picture = draw(inputs=inputs, width=width, depth=depth, length=length)
            parts.append(Figure(picture.svg(), words, scrolls=True))
            if picture.cut is not None:
                for (name, meaning), value in zip(
                    _THROUGH.items(), (picture.cut.value, picture.cut.state_bound), strict=True
                ):
                    row = {"depth": depth, "through": name, "rank is at most": value, "why": meaning}
                    rows.append(row | {SURE: "proved bound"})
    except ImportError as error:
        return Section(HEADING, f"Not drawn: {error}.")
    text = (
        "Written out, the computation of a network is a network of tensors. A line between start and end crosses "
        "bonds; the product of their dimensions is an upper bound of the rank. With one layer a single bond is "
        "crossed, whatever the length. A second layer reads the first at every later step, so that copies of the first "
        "state are needed, and each of them crosses."
    )
    parts.append(Table("cuts", rows, "What the lines say"))
    return Section(HEADING, text, parts)


_THROUGH = {
    "the cheapest cut": "every copy of a state counts apart; the dashed line need not be the cheapest",
    "states alike": "copies of one state are equal, so that only their symmetric products count; often far fewer",
}
_WORDS = {
    1: "One layer is a chain: the dashed line between start and end crosses one bond.",
    2: "Two layers with every copy drawn: each step of the end needs a copy of the first layer's state after the "
    "start, and the line crosses all of them.",
    3: "Three layers, copies folded into one with their number beside it: copies of copies, so that their number grows "
    "with the square of the steps in the end.",
}
