"""The colours and markers of every chart."""

from __future__ import annotations

# Okabe and Ito's palette, told apart by colour-blind readers, with a marker for each so that print works too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
