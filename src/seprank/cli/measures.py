"""`seprank remember`, `measure` and `neighbours`: what a model keeps of its past, measured in floating point"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..result.panels import ENDINGS
from ..settings.entries import values
from ..settings.figure_settings import FigureSettings
from ..settings.measure_settings import MeasureSettings
from ..settings.named_network import Network, TrainedNetwork
from ..settings.neighbours_settings import NeighboursSettings
from ..settings.remember_settings import RememberSettings, shared_with_measure
from ..sources.loaded import load_network
from .flags import flagged
from .options import Json, Model, Workers, named_data
from .output import Output
from .terminal import UsageError, say, say_json, show_announcements, stop

if TYPE_CHECKING:
    from ..measurement import Measurement, Profile
    from ..memory_curve import MemoryCurve
    from ..result.result import Result


@flagged
def remember(
    models: Annotated[
        list[str],
        typer.Argument(
            help="Names from `seprank models`, file.py:factory or package.module:factory, each also with weights: "
            "MODEL@weights.safetensors.",
            metavar="MODEL",
        ),
    ],
    network: Network,
    settings: RememberSettings,
    work: Workers,
    output: Output,
) -> None:
    """How many steps back does a model remember? The share of its output's variance that depends on older inputs."""
    if len(set(models)) < len(models):
        raise UsageError("each model must be named once; to compare seeds, run it twice with another --seed")
    from ..memory_curve import remember as run

    settings = replace(settings, memory=settings.budget)
    asked = values(settings, but=("tokenizer",)) | {"data": named_data(settings.data, settings.tokenizer)}
    show_announcements()
    curves: dict[str, MemoryCurve] = {}
    with work.executor() as executor:
        for name in models:
            place, _, weights = name.partition("@")
            trained = TrainedNetwork(**vars(network), weights=weights or None)
            module, _, inputs = load_network(place, trained, seed=settings.seed, budget=settings.budget)
            curves[name] = run(module, inputs=inputs, executor=executor, **asked)
            if not curves[name].complete:
                break
    _show(curves, output)
    if not all(curve.complete for curve in curves.values()):
        stop("interrupted; the curve holds what was finished", 130)


def _show(curves: dict[str, MemoryCurve], output: Output) -> None:
    """Print them, and write the files that were asked for."""
    from ..memory_curve import MemoryCurves

    name, first = next(iter(curves.items()))
    alone = len(curves) == 1
    found = first if alone else MemoryCurves(curves)
    output.write(found, f"How many steps back? Memory of {', '.join(curves)}")
    if output.as_json:
        summaries = {name: curve.summary() for name, curve in curves.items()}
        say_json(summaries[name] if alone else {"models": summaries})
        return
    say(f"{name}\n{found}" if alone else str(found))
    output.say_written()


@flagged
def measure(
    model: Model,
    network: TrainedNetwork,
    settings: MeasureSettings,
    work: Workers,
    figure: FigureSettings,
    profile: Annotated[bool, typer.Option("--profile", help="Measure at every cut: --cuts all.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the measurement, its page, and the memory curve; or a file of the measurement or the "
            "profile: .json, .csv, .tex, .html, .pdf, .svg or .png.",
            metavar="PATH",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure the long-term memory of any sequence model, with error bars."""
    from ..measurement.profile import measure_all
    from ..system.files import check_folder

    is_file = out is not None and out.suffix in ENDINGS and not out.is_dir()
    file = Output(out=(out,) if out is not None and is_file else (), as_json=as_json, **vars(figure))
    if out is not None and not is_file:
        check_folder(out)
    if profile and settings.cuts is not None:
        raise UsageError("--profile measures at every cut, and --cuts at some; give one of them")
    settings = replace(settings, cuts="all" if profile else settings.cuts, memory=settings.budget)
    module, _, inputs = load_network(model, network, seed=settings.seed, budget=settings.budget)
    given = {"inputs": inputs, "data": named_data(settings.data)}
    show_announcements()
    with work.executor() as executor:
        found, points = measure_all(module, settings, executor=executor, **given)
        curve, sentence = _curve_beside(module, values(settings) | given | {"executor": executor})
    file.write(points if points.points else found, f"Long-term memory of {model}")
    kept = "" if out is None else f"\n  written: {out if file.out else _keep(out, model, found, points, curve)}"
    if as_json:
        more = {"profile": points.to_dict()["points"]} if points.points else {}
        say_json(found.to_dict() | more | {"remember": None if curve is None else curve.summary()})
    else:
        say(f"{model}\n{sentence}\n\n{found}" + (f"\n\n{points}" if points.points else "") + kept)


def _keep(out: Path, name: str, found: Measurement, points: Profile, curve: MemoryCurve | None) -> Path:
    """The measurement, the profile and the curve in a folder, with a page of them; returns its path."""
    from ..result.document import report_page
    from ..system.files import write_whole

    found.save(out / "measurement.json")
    several: list[Result] = [found]
    if points.points:
        several.append(points)
        points.save(out / "profile.json")
        points.export(out / "profile.csv")
    if curve is not None:
        several.append(curve)
        curve.save(out / "memory-curve.json")
    sections = [section for result in several for section in result.sections()]
    page = report_page(f"Long-term memory of {name}", "", sections, summary=str(found), wrap=True)
    return write_whole(out / "memory.html", page)


def _curve_beside(module: Any, measured: dict[str, Any]) -> tuple[MemoryCurve | None, str]:
    """The memory curve of a model that `measure` got with these arguments, and its sentence.

    Where the data are too few there is none, and the reason instead.
    """
    from ..measurement import DataError
    from ..memory_curve import remember as run

    try:
        curve = run(module, length=measured["length"], data=measured["data"], **shared_with_measure(measured))
    except DataError as error:
        return None, f"no memory curve: {error}"
    return curve, curve.sentence()


@flagged
def neighbours(model: Model, network: TrainedNetwork, settings: NeighboursSettings, output: Output) -> None:
    """Compute all measures of memory of one model: memory curve, rank, effective state-size, capacity, gradients."""
    from ..neighbours import overview

    show_announcements()
    module, _, inputs = load_network(model, network, seed=settings.seed, budget=settings.budget)
    output.deliver(overview(module, name=model, inputs=inputs, **values(settings)))
