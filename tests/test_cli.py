"""The command line: answers, exit codes, and messages instead of tracebacks."""

from __future__ import annotations

import json
import logging
import resource
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

import seprank as sr
from seprank import Certificate, bounds
from seprank.cli import app
from seprank.cli.app import EXAMPLES, PANELS, examples_of
from seprank.cli.terminal import speak
from seprank.system.progress import announce, bars, silent

RAC = ("rac", "--inputs", "2", "--width", "2", "--depth", "2")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def answer(*arguments: str) -> dict[str, Any]:
    """The one JSON object of a command that succeeds."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    content: dict[str, Any] = json.loads(result.stdout)
    return content


def refusal(*arguments: str, code: int = 2) -> str:
    """The message of a command that is refused: one line, no traceback."""
    result = run(*arguments)
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    assert "Traceback" not in result.stderr
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.stderr


def test_certify_json_has_the_documented_keys() -> None:
    content = answer("certify", *RAC, "--length", "8")
    documented = {"rank", "saturated", "exact", "upper_bound", "bounds", "model", "settings", "length", "cut"} | {
        "domain",
        "samples",
        "prime",
        "seed",
        "seconds",
    }
    assert documented <= set(content)
    assert content["settings"] == {"inputs": 2, "width": 2, "depth": 2}
    assert (content["rank"], content["upper_bound"], content["exact"], content["cut"]) == (10, 10, True, 4)


def test_certify_says_what_it_found_and_keeps_it(tmp_path: Path) -> None:
    file = tmp_path / "rac.json"
    result = run("certify", *RAC, "--length", "8", "--out", str(file))
    assert result.exit_code == 0
    assert "rank = 10" in result.stdout
    assert "exact" in result.stdout
    checked = run("verify", str(file))
    assert checked.exit_code == 0
    assert "exactly 10" in checked.stdout
    assert answer("verify", str(file)) == {
        "valid": True,
        "step": None,
        "reason": None,
        "rank": 10,
        "newer_bounds": [],
        "unchecked": [],
    }


def test_tokens_domain_with_templates_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "templates.npy"
    np.save(file, np.array([[1, 0], [0, 1], [1, 1]]))
    sizes = ("--inputs", "2", "--width", "2", "--length", "4")
    content = answer("certify", "rac", *sizes, "--domain", "tokens", "--templates", str(file))
    assert {bound["kind"] for bound in content["bounds"]} == {"upper"}
    assert content["rank"] == 2


MODULES = """
import torch
from torch import nn

class Cell(nn.Module):
    input_size = 2

    def __init__(self, width=3):
        super().__init__()
        self.mix = nn.Bilinear(2, width, width, bias=False)
        self.start = nn.Parameter(torch.ones(width))

    def forward(self, x, state=None):
        h = self.start.expand(len(x), -1) if state is None else state
        for step in x.unbind(1):
            h = self.mix(step, h)
        return h, h

def build(width=3):
    return Cell(width)

def fails():
    raise KeyError("no weights")

def number():
    return 3

def squashed():
    return nn.LSTM(2, 2)

class Grows(Cell):
    def forward(self, x, state=None):
        return x, x if state is None else torch.cat([state, x], 1)
