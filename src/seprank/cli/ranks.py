"""`seprank certify`, `verify`, `bounds`, `plan` and `compare`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..settings.certify_settings import CertifySettings
from ..settings.compare_settings import CompareSettings
from ..settings.entries import values
from ..settings.figure_settings import FigureSettings
from ..settings.named_network import VectorNetwork
from ..settings.resources import Memory
from ..settings.size_settings import BoundsSettings, PlanSettings
from .flags import flagged
from .options import (
    STANDARD_OUTPUT,
    Json,
    Model,
    Scheduler,
    Workers,
    named_network,
    open_executor,
    read_from,
)
from .output import Out, check_output, deliver, write_output
from .terminal import UsageError, say, say_json, show_announcements, stop


@flagged
def certify(
    model: Model,
    network: VectorNetwork,
    settings: CertifySettings,
    figure: FigureSettings,
    workers: Workers = 1,
    scheduler: Scheduler = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Certify the Start-End separation rank of a polynomial model."""
    from ..certification import certify as run
    from ..jobs.data import letters, read_templates

    check_output(out)
    show_announcements()
    loaded = named_network(model, network, seed=settings.seed, budget=settings.budget)
    templates = read_templates(settings.templates)
    asked = values(settings) | {"templates": templates, "inputs": letters(network.inputs, templates)}
    with open_executor(workers, scheduler) as executor:
        certificate = run(loaded.module, **asked, executor=executor, factory=loaded.factory)
    write_output(out, certificate, figure)
    if as_json:
        say_json(certificate.summary().to_dict())
    else:
        say(str(certificate))
        say(f"  {certificate.seconds:.1f} s; " + _kept(out))


def _kept(out: list[Path] | None) -> str:
    if not out:
        return "certificate not kept (--out FILE.json keeps it)"
    names = ["standard output" if path == STANDARD_OUTPUT else f"{path}" for path in out]
    return f"written: {', '.join(names)}"


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
    workers: Workers = 1,
    scheduler: Scheduler = None,
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
        with open_executor(workers, scheduler) as executor:
            how: dict[str, Any] = {"memory": limit.budget, "seconds": seconds, "again": again}
            found = recheck(loaded, factory=factory, executor=executor, **how)
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
    network: VectorNetwork,
    settings: BoundsSettings,
    figure: FigureSettings,
    model: Annotated[
        str,
        typer.Argument(help="A name from `seprank models`; additive, for any of that kind; or file.py:factory."),
    ] = "rac",
    out: Out = None,
    as_json: Json = False,
) -> None:
    """What is proved of a rank: by theory for RACs, additive networks and attention, else by degrees of the model."""
    check_output(out)
    asked = values(settings, but=Memory)
    family = _family(model, network)
    if family is None:
        from ..certification.family import with_degrees

        show_announcements()
        loaded = named_network(model, network, seed=0, budget=settings.budget)
        known = with_degrees(loaded.module, inputs=network.inputs if loaded.factory else None, **asked)
    else:
        from ..theory import bounds as state

        sizes: dict[str, Any] = network.sizes(model)
        known = state(**sizes, **asked, model=family)
    deliver(known, out, figure, as_json=as_json)


def _family(model: str, network: VectorNetwork) -> str | None:
    """Whose bounds theory has for a model; None where a model has to be run for them."""
    from ..models import find_model
    from ..sources.code import is_code
    from ..theory.rac_bounds import MODELS as FAMILIES

    if is_code(model) or network.model_settings:
        return None
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
    """What a bound states, its proof, and how to cite it."""
    from ..theory.statements import explain as find
    from ..theory.statements import statements

    if name is None:
        known = statements()
        say_json({"statements": list(known)}) if as_json else say("\n".join(known))
        return
    found = find(name)
    if as_json:
        urls = [paper.url for paper in found.papers]
        more: dict[str, object] = {
            "page": f"docs/{found.page}",
            "text": found.text,
            "urls": urls,
            "bibtex": found.citations(),
        }
        say_json({"name": found.slug, "title": found.title} | more)
    else:
        say(f"{found.title}\n{'=' * len(found.title)}\n\n{found.text}\n\nCite\n----")
        say("\n\n".join(found.citations()))


@flagged
def plan(
    settings: PlanSettings,
    figure: FigureSettings,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Find the smallest RAC proved to reach a rank, and the sizes proved too small."""
    from ..planning import plan as find

    check_output(out)
    found = find(**values(settings))
    deliver(found, out, figure, as_json=as_json)


@flagged
def compare(
    settings: CompareSettings,
    figure: FigureSettings,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Compare certified ranks of architectures, at equal width or at an equal number of parameters."""
    from ..comparison import ComparisonInterrupted
    from ..comparison import compare as run

    check_output(out)
    try:
        found = run(**values(settings))
    except ComparisonInterrupted as interruption:
        found = interruption.found
        deliver(found, out, figure, as_json=as_json)
        stop(str(interruption), 130)
    deliver(found, out, figure, as_json=as_json)
    if found.failed:
        raise typer.Exit(1)
