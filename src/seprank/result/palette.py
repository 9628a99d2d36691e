"""The colours, markers and lines of every chart."""

from __future__ import annotations

# Okabe and Ito's palette, told apart by colour-blind readers; a marker and a line for each, so that print works too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "D", "^", "P", "*")
"""As matplotlib names them"""
LINES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)), (0, (7, 2)), (0, (3, 1, 1, 1, 1, 1)))