"""


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    file = tmp_path / "modules.py"
    file.write_text(MODULES)
    return file


def test_a_module_of_ones_own(modules: Path, tmp_path: Path) -> None:
    file = tmp_path / "cell.json"
    content = answer("certify", f"{modules}:build", "--length", "4", "--set", "width=4", "--out", str(file))
    assert (content["rank"], content["upper_bound"], content["settings"]) == (4, 4, {"width": 4})
    assert "--model" in refusal("verify", str(file))
    assert run("verify", str(file), "--model", f"{modules}:build").exit_code == 0
    modules.write_text(MODULES + "\n")
    assert "sha256" in refusal("verify", str(file), "--model", f"{modules}:build", code=1)


def test_a_module_that_cannot_be_called_gets_a_wrapper_to_paste(tmp_path: Path) -> None:
    """With the module's own argument names, after the line that says why."""
    (tmp_path / "wants.py").write_text(
        "import torch\nclass Wants(torch.nn.Module):\n    input_size = 2\n"
        "    def forward(self, x, lengths):\n        return x * lengths['one']\nbuild = Wants\n"
    )
    said = refusal("measure", f"{tmp_path / 'wants.py'}:build", "--length", "4")
    assert said.startswith("seprank: ")
    assert "call={'lengths': ...}" in said.splitlines()[0]
    assert "class Wrapped(torch.nn.Module):" in said.splitlines()
    assert "        result = self.module(x, lengths=...)" in said.splitlines()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("rac", "--inputs", "2", "--width", "2", "--length", "1"), "length must be at least 2"),
        ((*RAC, "--length", "6", "--cut", "6"), "cut must be between 1 and length - 1 = 5, got 6"),
        ((*RAC, "--length", "6", "--cut", "0"), "cut must be between"),
        (("rac", "--inputs", "2", "--width", "0", "--length", "6"), "width must be at least 1, got 0"),
        (("rac", "--inputs", "0", "--width", "2", "--length", "6"), "inputs must be at least 1"),
        (("rac", "--inputs", "2", "--width", "2", "--depth", "-1", "--length", "6"), "depth must be at least 1"),
        (("rac", "--inputs", "2", "--width", "1000000", "--length", "6"), "weights alone take about 18.19 TiB"),
        (
            ("rac", "--inputs", "2", "--width", "2", "--depth", "10000000000", "--length", "6"),
            "smaller --width, --depth",
        ),
        ((*RAC, "--length", "6", "--samples", "1000000"), "samples take about"),
        ((*RAC, "--length", "6", "--memory", "much"), "memory must be a size such as 4GiB"),
        ((*RAC, "--length", "6", "--memory", "1KiB"), "--memory"),
        (("rca", "--inputs", "2", "--width", "2", "--length", "6"), "did you mean 'rac'"),
        (("rac", "--length", "6"), "needs --inputs and --width"),
        ((*RAC, "--length", "6", "--set", "a=1"), "RAC failed with TypeError"),
        ((*RAC, "--length", "6", "--domain", "words"), "domain must be"),
        ((*RAC, "--length", "6", "--domain", "tokens", "--templates", "many"), "templates must be"),
        ((*RAC, "--length", "6", "--templates", "one-hot"), "tokens domain"),
        ((*RAC, "--length", "6", "--readout", "5"), "readout must be below the 2"),
        ((*RAC, "--length", "6", "--prime", "8"), "8 = 2 * 4"),
        ((*RAC, "--length", "6", "--prime", "x"), "--prime"),
        ((*RAC, "--length", "6", "--seed", "1.5"), "--seed"),
        ((*RAC, "--length", "6", "--device", "tpu"), "device must be"),
        (("none.py:build", "--length", "6"), "no file none.py"),
        (("seprank.nothing:build", "--length", "6"), "importing seprank.nothing failed"),
        (("MODULES:missing", "--length", "6"), "must define 'missing', found no such name"),
        (("MODULES:fails", "--length", "6"), "failed with KeyError"),
        (("MODULES:number", "--length", "6"), "must return a torch.nn.Module, got int"),
        (("MODULES:build", "--length", "6", "--set", "width"), "--set must be key=value"),
        (("MODULES:build", "--length", "6", "--set", "colour=red"), "unexpected keyword argument"),
        (("MODULES:squashed", "--length", "6", "--inputs", "2"), "`sigmoid` in LSTM is not polynomial"),
        (("MODULES:Grows", "--length", "6"), "keep its shape"),
    ],
)
def test_bad_input_gives_one_message(arguments: tuple[str, ...], text: str, modules: Path) -> None:
    given = [argument.replace("MODULES", str(modules)) for argument in arguments]
    assert text in refusal("certify", *given)


