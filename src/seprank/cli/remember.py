"""`seprank remember`: memory curves of one or several models, in words, as a table, as a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import (
    BatchFirst,
    Call,
    Depth,
    Device,
    Inputs,
    Json,
    Length,
    Memory,
    Output,
    Scheduler,
    Settings,
    State,
    Width,
    Workers,
    check_files,
    find_budget,
    find_device,
    how_called,
    load_model,
    number_or_name,
    open_executor,
    split_numbers,
)
from .terminal import UsageError, say, say_json, show_announcements, stop

if TYPE_CHECKING:
    from torch import nn

    from ..measurement import Profile
    from ..memory_curve import MemoryCurve

ENDINGS = (".json", ".csv", ".html", ".svg", ".pdf", ".png")


def remember(  # noqa: PLR0913  (each is a setting a user has)
    models: Annotated[
        list[str],
        typer.Argument(
            help="Names from `seprank models`, file.py:factory or package.module:factory, each also with weights: "
            "MODEL@weights.safetensors.",
            metavar="MODEL...",
        ),
    ],
    length: Length,
    inputs: Inputs = None,
    width: Width = None,
    depth: Depth = None,
    settings: Settings = None,
    samples: Annotated[int, typer.Option(help="Pairs of sequences; errors shrink as 1 / sqrt of it.")] = 256,
    lags: Annotated[
        str | None, typer.Option(help="Steps back to look at, with commas, or all; a choice of them by default.")
    ] = None,
    threshold: Annotated[float, typer.Option(help="Share of the variance that counts as remembered.")] = 0.01,
    readout: Annotated[
        str | None,
        typer.Option(help="all, random, probabilities, or the number of an output channel."),
    ] = None,
    past: Annotated[
        str, typer.Option(help="resampled; or dropped: also let the model see the last steps alone.")
    ] = "resampled",
    influence: Annotated[bool, typer.Option("--influence", help="Also resample single steps.")] = False,
    data: Annotated[
        Path | None,
        typer.Option(help="Sequences to take windows of: .npy, .npz, .csv, .safetensors, or .txt with --tokenizer."),
    ] = None,
    tokenizer: Annotated[
        str | None, typer.Option(help="For .txt: file.py:name of a function from text to ids, or a tokenizer.json.")
    ] = None,
    tokens: Annotated[int | None, typer.Option(help="Number of token ids, for a model that reads them.")] = None,
    dtype: Annotated[str, typer.Option(help="float64 or float32.")] = "float64",
    seed: Annotated[int, typer.Option(help="Seed of samples and read-out.")] = 0,
    batch_first: BatchFirst = None,
    output: Output = None,
    state: State = None,
    call: Call = None,
    memory: Memory = None,
    device: Device = "cpu",
    workers: Workers = 1,
    scheduler: Scheduler = None,
    out: Annotated[Path | None, typer.Option(help="File: .json, .csv, .html, .svg, .pdf or .png.")] = None,
    as_json: Json = False,
) -> None:
    """How many steps back does a model remember? The share of its output's variance that depends on older inputs.

    seprank remember lstm --inputs 4 --width 64 --length 256

    seprank remember model.py:build@before.safetensors model.py:build@after.safetensors --length 100 --out curves.svg
    """
    check_files(out)
    if out is not None and out.suffix not in ENDINGS:
        raise UsageError(f"--out must end in {', '.join(ENDINGS)}, got {out.name}")
    if len(set(models)) < len(models):
        raise UsageError("each model must be named once; to compare seeds, run it twice with another --seed")
    from ..memory_curve import remember as run

    budget = find_budget(memory)
    common: dict[str, Any] = {
        "length": length,
        "samples": samples,
        "lags": lags if lags in (None, "all") else split_numbers("--lags", lags),
        "threshold": threshold,
        "readout": None if readout is None else number_or_name(readout),
        "past": past,
        "influence": influence,
        "data": None if data is None else _read(data, tokenizer),
        "tokens": tokens,
        "dtype": dtype,
        "seed": seed,
        "memory": budget,
        "device": find_device(device),
        **how_called(batch_first, output, state, call),
    }
    show_announcements()
    curves: dict[str, MemoryCurve] = {}
    with open_executor(workers, scheduler) as executor:
        for name in models:
            module, own = _module(name, inputs, width, depth, settings, budget, seed)
            curves[name] = run(module, inputs=inputs if own else None, executor=executor, **common)
            if not curves[name].complete:
                break
    if out is not None:
        _write(out, curves)
    _print(curves, out, as_json)
    if not all(curve.complete for curve in curves.values()):
        stop("interrupted; the curve has what was done", 130)


def curve_beside(module: Any, measured: dict[str, Any], executor: Any) -> tuple[MemoryCurve | None, str]:
    """The memory curve of a model that is measured, with its sentence; None and the reason where data are too few.

    Args:
        module: the model.
        measured: settings of `measure`.
        executor: where blocks are run.
    """
    from ..measurement import DataError
    from ..memory_curve import remember as run
    from ..memory_curve.settings import shared_with_measure

    common = shared_with_measure({**measured, "executor": executor})
    try:
        curve = run(module, length=measured["length"], data=measured["data"], **common)
    except DataError as error:
        return None, f"no memory curve: {error}"
    return curve, curve.sentence()


def keep_curve(folder: Path, curve: MemoryCurve | None, profile: Profile) -> None:
    """The curve and the profile of a measurement, with memory and joint share at every cut."""
    import json

    from ..system.files import csv_text, write_whole

    if curve is not None:
        curve.save(folder / "memory-curve.json")
    if not profile.points:
        return
    write_whole(folder / "profile.json", json.dumps(profile.to_dict(), indent=1) + "\n")
    rows = [
        {
            "cut": point.cut,
            "lag": point.length - point.cut,
            "memory": point.memory,
            "joint": point.shares.interaction,
            "entropy": point.entropy,
            "effective_rank": point.effective_rank,
        }
        for point in profile.points
    ]
    write_whole(folder / "profile.csv", csv_text(rows))


def _module(
    name: str,
    inputs: int | None,
    width: int | None,
    depth: int | None,
    settings: list[str] | None,
    budget: int,
    seed: int,
) -> tuple[nn.Module, bool]:
    """A model with its weights, if there are any, and whether it is the user's own."""
    place, _, weights = name.partition("@")
    module, factory = load_model(place, inputs, width, depth, settings, budget, seed)
    if weights:
        from ..sources.weights import load_weights

        load_weights(module, weights)
    return module, factory is not None


