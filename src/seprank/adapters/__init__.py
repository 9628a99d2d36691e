"""One way to call a sequence model, whatever its own way is.

A `SequenceModel` runs on a piece of a sequence from a state and gives the last output with the new state. Its
states can be spread over pairs, so that a start half is run once however many end halves follow it.
"""

from .recurrent import ConventionError, Recurrent, State

__all__ = ["ConventionError", "Recurrent", "State"]
