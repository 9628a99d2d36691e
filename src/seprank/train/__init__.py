"""Train a model on a task, with its long-term memory watched meanwhile."""

from ..settings.train_settings import TrainSettings
from .fit import fit
from .job import describe, train
from .network import Network, build_network

__all__ = ["Network", "TrainSettings", "build_network", "describe", "fit", "train"]
