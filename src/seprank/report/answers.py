"""The paper's five questions, answered with what `seprank demo` has computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from ..certification.summary import Summary
from ..result.document import SURE, Section, Table, report_page
from ..theory import upper_bound
from .cuts import cuts_section
from .findings import Findings
from .growth import growth_section
from .image import matrix_section
from .learning import learning_section, missing_section
from .networks import networks_section
from .rank_tables import layers
from .side_by_side import architectures_section, integration_section

TITLE = "The long-term memory of recurrent networks, measured"


def answers_page(findings: Findings) -> str:
    """The whole report as one HTML file."""
    lead = (
        "How much can the end of a sequence depend on its start? Levine, Sharir, Ziv and Shashua (arXiv:1710.09431) "
        "answered with the Start-End separation rank. Every number here was computed in the run that wrote this page, "
        "and says how sure it is: proved from below (certified), proved from above (bound), both (exact), or measured "
        "in floating point with an interval."
    )
    return report_page(TITLE, lead, answers(findings), cards=cards(findings))


def answers(findings: Findings) -> list[Section]:
    """The five answers, pictures, training, and how it was made."""
    sizes, trained = findings.sizes, findings.training
    return [
        matrix_section(findings.matrix),
        growth_section(findings.growth, meaning(findings.growth)),
        networks_section(inputs=sizes.inputs, width=sizes.width, length=sizes.picture_length),
        cuts_section(findings.cuts, findings.lengths),
        architectures_section(findings.architectures.cells, findings.measured),
        integration_section(findings.integration.cells),
        missing_section(trained) if isinstance(trained, str) else learning_section(trained),
        made_section(findings),
    ]


def cards(findings: Findings) -> list[str]:
    """Three sentences to take home."""
    records = findings.growth
    last = max(record.length for record in records)
    found = {int(record.depth or 0): record for record in records if record.length == last}
    low, high = min(found), max(found)
    return [
        f"{layers(low).capitalize()} of width {found[low].width} carries {_counted(found[low])} from the first half of "
        f"a sequence of length {last} to the second.",
        f"{layers(high)} of the same width carry {_counted(found[high])} there.",
        "This says what networks can carry, not what training finds: a larger rank does not promise a better score.",
    ]


def _counted(record: Summary) -> str:
    least = "" if record.exact else "at least "
    return f"{least}{record.rank:,} independent threads ({record.known.sureness.value})"


def meaning(records: Sequence[Summary]) -> str:
    """What depth buys, in a sentence, from the numbers themselves."""
    last = max(record.length for record in records)
    ranks = {int(record.depth or 0): record.rank for record in records if record.length == last}
    shallow, deep = min(ranks), max(ranks)
    sizes = records[0].settings
    limit = widest_shallow(int(sizes["inputs"]), last)
    beyond = (
        f"no single layer, however wide, carries more than {limit:,} at this length"
        if ranks[deep] > limit
        else f"a single layer would have to be {ranks[deep]:,} wide"
    )
    return (
        f"At length {last}, {deep} layers of width {sizes['width']} carry {ranks[deep]:,} independent threads from the "
        f"first half of the sequence to the second, where one layer of the same width carries {ranks[shallow]:,} at "
        f"every length; {beyond}."
    )


def widest_shallow(inputs: int, length: int) -> int:
    """Rank of a single layer of any width: M to the power of the shorter half."""
    return upper_bound(inputs=inputs, width=inputs**length, depth=1, length=length).value


def made_section(findings: Findings) -> Section:
    """Settings, seeds and versions."""
    listed = {
        name.replace("_", " "): ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        for name, value in asdict(findings.sizes).items()
    }
    said = [(name, value, "setting") for name, value in listed.items()]
    said += [(name, value, "version") for name, value in findings.versions.items()]
    said.append(("seconds", f"{findings.seconds:.0f}", "measured on this machine"))
    said.append(("computed", findings.finished, "clock of this machine (UTC)"))
    rows = [{"what": what, "value": value, SURE: sure} for what, value, sure in said]
    text = (
        "All weights and samples of certificates are drawn from (seed, name) and are the same on every machine. The "
        "certificates lie beside this page; seprank verify FILE rechecks one with other arithmetic and another library."
    )
    return Section("How this was made", text, [Table("settings", rows, "Settings, seeds and versions")])
