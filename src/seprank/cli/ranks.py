"""`seprank certify`, `verify`, `bounds`, `plan` and `compare`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .terminal import UsageError, say, say_json, stop

if TYPE_CHECKING:
    from ..comparison import Comparison
from .options import (
    STANDARD_OUTPUT,
    Cut,
    Depth,
    Device,
    Domain,
    Inputs,
    Json,
    Length,
    Memory,
    Model,
    Readout,
    Scheduler,
    Settings,
    Width,
    Workers,
    check_files,
    find_budget,
    find_device,
    load_model,
    load_templates,
    number_or_name,
    open_executor,
    read_from,
    split_names,
    split_numbers,
    whole_number,
    write_to,
)


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
    squash: Annotated[
        str | None,
        typer.Option(help="identity: leave out tanh, sigmoid, relu, softmax, norms and the like; they are listed."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Positions of the start with commas, instead of a cut, such as 0,2,4.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights and samples.")] = 0,
    prime: Annotated[int, typer.Option(help="Modulus, a prime below 2^27.")] = 8388593,
    confidence: Annotated[
        float | None, typer.Option(help="Repeat the draw until the error of the rank is at most this, such as 1e-12.")
    ] = None,
    memory: Memory = None,
    device: Device = "cpu",
    workers: Workers = 1,
    scheduler: Scheduler = None,
    out: Annotated[Path | None, typer.Option(parser=write_to, metavar="FILE", help="File for the certificate.")] = None,
    as_json: Json = False,
) -> None:
    """Certify the Start-End separation rank of a polynomial model."""
    from ..certification import certify as run

    check_files(out)
    budget = find_budget(memory)
    module, factory = load_model(model, inputs, width, depth, settings, budget, seed)
    with open_executor(workers, scheduler) as executor:
        certificate = run(
            module,
            length=length,
            cut=cut,
            domain=domain,
            inputs=inputs if factory is not None or templates in ("generic", "ids") else None,
            templates=load_templates(templates),
            samples=samples,
            max_samples=max_samples,
            seed=seed,
            prime=prime,
            readout=number_or_name(readout),
            squash=squash,
            split=None if split is None else split_numbers("--split", split),
            memory=budget,
            device=find_device(device),
            executor=executor,
            factory=factory,
            confidence=confidence,
        )
    if out is not None:
        certificate.save(out)
    if as_json:
        say_json(certificate.summary().to_dict())
    else:
        say(str(certificate))
        say(f"  {certificate.seconds:.1f} s; " + _kept(out))


def _kept(out: Path | None) -> str:
    if out is None:
        return "certificate not kept (--out FILE keeps it)"
    return "certificate on standard output" if out == STANDARD_OUTPUT else f"certificate in {out}"


def verify(
    certificate: Annotated[
        Path, typer.Argument(parser=read_from, metavar="FILE", help="File written by `seprank certify --out`.")
    ],
    model: Annotated[str | None, typer.Option(help="Where the module is from, if it is not in the registry.")] = None,
    memory: Memory = None,
    seconds: Annotated[float, typer.Option(help="Refuse what is estimated to take longer.")] = 3600,
    again: Annotated[
        bool, typer.Option("--again", help="Draw weights and samples once more, with a new seed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Recheck a certificate in other arithmetic and with another library."""
    from ..certification import Certificate, CertificateError
    from ..certification.verify import recheck
    from ..sources import load_factory
    from ..system.names import quoted_name

    step, reason, loaded, found = None, None, None, None
    try:
        loaded = Certificate.load(certificate)
        if model is None and loaded.model.kind != "registry":
            name = quoted_name(loaded.model.name)
            raise UsageError(f"{certificate} is about {name}; give it with --model file.py:factory")
        factory = None if model is None else load_factory(model)
        found = recheck(loaded, factory=factory, memory=find_budget(memory), seconds=seconds, again=again)
    except CertificateError as error:
        step, reason = error.step, str(error)
    if as_json:
        answer = {"valid": step is None, "step": step, "reason": reason, "rank": loaded.rank if loaded else None}
        newer = [bound.to_dict() for bound in found.newer] if found else []
        more = {"newer_bounds": newer, "unchecked": found.unchecked if found else []}
        say_json(answer | more | ({"again": found.again if found else None} if again else {}))
    elif found is not None:
        say(str(found))
    if step is not None:
        # A file that is no intact certificate is bad input; one that is and does not hold is the answer no.
        stop(f"{certificate}: {reason}", 2 if step in ("read", "digest", "fields") else 1)


