"""Many jobs from one file of settings, on one machine or a cluster, each done once."""

from .config import Block, Sweep, read_sweep
from .run import Outlook, Summary, outlook, sweep

__all__ = ["Block", "Outlook", "Summary", "Sweep", "outlook", "read_sweep", "sweep"]
