"""Settings of every command: one class, to which flags, keys of files, keyword arguments and the page are equal.

And a job of a file gives what the command gives with the same settings, and is known by them.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
import pytest
import torch
import typer.main
from safetensors.torch import save_file
from typer.testing import CliRunner

import seprank as sr
from seprank.certification.asked import Question
from seprank.certification.known import with_degrees
from seprank.cli import app
from seprank.cli.app import PANELS
from seprank.jobs import sweep
from seprank.jobs.commands import COMMANDS as SWEPT
from seprank.jobs.config import Sweep
from seprank.settings.certify_settings import CertifySettings
from seprank.settings.compare_settings import CompareSettings
from seprank.settings.entries import Entry, entries, option_names
from seprank.settings.hints import Hints
from seprank.settings.measure_settings import MeasureSettings
from seprank.settings.named_network import Network, TrainedNetwork, VectorNetwork
from seprank.settings.neighbours_settings import NeighboursSettings
from seprank.settings.remember_settings import RememberSettings
from seprank.settings.resources import Memory, OnDevice, Place
from seprank.settings.size_settings import BoundsSettings, DrawSettings, PlanSettings
from seprank.settings.train_settings import TrainSettings
from seprank.settings.verify_settings import VerifySettings
from seprank.store import Store
from seprank.system.files import FileError
from seprank.tensornet import draw
from seprank.web.settings import Settings

PYTHON_ONLY = {"executor", "progress", "factory", "model", "module", "name"}
"""Objects, what is shown, and the network itself, of which the command line has the name and the sizes"""


class Row(NamedTuple):
    """A command, with what it is made from."""

    settings: type
    network: type | None = None
    function: Callable[..., Any] | None = None
    flags: frozenset[str] = frozenset()
    """On the command line alone: where it works, and what becomes of the result"""
    classes: tuple[type, ...] = ()
    """Further ones"""
    text: frozenset[str] = frozenset()
    """Settings that only a text needs: what they say is an object in Python"""
    differing: frozenset[str] = frozenset()
    """Settings whose default is another in Python, or none"""
    python: frozenset[str] = frozenset()
    """Keyword arguments that are no settings"""


KEPT = frozenset({"out", "column", "bare", "as_json"})
WORK = frozenset({"workers", "scheduler"}) | KEPT
TABLE: dict[str, Row] = {
    "certify": Row(CertifySettings, VectorNetwork, sr.certify, WORK | {"model"}),
    "measure": Row(
        MeasureSettings, TrainedNetwork, sr.measure, WORK | {"model", "profile"}, text=frozenset({"cuts"})
    ),
    "remember": Row(
        RememberSettings, Network, sr.remember, WORK | {"models"}, text=frozenset({"tokenizer"})
    ),
    "neighbours": Row(NeighboursSettings, TrainedNetwork, sr.overview, KEPT | {"model"}),
    # A command draws a table to look at, a call computes what it is asked for.
    "compare": Row(
        CompareSettings, None, sr.compare, KEPT,
        differing=frozenset({"length", "depth"}),
    ),
    "train": Row(
        TrainSettings, None, None, frozenset({"store", "out", "logger", "as_json"}), classes=(OnDevice,)
    ),
    "bounds": Row(BoundsSettings, VectorNetwork, with_degrees, KEPT | {"model"}, text=frozenset({"memory"}),
                  differing=frozenset({"cut", "domain", "inputs"})),
    "plan": Row(PlanSettings, None, sr.plan, KEPT),
    # The command shows what a picture looks like, a call draws a network of sizes that are given.
    "draw": Row(
        DrawSettings, None, draw, frozenset({"what", "out", "bare", "as_json"}), python=frozenset({"kind"}),
        differing=frozenset({"inputs", "width", "depth", "length"}),
    ),
    "verify": Row(
        VerifySettings, None, sr.verify, frozenset({"certificate", "model", "as_json", "workers", "scheduler"}),
        python=frozenset({"certificate"}),
    ),
    "sweep": Row(
        Memory,
        flags=frozenset({"config", "store", "retry", "resume", "trust", "dry_run"}) | (WORK - KEPT | {"as_json"}),
    ),
    "serve": Row(Memory, flags=frozenset({"port"})),
}  # fmt: skip
NONE = {"explain", "results", "models", "tasks", "report", "demo", "doctor"}
"""Commands that compute nothing which could be set"""
PARSED = {command.name: command for command in typer.main.get_group(app).commands.values()}
for _command in PARSED.values():
    _command.explain()


def settings_of(row: Row) -> dict[str, Entry]:
    kinds = [row.settings, *([row.network] if row.network else []), *row.classes]
    return {entry.name: entry for kind in kinds for entry in entries(kind)}


def test_every_command_is_in_the_table() -> None:
    assert (
        {command.__name__ for commands in PANELS.values() for command in commands}
        == TABLE.keys() | NONE
        == PARSED.keys()
    )


@pytest.mark.parametrize("command", TABLE)
def test_flags_are_the_settings(command: str) -> None:
    row = TABLE[command]
    flags = {parameter.name: parameter for parameter in PARSED[command].params if parameter.name != "help"}
    wanted = settings_of(row)
    assert flags.keys() == wanted.keys() | row.flags
    for name, entry in wanted.items():
        flag = flags[name]
        assert entry.help, f"{name} needs a text below it"
        assert flag.help == entry.help
        assert flag.required == entry.required
        names = [option for text in option_names(entry) for option in text.split("/")]
        assert [*flag.opts, *flag.secondary_opts] == (names or [name])
        if entry.text is None and not entry.required:
            assert flag.default == entry.default
        elif entry.default and not entry.required:
            assert flag.default == entry.text.show(entry.default)


@pytest.mark.parametrize("command", [name for name, row in TABLE.items() if row.function])
def test_keyword_arguments_are_the_settings(command: str) -> None:
    row = TABLE[command]
    assert row.function is not None
    parameters = {
        name: parameter
        for name, parameter in inspect.signature(row.function, eval_str=True).parameters.items()
        if name not in PYTHON_ONLY
    }
    wanted = {entry.name: entry for entry in entries(row.settings) if entry.name not in row.text}
    if row.network is not None:
        wanted["inputs"] = settings_of(row)["inputs"]
    assert parameters.keys() - row.python == wanted.keys()
    for name, entry in wanted.items():
        parameter = parameters[name]
        assert Any in members(entry.kind) | members(parameter.annotation) or members(entry.kind) <= members(
            parameter.annotation
        ), name
        if name not in row.differing:
            given = parameter.default
            expected = inspect.Parameter.empty if entry.required else entry.default
            assert given == expected or (not given and not expected), f"{name}: {given!r} is not {expected!r}"
        documented = f"{row.function.__doc__} {sr.certify.__doc__ if row.function is with_degrees else ''}"
        assert name in documented, f"{name} is not in the docstring"


def members(kind: Any) -> set[Any]:
    """The types that may stand there; a tuple may stand where any sequence or iterable may, a list among them."""
    found: set[Any] = set()
    for member in get_args(kind) if "Union" in type(kind).__name__ else (kind,):
        origin = getattr(member, "__origin__", member)
        name = getattr(origin, "__name__", str(origin))
        found.add(Any if member is Any else "sequence" if name in ("tuple", "Iterable", "Sequence") else name)
    return found


@pytest.mark.parametrize("command", SWEPT)
def test_keys_of_a_file_of_jobs_are_the_settings(command: str) -> None:
    """But for where the command works, which no number depends on."""
    row, known = TABLE[command], SWEPT[command].known()
    weights = {"weights"} if command == "remember" else set()  # MODEL@weights on the command line
    place = {entry.name for entry in (*entries(Place), *entries(OnDevice))}
    wanted = {name: entry for name, entry in settings_of(row).items() if name not in place}
    assert known.keys() == wanted.keys() | weights | ({"model"} if row.network else set())
    assert {name for name, required in known.items() if required} == {n for n, e in wanted.items() if e.required}


@pytest.mark.parametrize("command", ["certify", "measure", "remember"])
def test_settings_have_one_default_where_they_have_one_name(command: str) -> None:
    """And one meaning; what differs is named here."""
    differing = {"readout", "samples", "length", "inputs"}
    own = settings_of(TABLE[command])
    for other in ("certify", "measure", "remember", "neighbours", "bounds"):
        for name, entry in settings_of(TABLE[other]).items():
            if name in own and name not in differing:
                assert (entry.default, entry.kind) == (own[name].default, own[name].kind), (other, name)


def test_the_page_has_settings_of_the_command() -> None:
    known = {"model": None} | settings_of(TABLE["certify"])
    hints = inspect.signature(Settings, eval_str=True).parameters
    assert hints.keys() <= known.keys()
    for name, parameter in hints.items():
        entry = known[name]
        assert entry is None or members(parameter.annotation) <= members(entry.kind), name


def test_a_certificate_states_the_settings_that_its_rank_depends_on() -> None:
    """And no others: how many samples a run might have drawn, and where it ran, say nothing of what was proved."""
    of_the_run = {"samples", "max_samples", "confidence"} | {entry.name for entry in entries(Place)}
    called = {entry.name for entry in entries(Hints)}
    asked = {entry.name for entry in entries(CertifySettings)} - of_the_run - called
    assert {field.name for field in fields(Question)} == asked | {"inputs", "called"}


@pytest.mark.parametrize(("result", "command"), [(sr.MemoryCurve, "remember"), (sr.Measurement, "measure")])
def test_what_a_result_states_has_the_name_of_the_setting(result: type, command: str) -> None:
    known = settings_of(TABLE[command])
    stated = {field.name: field.type for field in fields(result) if field.name in known}
    assert {"length", "seed", "dtype"} <= stated.keys()
    if command == "remember":
        assert {"samples", "threshold", "readout"} <= stated.keys()
    else:
        assert {"cut", "starts", "ends", "tolerance"} <= stated.keys()


NETWORK = {"inputs": 2, "width": 3, "length": 6}
OTHER: dict[str, dict[str, Any]] = {
    "certify": {
        "model": "elman", "depth": 2, "cut": 2, "domain": "tokens", "samples": 20, "max_samples": 64, "readout": 1,
        "squash": "identity", "split": [0, 2], "seed": 1, "prime": 65537, "confidence": 1e-9, "length": 5, "inputs": 3,
        "width": 2, "model_settings": {"additive": True}, "batch_first": True, "output": 0, "state": "hx",
        "call": {"scale": 2},
    },
    "measure": {
        "model": "gru", "depth": 2, "cut": 2, "cuts": [2, 4], "starts": 40, "ends": 40, "readout": 0, "tolerance": 0.1,
        "dtype": "float32", "seed": 1, "batch_first": True, "output": 0, "state": "hx", "call": {"scale": 2},
        "length": 5, "inputs": 3, "width": 2, "model_settings": {"dropout": 0.5}, "tokens": 3,
    },
    "remember": {
        "model": "gru", "depth": 2, "samples": 64, "lags": [1, 2], "threshold": 0.1, "readout": 0, "past": "dropped",
        "influence": True, "dtype": "float32", "seed": 1, "batch_first": True, "output": 0, "state": "hx",
        "call": {"scale": 2}, "length": 5, "inputs": 3, "width": 2, "model_settings": {"dropout": 0.5}, "tokens": 3,
    },
}  # fmt: skip
"""Another value of each setting"""
IN_FILES = {"data", "weights", "templates", "tokenizer"}


@pytest.mark.parametrize("command", OTHER)
def test_a_job_is_known_by_every_setting(command: str) -> None:
    work = SWEPT[command]
    assert OTHER[command].keys() | IN_FILES >= work.known().keys()
    usual = work.from_settings(NETWORK).job
    keys = {name: work.from_settings({**NETWORK, name: value}).job for name, value in OTHER[command].items()}
    assert len({job.key for job in keys.values()} | {usual.key}) == len(keys) + 1
    for name, job in keys.items():
        assert name in job.settings
        assert json.loads(json.dumps(job.settings)) == job.settings


@pytest.mark.parametrize("command", OTHER)
def test_a_default_that_is_said_makes_no_other_job(command: str) -> None:
    work, place = SWEPT[command], {entry.name for entry in entries(Place)}
    said = {
        entry.name: entry.default
        for entry in settings_of(TABLE[command]).values()
        if not entry.required and entry.name not in place | {"inputs", "width"}
    }
    assert work.from_settings({**said, **NETWORK}).job.key == work.from_settings(NETWORK).job.key


OWN = """
import torch

