"""How much a floating-point model depends on start and end together: measure(), profile(), and their errors."""

from .inputs import DataError, read_sequences
from .measure import measure
from .measurement import Measurement
from .profile import Profile, profile

__all__ = ["DataError", "Measurement", "Profile", "measure", "profile", "read_sequences"]
