"""Models and weights from the user's own files."""

from .factory import Factory, FactoryError, load_factory
from .weights import WeightsError, load_weights

__all__ = ["Factory", "FactoryError", "WeightsError", "load_factory", "load_weights"]
