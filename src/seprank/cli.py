"""The command line: one command per job, no logic, nothing heavy imported before it is needed.

How commands speak and end, with the exit codes, is in `terminal`.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .terminal import UsageError, answers, say, say_json, stop
from .terminal import run as end

if TYPE_CHECKING:
    from torch import nn

    from .comparison import Comparison
    from .measurement import Measurement, Profile
    from .models import Factory

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="How much can the end of a sequence depend on its start, in a given model?",
)

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


def main() -> None:
    """Entry point of the `seprank` command."""
    end(app)


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Show the version.")] = False) -> None:
    if show:
        from . import __version__

        say(f"seprank {__version__}")
        raise typer.Exit


@app.command()
@answers
def certify(  # noqa: PLR0913  (each is a setting a user has)
    model: Model,
    length: Length,
    inputs: Inputs = None,
    width: Width = None,
    depth: Depth = None,
    settings: Settings = None,
    cut: Cut = None,
    domain: Domain = "functional",
    templates: Annotated[str | None, typer.Option(help="generic, one-hot, ids, or a .npy file (M, features).")] = None,
    samples: Annotated[int | None, typer.Option(help="K: halves to draw; as many as needed by default.")] = None,
    max_samples: Annotated[int | None, typer.Option(help="Draw as many as needed, but no more than this.")] = None,
    readout: Readout = "random",
    seed: Annotated[int, typer.Option(help="Seed of weights and samples.")] = 0,
    prime: Annotated[int, typer.Option(help="Modulus, a prime below 2^27.")] = 8388593,
    memory: Memory = None,
    device: Device = "cpu",
    workers: Workers = 1,
    scheduler: Scheduler = None,
    out: Annotated[Path | None, typer.Option(help="File for the certificate.")] = None,
    as_json: Json = False,
) -> None:
    """Certify the Start-End separation rank of a polynomial model."""
    from .certification import certify as run

    _check_files(out)
    budget = _budget(memory)
    module, factory = _load_model(model, inputs, width, depth, settings, budget, seed)
    with _executor(workers, scheduler) as executor:
        certificate = run(
            module,
            length=length,
            cut=cut,
            domain=domain,
            inputs=inputs if factory is not None or templates in ("generic", "ids") else None,
            templates=_load_templates(templates),
            samples=samples,
            max_samples=max_samples,
            seed=seed,
            prime=prime,
            readout=_number_or_name(readout),
            memory=budget,
            device=_device(device),
            executor=executor,
            factory=factory,
        )
    if out is not None:
        certificate.save(out)
    if as_json:
        say_json(certificate.summary())
    else:
        say(str(certificate))
        say(f"  {certificate.seconds:.1f} s; " + _kept(out))


def _kept(out: Path | None) -> str:
    return "certificate not kept (--out FILE keeps it)" if out is None else f"certificate in {out}"


@app.command()
@answers
def verify(
    certificate: Annotated[Path, typer.Argument(help="File written by `seprank certify --out`.")],
    model: Annotated[str | None, typer.Option(help="Where the module is from, if it is not in the registry.")] = None,
    memory: Memory = None,
    seconds: Annotated[float, typer.Option(help="Refuse what is estimated to take longer.")] = 3600,
    as_json: Json = False,
) -> None:
    """Recheck a certificate in other arithmetic and with another library."""
    from .certification import Certificate, CertificateError
    from .certification.verify import recheck
    from .models import load_factory
    from .names import quoted_name

    step, reason, loaded, found = None, None, None, None
    try:
        loaded = Certificate.load(certificate)
        if model is None and loaded.model.kind != "registry":
            name = quoted_name(loaded.model.name)
            raise UsageError(f"{certificate} is about {name}; give it with --model file.py:factory")
        factory = None if model is None else load_factory(model)
        found = recheck(loaded, factory=factory, memory=_budget(memory), seconds=seconds)
    except CertificateError as error:
        step, reason = error.step, str(error)
    if as_json:
        answer = {"valid": step is None, "step": step, "reason": reason, "rank": loaded.rank if loaded else None}
        newer = [bound.to_dict() for bound in found.newer] if found else []
        say_json(answer | {"newer_bounds": newer, "unchecked": found.unchecked if found else []})
    elif found is not None:
        say(str(found))
    if step is not None:
        # A file that is no intact certificate is bad input; one that is and does not hold is the answer no.
        stop(f"{certificate}: {reason}", 2 if step in ("read", "digest", "fields") else 1)


@app.command()
@answers
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
    batch_first: Annotated[
        bool | None,
        typer.Option("--batch-first/--time-first", help="Order of the model's axes, if it does not say it itself."),
    ] = None,
    memory: Memory = None,
    device: Device = "cpu",
    workers: Workers = 1,
    scheduler: Scheduler = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the measurement and a picture of it.")] = None,
    as_json: Json = False,
) -> None:
    """Measure the long-term memory of any sequence model, with error bars."""
    from .cli_remember import curve_beside, keep_curve
    from .measurement import Profile, read_sequences
    from .measurement import measure as run
    from .measurement import profile as run_profile
    from .question import check_cut

    _check_folder(out)
    budget = _budget(memory)
    module, factory = _load_model(model, inputs, width, depth, settings, budget, seed)
    if weights is not None:
        from .models.weights import load_weights

        load_weights(module, weights)
    common: dict[str, Any] = {
        "length": length,
        "starts": starts,
        "ends": ends,
        "data": None if data is None else read_sequences(data),
        "inputs": inputs if factory is not None else None,
        "tokens": tokens,
        "readout": _number_or_name(readout),
        "dtype": dtype,
        "tolerance": tolerance,
        "seed": seed,
        "memory": budget,
        "device": _device(device),
        "batch_first": batch_first,
    }
    with _executor(workers, scheduler) as executor:
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
    from .files import write_whole
    from .report.memory import memory_page

    found.save(out / "measurement.json")
    records = [point.to_dict() for point in points.points]
    page = memory_page(f"Long-term memory of {name}", str(found), found.to_dict(), records or None)
    write_whole(out / "memory.html", page)


@app.command()
@answers
def bounds(
    inputs: Annotated[int, typer.Option(help="M: features per time step, or templates in the tokens domain.")],
    width: Annotated[int, typer.Option(help="R: width of every layer.")],
    length: Length,
    depth: Annotated[int, typer.Option(help="L: number of layers.")] = 1,
    cut: Cut = None,
    domain: Domain = "functional",
    model: Annotated[str, typer.Option(help="Family of networks: rac or additive.")] = "rac",
    as_json: Json = False,
) -> None:
    """What theory says about a rank, without running anything."""
    from .theory import bounds as state
    from .theory import readable

    known = state(inputs=inputs, width=width, depth=depth, length=length, cut=cut, domain=domain, model=model)
    if as_json:
        say_json({"bounds": [bound.to_dict() for bound in known]})
        return
    for bound in known:
        say(f"{bound.kind:<12} {bound.name:<14} {readable(bound.value):>24}   {bound.source}")


@app.command()
@answers
def plan(
    rank: Annotated[str, typer.Option(help="Rank to reach, such as 1000000 or 1e100.")],
    length: Length,
    inputs: Annotated[int, typer.Option(help="M: features per time step, or templates in the tokens domain.")],
    cut: Cut = None,
    domain: Domain = "functional",
    depth: Annotated[int, typer.Option(help="Largest depth to look at.")] = 4,
    out: Annotated[Path | None, typer.Option(help="HTML page with a plot of the widths.")] = None,
    as_json: Json = False,
) -> None:
    """The smallest RAC that reaches a rank, by theory alone: proved, conjectured, and what cannot."""
    from .planning import plan as find

    _check_files(out)
    found = find(rank=_whole("--rank", rank), length=length, inputs=inputs, cut=cut, domain=domain, max_depth=depth)
    if out is not None:
        from .files import write_whole
        from .report.frontier import frontier_page

        write_whole(out, frontier_page(str(found), found.to_dict()))
    if as_json:
        say_json(found.to_dict())
    else:
        say(str(found))


@app.command()
@answers
def compare(  # noqa: PLR0913  (each is a setting a user has)
    models: Annotated[
        str | None, typer.Option(help="Names from `seprank models`, with commas; all polynomial ones by default.")
    ] = None,
    length: Annotated[str, typer.Option(help="T: time steps, one or several with commas.")] = "2,4,6,8",
    depth: Annotated[str, typer.Option(help="L: numbers of layers, one or several with commas.")] = "1,2,3",
    width: Width = None,
    parameters: Annotated[
        int | None, typer.Option(help="Instead of a width: numbers in a network; the nearest width is taken.")
    ] = None,
    inputs: Annotated[int, typer.Option(help="M: features per time step, or templates in the tokens domain.")] = 3,
    domain: Domain = "functional",
    max_samples: Annotated[
        int,
        typer.Option("--samples", "--max-samples", help="Most halves a side; a rank that reaches it is only ≥."),
    ] = 1024,
    seed: Annotated[int, typer.Option(help="Seed of weights and samples.")] = 0,
    memory: Memory = None,
    out: Annotated[Path | None, typer.Option(help="HTML page with plot and table.")] = None,
    csv: Annotated[Path | None, typer.Option(help="CSV file of the cells.")] = None,
    as_json: Json = False,
) -> None:
    """Compare certified ranks of architectures, at equal width or at an equal number of parameters."""
    from .comparison import ComparisonInterrupted
    from .comparison import compare as run

    _check_files(out, csv)
    try:
        found = run(
            None if models is None else _names(models),
            length=_numbers("--length", length),
            depth=_numbers("--depth", depth),
            width=width,
            parameters=parameters,
            inputs=inputs,
            domain=domain,
            max_samples=max_samples,
            seed=seed,
            memory=None if memory is None else _budget(memory),
        )
    except ComparisonInterrupted as interruption:
        found = interruption.found
        _show_comparison(found, out, csv, as_json)
        stop(str(interruption), 130)
    _show_comparison(found, out, csv, as_json)
    if found.failed:
        raise typer.Exit(1)


def _show_comparison(found: Comparison, out: Path | None, csv: Path | None, as_json: bool) -> None:
    """Print it, and write the page and the file that were asked for."""
    from .files import write_whole

    if csv is not None:
        write_whole(csv, found.to_csv())
    if out is not None:
        from .report.comparison import comparison_page

        write_whole(out, comparison_page(str(found), found.to_dict()))
    say_json(found.to_dict()) if as_json else say(str(found))


def _whole(option: str, text: str) -> int:
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


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _numbers(option: str, text: str) -> list[int]:
    """Whole numbers with commas between them."""
    if not all(name.isdecimal() for name in _names(text)):
        raise UsageError(f"{option} must be whole numbers with commas between them, got {text!r}")
    return [int(name) for name in _names(text)]


@app.command()
@answers
def draw(
    what: Annotated[str, typer.Argument(help="rac: its tensor network and a cut; recurrence: what it computes.")],
    inputs: Annotated[int, typer.Option(help="M: features per time step.")] = 4,
    width: Annotated[int, typer.Option(help="R: width of every layer.")] = 3,
    depth: Annotated[int, typer.Option(help="L: number of layers.")] = 2,
    length: Annotated[int, typer.Option(help="T: time steps in a sequence.")] = 6,
    cut: Cut = None,
    style: Annotated[str, typer.Option(help="copies, folded (copies drawn once, with their number), or auto.")] = (
        "auto"
    ),
    line: Annotated[str, typer.Option(help="Cut to draw: states (all copies between start and end) or minimal.")] = (
        "states"
    ),
    out: Annotated[Path | None, typer.Option(help="Picture: .svg, .png or .html; runs/WHAT.svg by default.")] = None,
    as_json: Json = False,
) -> None:
    """Draw a RAC as a tensor network with its copies and a cut, or as a recurrence."""
    from .tensornet import draw as run
    from .tensornet.pictures import check_name

    if what not in ("rac", "recurrence"):
        raise UsageError(f"what to draw must be rac or recurrence, got {what!r}")
    path = check_name(Path("runs") / f"{what}.svg" if out is None else out)
    _check_files(path)
    kind = "network" if what == "rac" else what
    picture = run(inputs=inputs, width=width, depth=depth, length=length, cut=cut, kind=kind, style=style, line=line)
    picture.save(path)
    if as_json:
        say_json({"picture": str(path), **picture.to_dict()})
    else:
        say(f"{picture}\npicture: {path}")


@app.command()
@answers
def train(  # noqa: PLR0913  (each is a setting a user has)
    task: Annotated[str, typer.Argument(help="A name from `seprank tasks`.")],
    model: Annotated[str, typer.Option(help="A name from `seprank models`.")] = "orthogonal",
    width: Width = None,
    parameters: Annotated[int | None, typer.Option(help="Numbers in the network: the nearest width is taken.")] = None,
    depth: Annotated[int, typer.Option(help="L: number of layers.")] = 1,
    residual: Annotated[
        bool, typer.Option("--residual", help="Add its input to the output of an upper layer.")
    ] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key=value for the task; may be repeated.", metavar="KEY=VALUE")
    ] = None,
    model_settings: Annotated[
        list[str] | None,
        typer.Option("--model-set", help="key=value for the model; may be repeated.", metavar="KEY=VALUE"),
    ] = None,
    steps: Annotated[int, typer.Option(help="Most optimizer steps.")] = 5000,
    batch: Annotated[int, typer.Option(help="Sequences in a step.")] = 64,
    rate: Annotated[float, typer.Option(help="Learning rate of RMSprop.")] = 1e-3,
    decay: Annotated[float, typer.Option(help="Smoothing constant of RMSprop.")] = 0.9,
    clip: Annotated[float, typer.Option(help="Largest norm of the gradient.")] = 1.0,
    evaluate_every: Annotated[int, typer.Option(help="Steps between two validations and checkpoints.")] = 100,
    memory_every: Annotated[int, typer.Option(help="Steps between two measurements of memory; 0 for none.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of weights and batches.")] = 0,
    store: Store = DEFAULT_STORE,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; beside the store by default.")] = None,
    logger: Annotated[
        str | None, typer.Option(help="A class of lightning.pytorch.loggers, such as TensorBoardLogger.")
    ] = None,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Train a network on a task; interrupted, the same command takes the run up again."""
    from .train import TrainSettings, describe
    from .train import train as run

    wanted = TrainSettings(
        task=task,
        model=model,
        width=width,
        parameters=parameters,
        depth=depth,
        residual=residual,
        task_settings=_parse_settings(settings),
        model_settings=_parse_settings(model_settings, "--model-set"),
        steps=steps,
        batch=batch,
        rate=rate,
        decay=decay,
        clip=clip,
        evaluate_every=evaluate_every,
        memory_every=memory_every,
        seed=seed,
    )
    record = run(wanted, store=store, folder=out, device=_device(device), logger=logger)
    if as_json:
        say_json(record)
    else:
        say(describe(wanted, record))
    if record["outcome"] == "diverged":
        raise typer.Exit(1)


