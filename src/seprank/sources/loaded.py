"""The network that is named on a command line or in a file of jobs: of the registry, or the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from ..models import ModelSpec, find_model
from ..question import Sizes
from ..system.memory import check_weights
from .code import is_code
from .factory import Factory, load_factory

if TYPE_CHECKING:
    from torch import nn


@runtime_checkable
class Network(Protocol):
    """Sizes, settings and weights of a network: one of `settings.named_network`."""

    @property
    def inputs(self) -> int | tuple[int, ...] | None: ...
    @property
    def width(self) -> int | None: ...
    @property
    def depth(self) -> int | None: ...
    @property
    def model_settings(self) -> Mapping[str, Any]: ...
    @property
    def trained(self) -> str | None:
        """File of its weights"""

    def sizes(self, name: str) -> Sizes:
        """All three sizes; refused where one is missing."""


class Loaded(NamedTuple):
    """A network with its weights."""

    module: nn.Module
    factory: Factory | None
    """What made it, if it is the user's own"""
    inputs: int | tuple[int, ...] | None
    """How many inputs it reads, if it is the user's own, which need not say it"""


def load_network(name: str, network: Network, *, seed: int, budget: int) -> Loaded:
    """A network whose weights follow from the seed, if it has not been trained.

    Args:
        name: of a model of the registry, or file.py:factory, or package.module:factory.
        network: its sizes, settings and weights.
        seed: of the weights.
        budget: bytes that they may take.

    Raises:
        FactoryError: the factory cannot be found, or fails.
        MemoryBudgetError: the weights do not fit.
        WeightsError: they do not fit the module.
        ValueError: there is no such model, or sizes are missing or out of range.
    """
    found = _of_factory(name, network, seed) if is_code(name) else _of_registry(name, network, seed, budget)
    if network.trained is not None:
        from .weights import load_weights

        load_weights(found.module, network.trained)
    return found


def _of_factory(name: str, network: Network, seed: int) -> Loaded:
    sizes = {"inputs": network.inputs, "width": network.width, "depth": network.depth}
    factory = load_factory(name, sizes=sizes, **network.model_settings)
    return Loaded(factory.build(seed), factory, network.inputs)


def _of_registry(name: str, network: Network, seed: int, budget: int) -> Loaded:
    spec = find_model(name)
    sizes = network.sizes(name)
    check_weights(spec.count(**sizes, **network.model_settings), budget)
    if network.model_settings:
        return _of_class(spec, sizes, network.model_settings, seed)
    return Loaded(spec.draw(seed, **sizes), None, None)


def _of_class(spec: ModelSpec, sizes: Sizes, settings: Mapping[str, Any], seed: int) -> Loaded:
    """A model of the registry in another form, which a certificate states by its class and these settings."""
    cls = spec.load()
    arguments = {**spec.arguments(**sizes), **spec.defaults, **settings}
    factory = load_factory(f"{cls.__module__}:{cls.__qualname__}", **arguments)
    return Loaded(factory.build(seed), factory, None)