def test_templates_of_a_wrong_shape(tmp_path: Path) -> None:
    file = tmp_path / "templates.npy"
    np.save(file, np.ones((3, 5)))
    told = refusal("certify", *RAC, "--length", "4", "--domain", "tokens", "--templates", str(file))
    assert "2 features for this module, got 5" in told


def test_certificates_that_are_none(tmp_path: Path) -> None:
    assert "there is no file" in refusal("verify", str(tmp_path / "none.json"))
    file = tmp_path / "c.json"
    for content, text in [("{", "not JSON"), ('{"schema": 99}', "update seprank"), ("[1]", "is this a seprank")]:
        file.write_text(content)
        assert text in refusal("verify", str(file))
    run("certify", *RAC, "--length", "4", "--out", str(file))
    file.write_text(file.read_text().replace('"seed":0', '"seed":1'))
    assert "'digest'" in refusal("verify", str(file))


def test_a_certificate_that_does_not_hold_is_the_answer_no(tmp_path: Path) -> None:
    from seprank.certification.certificate import digest

    file = tmp_path / "c.json"
    run("certify", *RAC, "--length", "4", "--out", str(file))
    body = json.loads(file.read_text())
    body["question"]["seed"] = 1
    file.write_text(json.dumps(body | {"digest": digest(body)}))
    assert "'minor'" in refusal("verify", str(file), code=1)


def test_bounds_are_those_of_theory_also_when_huge() -> None:
    sizes = {"inputs": 3, "width": 3, "depth": 3, "length": 8}
    told = answer("bounds", *(part for name, value in sizes.items() for part in (f"--{name}", str(value))))
    assert [b["value"] for b in told["bounds"]] == [b.value for b in bounds(**sizes)]
    result = run("bounds", "--inputs", "50", "--width", "64", "--depth", "3", "--length", "400")
    assert result.exit_code == 0
    assert "digits)" in result.stdout
    assert "did you mean" in refusal("bounds", "rcc", "--inputs", "2", "--width", "2", "--length", "4")
    assert "nothing is proved" in refusal("bounds", "lstm", "--inputs", "2", "--width", "2", "--length", "4")
    assert "needs --inputs and --width" in refusal("bounds", "--length", "4")


def test_plan_finds_the_least_network() -> None:
    content = answer("plan", "--rank", "1000000", "--length", "100", "--inputs", "50")
    assert content["best"]["parameters"] == 225
    assert (content["best"]["depth"], content["best"]["width"]) == (4, 3)
    assert "proved" in run("plan", "--rank", "1000000", "--length", "100", "--inputs", "50").stdout
    assert "rank must be" in refusal("plan", "--rank", "0", "--length", "100", "--inputs", "50")


def test_plan_takes_ranks_of_any_size_and_draws_the_widths(tmp_path: Path) -> None:
    page = tmp_path / "plan.html"
    sizes = ("--length", "1000", "--inputs", "50", "--out", str(page))
    assert answer("plan", "--rank", "1e100", *sizes) == answer("plan", "--rank", str(10**100), *sizes)
    assert "provably cannot reach it" in page.read_text()
    for wrong in ("many", "1.5", "1e9999999999", "nan", "1e-3"):
        assert "--rank must be a whole number" in refusal("plan", "--rank", wrong, *sizes)
    assert "at most 1000 digits" in refusal("plan", "--rank", "1e2000", *sizes)


def test_models_are_listed() -> None:
    assert "rac" in run("models").stdout


def test_doctor_finds_this_installation_sound() -> None:
    report = answer("doctor")
    assert report["healthy"]
    assert all(check["passed"] for check in report["checks"])
    assert "healthy" in run("doctor").stdout


def test_doctor_reports_what_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> str:
        raise ArithmeticError("1 + 1 = 3")

    monkeypatch.setattr("seprank.cli.doctor._elimination", broken)
    result = run("doctor")
    assert result.exit_code == 1
    assert "FAILED  elimination agrees with FLINT: ArithmeticError: 1 + 1 = 3" in result.stdout