@app.command()
@answers
def sweep(
    config: Annotated[Path, typer.Argument(help="YAML file of jobs, such as configs/depth.yaml.")],
    store: Annotated[
        Path | None, typer.Option(help="SQLite file of the records; runs/NAME OF THE FILE.db by default.")
    ] = None,
    workers: Workers = 1,
    scheduler: Scheduler = None,
    retry: Annotated[bool, typer.Option("--retry", help="Do failed jobs again.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Go on with the store, or refuse one that has records.")
    ] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    memory: Memory = None,
    as_json: Json = False,
) -> None:
    """Do all jobs of a file that are not done yet, on this machine or a cluster."""
    from .sweep import outlook, read_sweep
    from .sweep import sweep as run

    plan = read_sweep(config)
    store = Path("runs") / f"{config.stem}.db" if store is None else store
    if not resume and store.exists():
        raise UsageError(f"{store} exists; leave out --fresh to go on with it, or give another --store")
    if dry_run:
        found = outlook(plan, store)
        say_json(found.to_dict()) if as_json else say(str(found))
        return
    summary = run(
        plan,
        store=store,
        workers=workers,
        scheduler=scheduler,
        memory=None if memory is None else _budget(memory),
        retry=retry,
    )
    if as_json:
        say_json(summary.to_dict())
    else:
        say(f"{summary}\nrecords: {store}")
    if summary.failed:
        raise typer.Exit(1)


