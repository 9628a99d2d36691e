"""Options that several commands share, and what is made of their values"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .terminal import UsageError, leave_output

if TYPE_CHECKING:
    from torch import nn

    from ..sources import Factory

Model = Annotated[
    str, typer.Argument(help="A name from `seprank models`, or file.py:factory, or package.module:factory.")
]

Inputs = Annotated[int | None, typer.Option(help="M: features per time step, or templates in the tokens domain.")]

Width = Annotated[int | None, typer.Option(help="R: width of every layer.")]

Depth = Annotated[int | None, typer.Option(help="L: number of layers.")]

Length = Annotated[int, typer.Option(help="T: time steps in a sequence.")]

Cut = Annotated[int | None, typer.Option(help="c: steps in the start half; the middle by default.")]

Domain = Annotated[str, typer.Option(help="functional (inputs are any vectors) or tokens (M templates).")]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]

Memory = Annotated[
    str | None, typer.Option(help="Memory this may take, such as 4GiB; half of what is free by default.")
]

Device = Annotated[str, typer.Option(help="auto, cpu or cuda; only cpu is tested.")]

Readout = Annotated[str, typer.Option(help="random, all, or the number of an output channel.")]

Workers = Annotated[int, typer.Option(help="Processes on this machine.")]

Scheduler = Annotated[str | None, typer.Option(help="Address of a running Dask scheduler: tcp://host:8786.")]

Store = Annotated[Path, typer.Option(help="SQLite file of jobs and records.")]

DEFAULT_STORE = Path("runs/seprank.db")

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="key=value, passed to the factory; may be repeated.", metavar="KEY=VALUE"),
]

BatchFirst = Annotated[
    bool | None,
    typer.Option("--batch-first/--time-first", help="Order of the model's axes, if it does not say it itself."),
]

Output = Annotated[str | None, typer.Option(help="Which part of what the model returns is its output, such as logits.")]

State = Annotated[
    str | None,
    typer.Option(help="Argument or field that holds the model's state, or its method that makes the first one."),
]

Call = Annotated[
    list[str] | None,
    typer.Option("--call", help="key=value, passed to each call of the model; may be repeated.", metavar="KEY=VALUE"),
]


def how_called(
    batch_first: bool | None, output: str | None, state: str | None, call: list[str] | None
) -> dict[str, Any]:
    """How a model is called, as `measure` and `remember` take it."""
    place = output is not None and output.removeprefix("-").isdecimal()
    return {
        "batch_first": batch_first,
        "output": int(output) if place and output is not None else output,
        "state": state,
        "call": parse_settings(call, "--call"),
    }


STANDARD_INPUT, STANDARD_OUTPUT = Path("/dev/stdin"), Path("/dev/stdout")


def read_from(text: str | Path) -> Path:
    """The file that an argument names; `-` is standard input."""
    return STANDARD_INPUT if text == "-" else Path(text)


def write_to(text: str | Path) -> Path:
    """The file that an option names; `-` is standard output."""
    return STANDARD_OUTPUT if text == "-" else Path(text)


def whole_number(option: str, text: str) -> int:
    """A whole number of any size, also written as 1e100."""
    from decimal import Decimal, InvalidOperation

    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    # The exponent is looked at before anything of that length is made.
    if not number.is_finite() or number.adjusted() > 10_000 or number != number.to_integral_value():
        raise UsageError(f"{option} must be a whole number such as 1000000 or 1e100, got {text!r}")
    return int(number)


def split_names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def split_numbers(option: str, text: str) -> list[int]:
    """Whole numbers with commas between them."""
    if not all(name.isdecimal() for name in split_names(text)):
        raise UsageError(f"{option} must be whole numbers with commas between them, got {text!r}")
    return [int(name) for name in split_names(text)]


def check_files(*paths: Path | None) -> None:
    """Refuse what could not be written before the work, which may take hours."""
    from ..system.files import check_writable

    for path in paths:
        if path is not None:
            check_writable(path)
        if path == STANDARD_OUTPUT:
            leave_output()


def check_folder(path: Path | None) -> None:
    from ..system.files import check_folder

    if path is not None:
        check_folder(path)


def number_or_name(readout: str) -> int | str:
    return int(readout) if readout.removeprefix("-").isdecimal() and len(readout) < 20 else readout


@contextmanager
def open_executor(workers: int, scheduler: str | None) -> Iterator[Any]:
    """Where matrices are evaluated: None for this process."""
    from ..question import check_whole

    check_whole("workers", workers, 1)
    if workers == 1 and scheduler is None:
        yield None
        return
    from ..startend.workers import connect

    with connect(workers=workers, scheduler=scheduler) as client:
        yield client.get_executor()


def find_budget(memory: str | None) -> int:
    from ..system.memory import default_budget, parse_size

    return default_budget() if memory is None else parse_size(memory)


def find_device(name: str) -> str:
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"device must be auto, cpu or cuda, got {name!r}")
    import torch

    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UsageError("device cuda was asked for, but torch sees none; use --device cpu")
    return "cuda" if name != "cpu" and available else "cpu"


def load_templates(text: str | None) -> Any:
    if text is None or not text.endswith(".npy"):
        return text
    import numpy as np

    from ..system.files import existing_file

    try:
        return np.load(existing_file(text), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise UsageError(f"{text} is not a .npy file of numbers: {error}") from None


def load_model(
    name: str,
    inputs: int | None,
    width: int | None,
    depth: int | None,
    settings: list[str] | None,
    budget: int,
    seed: int,
) -> tuple[nn.Module, Factory | None]:
    """The module, with weights from the seed, and the factory if it came from one."""
    from ..models import find_model
    from ..question import check_network
    from ..sources import load_factory
    from ..system.memory import check_weights

    if ":" in name:
        sizes = {"inputs": inputs, "width": width, "depth": depth}
        factory = load_factory(name, sizes=sizes, **parse_settings(settings))
        return factory.build(seed), factory
    spec = find_model(name)
    if settings:
        raise UsageError(f"--set is for modules of your own; {name} takes --inputs, --width and --depth")
    if inputs is None or width is None:
        raise UsageError(f"{name} needs --inputs and --width, and takes --depth (1 by default)")
    inputs, width, depth = check_network(inputs=inputs, width=width, depth=1 if depth is None else depth)
    check_weights(spec.count_parameters(inputs, width, depth), budget)
    return spec.draw(seed, inputs=inputs, width=width, depth=depth), None


def parse_settings(settings: list[str] | None, option: str = "--set") -> dict[str, Any]:
    """key=value pairs; values are read as JSON or as Python writes it where they are that, else as text."""
    parsed = {}
    for setting in settings or []:
        key, separator, value = setting.partition("=")
        if not separator or not key.isidentifier():
            raise UsageError(f"{option} must be key=value, got {setting!r}")
        if key in parsed:
            raise UsageError(f"{option} gives {key} twice; give it once")
        parsed[key] = _value(value)
    return parsed


def _value(text: str) -> Any:
    """What a value on the command line stands for: False and false, None and null are the same."""
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
            # Of what only Python can write, such as sets and bytes, no certificate could speak.
            if json.loads(json.dumps(value, allow_nan=False)) == value:
                return value
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            continue
    return text
