"""Which network: a name of the registry or a factory of the user's own, with sizes, settings and weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from ..question import Sizes, check_network, keep
from .as_text import Arguments, Axes
from .entries import Flag


@dataclass(frozen=True, kw_only=True)
class Network:
    """Sizes and settings of a network."""

    inputs: Axes | None = None
    """M: features per time step; for pictures and the like the sizes of their axes, such as 3,16,16."""
    width: int | None = None
    """R: width of every layer."""
    depth: int | None = None
    """L: number of layers."""
    model_settings: Annotated[Arguments, Flag("--set")] = field(default_factory=dict)
    """key=value, passed to the factory, or to the class of the model; may be repeated."""

    def __post_init__(self) -> None:
        if isinstance(self.inputs, list):  # as a file of jobs has it
            keep(self, inputs=tuple(self.inputs))

    @property
    def trained(self) -> str | None:
        """File of its weights."""
        return None

    def sizes(self, name: str) -> Sizes:
        """Inputs, width and depth of the network of that name; a `ValueError` names it if one is missing."""
        if self.inputs is None or self.width is None:
            raise ValueError(f"{name} needs --inputs and --width, and takes --depth (1 by default)")
        depth = 1 if self.depth is None else self.depth
        inputs, width, depth = check_network(inputs=self.inputs, width=self.width, depth=depth)
        return {"inputs": inputs, "width": width, "depth": depth}


@dataclass(frozen=True, kw_only=True)
class VectorNetwork(Network):
    """A network that is certified."""

    inputs: int | None = None
    """M: features per time step, or templates in the tokens domain."""


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork(Network):
    """A network that may have been trained."""

    weights: str | None = None
    """Trained weights: .safetensors, or .pt of tensors."""

    @property
    def trained(self) -> str | None:
        return self.weights
