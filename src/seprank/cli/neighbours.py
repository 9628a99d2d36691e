"""`seprank neighbours`: every measure of memory of one model on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..settings.entries import values
from ..settings.named_network import TrainedNetwork
from ..settings.neighbours_settings import NeighboursSettings
from .flags import flagged
from .options import Json, Model, check_files, named_network
from .terminal import UsageError, say, say_json, show_announcements

ENDINGS = (".html", ".pdf", ".png", ".svg", ".json")


@flagged
def neighbours(
    model: Model,
    network: TrainedNetwork,
    settings: NeighboursSettings,
    out: Annotated[Path | None, typer.Option(help="File: .html, .pdf, .png, .svg or .json.")] = None,
    as_json: Json = False,
) -> None:
    """Every measure of memory of one model: memory curve, rank, effective state-size, capacity, gradients."""
    check_files(out)
    if out is not None and out.suffix not in ENDINGS:
        raise UsageError(f"--out must end in {', '.join(ENDINGS)}, got {out.name}")
    from ..neighbours.overview import overview

    show_announcements()
    module, _, inputs = named_network(model, network, seed=settings.seed, budget=settings.budget)
    found = overview(module, name=model, inputs=inputs, **values(settings))
    if out is not None:
        _write(out, found)
    if as_json:
        say_json(found.to_dict())
        return
    say(str(found))
    if out is not None:
        say(f"  written: {out}")


def _write(out: Path, found: object) -> None:
    import json

    from ..neighbours.overview import Overview
    from ..system.files import write_whole

    assert isinstance(found, Overview)
    if out.suffix == ".json":
        write_whole(out, json.dumps(found.to_dict(), indent=1) + "\n")
    elif out.suffix == ".html":
        from ..report.neighbours_page import neighbours_page

        write_whole(out, neighbours_page(found))
    else:
        figure, _ = found.plot()
        write_whole(out, lambda path: figure.savefig(path, format=out.suffix[1:], dpi=120))