def bounds(
    length: Length,
    model: Annotated[
        str,
        typer.Argument(help="A name from `seprank models`; additive, for any of that kind; or file.py:factory."),
    ] = "rac",
    inputs: Inputs = None,
    width: Width = None,
    depth: Depth = None,
    settings: Settings = None,
    cut: Cut = None,
    domain: Domain = "functional",
    memory: Memory = None,
    as_json: Json = False,
) -> None:
    """What is proved of a rank: by theory for RACs, additive networks and attention, else by degrees of the model."""

    family = _family(model, settings)
    if family is None:
        from ..certification.family import with_degrees

        module, own = load_model(model, inputs, width, depth, settings, find_budget(memory), seed=0)
        known = with_degrees(module, length=length, cut=cut, inputs=inputs if own else None, domain=domain)
    else:
        from ..theory import bounds as state

        if inputs is None or width is None:
            raise UsageError(f"{model} needs --inputs and --width, and takes --depth (1 by default)")
        depth = 1 if depth is None else depth
        known = state(inputs=inputs, width=width, depth=depth, length=length, cut=cut, domain=domain, model=family)
    if as_json:
        say_json(known.to_dict())
    else:
        say(str(known))


def _family(model: str, settings: list[str] | None) -> str | None:
    """Whose bounds theory has for a model; None where a model has to be run for them."""
    from ..models import find_model
    from ..theory.rac_bounds import MODELS as FAMILIES

    if ":" in model:
        return None
    if settings:
        raise UsageError(f"--set is for modules of your own; {model} takes --inputs, --width and --depth")
    if model in FAMILIES:
        return model
    spec = find_model(model)
    if not spec.polynomial:
        raise UsageError(f"{model} is not polynomial: nothing is proved of its rank; `seprank remember` measures it")
    return spec.family


def explain(
    name: Annotated[
        str | None, typer.Argument(help="A statement, such as state-bound; all are listed if it is left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What a bound states, and its proof."""
    from ..theory.statements import explain as find
    from ..theory.statements import statements

    if name is None:
        known = statements()
        say_json({"statements": list(known)}) if as_json else say("\n".join(known))
        return
    found = find(name)
    if as_json:
        say_json({"name": found.slug, "title": found.title, "page": f"docs/{found.page}", "text": found.text})
    else:
        say(f"{found.title}\n{'=' * len(found.title)}\n\n{found.text}")


def plan(
    rank: Annotated[str, typer.Option(help="Rank to reach, such as 1000000 or 1e100.")],
    length: Length,
    inputs: Annotated[int, typer.Option(help="M: features per time step, or templates in the tokens domain.")],
    cut: Cut = None,
    domain: Domain = "functional",
    depth: Annotated[int, typer.Option(help="Largest depth to look at.")] = 4,
    out: Annotated[
        Path | None, typer.Option(parser=write_to, metavar="FILE", help="HTML page with a plot of the widths.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Find the smallest RAC proved to reach a rank, and the sizes proved too small."""
    from ..planning import plan as find

    check_files(out)
    found = find(
        rank=whole_number("--rank", rank), length=length, inputs=inputs, cut=cut, domain=domain, max_depth=depth
    )
    if out is not None:
        from ..report.frontier import frontier_page
        from ..system.files import write_whole

        write_whole(out, frontier_page(found))
    if as_json:
        say_json(found.to_dict())
    else:
        say(str(found))


def compare(  # noqa: PLR0913  (each is a setting a user has)
    models: Annotated[
        str | None, typer.Option(help="Names from `seprank models`, with commas; all polynomial ones by default.")
    ] = None,
    length: Annotated[str, typer.Option(help="T: time steps, one or several with commas.")] = "2,4,6,8",
    depth: Annotated[str, typer.Option(help="L: numbers of layers, one or several with commas.")] = "1,2,3",
    width: Width = None,
    parameters: Annotated[
        int | None, typer.Option(help="Target number of parameters, in place of --width; the closest width is used.")
    ] = None,
    inputs: Annotated[int, typer.Option(help="M: features per time step, or templates in the tokens domain.")] = 3,
    domain: Domain = "functional",
    max_samples: Annotated[
        int,
        typer.Option(
            "--samples",
            "--max-samples",
            help="Maximum number of halves per side; a rank equal to it is only ≥.",
        ),
    ] = 1024,
    seed: Annotated[int, typer.Option(help="Seed of weights and samples.")] = 0,
    measured: Annotated[
        bool,
        typer.Option(
            "--measured",
            help="Memory curves beside ranks, of any models; without activations where one is not polynomial.",
        ),
    ] = False,
    memory: Memory = None,
    out: Annotated[
        Path | None, typer.Option(parser=write_to, metavar="FILE", help="HTML page with plot and table.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(parser=write_to, metavar="FILE", help="CSV file of the cells.")] = None,
    as_json: Json = False,
) -> None:
    """Compare certified ranks of architectures, at equal width or at an equal number of parameters."""
    from ..comparison import ComparisonInterrupted
    from ..comparison import compare as run

    check_files(out, csv)
    try:
        found = run(
            None if models is None else split_names(models),
            length=split_numbers("--length", length),
            depth=split_numbers("--depth", depth),
            width=width,
            parameters=parameters,
            inputs=inputs,
            domain=domain,
            max_samples=max_samples,
            seed=seed,
            measured=measured,
            memory=None if memory is None else find_budget(memory),
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
    from ..system.files import write_whole

    if csv is not None:
        write_whole(csv, found.to_csv())
    if out is not None:
        from ..report.compared import comparison_page

        write_whole(out, comparison_page(found))
    say_json(found.to_dict()) if as_json else say(str(found))
