"""Tables and pictures of the pages that are computed from stored results when the documentation is built."""

import gzip
import json
from pathlib import Path

from seprank import Certificate, compare
from seprank.store import Record
from studies import atlas, attention, depth, depth_figures, reach

HERE = Path(__file__).parent
OUT = HERE / "_parts"


def write_parts() -> None:
    """All of them, into `_parts`."""
    OUT.mkdir(exist_ok=True)
    write_depth(read_runs(HERE / "depth" / "runs.json.gz"))
    write("depth-reach.md", reach.markdown(read_runs(HERE / "depth" / "reach.json.gz")))
    write_atlas(atlas.read_cells(HERE / "atlas" / "atlas.csv"))
    write_attention(attention.read())
    draw_ranks()


def draw_ranks() -> None:
    """The figure that `seprank compare` of the first page writes."""
    asked = {"inputs": 3, "width": 3, "depth": [1, 2, 3], "length": [2, 4, 6]}
    compare(["rac"], **asked, progress=False).export(OUT / "rank-against-length.svg", column="single")


def read_runs(path: Path) -> list[Record]:
    """Records that `seprank results --out` exported."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [Record.from_dict(content) for content in json.load(file)]


def write_depth(runs: list[Record]) -> None:
    """Tables, pictures and correlations of the depth depth."""
    from matplotlib import pyplot

    pyplot.switch_backend("agg")
    table = depth.lines(runs)
    for task, model in sorted({(line.task, line.model) for line in table}):
        chosen = [line for line in table if (line.task, line.model) == (task, model)]
        write(f"depth-{task}-{model}.md", depth.markdown(chosen))
        figure = depth_figures.steps_figure(runs, task, model)
        figure.savefig(OUT / f"depth-{task}-{model}.svg")
    for model, size in (("orthogonal", 12), ("gru", 12)):
        for measure in depth.MEASURES:
            figure = depth_figures.memory_figure(runs, "start-end-similarity", model, size, measure)
            figure.savefig(OUT / f"memory-{model}-{measure}.svg")
    depth_figures.success_figure(runs, "start-end-similarity").savefig(OUT / "memory-success.svg")
    found = [item for item in depth.correlations(runs) if item.figure.endswith("after")]
    each = [item for item in depth.correlations(runs, each_size=True) if item.figure.endswith("after")]
    write("depth-correlations.md", depth.correlation_markdown(found))
    write("depth-correlations-each.md", depth.correlation_markdown(each))
    pyplot.close("all")


def write_atlas(cells: list[atlas.Cell]) -> None:
    """What the atlas says."""
    known = [atlas.know(cell) for cell in cells]
    write("atlas-summary.md", atlas.summary_markdown(known))
    write("atlas-bounds.md", atlas.bounds_markdown(known))
    write("atlas-statements.md", atlas.statements_markdown(known))
    write("conjecture.md", atlas.conjecture_markdown(known))
    tokens = atlas.check_conjecture(known, "tokens")
    write("atlas-counterexamples.md", atlas.cells_markdown(tokens.too_high, stated=True))
    rest = [item for item in tokens.fails if item not in tokens.too_high]
    write("atlas-fails.md", atlas.cells_markdown(rest, stated=True) if rest else "None.")
    write("atlas-exchange.md", atlas.exchanges_markdown(known))
    open_ = atlas.gaps(known)
    write("atlas-gaps.md", atlas.cells_markdown(open_) if open_ else "None.")


def write_attention(certificates: list[Certificate]) -> None:
    """Cells of self-attention, by kind, and what theory says of deeper and wider ones."""
    for name, chosen in attention.groups(certificates).items():
        write(f"attention-{name}.md", attention.cells_markdown(chosen))
    write("attention-summary.md", attention.summary_markdown(certificates))
    write("attention-published.md", attention.published_markdown(certificates))
    write("attention-bottleneck.md", attention.bottleneck_markdown(certificates))
    write("attention-parameters.md", attention.parameters_markdown((10**3, 10**4, 10**5), (1, 2, 3, 4, 5, 6)))


def write(name: str, text: str) -> None:
    """One part that a page includes."""
    (OUT / name).write_text(text + "\n", encoding="utf-8")
