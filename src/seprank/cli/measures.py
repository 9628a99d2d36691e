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
from ..settings.measure_settings import MeasureSettings
from ..settings.named_network import TrainedNetwork
from ..system.files import check_folder, write_whole
from .flags import flagged
from .options import Json, Model, Workers, named_network
from .output import ENDINGS, Output


@flagged
def measure(
    model: Model,
    network: TrainedNetwork,
    settings: MeasureSettings,
    work: Workers,
    profile: Annotated[bool, typer.Option("--profile", help="Measure at every cut: --cuts all.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the measurement, its page, and the memory curve; or a file of the measurement or the "
            "profile: .json, .csv, .tex, .html, .pdf, .svg or .png.",
            metavar="PATH",
        ),
    ] = None,
    column: Annotated[str, typer.Option(help="Width of a figure: single or double, as columns of a paper.")] = "double",
    as_json: Json = False,
) -> None:
    """Measure the long-term memory of any sequence model, with error bars."""
    from ..jobs.data import read_data
    from ..measurement.profile import measure_all
    from .remember import curve_beside

    file = Output(out=() if out is None or _is_folder(out) else (out,), column=column, as_json=as_json)
    if out is not None and not file.out:
        check_folder(out)
    if profile and settings.cuts is not None:
        raise UsageError("--profile measures at every cut, and --cuts at some; give one of them")
    settings = replace(settings, cuts="all" if profile else settings.cuts, memory=settings.budget)
    module, _, inputs = named_network(model, network, seed=settings.seed, budget=settings.budget)
    given = {"inputs": inputs, "data": read_data(settings.data)}
    show_announcements()
    with work.executor() as executor:
        found, points = measure_all(module, settings, executor=executor, **given)
        curve, sentence = curve_beside(module, values(settings) | given | {"executor": executor})
    file.write(points if points.points else found, f"Long-term memory of {model}")
    kept = "" if out is None else f"\n  written: {out if file.out else _keep(out, model, found, points, curve)}"
    if as_json:
        more = {"profile": points.to_dict()["points"]} if points.points else {}
        say_json(found.to_dict() | more | {"remember": None if curve is None else curve.summary()})
    else:
        say(f"{model}\n{sentence}\n\n{found}" + (f"\n\n{points}" if points.points else "") + kept)


def _is_folder(out: Path) -> bool:
    return out.suffix not in ENDINGS or out.is_dir()


def _keep(out: Path, name: str, found: Measurement, points: Profile, curve: MemoryCurve | None) -> Path:
    """The measurement as JSON and as a page, with the curve beside it; returns the path of the page."""
    from ..result.document import report_page
    from .remember import keep_curve

    keep_curve(out, curve, points)

    found.save(out / "measurement.json")
    several: list[Result] = [found, *([points] if points.points else []), *([] if curve is None else [curve])]
    sections = [section for result in several for section in result.sections()]
    page = report_page(f"Long-term memory of {name}", "", sections, summary=str(found), wrap=True)
    return write_whole(out / "memory.html", page)
