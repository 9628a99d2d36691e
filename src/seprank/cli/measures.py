"""`seprank measure`"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .terminal import UsageError, say, say_json, show_announcements

if TYPE_CHECKING:
    from ..measurement import Measurement, Profile
    from ..memory_curve import MemoryCurve
    from ..result.result import Result
from ..settings.entries import values
from ..settings.figure_settings import FigureSettings
from ..settings.measure_settings import MeasureSettings
from ..settings.named_network import TrainedNetwork
from .flags import flagged
from .options import Json, Model, Scheduler, Workers, check_folder, named_network, open_executor
from .output import ENDINGS, check_output, write_output


@flagged
def measure(
    model: Model,
    network: TrainedNetwork,
    settings: MeasureSettings,
    figure: FigureSettings,
    profile: Annotated[bool, typer.Option("--profile", help="Measure at every cut: --cuts all.")] = False,
    workers: Workers = 1,
    scheduler: Scheduler = None,
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
    from ..jobs.data import read_data
    from ..measurement.profile import measure_all
    from .remember import curve_beside

    file = _checked(out)
    if profile and settings.cuts is not None:
        raise UsageError("--profile measures at every cut, and --cuts at some; give one of them")
    settings = replace(settings, cuts="all" if profile else settings.cuts, memory=settings.budget)
    module, _, inputs = named_network(model, network, seed=settings.seed, budget=settings.budget)
    given = {"inputs": inputs, "data": read_data(settings.data)}
    show_announcements()
    with open_executor(workers, scheduler) as executor:
        found, points = measure_all(module, settings, executor=executor, **given)
        curve, sentence = curve_beside(module, values(settings) | given | {"executor": executor})
    write_output(file, points if points.points else found, figure, f"Long-term memory of {model}")
    kept = "" if out is None else f"\n  written: {out if file else _keep(out, model, found, points, curve)}"
    if as_json:
        more = {"profile": points.to_dict()["points"]} if points.points else {}
        say_json(found.to_dict() | more | {"remember": None if curve is None else curve.summary()})
    else:
        say(f"{model}\n{sentence}\n\n{found}" + (f"\n\n{points}" if points.points else "") + kept)


def _checked(out: Path | None) -> list[Path] | None:
    """The file to write, by its ending; None if it is a folder, or nothing is to be kept."""
    file = [out] if out is not None and out.suffix in ENDINGS and not out.is_dir() else None
    check_output(file)
    check_folder(None if file else out)
    return file


def _keep(out: Path, name: str, found: Measurement, points: Profile, curve: MemoryCurve | None) -> Path:
    """The measurement as JSON and as a page, with the curve beside it; returns the path of the page."""
    from ..result.document import report_page
    from ..system.files import write_whole
    from .remember import keep_curve

    keep_curve(out, curve, points)

    found.save(out / "measurement.json")
    several: list[Result] = [found, *([points] if points.points else []), *([] if curve is None else [curve])]
    sections = [section for result in several for section in result.sections()]
    page = report_page(f"Long-term memory of {name}", "", sections, summary=str(found), wrap=True)
    return write_whole(out / "memory.html", page)
