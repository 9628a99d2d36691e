"""Jobs that are done once and kept: the store, and many jobs from one file of settings, here or on a cluster."""

from .config import Block, Sweep, read_sweep
from .sweep import Outlook, Summary, outlook, sweep

__all__ = ["Block", "Outlook", "Summary", "Sweep", "outlook", "read_sweep", "sweep"]
