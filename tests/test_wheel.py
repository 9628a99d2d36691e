"""The package as it is installed: its wheel alone, with what it depends on and no extra, away from the repository."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import textwrap
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from repository import ROOT

pytestmark = pytest.mark.slow

NETWORK = ["--inputs", "2", "--width", "2", "--length", "4"]
SAMPLED = ["--starts", "16", "--ends", "16"]
VERBS: dict[str, list[list[str]]] = {
    "remember": [["gru", *NETWORK, "--samples", "32", "--out", "curve.svg"]],
    "measure": [["gru", *NETWORK, *SAMPLED]],
    "neighbours": [["elman", "--inputs", "1", "--width", "1", "--length", "4", "--samples", "32", "--out", "a.html"]],
    "certify": [["rac", *NETWORK, "--out", "rac.json"]],
    "verify": [["rac.json"]],
    "bounds": [["rac", *NETWORK, "--out", "bounds.tex"]],
    "explain": [["state-bound"], ["degrees-input-bounds"]],
    "plan": [["--rank", "9", "--length", "6", "--inputs", "2", "--out", "plan.pdf"]],
    "compare": [["--models", "rac,elman", "--length", "2", "--depth", "1", "--width", "2", "--out", "c.html"]],
    "train": [["adding-problem", "--steps", "1", "--width", "2"]],
    "sweep": [["atlas", "--dry-run"], ["depth", "--dry-run"], ["one.yaml"]],
    "results": [["runs/one.db"]],
    "models": [[]],
    "tasks": [[]],
    "draw": [["rac", "--inputs", "2", "--length", "4", "--out", "net.svg"], ["recurrence"]],
    "report": [["rac.json", "--out", "report.html"]],
    "demo": [["--out", "demo"]],
    "serve": [[]],
    "doctor": [[]],
}
"""What is run of each verb, in this order"""
EXTRAS = {"train": "train", "serve": "serve"}
"""Verbs that a bare installation refuses, and the extra that they name"""
SWEEP = "blocks: [{command: certify, settings: {model: rac, inputs: 2, width: 2, depth: 1, length: 4}}]"

PROGRAM = """
import contextlib, io, json, sys
from importlib.metadata import entry_points
import seprank, seprank.demo
from seprank.cli import app
from typer.main import get_command

(script,) = entry_points(group="console_scripts", name="seprank")
main, sizes = script.load(), seprank.demo.Sizes
seprank.demo.Sizes = lambda: sizes(
    lengths=(2, 4), long_lengths=(2, 4), cut_length=4, compared_length=4, compared_depths=(1,), compared_samples=16,
    matrix_samples=16, measured_samples=16, variants=("elman", "rac"), picture_length=4, training_steps=2)
answers = {}
for verb, lines in json.load(sys.stdin).items():
    for words in lines:
        out, sys.argv = io.StringIO(), ["seprank", verb, *words]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                code = get_command(app)(sys.argv[1:], standalone_mode=False)
            except SystemExit as stopped:
                code = stopped.code
        answers[" ".join(sys.argv[1:])] = [code or 0, out.getvalue()]
verbs = list(get_command(app).commands)
print(json.dumps({"answers": answers, "verbs": verbs, "file": seprank.__file__, "main": main.__module__}))
"""


def dependencies(requirements: list[str]) -> set[str]:
    """Names of all distributions that these need, without extras; those that are installed here."""
    found: set[str] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        needed = waiting.pop()
        if needed.name in found or (needed.marker and not needed.marker.evaluate({"extra": ""})):
            continue
        found.add(needed.name)
        waiting += map(Requirement, importlib.metadata.requires(needed.name) or [])
    return found


def link(name: str, folder: Path) -> None:
    """What a distribution has on the path, into another folder."""
    distribution = importlib.metadata.distribution(name)
    for first in {file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")}:
        target = folder / first
        if not target.exists():
            target.symlink_to(Path(str(distribution.locate_file(first))))


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", symlinks=True)
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    # A wheel of Python alone is installed by unpacking it.
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(packages)
    (described,) = packages.glob("seprank-*.dist-info")
    for name in dependencies(importlib.metadata.Distribution.at(described).requires or []):
        link(name, packages)
    return folder / "venv" / "bin" / "python"


@pytest.fixture(scope="module")
def found(python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Exit code and output of every verb, run one after the other in one process."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "one.yaml").write_text(SWEEP, "utf-8")
    run = subprocess.run(
        [str(python), "-I", "-c", textwrap.dedent(PROGRAM)],
        cwd=folder, input=json.dumps(VERBS), capture_output=True, text=True, check=False, env={},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]
    answer: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return answer | {"folder": folder, "python": python}


def test_it_is_the_wheel_that_was_run(found: dict[str, Any]) -> None:
    assert Path(found["file"]).is_relative_to(found["python"].parents[1])
    assert found["main"] == "seprank.cli.app"


def test_every_verb_of_the_help_was_tried(found: dict[str, Any]) -> None:
    assert set(found["verbs"]) == set(VERBS)


@pytest.mark.parametrize("line", [" ".join([verb, *words]) for verb, lines in VERBS.items() for words in lines])
def test_it_works_or_names_the_extra_that_it_needs(line: str, found: dict[str, Any]) -> None:
    code, said = found["answers"][line]
    extra = EXTRAS.get(line.split()[0])
    assert "Traceback" not in said
    if extra is None:
        assert code == 0, said
    else:
        assert (code, f"pip install 'seprank[{extra}]'" in said) == (2, True), said


def test_what_is_said_and_written_is_there(found: dict[str, Any]) -> None:
    answers = found["answers"]
    assert "6,637" in answers["sweep atlas --dry-run"][1] or "certify" in answers["sweep atlas --dry-run"][1]
    assert "The end sees the start only through the state" in answers["explain state-bound"][1]
    assert "valid" in answers["verify rac.json"][1]
    for name in ("curve.svg", "a.html", "rac.json", "bounds.tex", "plan.pdf", "c.html", "net.svg", "report.html"):
        assert (found["folder"] / name).stat().st_size > 100
    assert "install" in (found["folder"] / "demo" / "report.html").read_text("utf-8")  # of its training
