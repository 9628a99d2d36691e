"""`seprank neighbours`: every measure of memory of one model on one page."""

from __future__ import annotations

from ..settings.entries import values
from ..settings.named_network import TrainedNetwork
from ..settings.neighbours_settings import NeighboursSettings
from .flags import flagged
from .options import Model, named_network
from .output import Output
from .terminal import show_announcements


@flagged
def neighbours(
    model: Model,
    network: TrainedNetwork,
    settings: NeighboursSettings,
    output: Output,
) -> None:
    """Every measure of memory of one model: memory curve, rank, effective state-size, capacity, gradients."""
    from ..neighbours import overview

    show_announcements()
    module, _, inputs = named_network(model, network, seed=settings.seed, budget=settings.budget)
    found = overview(module, name=model, inputs=inputs, **values(settings))
    output.deliver(found)
