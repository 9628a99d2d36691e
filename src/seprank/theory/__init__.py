"""What theory says about a rank, without running anything.

Only the standard library is imported, so that bounds are printed without waiting for NumPy or PyTorch.
"""

from ..result.numbers import readable, shown_error
from .attention_bounds import attention_bounds
from .bound import KINDS, Bound, Bounds, Counts, for_readout, max_distance_squared
from .counting import MOST_DIGITS, multichoose
from .matrix_state_bounds import delta_rule_bounds, linear_attention_bounds, mlstm_bounds
from .rac_bounds import bounds, least_ceiling, lower_bound, upper_bound

__all__ = [
    "KINDS",
    "MOST_DIGITS",
    "Bound",
    "Bounds",
    "Counts",
    "attention_bounds",
    "bounds",
    "delta_rule_bounds",
    "for_readout",
    "least_ceiling",
    "linear_attention_bounds",
    "lower_bound",
    "max_distance_squared",
    "mlstm_bounds",
    "multichoose",
    "readable",
    "shown_error",
    "upper_bound",
]
