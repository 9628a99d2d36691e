"""`seprank draw`, `report`, `demo`, `serve` and `doctor`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..result.panels import ENDINGS
from ..settings.entries import values
from ..settings.resources import Memory
from ..settings.size_settings import DrawSettings
from .flags import flagged
from .options import Json, check_files, write_to
from .terminal import UsageError, reply, say


@flagged
def draw(
    what: Annotated[str, typer.Argument(help="rac: its tensor network and a cut; recurrence: what it computes.")],
    settings: DrawSettings,
    out: Annotated[Path | None, typer.Option(help="File: .svg, .png, .pdf or .html; runs/WHAT.svg by default.")] = None,
    bare: Annotated[bool, typer.Option("--bare", help="Leave out heading, legend and notes.")] = False,
    as_json: Json = False,
) -> None:
    """Draw a RAC as a tensor network with its copies and a cut, or as a recurrence."""
    from ..tensornet import draw as run
    from ..tensornet.pictures.draw import check_name

    if what not in ("rac", "recurrence"):
        raise UsageError(f"what to draw must be rac or recurrence, got {what!r}")
    path = check_name(Path("runs") / f"{what}.svg" if out is None else out)
    check_files(path)
    kind = "network" if what == "rac" else what
    picture = run(**values(settings), kind=kind)
    picture.save(path, bare=bare)
    reply({"picture": str(path), **picture.to_dict()}, f"{picture}\npicture: {path}", as_json=as_json)


def report(
    source: Annotated[
        Path, typer.Argument(help="A folder with certificates, measurements or stores; or one of these.")
    ],
    out: Annotated[Path, typer.Option(parser=write_to, metavar="FILE", help="File of the page.")] = Path("report.html"),
) -> None:
    """Gather results into one HTML file that needs no network."""
    from ..report.folder import folder_page
    from ..system.files import write_whole

    check_files(out)
    say(f"report: {write_whole(out, folder_page(source))}")


def demo(
    out: Annotated[Path, typer.Option(help="Folder for certificates and report.")] = Path("runs/demo"),
) -> None:
    """Answer the paper's five questions, computed here and now: a report with figures, in at most three minutes."""
    from .. import demo as show
    from ..report.answers import meaning
    from ..system.files import check_folder

    check_folder(out)
    if out.suffix in ENDINGS and not out.is_dir():
        raise UsageError(f"--out is a folder here, got {out.name!r}; the report in it is {show.REPORT}")
    found = show.compute(out, show.Sizes(), say)
    page = show.save(found, out)
    say(f"\n{meaning(found.growth)}\n\ncertificates: {out}/*.json, recheck one with `seprank verify FILE`")
    say(f"report: {page}")


@flagged
def serve(
    limit: Memory,
    port: Annotated[int, typer.Option(help="Port to serve on: http://127.0.0.1:PORT/.")] = 8080,
) -> None:
    """Explore on a local page: bounds, certificates, charts; for this machine only."""
    from ..web import serve as run

    run(port=port, memory=limit.budget)


def doctor(as_json: Json = False) -> None:
    """Check the installation: versions, memory, and a small rank computed three ways."""
    from .doctor import examine

    report = examine()
    reply(report.to_dict(), str(report), as_json=as_json)
    if not report.healthy:
        raise typer.Exit(1)