@app.command()
@answers
def results(
    store: Annotated[Path, typer.Argument(help="The SQLite file that `seprank train` and `seprank sweep` write.")] = (
        DEFAULT_STORE
    ),
    command: Annotated[str | None, typer.Option(help="Only jobs of this command: certify, measure or train.")] = None,
    status: Annotated[str | None, typer.Option(help="Only done, or only failed jobs.")] = None,
    out: Annotated[Path | None, typer.Option(help="File to export to: .csv, .json or .json.gz.")] = None,
    as_json: Json = False,
) -> None:
    """List the records of a store, or export them."""
    from .store import Store as Open
    from .store import export, table

    _check_files(out)
    if status not in (None, "done", "failed"):
        raise UsageError(f"status must be done or failed, got {status!r}")
    with Open(store) as opened:
        found = opened.records(command=command, status=status)  # type: ignore[arg-type]
        waiting = len(opened.open_jobs())
    if out is not None:
        export(found, out)
    if as_json:
        say_json({"records": [record.to_dict() for record in found], "open_jobs": waiting})
        return
    say(table(found))
    say(f"{len(found)} records, {waiting} jobs noted and not done" + (f"; exported to {out}" if out else ""))


@app.command()
@answers
def models(as_json: Json = False) -> None:
    """List the models that have a name."""
    from .models import MODELS

    if as_json:
        say_json({"models": [{"name": m.name, "summary": m.summary, "source": m.source} for m in MODELS.values()]})
        return
    for spec in MODELS.values():
        say(f"{spec.name:<17}{spec.year}  {spec.summary}\n{'':<23}{spec.source}")
    say("\nYour own: file.py:factory, a function that returns a torch.nn.Module with the convention of nn.RNN.")