def _read(path: Path, tokenizer: str | None) -> Any:
    if path.suffix != ".txt":
        if tokenizer is not None:
            raise UsageError(f"--tokenizer is for .txt files, got {path.name}")
        from ..measurement import read_sequences

        return read_sequences(path)
    if tokenizer is None:
        raise UsageError(f"{path.name} needs --tokenizer file.py:name, a function from text to token ids")
    from ..memory_curve import read_text

    return read_text(path, _tokenizer(tokenizer))


def _tokenizer(name: str) -> Any:
    from ..system.extras import need

    if not name.endswith(".json"):
        from ..sources import load_factory

        return load_factory(name).function
    tokenizers = need("tokenizers", "hf", "reading a tokenizer.json")
    if not Path(name).is_file():
        raise UsageError(f"no file {name}")
    return tokenizers.Tokenizer.from_file(name)


def _print(curves: dict[str, MemoryCurve], out: Path | None, as_json: bool) -> None:
    if as_json:
        summaries = {name: curve.summary() for name, curve in curves.items()}
        say_json(next(iter(summaries.values())) if len(summaries) == 1 else {"models": summaries})
        return
    from ..memory_curve.in_words import sparkline, table

    if len(curves) == 1:
        name, curve = next(iter(curves.items()))
        say(f"{name}\n{curve}")
    else:
        for name, curve in curves.items():
            say(f"{name}: {curve.sentence()}\n  {sparkline(curve.lags, curve.memory)}")
            for note in curve.notes:
                say(f"  Note: {note}.")
        say("\n" + table(curves))
    if out is not None:
        say(f"  written: {out}")


def _write(out: Path, curves: dict[str, MemoryCurve]) -> None:
    from ..system.files import csv_text, write_whole

    texts: dict[str, Callable[[], str]] = {
        ".json": lambda: _json_text(curves),
        ".csv": lambda: csv_text([{"model": name} | row for name, curve in curves.items() for row in curve.records()]),
        ".html": lambda: _page(curves),
    }
    if out.suffix in texts:
        write_whole(out, texts[out.suffix]())
        return
    from ..memory_curve.drawing import draw

    figure, _ = draw(curves if len(curves) > 1 else {"": next(iter(curves.values()))})
    write_whole(out, lambda path: figure.savefig(path, format=out.suffix[1:], dpi=150))


def _json_text(curves: dict[str, MemoryCurve]) -> str:
    import json

    plain = {name: curve.to_dict() for name, curve in curves.items()}
    return json.dumps(next(iter(plain.values())) if len(plain) == 1 else plain, indent=1) + "\n"


def _page(curves: dict[str, MemoryCurve]) -> str:
    from ..report.memory_curve import curve_page

    said = [f"{name}\n{curve}" for name, curve in curves.items()]
    return curve_page("How many steps back?", "\n\n".join(said), curves)
