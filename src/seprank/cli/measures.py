"""`seprank measure`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .terminal import say, say_json

if TYPE_CHECKING:
    from ..measurement import Measurement, Profile
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
)


def measure(  # noqa: PLR0913  (each is a setting a user has)
    model: Model,
    length: Length,
    inputs: Inputs = None,
    width: Width = None,
    depth: Depth = None,
    settings: Settings = None,
    cut: Cut = None,
    starts: Annotated[int, typer.Option(help="Start halves to draw.")] = 256,
    ends: Annotated[int, typer.Option(help="End halves to draw.")] = 256,
    data: Annotated[Path | None, typer.Option(help="Sequences to halve: .npy, .npz, .csv or .safetensors.")] = None,
    tokens: Annotated[int | None, typer.Option(help="Number of token ids, for a model that reads them.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Trained weights: .safetensors, or .pt of tensors.")] = None,
    readout: Readout = "all",
    dtype: Annotated[str, typer.Option(help="float64 or float32.")] = "float64",
    tolerance: Annotated[float | None, typer.Option(help="Smallest relative singular value that counts.")] = None,
    profile: Annotated[bool, typer.Option("--profile", help="Measure at every cut, too.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of weights, samples and read-out.")] = 0,
    batch_first: BatchFirst = None,
    output: Output = None,
    state: State = None,
    call: Call = None,
    memory: Memory = None,
    device: Device = "cpu",
    workers: Workers = 1,
    scheduler: Scheduler = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the measurement and a picture of it.")] = None,
    as_json: Json = False,
) -> None:
    """Measure the long-term memory of any sequence model, with error bars."""
    from ..measurement import Profile, read_sequences
    from ..measurement import measure as run
    from ..measurement import profile as run_profile
    from ..question import check_cut
    from .remember import curve_beside, keep_curve

    check_folder(out)
    budget = find_budget(memory)
    module, factory = load_model(model, inputs, width, depth, settings, budget, seed)
    if weights is not None:
        from ..sources.weights import load_weights

        load_weights(module, weights)
    common: dict[str, Any] = {
        "length": length,
        "starts": starts,
        "ends": ends,
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
    with open_executor(workers, scheduler) as executor:
        if profile:
            points = run_profile(module, executor=executor, **common)
            found = points.at(check_cut(length, cut)[1])
        else:
            points, found = Profile("cut", []), run(module, cut=cut, executor=executor, **common)
        curve, sentence = curve_beside(module, common, executor)
    if out is not None:
        _keep_measurement(out, model, found, points)
        keep_curve(out, curve, points)
    if as_json:
        more = {"profile": points.to_dict()["points"]} if profile else {}
        say_json(found.to_dict() | more | {"remember": None if curve is None else curve.summary()})
        return
    say(f"{model}\n{sentence}\n\n{found}")
    for point in points.points:
        say(
            f"  cut {point.cut:>4}   memory {point.memory:.4g}   joint {point.shares.interaction:.4g}   "
            f"entropy {point.entropy:.4f}   effective rank {point.effective_rank:.2f}"
        )
    if out is not None:
        say(f"  picture: {out / 'memory.html'}")


def _keep_measurement(out: Path, name: str, found: Measurement, points: Profile) -> None:
    """The measurement as JSON and as a page."""
    from ..report.measured import memory_page
    from ..system.files import write_whole

    found.save(out / "measurement.json")
    records = [point.to_dict() for point in points.points]
    page = memory_page(f"Long-term memory of {name}", str(found), found.to_dict(), records or None)
    write_whole(out / "memory.html", page)