def test_a_contradicted_bound_is_the_answer_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seprank.theory.bound.Bounds.least_upper", property(lambda known: 2))
    assert "proved upper bound" in refusal("certify", *RAC, "--length", "8", "--samples", "16", code=1)


def test_interruption_ends_with_130(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("seprank.certification.certify", interrupted)
    file = tmp_path / "c.json"
    assert "interrupted" in refusal("certify", *RAC, "--length", "4", "--out", str(file), code=130)
    assert not file.exists()


@pytest.mark.slow
def test_demo_tells_the_story(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from seprank.demo import Sizes

    few = Sizes(
        lengths=(2, 4, 6), long_lengths=(2, 4), cut_length=4, compared_length=4, compared_samples=32,
        matrix_samples=24, measured_samples=24, variants=("elman", "rac"), picture_length=4, training_steps=2,
    )  # fmt: skip
    monkeypatch.setattr("seprank.demo.Sizes", lambda: few)
    result = run("demo", "--out", str(tmp_path))
    assert result.exit_code == 0
    assert "3 layers of width 3 carry 759 independent threads" in result.stdout
    assert "however wide, carries more than 27" in result.stdout
    page = tmp_path / "report.html"
    assert result.stdout.splitlines()[-1] == f"report: {page}"
    assert "759" in page.read_text("utf-8")
    files = sorted(tmp_path.glob("rac-*.json"))
    # 3 depths at 3 middle cuts, and cuts 1 and 3 of length 4
    assert len(files) == 15
    assert run("verify", str(files[-1])).exit_code == 0
    again = tmp_path / "again.html"
    assert run("report", str(tmp_path), "--out", str(again)).exit_code == 0
    assert again.read_text("utf-8") == page.read_text("utf-8")


def test_a_report_of_nothing_is_refused(tmp_path: Path) -> None:
    assert "holds no certificate" in refusal("report", str(tmp_path))
    assert "does not exist" in refusal("report", str(tmp_path / "nowhere"))


def test_help_is_quick() -> None:
    """In seconds of a processor, the best of three: waiting for other work does not count."""
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "seprank", "--help"], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    # The aim is 0.3 s; an unlucky machine gets twice that before the test speaks up.
    assert min(seconds) < 0.6, seconds


def test_tasks_are_listed() -> None:
    listed = {task["name"]: task for task in answer("tasks")["tasks"]}
    assert listed["copying-memory"]["parameters"] == {"symbols": 32, "memory": 30, "delay": 60}
    assert listed["adding-problem"]["baselines"]["squared_error"] == pytest.approx(1 / 6)
    assert {"name", "version", "summary", "source", "inputs", "outputs", "length", "goal"} < set(listed["ucr"])
    shown = run("tasks").stdout
    assert all(name in shown for name in listed)
    assert "baselines: loss 0.1667" in shown


def test_the_match_count_is_certified_by_its_name() -> None:
    model = "seprank.tasks.start_end_similarity:MatchCount"
    sizes = ("--set", "symbols=3", "--set", "length=6", "--length", "6")
    assert answer("certify", model, *sizes, "--domain", "tokens", "--templates", "one-hot")["rank"] == 3 * 2 + 1


@pytest.mark.parametrize("model", ["gru", "lstm", "rnn", "orthogonal"])
def test_models_that_are_only_trained_are_not_certified(model: str) -> None:
    message = refusal("certify", model, "--inputs", "2", "--width", "3", "--length", "6")
    assert "is not polynomial" in message
    assert "`measure` takes any network" in message or "`measure`, which takes any network" in message


@pytest.mark.parametrize("flag", ["-V", "--version"])
def test_the_version_is_shown(flag: str) -> None:
    assert run(flag).stdout == f"seprank {sr.__version__}\n"


@pytest.fixture
def _speaks_as_before() -> Iterator[None]:
    yield
    speak(quiet=False, verbose=False)


@pytest.mark.usefixtures("_speaks_as_before")
@pytest.mark.parametrize(("flags", "shown"), [((), True), (("-v",), True), (("-q",), False), (("--quiet",), False)])
def test_quiet_hides_progress_and_announcements(
    flags: tuple[str, ...], shown: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*flags, "models").exit_code == 0
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with bars() as report:
        announce(report, "a stage", "some work", 60.0)
    assert (report is not silent) == shown
    assert logging.getLogger("seprank").isEnabledFor(logging.INFO) == shown


def test_quiet_and_verbose_are_opposites() -> None:
    assert "--quiet and --verbose are opposites" in refusal("-q", "-v", "models")


@pytest.mark.usefixtures("_speaks_as_before")
@pytest.mark.parametrize("flag", ["-v", "--verbose", None])
def test_verbose_shows_where_an_unforeseen_error_came_from(flag: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise KeyError("nobody thought of this")

    monkeypatch.setattr("seprank.cli.doctor.examine", fails)
    result = run(*([flag] if flag else []), "doctor")
    assert result.exit_code == 2
    assert "seprank: unforeseen KeyError" in result.stderr
    assert ("Traceback" in result.stderr) == (flag is not None)


NAMES = [command.__name__ for commands in PANELS.values() for command in commands]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help_with_examples_that_can_be_read(name: str) -> None:
    shown = run(name, "-h").stdout
    assert "<bool>" not in shown
    assert len(examples_of(name)) >= 2
    for example in examples_of(name):
        program, *words = shlex.split(example)
        assert program == "seprank"
        assert example in " ".join(shown.split())
        # Read to the last word: an option that does not exist, or a value of another type, is an error.
        get_command(app).commands[name].make_context(name, words[1:])


def test_every_example_is_of_a_command() -> None:
    assert sorted(EXAMPLES) == sorted(line for name in NAMES for line in examples_of(name))


def test_what_flags_mean_is_not_read_from_the_source_until_help_is_asked() -> None:
    """Parsing the settings at every start took 0.05 s."""
    program = (
        "import typer; from seprank.cli.app import app; from seprank.settings import entries;"
        "commands = typer.main.get_command(app).commands; assert not entries.help_texts.cache_info().misses;"
        "commands['plan'].get_help(typer.Context(commands['plan'])); assert entries.help_texts.cache_info().misses"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


@pytest.mark.slow
def test_a_dash_is_standard_output_and_standard_input(tmp_path: Path) -> None:
    """What is said beside the file goes to standard error."""
    program = [sys.executable, "-m", "seprank"]
    made = subprocess.run([*program, "certify", *RAC, "--length", "4", "--out", "-"], capture_output=True, check=True)
    assert Certificate.load(written(tmp_path / "rac.json", made.stdout)).rank == 6
    assert b"rank = 6" in made.stderr
    assert b"written: standard output" in made.stderr
    checked = subprocess.run([*program, "verify", "-"], input=made.stdout, capture_output=True, check=True)
    assert checked.stdout == b"valid: the generic rank of rac is exactly 6\n"
    # A file that standard output was sent to is filled once, not replaced.
    with (tmp_path / "all.json").open("ab") as file:
        file.write(b"[")
        file.flush()
        subprocess.run([*program, "certify", *RAC, "--length", "4", "--out", "-"], stdout=file, check=True)
    assert (tmp_path / "all.json").read_bytes()[1:] != b""
    assert (tmp_path / "all.json").read_bytes().startswith(b'[{"model"')


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_models_say_what_can_be_done_with_them() -> None:
    rows = {row["name"]: row for row in answer("models")["models"]}
    assert [rows[name]["bounds"] for name in ("rac", "elman", "mi_rnn", "lstm")] == [
        "theory",
        "theory",
        "degrees",
        None,
    ]
    assert [rows[name]["certified"] for name in ("rac", "elman", "mi_rnn", "lstm")] == [True, True, True, False]


def test_the_folder_of_the_demonstration_is_not_a_file(tmp_path: Path) -> None:
    result = run("demo", "--out", str(tmp_path / "page.html"))
    assert result.exit_code == 2
    assert "--out is a folder here, got 'page.html'; the report in it is report.html" in result.stderr
    assert not list(tmp_path.iterdir())
