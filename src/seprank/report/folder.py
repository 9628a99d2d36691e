"""What a folder or a store holds, as a report."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ..certification.certificate import Certificate
from ..certification.form import CertificateError
from ..certification.summary import Summary
from ..measurement import Measurement
from ..memory_curve import MemoryCurve
from ..result.document import SURE, Figure, Section, Share, Table, report_page
from ..store import Store
from ..system.files import read_json
from ..system.names import quoted_name, shown
from .answers import answers, answers_page
from .findings import KIND, Findings
from .image import interval, numerical_rank
from .learning import Run, learning_section
from .memory_curve import curves_section
from .rank_tables import rank_table, ranks_chart

_CERTIFICATE = {"question", "minor"}
_MEASUREMENT = {"singular_values", "shares"}
_CURVE = {"lags", "memory", "joint", "carried"}
_STRANGE = (LookupError, TypeError, AttributeError, ArithmeticError, ValueError, AssertionError)
"""What is raised by records that do not have our form"""


R = TypeVar("R", Measurement, MemoryCurve)


@dataclass
class Found:
    """What was read."""

    certified: list[Summary] = field(default_factory=list)
    measured: list[tuple[str, Measurement]] = field(default_factory=list)
    """Name and measurement"""
    remembered: list[tuple[str, MemoryCurve]] = field(default_factory=list)
    """Name and memory curve"""
    trained: list[Run] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    left_out: list[dict[str, str]] = field(default_factory=list)
    """Files that claim to be ours and are damaged"""
    answers: Findings | None = None
    """What `seprank demo` left"""

    def __bool__(self) -> bool:
        return bool(self.answers) or self.more

    @property
    def more(self) -> bool:
        """Whether there is anything but what `seprank demo` left."""
        return any((self.certified, self.measured, self.remembered, self.trained, self.failed, self.left_out))

    def add(self, other: Found) -> None:
        """Take in what was read of another file."""
        self.certified += other.certified
        self.measured += other.measured
        self.remembered += other.remembered
        self.trained += other.trained
        self.failed += other.failed
        self.answers = other.answers or self.answers


def folder_page(path: str | Path) -> str:
    """A report of all certificates, measurements, memory curves and stores in a folder and those in it, or of a store.

    Every file is read with its types checked, and its digest where it has one. In a folder, one that is not whole is
    listed with the reason; given by itself it is refused.

    Args:
        path: a folder, or a file: a store, a certificate, a measurement or a memory curve.

    Returns:
        HTML that needs no other file and no network.

    Raises:
        ValueError: there is nothing of the kind in it, or it does not exist, or the file is not whole; StoreError: a
            store cannot be read.
        FileError: the file cannot be read.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f"{path} does not exist; give a folder with certificates, measurements or a store (*.db)")
    found = Found()
    if not path.is_dir():
        _read_file(path, found, path.stem)
    else:
        for file in sorted(p for p in path.rglob("*") if p.suffix in (".json", ".db") and p.is_file()):
            read = Found()
            try:
                _read_file(file, read, file.stem)
            except (ValueError, OSError) as error:
                found.left_out.append({"file": str(file.relative_to(path)), "why": str(error), SURE: "not read"})
            else:
                found.add(read)
    if not found:
        raise ValueError(
            f"{path} holds no certificate, measurement, memory curve or store; "
            f"make one with `seprank certify ... --out {path}/a.json`"
        )
    return _page(path, found)


def _page(path: Path, found: Found) -> str:
    try:
        parts = []
        if found.answers is not None:
            known = found.answers
            shown = [record.but_seconds() for record in (*known.growth, *known.lengths, *known.cuts)]
            found.certified = [record for record in found.certified if record.but_seconds() not in shown]
            if not found.more:
                return answers_page(found.answers)
            parts = answers(found.answers)
        parts += sections(found)
    except _STRANGE as error:
        # Digests hold, so that somebody meant it: a page of half of it would say what nobody found.
        raise ValueError(
            f"{path} holds records that this version cannot show ({type(error).__name__}: {error}); they were written "
            "by another version or another program"
        ) from error
    lead = "Results as they were stored. Certificates are read here, not rechecked: seprank verify FILE does that."
    return report_page(f"Report of {path.resolve().name}", lead, parts)


def _read_file(file: Path, found: Found, name: str) -> None:
    """Add what a file holds; a JSON file of another kind is passed over."""
    if file.suffix == ".db":
        with Store(file) as store:
            read_store(store, found)
        return
    content = read_json(file)
    if not isinstance(content, dict):
        return
    if content.get("kind") == KIND:
        try:
            found.answers = Findings.from_dict(content)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None
    elif content.keys() >= _CERTIFICATE:
        found.certified.append(_certificate(content, f"{file}"))
    elif content.keys() >= _MEASUREMENT:
        found.measured.append((quoted_name(name), _result(Measurement, content, f"{file}")))
    elif content.keys() >= _CURVE:
        found.remembered.append((quoted_name(name), _result(MemoryCurve, content, f"{file}")))


