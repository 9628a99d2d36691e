"""Known bounds on a rank, without running anything.

Only the standard library is imported, so that bounds are printed without waiting for NumPy or PyTorch.
"""

from ..result.numbers import readable
from .attention_bounds import attention_bounds
from .bound import KINDS, Asked, Bound, Bounds, Counts, Sizes, for_readout
from .counting import MOST_DIGITS, multichoose
from .matrix_state_bounds import MatrixState, matrix_state_bounds
from .rac_bounds import bounds, least_ceiling, lower_bound, upper_bound

__all__ = [
    "KINDS",
    "MOST_DIGITS",
    "Asked",
    "Bound",
    "Bounds",
    "Counts",
    "MatrixState",
    "Sizes",
    "attention_bounds",
    "bounds",
    "for_readout",
    "least_ceiling",
    "lower_bound",
    "matrix_state_bounds",
    "multichoose",
    "readable",
    "upper_bound",
]
