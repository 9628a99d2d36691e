"""How much a floating-point model depends on start and end together: measure(), profile(), and their errors.

`measure` calls each file once, in this order: `inputs` draws or checks the halves, `measured_model` copies, adapts and
checks the model, `matrix` evaluates it on all pairs, `recheck` evaluates some of them again, and `measurement` makes
the result, with figures from `figures` and errors from `jackknife`.
"""

from .inputs import DataError, read_sequences
from .measure import measure
from .measurement import Measurement
from .profile import Profile, profile

__all__ = ["DataError", "Measurement", "Profile", "measure", "profile", "read_sequences"]
