"""`seprank measure`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import (
    BatchFirst,
    Call,
    Cut,
    Depth,
    Device,
    Inputs,
    Json,
    Length,
    Memory,
    Model,
    Output,
    Readout,
    Scheduler,
    Settings,
    State,
    Width,
    Workers,
    check_folder,
    find_budget,
    find_device,
    how_called,
    load_model,
    number_or_name,
    open_executor,
    split_numbers,
)
from .output import ENDINGS, Column, check_output, write_output
from .terminal import UsageError, say, say_json, show_announcements

if TYPE_CHECKING:
    from ..measurement import Measurement, Profile
    from ..memory_curve import MemoryCurve
    from ..result.result import Result


def measure(  # noqa: PLR0913  (each is a setting a user has)
    model: Model,
    length: Length,
    inputs: Inputs = None,
    width: Width = None,
    depth: Depth = None,
    settings: Settings = None,
    cut: Cut = None,
    starts: Annotated[
        int | None, typer.Option(help="Start halves to draw; 256 by default, 64 at each cut of a profile.")
    ] = None,
    ends: Annotated[int | None, typer.Option(help="End halves to draw; as many by default.")] = None,
    data: Annotated[Path | None, typer.Option(help="Sequences to halve: .npy, .npz, .csv or .safetensors.")] = None,
    tokens: Annotated[int | None, typer.Option(help="Number of token ids, for a model that reads them.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Trained weights: .safetensors, or .pt of tensors.")] = None,
    readout: Readout = "all",
    dtype: Annotated[str, typer.Option(help="float64 or float32.")] = "float64",
    tolerance: Annotated[float | None, typer.Option(help="Smallest relative singular value that counts.")] = None,
    profile: Annotated[bool, typer.Option("--profile", help="Measure at every cut.")] = False,
    cuts: Annotated[str | None, typer.Option(help="Measure at these cuts, with commas, such as 4,8,12.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights, samples and read-out.")] = 0,
    batch_first: BatchFirst = None,
    output: Output = None,
    state: State = None,
    call: Call = None,
    memory: Memory = None,
    device: Device = "cpu",
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
    column: Column = "double",
    as_json: Json = False,
) -> None:
    """Measure the long-term memory of any sequence model, with error bars."""
    from ..measurement import Profile, read_sequences
    from ..measurement import measure as run
    from ..measurement import profile as run_profile
    from ..measurement.measure import SAMPLES
    from ..measurement.profile import PROFILE_SAMPLES
    from .remember import curve_beside

    file = _checked(out, column)
    budget = find_budget(memory)
    module, factory = load_model(model, inputs, width, depth, settings, budget, seed)
    _load(module, weights)
    wanted = _cuts(length, cut, profile, cuts)
    common: dict[str, Any] = {
        "length": length,
        **_halves(starts, ends, PROFILE_SAMPLES if wanted else SAMPLES),
        "data": None if data is None else read_sequences(data),
        "inputs": inputs if factory is not None else None,
        "tokens": tokens,
        "readout": number_or_name(readout),
        "dtype": dtype,
        "tolerance": tolerance,
        "seed": seed,
        "memory": budget,
        "device": find_device(device),
        **how_called(batch_first, output, state, call),
    }
    show_announcements()
    with open_executor(workers, scheduler) as executor:
        if wanted is not None:
            points = run_profile(module, executor=executor, cuts=wanted[1], **common)
            found = points.at(wanted[0])
        else:
            points, found = Profile("cut", []), run(module, cut=cut, executor=executor, **common)
        curve, sentence = curve_beside(module, common, executor)
    write_output(file, points if points.points else found, column, f"Long-term memory of {model}")
    kept = "" if out is None else f"\n  written: {out if file else _keep(out, model, found, points, curve)}"
    if as_json:
        more = {"profile": points.to_dict()["points"]} if points.points else {}
        say_json(found.to_dict() | more | {"remember": None if curve is None else curve.summary()})
    else:
        say(f"{model}\n{sentence}\n\n{found}" + (f"\n\n{points}" if points.points else "") + kept)


def _checked(out: Path | None, column: str) -> list[Path] | None:
    """The file to write, by its ending; None if it is a folder, or nothing is to be kept."""
    file = [out] if out is not None and out.suffix in ENDINGS and not out.is_dir() else None
    check_output(file, column)
    check_folder(None if file else out)
    return file


def _halves(starts: int | None, ends: int | None, usual: int) -> dict[str, int]:
    """How many are drawn of each."""
    return {"starts": usual if starts is None else starts, "ends": usual if ends is None else ends}


def _load(module: Any, weights: Path | None) -> None:
    """Trained weights into a module, if there are any."""
    if weights is not None:
        from ..sources.weights import load_weights

        load_weights(module, weights)


def _cuts(length: int, cut: int | None, every: bool, several: str | None) -> tuple[int, list[int]] | None:
    """The cut whose figures are shown in full, and all that are measured, it among them; None without a profile."""
    from ..question import check_cut, check_several

    if not every and several is None:
        return None
    length, middle = check_cut(length, cut)
    if several is None:
        return middle, [*range(1, length)]
    if every:
        raise UsageError("--profile measures at every cut, and --cuts at some; give one of them")
    numbers = [check_cut(length, c)[1] for c in check_several("cuts", split_numbers("--cuts", several), 1)]
    shown = middle if cut is not None else min(numbers, key=lambda number: (abs(number - middle), number))
    return shown, sorted({*numbers, shown})


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
