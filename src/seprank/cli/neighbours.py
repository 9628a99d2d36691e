"""`seprank neighbours`: every measure of memory of one model on one page."""

from __future__ import annotations

from ..settings.entries import values
from ..settings.named_network import TrainedNetwork
from ..settings.neighbours_settings import NeighboursSettings
from .flags import flagged
from .options import Json, Model, named_network
from .output import Column, Out, check_output, say_written, write_output
from .terminal import say, say_json, show_announcements


@flagged
def neighbours(
    model: Model,
    network: TrainedNetwork,
    settings: NeighboursSettings,
    out: Out = None,
    column: Column = "double",
    as_json: Json = False,
) -> None:
    """Every measure of memory of one model: memory curve, rank, effective state-size, capacity, gradients."""
    check_output(out, column)
    from ..neighbours import overview

    show_announcements()
    module, _, inputs = named_network(model, network, seed=settings.seed, budget=settings.budget)
    found = overview(module, name=model, inputs=inputs, **values(settings))
    write_output(out, found, column)
    if as_json:
        say_json(found.to_dict())
        return
    say(str(found))
    say_written(out)
