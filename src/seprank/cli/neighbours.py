"""`seprank neighbours`: every measure of memory of one model on one page."""

from __future__ import annotations

from ..settings.entries import values
from ..settings.figure_settings import FigureSettings
from ..settings.named_network import TrainedNetwork
from ..settings.neighbours_settings import NeighboursSettings
from .flags import flagged
from .options import Json, Model, named_network
from .output import Out, check_output, deliver
from .terminal import show_announcements


@flagged
def neighbours(
    model: Model,
    network: TrainedNetwork,
    settings: NeighboursSettings,
    figure: FigureSettings,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Every measure of memory of one model: memory curve, rank, effective state-size, capacity, gradients."""
    check_output(out)
    from ..neighbours import overview

    show_announcements()
    module, _, inputs = named_network(model, network, seed=settings.seed, budget=settings.budget)
    found = overview(module, name=model, inputs=inputs, **values(settings))
    deliver(found, out, figure, as_json=as_json)