class Own(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.cell = torch.nn.RNN(2, width, batch_first=True)

    def forward(self, x, scale=1.0):
        output, state = self.cell(scale * x)
        return {"first": output, "last": -output[..., :1]}

def build(width): return Own(width)
"""


def answer(command: str, *words: str) -> Any:
    done = CliRunner().invoke(app, [command, *words, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def result(command: str, settings: dict[str, Any], store: Path) -> Any:
    """What a sweep keeps of one job."""
    plan = Sweep.model_validate({"blocks": [{"command": command, "settings": settings}]})
    summary = sweep(plan, store=store, trusted=True)
    with Store(store) as opened:
        (record,) = [r for r in opened.records() if r.job == SWEPT[command].from_settings(settings).job]
    assert summary.failed == 0, record.error
    return record.result


@pytest.mark.slow
def test_jobs_about_files_of_ones_own_give_what_the_command_gives(tmp_path: Path) -> None:
    model, data, weights = tmp_path / "own.py", tmp_path / "data.npy", tmp_path / "weights.safetensors"
    model.write_text(OWN)
    np.save(data, np.random.default_rng(0).standard_normal((80, 6, 2)))
    torch.manual_seed(7)
    cell = torch.nn.RNN(2, 3, batch_first=True)
    save_file({f"cell.{name}": value for name, value in cell.state_dict().items()}, weights)
    asked = {"model": f"{model}:build", "inputs": 2, "width": 3, "length": 6, "data": str(data), "output": "first"}
    words = [asked["model"], "--inputs", "2", "--width", "3", "--length", "6", "--data", str(data)]
    words += ["--output", "first", "--call", "scale=2"]
    asked["call"] = {"scale": 2}
    measured = result("measure", {**asked, "weights": str(weights), "cuts": [2, 3]}, tmp_path / "a.db")
    said = answer("measure", *words, "--weights", str(weights), "--cuts", "2,3")
    assert measured["singular_values"] == said["singular_values"]
    assert [p["singular_values"] for p in measured["profile"]] == [p["singular_values"] for p in said["profile"]]
    remembered = result("remember", {**asked, "weights": str(weights)}, tmp_path / "a.db")
    words[0] += f"@{weights}"
    assert remembered["curve"]["memory"] == answer("remember", *words)["memory"]


@pytest.mark.slow
def test_certified_jobs_give_what_the_command_gives(tmp_path: Path) -> None:
    templates = tmp_path / "templates.npy"
    np.save(templates, np.array([[1, 2], [3, 4], [5, 7]]))
    sizes = {"model": "rac", "inputs": 2, "width": 2, "depth": 2, "length": 5}
    words = ["rac", *["--inputs", "2", "--width", "2", "--depth", "2", "--length", "5"]]
    for more, flags in (
        ({"domain": "tokens", "templates": str(templates)}, ["--domain", "tokens", "--templates", str(templates)]),
        ({"max_samples": 9, "confidence": 1e-9}, ["--max-samples", "9", "--confidence", "1e-9"]),
        ({"split": [0, 3], "readout": 1}, ["--split", "0,3", "--readout", "1"]),
    ):
        found, said = result("certify", sizes | more, tmp_path / "a.db"), answer("certify", *words, *flags)
        assert {**found, "certificate": 0, "seconds": 0} == {**said, "certificate": 0, "seconds": 0}


FILES = {
    "certify": {"templates": "a.npy"},
    "measure": {"data": "a.csv", "weights": "a.safetensors"},
    "remember": {"data": "a.txt", "weights": "a.pt", "tokenizer": "a.json"},
}


@pytest.mark.parametrize(("command", "name"), [(command, name) for command, names in FILES.items() for name in names])
def test_a_job_is_known_by_the_files_that_it_reads(command: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / FILES[command][name]
    asked = {**NETWORK, name: str(path), **({"domain": "tokens"} if name == "templates" else {})}
    keys = {SWEPT[command].from_settings({**asked, name: None}).job.key}
    for text in ("one", "another"):
        path.write_text(text)
        job = SWEPT[command].from_settings(asked).job
        assert job.settings["files"].keys() == {name}
        keys.add(job.key)
    assert len(keys) == 3


def test_another_text_in_a_file_is_another_job(tmp_path: Path) -> None:
    model = tmp_path / "own.py"
    asked = {"model": f"{model}:build", "inputs": 2, "width": 3, "length": 6}
    keys = set()
    for text in (OWN, OWN + "\n"):
        model.write_text(text)
        work = SWEPT["measure"].from_settings(asked)
        assert work.job.settings["files"].keys() == {"model"}
        keys.add(work.job.key)
    assert len(keys) == 2
    model.unlink()
    with pytest.raises(FileError, match=r"own\.py"):
        SWEPT["measure"].from_settings(asked)
