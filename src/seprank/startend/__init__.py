"""Start-End matrices: every start half with every end half."""

from ..adapters import Values
from .matrix import Halves, Matrix, Progress, RowBlocks, StartEndMatrix, pairs_per_block
from .workers import finished

__all__ = ["Halves", "Matrix", "Progress", "RowBlocks", "StartEndMatrix", "Values", "finished", "pairs_per_block"]
