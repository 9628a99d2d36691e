"""What a folder or a store holds, as a report."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..store import Store
from .answers import KIND, answers, answers_page
from .document import SURE, Figure, Section, Table, report_page
from .image import interval
from .learning import Run, learning_section
from .ranks import Record, add_ranks, laid_out, rank_table

_CERTIFICATE = {"question", "rank", "minor", "model"}
_MEASUREMENT = {"singular_values", "shares", "errors", "entropy"}


@dataclass
class Found:
    """What was read."""

    certified: list[Record] = field(default_factory=list)
    measured: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Name and measurement"""
    trained: list[Run] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, Any] | None = None
    """What `seprank demo` left"""

    def __bool__(self) -> bool:
        return bool(self.certified or self.measured or self.trained or self.failed or self.answers)


def folder_page(path: str | Path) -> str:
    """A report of all certificates, measurements and stores in a folder (and the folders in it), or of one store.

    Args:
        path: a folder, or a file: a store, a certificate or a measurement.

    Returns:
        HTML that needs no other file and no network.

    Raises:
        ValueError: there is nothing of the kind in it, or it does not exist; StoreError: a store cannot be read.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f"{path} does not exist; give a folder with certificates, measurements or a store (*.db)")
    found = Found()
    for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.suffix in (".json", ".db")):
        read_file(file, found, path)
    if not found:
        raise ValueError(
            f"{path} holds no certificate, measurement or store; "
            f"make one with `seprank certify ... --out {path}/a.json`"
        )
    parts = []
    if found.answers is not None:
        shown = [_identity(r) for name in ("growth", "lengths", "cuts") for r in found.answers[name]]
        found.certified = [record for record in found.certified if _identity(record) not in shown]
        if not (found.certified or found.measured or found.trained or found.failed):
            return answers_page(found.answers)
        parts = answers(found.answers)
    lead = "Results as they were stored. Certificates are read here, not rechecked: seprank verify FILE does that."
    return report_page(f"Report of {path.resolve().name}", lead, [*parts, *sections(found)])


def _identity(record: Record) -> list[Any]:
    return [record[name] for name in ("model", "settings", "length", "cut", "domain", "prime", "seed", "rank")]


def read_file(file: Path, found: Found, root: Path) -> None:
    """Add what a file holds; a JSON file of another kind is passed over."""
    if file.suffix == ".db":
        with Store(file) as store:
            read_store(store, found)
        return
    try:
        content = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        if file == root:
            raise ValueError(f"{file} is not JSON ({error}); is the file complete?") from None
        return
    if not isinstance(content, dict):
        return
    if content.get("kind") == KIND:
        found.answers = content
    elif content.keys() >= _CERTIFICATE:
        found.certified.append(summary(content))
    elif content.keys() >= _MEASUREMENT:
        found.measured.append((file.stem, content))


def summary(certificate: dict[str, Any]) -> Record:
    """The answer of a certificate's file, without the proof: as `Certificate.summary`."""
    asked, model = certificate["question"], certificate["model"]
    names = ("rank", "saturated", "exact", "upper_bound", "bounds", "starts", "ends", "seconds")
    answer = {name: certificate[name] for name in names}
    answer |= {"samples": max(certificate["starts"], certificate["ends"])}
    asked = {name: asked[name] for name in ("length", "cut", "domain", "prime", "seed")}
    return {"model": model["name"], "settings": model["settings"] or {}, **asked, **answer}


def read_store(store: Store, found: Found) -> None:
    """Add the records of a store."""
    for record in store.records():
        settings, result = dict(record.job.settings), record.result
        if record.status == "failed":
            reason = (record.error or "").strip().splitlines()[-1:] or [""]
            found.failed.append({"command": record.job.command, "settings": json.dumps(settings), "why": reason[0]})
        elif record.job.command == "certify":
            found.certified.append({name: value for name, value in result.items() if name != "certificate"})
        elif record.job.command == "measure":
            found.measured.append(
                (f"{settings['model']}, depth {settings['depth']}, width {settings['width']}", result)
            )
        elif record.job.command == "train":
            found.trained.append((settings, result))


def sections(found: Found) -> Iterator[Section]:
    """A section for each kind of result there is."""
    if found.certified:
        yield Section("Certified ranks", "", [*_growth(found.certified), _ranks(found.certified)])
    if found.measured:
        yield Section("Measurements", "", [_measured(found.measured)])
    for task in sorted({settings["task"] for settings, _ in found.trained}):
        runs = [run for run in found.trained if run[0]["task"] == task]
        section = learning_section(runs)
        yield Section(
            f"Training: {task}", f"{len(runs):,} runs.", section.parts if len(runs) <= 6 else section.parts[1:]
        )
    if found.failed:
        rows = [{**row, SURE: "no number: the job failed"} for row in found.failed]
        yield Section("Failed jobs", "", [Table("failed", rows, "What failed, and why")])


def _ranks(records: Sequence[Record]) -> Table:
    return rank_table("certified", records, "Certified ranks")


def _growth(records: Sequence[Record]) -> list[Figure]:
    """Ranks at the middle cut against length, for up to six networks that have several lengths."""
    import plotly.graph_objects as go

    lines: dict[str, list[Record]] = {}
    for record in records:
        if 2 * record["cut"] == record["length"] and record["domain"] == "functional":
            sizes = ", ".join(f"{name} {value}" for name, value in sorted(record["settings"].items()))
            lines.setdefault(f"{record['model']} {sizes}".strip(), []).append(record)
    chosen = [item for item in lines.items() if len({r["length"] for r in item[1]}) > 1][:6]
    if not chosen:
        return []
    figure = go.Figure()
    for number, (name, line) in enumerate(chosen):
        add_ranks(figure, line, name, number)
    laid_out(figure, 460)
    figure.update_xaxes(title="length T of the sequence")
    figure.update_yaxes(title="Start-End rank", type="log", dtick=1)
    caption = (
        "Certified rank at the middle cut against length, logarithmic; at most six networks are drawn. Full markers "
        "are exact, open ones certified from below. A flat line has the same memory at every length."
    )
    return [Figure(figure, caption)]


def _measured(found: Sequence[tuple[str, dict[str, Any]]]) -> Table:
    rows = [
        {
            "what": name,
            "length": record["length"],
            "cut": record["cut"],
            "effective rank": record["effective_rank"],
            "entropy": record["entropy"],
            "interaction share": record["shares"]["interaction"],
            SURE: interval(record, "effective_rank") + f", {record['starts']} starts x {record['ends']} ends",
            "tolerance": record["tolerance"],
            "numerical rank": record["numerical_rank"],
            "seed": record["seed"],
        }
        for name, record in found
    ]
    return Table("measured", rows, "Measured in floating point; the interval is that of the effective rank")