@app.command()
@answers
def tasks(as_json: Json = False) -> None:
    """List the tasks to train on, with their parameters and exact baselines."""
    from .tasks import TASKS

    rows = [spec.describe() for spec in TASKS.values()]
    if as_json:
        say_json({"tasks": rows})
        return
    for row in rows:
        say(f"{row['name']:<24}{row['summary']}\n{'':<24}{row['source']}")
        for key in ("parameters", "baselines"):
            say(f"{'':<24}{key}: " + ", ".join(f"{name} {_short(value)}" for name, value in row[key].items()))
    say("\nBaselines are those of the default parameters; each run prints its own.")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


@app.command()
@answers
def report(
    source: Annotated[
        Path, typer.Argument(help="A folder with certificates, measurements or stores; or one of these.")
    ],
    out: Annotated[Path, typer.Option(help="File of the page.")] = Path("report.html"),
) -> None:
    """Gather results into one HTML file that needs no network."""
    from .files import write_whole
    from .report.folder import folder_page

    _check_files(out)
    say(f"report: {write_whole(out, folder_page(source))}")


@app.command()
@answers
def demo(
    out: Annotated[Path, typer.Option(help="Folder for certificates and report.")] = Path("runs/demo"),
) -> None:
    """Answer the paper's five questions, computed here and now: a report with figures, in at most three minutes."""
    from . import demo as show
    from .report.answers import meaning

    _check_folder(out)
    found = show.compute(out, show.Sizes(), say)
    page = show.save(found, out)
    say(f"\n{meaning(found['growth'])}\n\ncertificates: {out}/*.json, recheck one with `seprank verify FILE`")
    say(f"report: {page}")


