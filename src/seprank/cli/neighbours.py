"""`seprank neighbours`: every measure of memory of one model on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import (
    Depth,
    Inputs,
    Json,
    Length,
    Memory,
    Model,
    Settings,
    Width,
    check_files,
    find_budget,
    load_model,
    split_names,
)
from .terminal import UsageError, say, say_json, show_announcements

ENDINGS = (".html", ".pdf", ".png", ".svg", ".json")


def neighbours(  # noqa: PLR0913  (each is a setting a user has)
    model: Model,
    length: Length,
    inputs: Inputs = None,
    width: Width = None,
    depth: Depth = None,
    settings: Settings = None,
    tokens: Annotated[int | None, typer.Option(help="Number of token ids, for a model that reads them.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Trained weights: .safetensors, or .pt of tensors.")] = None,
    samples: Annotated[int, typer.Option(help="Pairs of sequences of the memory curve.")] = 256,
    frozen: Annotated[
        str, typer.Option(help="Parameters or sub-modules that make gates, with commas, for effective state-size.")
    ] = "",
    values: Annotated[
        str, typer.Option(help="Parameters that are values as inputs are, with commas, such as an initial state.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Seed of weights and samples.")] = 0,
    memory: Memory = None,
    out: Annotated[Path | None, typer.Option(help="File: .html, .pdf, .png, .svg or .json.")] = None,
    as_json: Json = False,
) -> None:
    """Every measure of memory of one model: memory curve, rank, effective state-size, capacity, gradients."""
    check_files(out)
    if out is not None and out.suffix not in ENDINGS:
        raise UsageError(f"--out must end in {', '.join(ENDINGS)}, got {out.name}")
    from ..neighbours.overview import overview

    show_announcements()
    budget = find_budget(memory)
    module, factory = load_model(model, inputs, width, depth, settings, budget, seed)
    if weights is not None:
        from ..sources.weights import load_weights

        load_weights(module, weights)
    found = overview(
        module,
        length,
        name=model,
        inputs=inputs if factory is not None else None,
        tokens=tokens,
        samples=samples,
        frozen=tuple(split_names(frozen)),
        values=tuple(split_names(values)),
        seed=seed,
        memory=budget,
    )
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
