"""How many steps back does a model remember? remember(), and the curve that it returns.

memory(k) is the share of the output's variance that depends on inputs before the last k steps. docs/remember.md defines
it, and explains the estimator and the numbers.
"""

from .curve import MemoryCurve
from .curves import MemoryCurves
from .run import remember
from .windows import read_text

__all__ = ["MemoryCurve", "MemoryCurves", "read_text", "remember"]
