"""Records as tables for people: what was asked for, and what came out, a table for each command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..result.result import Row
from ..result.sureness import Rank
from ..result.text import shortened, text_table
from .record import JsonObject, Record

_ALWAYS = ("task", "model")
"""Settings with a column of their own in any case, before those in which records differ"""


def flat(content: JsonObject) -> Row:
    """Values by name, those inside others after a dot; lists are left out.

    Example:
        >>> flat({"a": 1, "test": {"loss": 0.5}, "curve": [1, 2]})
        {'a': 1, 'test.loss': 0.5}
    """
    found: Row = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{inner}": value for inner, value in flat(value).items()}
        elif not isinstance(value, list):
            found[name] = value
    return found


def table(records: Iterable[Record]) -> str:
    """A table for each command: the settings in which records differ, and what came out.

    What all have in common stands above it, once.
    """
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.job.command, []).append(record)
    return "\n\n".join(_table(command, group) for command, group in groups.items())


def _table(command: str, records: Sequence[Record]) -> str:
    asked = [flat(record.job.settings) for record in records]
    names = list(dict.fromkeys(name for settings in asked for name in settings))
    differing = [name for name in names if any(settings.get(name) != asked[0].get(name) for settings in asked)]
    shown = [*(name for name in _ALWAYS if name in names), *(name for name in differing if name not in _ALWAYS)]
    same = [f"{name}={asked[0][name]}" for name in names if name not in shown and asked[0].get(name) is not None]
    found = [_outcome(record) for record in records]
    heads = ["job", *shown, *dict.fromkeys(name for outcome in found for name in outcome)]
    rows = [
        [record.job.key[:8], *(_cell((settings | outcome).get(name)) for name in heads[1:])]
        for record, settings, outcome in zip(records, asked, found, strict=True)
    ]
    left = [n for n, head in enumerate(heads) if head in ("job", *_ALWAYS, "outcome", "how sure")]
    lines = [
        f"{command}: "
        + (shortened(", ".join(same)) if same else f"{len(records):,} record{'s' if len(records) > 1 else ''}")
    ]
    return "\n".join([*lines, text_table(rows, heads=heads, left=left, indent=2)])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | str):
        return " ".join(shortened(str(value)).split())
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _outcome(record: Record) -> Row:
    if record.status == "failed":
        reason = (record.error or "").strip().splitlines()[-1:] or ["failed"]
        return {"outcome": f"failed: {reason[0]}"}
    found = flat(record.result)
    if record.job.command == "certify":
        return _certified(found)
    shown = _SHOWN.get(record.job.command, {name: name for name in found})
    said = {head: found.get(name) for head, name in shown.items()}
    if record.job.command == "train":
        said |= {name.replace(".", " ").replace("_", " "): found[name] for name in found if name.startswith("test.")}
    return {head: value for head, value in said.items() if value is not None}


def _certified(found: JsonObject) -> dict[str, Any]:
    samples = min(found.get("starts", 0), found.get("ends", 0))
    sure = (found.get("exact", False), found.get("saturated", False), found.get("error"))
    rank = Rank(found.get("rank"), samples, found.get("upper_bound"), *sure)
    most = {} if rank.upper_bound is None else {"at most": rank.upper_bound}
    return {"rank": rank.number} | most | {"how sure": rank.sureness.value}


_SHOWN = {
    "measure": {"effective rank": "effective_rank", "jointly": "shares.interaction"},
    "remember": {"reach": "reach", "half": "half", "mean": "mean"},
    "train": {"outcome": "outcome", "its parameters": "parameters", "steps taken": "steps"},
}
"""Heads of columns, and what stands below them; of other commands everything is shown"""
