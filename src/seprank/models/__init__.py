"""The registry of models. Reading it imports no torch; building one does."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .factory import Factory, load_factory

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class ModelSpec:
    """An architecture that can be built from `inputs`, `width` and `depth`."""

    name: str
    """What the command line and stored records call it"""
    summary: str
    """One line: what it computes"""
    year: int
    source: str
    """Paper it is from"""
    target: str
    """module:class, relative to this package"""
    count_parameters: Callable[[int, int, int], int]
    """Numbers in all parameters, from inputs, width and depth: known before anything of that size is made"""
    family: str | None = None
    """Which family of bounds in `theory` holds for it, None if there is none"""
    inputs: str = "input_size"
    """Name of the constructor argument, and attribute, that holds the number of inputs"""
    width: str = "hidden_size"
    depth: str = "num_layers"

    def load(self) -> type[nn.Module]:
        """The class itself."""
        module, name = self.target.split(":")
        cls: type[nn.Module] = getattr(import_module(module, __package__), name)
        return cls

    def build(self, *, inputs: int, width: int, depth: int, **extra: Any) -> nn.Module:
        """A new module; further settings are passed to the constructor."""
        return self.load()(**{self.inputs: inputs, self.width: width, self.depth: depth}, **extra)

    def settings(self, module: nn.Module) -> dict[str, int]:
        """The sizes of a module of this class."""
        return {name: getattr(module, getattr(self, name)) for name in ("inputs", "width", "depth")}


MODELS = {
    spec.name: spec
    for spec in (
        ModelSpec(
            name="rac",
            summary="Recurrent Arithmetic Circuit: h' = (W_H h) * (W_I x), element by element",
            year=2017,
            source="Levine, Sharir, Ziv, Shashua, arXiv:1710.09431",
            target=".rac:RAC",
            count_parameters=lambda m, r, depth: r * m + (2 * depth - 1) * r * r + depth * r,
            family="rac",
        ),
    )
}
"""Every model that has a name."""


def find_model(name: str) -> ModelSpec:
    """The entry of that name.

    Raises:
        ValueError: there is none; the text names the nearest.
    """
    if name in MODELS:
        return MODELS[name]
    near = difflib.get_close_matches(name.lower(), MODELS, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"the models are: {', '.join(MODELS)};"
    raise ValueError(f"unknown model {name!r}; {hint} A module of your own is given as file.py:factory")


def spec_of(module: nn.Module) -> ModelSpec | None:
    """The registry entry of a module's class, None if it has none (subclasses do not count: they may differ)."""
    return next((spec for spec in MODELS.values() if type(module) is spec.load()), None)


__all__ = ["MODELS", "Factory", "ModelSpec", "find_model", "load_factory", "spec_of"]
