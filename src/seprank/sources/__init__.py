"""Models, tasks and weights from the user's own files."""

from .code import FactoryError
from .factory import Factory, load_factory
from .weights import WeightsError, load_weights

__all__ = ["Factory", "FactoryError", "WeightsError", "load_factory", "load_weights"]