@app.command()
@answers
def serve(
    port: Annotated[int, typer.Option(help="Of the page's address, http://127.0.0.1:PORT/.")] = 8080,
    memory: Memory = None,
) -> None:
    """Explore on a local page: bounds, certificates, charts; for this machine only."""
    from .web import serve as run

    run(port=port, memory=_budget(memory))


@app.command()
@answers
def doctor(as_json: Json = False) -> None:
    """Check the installation: versions, memory, and a small rank computed three ways."""
    from .doctor import examine

    report = examine()
    if as_json:
        say_json(report.to_dict())
    else:
        say(str(report))
    if not report.healthy:
        raise typer.Exit(1)


def _check_files(*paths: Path | None) -> None:
    """Refuse what could not be written before the work, which may take hours."""
    from .files import check_writable

    for path in paths:
        if path is not None:
            check_writable(path)


def _check_folder(path: Path | None) -> None:
    from .files import check_folder

    if path is not None:
        check_folder(path)


def _number_or_name(readout: str) -> int | str:
    return int(readout) if readout.removeprefix("-").isdecimal() and len(readout) < 20 else readout


@contextmanager
def _executor(workers: int, scheduler: str | None) -> Iterator[Any]:
    """Where matrices are evaluated: None for this process."""
    from .question import check_whole

    check_whole("workers", workers, 1)
    if workers == 1 and scheduler is None:
        yield None
        return
    from .cluster import connect

    with connect(workers=workers, scheduler=scheduler) as client:
        yield client.get_executor()


