"""How many steps back does a model remember? remember(), and the curve that it returns.

memory(k) is the share of the output's variance that depends on inputs before the last k steps. docs/remember.md defines
it, and explains the estimator and the numbers.

`remember` calls each file once, in this order: `windows` makes pairs of sequences, `measured_model` of `measurement`
copies, adapts and checks the model, `readout` chooses what is compared, `collection` runs all pairs, their pasts
exchanged by `crossing`, and `columns` turns the terms into the figures of a `curve`. Where lags are added around a
threshold, `collection` and `columns` take turns.
"""

from .curve import MemoryCurve
from .curves import MemoryCurves
from .run import remember
from .windows import read_text

__all__ = ["MemoryCurve", "MemoryCurves", "read_text", "remember"]
