"""`seprank certify`, `verify`, `bounds`, `plan` and `compare`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .terminal import UsageError, say, say_json, stop

if TYPE_CHECKING:
    from ..comparison import Comparison
from ..settings.certify_settings import CertifySettings
from ..settings.compare_settings import CompareSettings
from ..settings.entries import values
from ..settings.named_network import Network
from ..settings.resources import Memory
from ..settings.size_settings import BoundsSettings, PlanSettings
from .flags import flagged
from .options import (
    STANDARD_OUTPUT,
    Json,
    Model,
    Scheduler,
    Workers,
    check_files,
    named_network,
    open_executor,
    read_from,
    write_to,
)


@flagged
def certify(
    model: Model,
    network: Network,
    settings: CertifySettings,
    workers: Workers = 1,
    scheduler: Scheduler = None,
    out: Annotated[Path | None, typer.Option(parser=write_to, metavar="FILE", help="File for the certificate.")] = None,
    as_json: Json = False,
) -> None:
    """Certify the Start-End separation rank of a polynomial model."""
    from ..certification import certify as run
    from ..jobs.data import letters, read_templates

    check_files(out)
    loaded = named_network(model, network, seed=settings.seed, budget=settings.budget)
    templates = read_templates(settings.templates)
    asked = values(settings) | {"templates": templates, "inputs": letters(network.inputs, templates)}
    with open_executor(workers, scheduler) as executor:
        certificate = run(loaded.module, **asked, executor=executor, factory=loaded.factory)
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


@flagged
def verify(
    certificate: Annotated[
        Path, typer.Argument(parser=read_from, metavar="FILE", help="File written by `seprank certify --out`.")
    ],
    limit: Memory,
    model: Annotated[str | None, typer.Option(help="Where the module is from, if it is not in the registry.")] = None,
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
        found = recheck(loaded, factory=factory, memory=limit.budget, seconds=seconds, again=again)
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


@flagged
def bounds(
    network: Network,
    settings: BoundsSettings,
    model: Annotated[
        str,
        typer.Argument(help="A name from `seprank models`; additive, for any of that kind; or file.py:factory."),
    ] = "rac",
    as_json: Json = False,
) -> None:
    """What is proved of a rank: by theory for RACs, additive networks and attention, else by degrees of the model."""
    asked = values(settings, but=Memory)
    family = _family(model, network)
    if family is None:
        from ..certification.family import with_degrees

        loaded = named_network(model, network, seed=0, budget=settings.budget)
        known = with_degrees(loaded.module, inputs=loaded.inputs, **asked)
    else:
        from ..theory import bounds as state

        sizes: dict[str, Any] = network.sizes(model)
        known = state(**sizes, **asked, model=family)
    if as_json:
        say_json(known.to_dict())
    else:
        say(str(known))


def _family(model: str, network: Network) -> str | None:
    """Whose bounds theory has for a model; None where a model has to be run for them."""
    from ..models import find_model
    from ..theory.rac_bounds import MODELS as FAMILIES

    if ":" in model:
        return None
    if network.model_settings:
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


@flagged
def plan(
    settings: PlanSettings,
    out: Annotated[
        Path | None, typer.Option(parser=write_to, metavar="FILE", help="HTML page with a plot of the widths.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Find the smallest RAC proved to reach a rank, and the sizes proved too small."""
    from ..planning import plan as find

    check_files(out)
    found = find(**values(settings))
    if out is not None:
        from ..report.frontier import frontier_page
        from ..system.files import write_whole

        write_whole(out, frontier_page(found))
    if as_json:
        say_json(found.to_dict())
    else:
        say(str(found))


@flagged
def compare(
    settings: CompareSettings,
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
        found = run(**values(settings))
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
