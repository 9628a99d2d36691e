"""`seprank remember`: memory curves of one or several models, in words, as a table, as a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..settings.entries import values
from ..settings.figure_settings import FigureSettings
from ..settings.named_network import Network, TrainedNetwork
from ..settings.remember_settings import RememberSettings, shared_with_measure
from .flags import flagged
from .options import Json, Scheduler, Workers, named_network, open_executor
from .output import Out, check_output, say_written, write_output
from .terminal import UsageError, say, say_json, show_announcements, stop

if TYPE_CHECKING:
    from ..measurement import Profile
    from ..memory_curve import MemoryCurve


@flagged
def remember(
    models: Annotated[
        list[str],
        typer.Argument(
            help="Names from `seprank models`, file.py:factory or package.module:factory, each also with weights: "
            "MODEL@weights.safetensors.",
            metavar="MODEL...",
        ),
    ],
    network: Network,
    settings: RememberSettings,
    figure: FigureSettings,
    workers: Workers = 1,
    scheduler: Scheduler = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """How many steps back does a model remember? The share of its output's variance that depends on older inputs.

    seprank remember lstm --inputs 4 --width 64 --length 256

    seprank remember model.py:build@before.safetensors model.py:build@after.safetensors --length 100 --out curves.svg
    """
    check_output(out)
    if len(set(models)) < len(models):
        raise UsageError("each model must be named once; to compare seeds, run it twice with another --seed")
    from ..jobs.data import read_data
    from ..memory_curve import remember as run

    settings = replace(settings, memory=settings.budget)
    asked = values(settings, but=("tokenizer",)) | {"data": read_data(settings.data, settings.tokenizer)}
    show_announcements()
    curves: dict[str, MemoryCurve] = {}
    with open_executor(workers, scheduler) as executor:
        for name in models:
            place, _, weights = name.partition("@")
            trained = TrainedNetwork(**vars(network), weights=weights or None)
            module, _, inputs = named_network(place, trained, seed=settings.seed, budget=settings.budget)
            curves[name] = run(module, inputs=inputs, executor=executor, **asked)
            if not curves[name].complete:
                break
    _show(curves, out, figure, as_json)
    if not all(curve.complete for curve in curves.values()):
        stop("interrupted; the curve has what was done", 130)


def curve_beside(module: Any, measured: dict[str, Any]) -> tuple[MemoryCurve | None, str]:
    """The memory curve of a model that is measured, with its sentence; None and the reason where data are too few.

    Args:
        module: the model.
        measured: arguments of `measure`.
    """
    from ..measurement import DataError
    from ..memory_curve import remember as run

    common = shared_with_measure(measured)
    try:
        curve = run(module, length=measured["length"], data=measured["data"], **common)
    except DataError as error:
        return None, f"no memory curve: {error}"
    return curve, curve.sentence()


def keep_curve(folder: Path, curve: MemoryCurve | None, profile: Profile) -> None:
    """The curve and the profile of a measurement, with memory and joint share at every cut."""
    if curve is not None:
        curve.save(folder / "memory-curve.json")
    if profile.points:
        for ending in ("json", "csv"):
            profile.export(folder / f"profile.{ending}")


def _show(curves: dict[str, MemoryCurve], out: list[Path] | None, figure: FigureSettings, as_json: bool) -> None:
    """Print them, and write the files that were asked for."""
    from ..memory_curve import MemoryCurves

    name, first = next(iter(curves.items()))
    alone = len(curves) == 1
    found = first if alone else MemoryCurves(curves)
    write_output(out, found, figure, f"How many steps back? Memory of {', '.join(curves)}")
    if as_json:
        summaries = {name: curve.summary() for name, curve in curves.items()}
        say_json(summaries[name] if alone else {"models": summaries})
        return
    say(f"{name}\n{found}" if alone else str(found))
    say_written(out)
