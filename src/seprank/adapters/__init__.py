"""One way to call a sequence model, whatever its own way is.

A `SequenceModel` runs on a piece of a sequence from a state and gives the last output with the new state. Its
states can be spread over pairs, so that a start half is run once however many end halves follow it. `adapt` finds
the adapter for a module: `Recurrent` for the calling convention of `nn.RNN` and for chains with such a member,
`Causal` for models of Hugging Face, `Whole` for any function of a whole sequence. `Rescaled` keeps products of many
steps from overflowing. `adapt` returns a `Checked`, which has passed every check; nothing else is measured.
"""

from .agreement import Checked
from .causal import Causal
from .choose import adapt
from .contract import CallFailed, CheckFailed, ConventionError, SequenceModel, State, Values
from .recurrent import Recurrent
from .rescaled import Rescaled
from .whole import Whole

__all__ = [
    "CallFailed",
    "Causal",
    "CheckFailed",
    "Checked",
    "ConventionError",
    "Recurrent",
    "Rescaled",
    "SequenceModel",
    "State",
    "Values",
    "Whole",
    "adapt",
]
