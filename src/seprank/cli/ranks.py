"""`seprank certify`, `verify`, `bounds`, `plan` and `compare`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..settings.certify_settings import CertifySettings
from ..settings.compare_settings import CompareSettings
from ..settings.entries import values
from ..settings.named_network import VectorNetwork
from ..settings.resources import Memory
from ..settings.size_settings import BoundsSettings, PlanSettings
from ..settings.verify_settings import VerifySettings
from ..sources.loaded import load_network
from .flags import flagged
from .options import (
    STANDARD_OUTPUT,
    Json,
    Model,
    Workers,
    read_from,
)
from .output import Output
from .terminal import UsageError, reply, say, say_json, show_announcements, stop


@flagged
def certify(model: Model, network: VectorNetwork, settings: CertifySettings, work: Workers, output: Output) -> None:
    """Certify the Start-End separation rank of a polynomial model."""
    from ..certification import certify as run

    show_announcements()
    loaded = load_network(model, network, seed=settings.seed, budget=settings.budget)
    asked = values(settings) | {"inputs": network.inputs}
    if settings.templates is not None:
        from ..jobs.data import letters, read_templates

        templates = read_templates(settings.templates)
        asked |= {"templates": templates, "inputs": letters(network.inputs, templates)}
    with work.executor() as executor:
        certificate = run(loaded.module, **asked, executor=executor, factory=loaded.factory)
    output.write(certificate)
    if output.as_json:
        say_json(certificate.summary().to_dict())
    else:
        say(str(certificate))
        say(f"  {certificate.seconds:.1f} s; " + _kept(output.out))


def _kept(out: tuple[Path, ...]) -> str:
    if not out:
        return "certificate not kept (--out FILE.json keeps it)"
    names = ["standard output" if path == STANDARD_OUTPUT else f"{path}" for path in out]
    return f"written: {', '.join(names)}"


@flagged
def verify(
    certificate: Annotated[
        Path, typer.Argument(parser=read_from, metavar="FILE", help="File written by `seprank certify --out`.")
    ],
    settings: VerifySettings,
    work: Workers,
    model: Annotated[str | None, typer.Option(help="Where the module is from, if it is not in the registry.")] = None,
    as_json: Json = False,
) -> None:
    """Recheck a certificate in different arithmetic and with a different library."""
    from ..certification import Certificate, CertificateError
    from ..certification.verify import recheck
    from ..sources import load_factory
    from ..system.names import quoted_name

    step = reason = loaded = found = None
    try:
        loaded = Certificate.load(certificate)
        if model is None and loaded.model.kind != "registry":
            name = quoted_name(loaded.model.name)
            raise UsageError(f"{certificate} is about {name}; give it with --model file.py:factory")
        factory = None if model is None else load_factory(model)
        with work.executor() as executor:
            found = recheck(loaded, None, settings, factory=factory, executor=executor)
    except CertificateError as error:
        step, reason = error.step, str(error)
    if as_json:
        answer = {"valid": step is None, "step": step, "reason": reason, "rank": loaded.rank if loaded else None}
        newer = [bound.to_dict() for bound in found.newer] if found else []
        more = {"newer_bounds": newer, "unchecked": found.unchecked if found else []}
        say_json(answer | more | ({"again": found.again if found else None} if settings.again else {}))
    elif found is not None:
        say(str(found))
    if step is not None:
        # A file that is not an intact certificate is bad input; an intact one that is wrong is the answer no.
        stop(f"{certificate}: {reason}", 2 if step in ("read", "digest", "fields") else 1)


@flagged
def bounds(
    network: VectorNetwork,
    settings: BoundsSettings,
    output: Output,
    model: Annotated[
        str,
        typer.Argument(help="A name from `seprank models`; additive, for any of that kind; or file.py:factory."),
    ] = "rac",
) -> None:
    """List the proved bounds on a rank: by theory for RACs, additive networks and attention, else by degrees."""
    asked = values(settings, but=Memory)
    family = _family(model, network)
    if family is None:
        from ..certification.known import with_degrees

        show_announcements()
        loaded = load_network(model, network, seed=0, budget=settings.budget)
        known = with_degrees(loaded.module, inputs=network.inputs if loaded.factory else None, **asked)
    else:
        from ..theory import bounds as state

        known = state(**network.sizes(model), **asked, model=family)
    output.deliver(known)


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
    """Show what a bound states, its proof, and how to cite it."""
    from ..theory.statements import explain as find
    from ..theory.statements import statements

    if name is None:
        known = statements()
        reply({"statements": list(known)}, "\n".join(known), as_json=as_json)
        return
    found = find(name)
    cited = found.citations()
    more = {"text": found.text, "urls": [paper.url for paper in found.papers], "bibtex": cited}
    lines = [found.title, "=" * len(found.title), "", found.text, "", "Cite", "----", "\n\n".join(cited)]
    content = {"name": found.slug, "title": found.title, "page": f"docs/{found.page}", **more}
    reply(content, "\n".join(lines), as_json=as_json)


@flagged
def plan(settings: PlanSettings, output: Output) -> None:
    """Find the smallest RAC proved to reach a rank, and the sizes proved too small."""
    from ..planning import plan as find

    output.deliver(find(**values(settings)))


@flagged
def compare(settings: CompareSettings, output: Output) -> None:
    """Compare certified ranks of architectures, at equal width or at an equal number of parameters."""
    from ..comparison import ComparisonInterrupted
    from ..comparison import compare as run

    try:
        found = run(**values(settings))
    except ComparisonInterrupted as interruption:
        found = interruption.found
        output.deliver(found)
        stop(str(interruption), 130)
    output.deliver(found)
    if found.failed:
        raise typer.Exit(1)