def _certificate(content: Any, place: str) -> Summary:
    """The answer of a certificate, whose form and digest are checked."""
    try:
        return Certificate.from_dict(content).summary()
    except (CertificateError, RecursionError) as error:
        raise ValueError(f"{place}: {error}") from None


def _result(form: type[R], content: Any, place: str) -> R:
    """A result, whose form is checked."""
    try:
        return form.from_dict(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{place} is not a {form.NOUN}: {error}; run it again") from None


def read_store(store: Store, found: Found) -> None:
    """Add the records of a store; a `ValueError` names one that does not have the form of its command's results."""
    for record in store.records():
        settings, result = dict(record.job.settings), record.result
        place = f"record {record.job.key[:12]} of {store.path}"
        if record.status == "failed":
            reason = (record.error or "").strip().splitlines()[-1:] or [""]
            found.failed.append({"command": record.job.command, "settings": json.dumps(settings), "why": reason[0]})
        elif record.job.command == "certify":
            found.certified.append(_certificate(result.get("certificate"), place))
        elif record.job.command == "measure":
            found.measured.append((_network(settings), _result(Measurement, result, place)))
        elif record.job.command == "remember":
            found.remembered.append((_network(settings), _result(MemoryCurve, result.get("curve") or {}, place)))
        elif record.job.command == "train":
            found.trained.append(Run(settings, result))


def _network(settings: dict[str, Any]) -> str:
    sizes = [f"{name} {settings[name]}" for name in ("depth", "width") if settings.get(name) is not None]
    return ", ".join([quoted_name(f"{settings.get('model')}"), *sizes])


def sections(found: Found) -> Iterator[Section]:
    """A section for each kind of result there is."""
    if found.remembered:
        yield curves_section(found.remembered)
    if found.certified:
        table = rank_table("certified", found.certified, "Certified ranks")
        yield Section("Certified ranks", "", [*_growth(found.certified), table])
    if found.measured:
        yield Section("Measurements", "", [_measured(found.measured)])
    for task in sorted({run.settings["task"] for run in found.trained}):
        runs = [run for run in found.trained if run.settings["task"] == task]
        section = learning_section(runs)
        yield Section(
            f"Training: {task}",
            f"{len(runs):,} run{'s' if len(runs) > 1 else ''}.",
            section.parts if len(runs) <= 6 else section.parts[1:],
        )
    if found.left_out:
        text = "These files claim to be ours and are damaged. Nothing in this report comes from them."
        yield Section("Files left out", text, [Table("left-out", found.left_out, "What was left out, and why")])
    if found.failed:
        rows = [{**row, SURE: "no number: the job failed"} for row in found.failed]
        yield Section("Failed jobs", "", [Table("failed", rows, "What failed, and why")])


def _growth(records: Sequence[Summary]) -> list[Figure]:
    """Ranks at the middle cut against length, for up to six networks that have several lengths."""
    lines: dict[str, list[Summary]] = {}
    for record in records:
        if 2 * record.cut == record.length and record.domain == "functional":
            sizes = "".join(f" {quoted_name(name)} {shown(value)}" for name, value in sorted(record.settings.items()))
            read = "" if record.readout == "random" else f", read-out {record.readout}"
            lines.setdefault(f"{quoted_name(record.model)}{sizes}{read}", []).append(record)
    chosen = dict([item for item in lines.items() if len({r.length for r in item[1]}) > 1][:6])
    caption = (
        "Certified rank at the middle cut against length, logarithmic; at most six networks are drawn. Full markers "
        "are exact, open ones certified from below. A flat line has the same memory at every length."
    )
    return [Figure(ranks_chart(chosen, ticks=False, height=0.73), caption)] if chosen else []


def _measured(found: Sequence[tuple[str, Measurement]]) -> Table:
    rows = [
        {
            "what": name,
            "length": record.length,
            "cut": record.cut,
            "effective rank": record.effective_rank,
            "entropy": record.entropy,
            "interaction share": Share(record.shares.interaction),
            SURE: interval(record, "effective_rank") + f", {record.starts} starts x {record.ends} ends",
            "tolerance": record.tolerance,
            "numerical rank": numerical_rank(record),
            "seed": record.seed,
        }
        for name, record in found
    ]
    return Table("measured", rows, "Measured in floating point; the interval is that of the effective rank")