def _budget(memory: str | None) -> int:
    from .memory import default_budget, parse_size

    return default_budget() if memory is None else parse_size(memory)


def _device(name: str) -> str:
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"device must be auto, cpu or cuda, got {name!r}")
    import torch

    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UsageError("device cuda was asked for, but torch sees none; use --device cpu")
    return "cuda" if name != "cpu" and available else "cpu"


def _load_templates(text: str | None) -> Any:
    if text is None or not text.endswith(".npy"):
        return text
    import numpy as np

    from .files import existing_file

    try:
        return np.load(existing_file(text), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise UsageError(f"{text} is not a .npy file of numbers: {error}") from None


def _load_model(
    name: str,
    inputs: int | None,
    width: int | None,
    depth: int | None,
    settings: list[str] | None,
    budget: int,
    seed: int,
) -> tuple[nn.Module, Factory | None]:
    """The module, with weights from the seed, and the factory if it came from one."""
    from .memory import check_weights
    from .models import find_model, load_factory
    from .question import check_network

    if ":" in name:
        given = {key: value for key, value in (("width", width), ("depth", depth)) if value is not None}
        factory = load_factory(name, **given, **_parse_settings(settings))
        return factory.build(seed), factory
    spec = find_model(name)
    if settings:
        raise UsageError(f"--set is for modules of your own; {name} takes --inputs, --width and --depth")
    if inputs is None or width is None:
        raise UsageError(f"{name} needs --inputs and --width, and takes --depth (1 by default)")
    inputs, width, depth = check_network(inputs=inputs, width=width, depth=1 if depth is None else depth)
    check_weights(spec.count_parameters(inputs, width, depth), budget)
    return spec.draw(seed, inputs=inputs, width=width, depth=depth), None


def _parse_settings(settings: list[str] | None, option: str = "--set") -> dict[str, Any]:
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


from . import cli_remember  # noqa: E402, F401  (it uses what is above, and adds its command)
