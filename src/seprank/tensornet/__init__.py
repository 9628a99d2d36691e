"""Recurrent Arithmetic Circuits as tensor networks: contraction, minimal cuts and pictures.

Networks are those of quimb, contracted along paths of cotengra; minimal cuts are those of networkx. quimb, cotengra and
matplotlib (for PNG) come with the extra `draw`, and are imported when they are needed.
"""

from .cut import LayerCount, MinimalCut, minimal_cut
from .mps import mps, schmidt_values
from .pictures import Picture, draw
from .rac_network import RACNetwork, network

__all__ = [
    "LayerCount",
    "MinimalCut",
    "Picture",
    "RACNetwork",
    "draw",
    "minimal_cut",
    "mps",
    "network",
    "schmidt_values",
]
