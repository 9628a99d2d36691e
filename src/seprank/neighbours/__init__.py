"""Neighbouring measures of memory, each with its own question; docs/neighbours.md sets them side by side.

Effective state-size counts the numbers that a linear layer carries over a position, memory capacity the past inputs
that a linear read-out finds in the state, gradients tell what a small change of an old input does, and Hankel singular
values how well fewer units can replace a linear network.
"""

from .capacity import MemoryCapacity, memory_capacity
from .every_measure import overview
from .exact import Unstable
from .gradients import GradientCurve, gradient_curve
from .hankel import HankelSpectrum, hankel_singular_values
from .linear import NotLinear
from .overviews import Measure, Overview
from .state_size import EffectiveStateSize, effective_state_size
from .stateful import Meaningless

__all__ = [
    "EffectiveStateSize",
    "GradientCurve",
    "HankelSpectrum",
    "Meaningless",
    "Measure",
    "MemoryCapacity",
    "NotLinear",
    "Overview",
    "Unstable",
    "effective_state_size",
    "gradient_curve",
    "hankel_singular_values",
    "memory_capacity",
    "overview",
]
