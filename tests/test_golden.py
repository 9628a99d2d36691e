"""What the commands answered when the layout was last changed on purpose: `python tests/test_golden.py` writes it anew.

A change that is meant is written anew in the commit that makes it, and named there. Files in data/golden: answers of
commands, certificates, and the keys by which a store finds the jobs of the shipped sweeps.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from seprank import certify
from seprank.cli import app
from seprank.jobs import read_sweep
from seprank.jobs.config import SHIPPED
from seprank.models import MODELS

GOLDEN = Path(__file__).parent / "data" / "golden.json"
CONFIGS = sorted(SHIPPED.glob("*.yaml"))
PASSING = {"seconds", "versions", "digest", "picture", "store", "eta", "memory_bytes", "created", "torch", "seprank"}
"""Keys of what differs between two runs, or two machines"""
COMMANDS = (
    "certify rac --inputs 3 --width 3 --depth 3 --length 6 --json",
    "certify rac --inputs 2 --width 2 --depth 2 --length 6 --domain tokens --json",
    "certify rac --inputs 3 --width 3 --depth 3 --length 4 --readout all --json",
    "certify arithmetic_lstm --inputs 2 --width 2 --length 4 --readout all --json",
    "certify selective_ssm --inputs 2 --width 2 --depth 2 --length 6 --cut 2 --json",
    "certify second_order --inputs 2 --width 3 --length 5 --prime 65537 --seed 3 --json",
    "certify linear_attention --inputs 2 --width 2 --depth 2 --length 6 --max-samples 64 --json",
    "certify delta_rule --inputs 2 --width 2 --length 5 --readout 1 --samples 20 --json",
    "bounds --inputs 4 --width 3 --depth 3 --length 8 --json",
    "bounds --inputs 2 --width 4 --depth 2 --length 7 --cut 3 --domain tokens --json",
    "bounds --inputs 2 --width 2 --depth 5 --length 30 --json",
    "bounds additive --inputs 2 --width 2 --length 9 --json",
    "bounds mi_rnn --inputs 2 --width 2 --depth 2 --length 6 --json",
    "plan --rank 1000000 --length 12 --inputs 3 --json",
    "plan --rank 1e30 --length 100 --inputs 5 --domain tokens --depth 3 --json",
    "compare --width 2 --inputs 2 --depth 1,2 --length 2,4 --models rac,elman,mi_rnn,cp_rnn --json",
    "compare --parameters 60 --inputs 2 --depth 1,2 --length 4 --models rac,arithmetic_gru --json",
    "measure lstm --inputs 3 --width 5 --length 10 --starts 48 --ends 40 --seed 1 --json",
    "measure gru --inputs 2 --width 4 --depth 2 --length 8 --cut 3 --starts 40 --ends 40 --readout 2 --json",
    "measure orthogonal --inputs 2 --width 6 --length 12 --starts 64 --ends 64 --dtype float32 --json",
    "measure rnn --inputs 2 --width 4 --length 6 --starts 40 --ends 40 --profile --json",
    "remember lstm --inputs 3 --width 6 --length 24 --samples 96 --json",
    "remember diagonal_ssm --inputs 2 --width 3 --length 16 --samples 64 --lags all --readout 0 --json",
    "train copying-memory --model rac --width 4 --steps 3 --set delay=3 --json",
    "draw rac --inputs 2 --width 2 --depth 2 --length 4 --json",
    "models --json",
    "tasks --json",
    "sweep atlas --dry-run --json",
)
CERTIFIED = ("rac", "elman", "mi_rnn", "second_order", "cp_rnn", "arithmetic_lstm", "arithmetic_gru")
CERTIFIED += ("linear_attention", "delta_rule", "diagonal_ssm", "selective_ssm")
CERTIFIED += ("min_gru", "min_lstm", "lru")


def answer(command: str, folder: Path) -> Any:
    """The JSON that a command prints, without what differs from run to run."""
    here = Path.cwd()
    os.chdir(folder)
    try:
        done = CliRunner().invoke(app, shlex.split(command))
    finally:
        os.chdir(here)
    assert done.exit_code == 0, done.output
    return lasting(json.loads(done.stdout))


def certificate(name: str, domain: str) -> Any:
    module = MODELS[name].draw(0, inputs=2, width=2, depth=2)
    return lasting(certify(module, length=4, domain=domain, seed=5).to_dict())


def keys(config: Path) -> str:
    """One hash of the keys of all jobs of a sweep."""
    return hashlib.sha256("\n".join(sorted(work.job.key for work in read_sweep(config).works())).encode()).hexdigest()


def lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: lasting(inner) for key, inner in value.items() if key not in PASSING}
    return [lasting(inner) for inner in value] if isinstance(value, list) else value


def assert_same(found: Any, golden: Any, place: str = "") -> None:
    """Equal, numbers that were computed in floating point to six digits."""
    if isinstance(golden, float) and isinstance(found, float):
        assert math.isclose(found, golden, rel_tol=1e-6, abs_tol=1e-9), f"{place}: {found} is not {golden}"
    elif isinstance(golden, dict) and isinstance(found, dict):
        assert found.keys() == golden.keys(), place
        for key, value in golden.items():
            assert_same(found[key], value, f"{place}.{key}")
    elif isinstance(golden, list) and isinstance(found, list):
        assert len(found) == len(golden), place
        for number, value in enumerate(golden):
            assert_same(found[number], value, f"{place}[{number}]")
    else:
        assert found == golden, place


@pytest.fixture(scope="module")
def golden() -> Any:
    return json.loads(GOLDEN.read_text("utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command.split()[:2]))
def test_answers(command: str, golden: Any, tmp_path: Path) -> None:
    assert_same(answer(command, tmp_path), golden["answers"][command], command)


@pytest.mark.slow
@pytest.mark.parametrize("name", CERTIFIED)
def test_certificates(name: str, golden: Any) -> None:
    domain = "tokens" if name == "mi_rnn" else "functional"
    assert_same(certificate(name, domain), golden["certificates"][name], name)


@pytest.mark.slow
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.stem)
def test_keys_of_jobs(config: Path, golden: Any) -> None:
    assert keys(config) == golden["keys"][config.name]


def write() -> None:
    """The golden file, from what this code answers."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        answers = {command: answer(command, Path(folder)) for command in COMMANDS}
    certificates = {name: certificate(name, "tokens" if name == "mi_rnn" else "functional") for name in CERTIFIED}
    content = {"answers": answers, "certificates": certificates, "keys": {c.name: keys(c) for c in CONFIGS}}
    GOLDEN.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(write())
