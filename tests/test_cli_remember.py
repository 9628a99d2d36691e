"""`seprank remember`: one sentence, one table, one file; messages in place of tracebacks."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from seprank import MemoryCurve
from test_cli import answer, refusal, run

pytestmark = pytest.mark.usefixtures("one_thread")

LSTM = ("lstm", "--inputs", "2", "--width", "3", "--length", "12", "--samples", "32")
KEYS = {"lags", "memory", "joint", "errors", "reach", "half", "mean", "length"} | {
    "samples",
    "readout",
    "dtype",
    "seed",
    "seconds",
}
OWN = """
import torch
from torch import nn

class Last(nn.Module):
    input_size = 1
    def forward(self, x):
        return x[:, -4, 0]

class Letters(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Embedding(128, 3), nn.GRU(3, 4, batch_first=True), nn.Linear(4, 128))

def gru():
    return nn.GRU(2, 3, batch_first=True)

def encode(text):
    return [ord(letter) for letter in text]
"""


@pytest.fixture
def own(tmp_path: Path) -> str:
    path = tmp_path / "own_models.py"
    path.write_text(OWN, encoding="utf-8")
    return str(path)


def test_json_has_the_documented_keys() -> None:
    content = answer("remember", *LSTM)
    assert set(content) == KEYS
    assert content["lags"] == list(range(1, 12))
    assert all(0 <= joint <= memory <= 1 for memory, joint in zip(content["memory"], content["joint"], strict=True))
    low, high = content["errors"]["memory"][0]
    assert low <= content["memory"][0] <= high
    assert content["errors"]["reach"][0] <= content["reach"] <= content["errors"]["reach"][1]


def test_one_seed_is_one_curve() -> None:
    first, again, other = (answer("remember", *LSTM, "--seed", seed) for seed in ("1", "1", "2"))
    assert first["memory"] == again["memory"] != other["memory"]


def test_sentence_table_and_sparkline(own: str) -> None:
    result = run("remember", f"{own}:Last", "--length", "10", "--samples", "32")
    assert result.exit_code == 0, result.stderr
    assert "it reaches 3 steps back." in result.stdout
    assert "█" in result.stdout
    assert [line.split()[0] for line in result.stdout.splitlines() if line[:6].strip().isdigit()] == list("123456789")


@pytest.mark.slow
def test_several_models_share_a_table() -> None:
    content = answer("remember", "gru", *LSTM)
    assert list(content["models"]) == ["gru", "lstm"]
    assert set(content["models"]["gru"]) == KEYS
    result = run("remember", "gru", *LSTM)
    assert sum("it reaches" in line for line in result.stdout.splitlines()) == 2
    assert "lag" in result.stdout
    assert result.stdout.count(" reach ") == 1


def test_checkpoints_are_told_apart(own: str, tmp_path: Path) -> None:
    for name, size in (("weak", 0.1), ("strong", 2.0)):
        generator = torch.Generator().manual_seed(0)
        weights = {
            key: size * torch.randn(value.shape, generator=generator)
            for key, value in torch.nn.GRU(2, 3).state_dict().items()
        }
        save_file(weights, tmp_path / f"{name}.safetensors")
    models = [f"{own}:gru@{tmp_path / name}.safetensors" for name in ("weak", "strong")]
    content = answer("remember", *models, "--length", "12", "--samples", "32")["models"]
    assert content[models[0]]["memory"][4] != content[models[1]]["memory"][4]


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["json", "csv", "tex", "html", "svg", "pdf", "png"])
def test_the_ending_decides_what_is_written(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"curve.{ending}"
    result = run("remember", *LSTM, "--out", str(path))
    assert result.exit_code == 0, result.stderr
    assert f"written: {path}" in result.stdout.replace("\n", "")
    begins = {
        "pdf": b"%PDF",
        "png": b"\x89PNG",
        "html": b"<!doctype html>",
        "svg": b"<?xml",
        "csv": b"lag,memory",
        "tex": b"% \\usepackage{booktabs}",
    }
    assert path.read_bytes().startswith(begins.get(ending, b"{"))
    if ending == "json":
        assert MemoryCurve.load(path).length == 12


@pytest.mark.slow
def test_two_models_in_files(tmp_path: Path) -> None:
    for ending in ("json", "csv", "svg", "html"):
        assert run("remember", "gru", *LSTM, "--out", str(tmp_path / f"both.{ending}")).exit_code == 0
    assert list(json.loads((tmp_path / "both.json").read_text("utf-8"))) == ["gru", "lstm"]
    assert {line.split(",")[0] for line in (tmp_path / "both.csv").read_text("utf-8").splitlines()[1:]} == {
        "gru",
        "lstm",
    }
    assert "gru" in (tmp_path / "both.svg").read_text("utf-8") or (tmp_path / "both.svg").stat().st_size > 10_000


def test_text_is_read_by_the_users_tokenizer(own: str, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("the quick brown fox jumps over the lazy dog. " * 30, encoding="utf-8")
    arguments = (f"{own}:Letters", "--length", "8", "--samples", "40", "--data", str(text))
    content = answer("remember", *arguments, "--tokenizer", f"{own}:encode", "--tokens", "128")
    assert content["readout"] == "probabilities"
    assert "needs --tokenizer" in refusal("remember", *arguments, "--tokens", "128")


def test_ids_from_a_file(own: str, tmp_path: Path) -> None:
    np.save(tmp_path / "ids.npy", np.random.default_rng(0).integers(0, 128, 1000))
    arguments = ("--length", "8", "--samples", "40", "--data", str(tmp_path / "ids.npy"), "--past", "dropped")
    content = answer("remember", f"{own}:Letters", *arguments, "--influence", "--tokens", "128")
    assert content["samples"] == 40
    assert math.isfinite(content["mean"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--length", "1"), "at least 2"),
        (("--lags", "0"), "between 1 and 11, got 0"),
        (("--lags", "few"), "whole numbers"),
        (("--samples", "31"), "at least 32"),
        (("--threshold", "1"), "between 0 and 1"),
        (("--readout", "7"), "below the 3 output channels"),
        (("--past", "gone"), "resampled, dropped"),
        (("--out", "curve.xls"), "must end in"),
        (("--data", "nowhere.npy"), "no file"),
        (("--memory", "1KiB"), "memory"),
        (("--tokenizer", "a.py:f", "--data", "x.npy"), "is for .txt"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], message: str) -> None:
    said = refusal("remember", *LSTM, *arguments)
    assert message in said
    assert len(said.strip().splitlines()) == 1


def test_bad_models_are_one_line_and_one_that_looks_ahead_is_said_to(own: str) -> None:
    assert "no file" in refusal("remember", f"{own}:gru@nowhere.safetensors", "--length", "8")
    assert "named once" in refusal("remember", "gru", "gru", "--length", "8", "--inputs", "2", "--width", "2")
    bidirectional = ("torch.nn:LSTM", "--set", "input_size=2", "--set", "hidden_size=2", "--set", "bidirectional=true")
    result = run("remember", *bidirectional, "--length", "8")
    assert (result.exit_code, "a cut means nothing before the whole sequence is read" in result.stdout) == (0, True)


def test_an_interrupted_run_prints_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    from seprank.memory_curve.crossing import Crossing

    calls = iter(range(100))
    crossed = Crossing.terms

    def stopping(self: Crossing, lags: list[int]) -> object:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return crossed(self, lags)

    monkeypatch.setattr(Crossing, "terms", stopping)
    result = run("remember", *LSTM, "--json")
    assert result.exit_code == 130
    assert json.loads(result.stdout)["lags"] == [1, 2, 3]
    assert "interrupted" in result.stderr


def test_measure_says_the_sentence_of_the_curve_and_memory_at_every_cut(own: str, tmp_path: Path) -> None:
    arguments = ("measure", f"{own}:Last", "--length", "6", "--starts", "32", "--ends", "32", "--profile")
    result = run(*arguments, "--out", str(tmp_path / "kept"))
    assert result.exit_code == 0, result.stderr
    said = result.stdout.splitlines()[1]
    assert said.endswith("on inputs before the last 4: it reaches 3 steps back.")
    assert MemoryCurve.load(tmp_path / "kept" / "memory-curve.json").sentence() == said
    rows = (tmp_path / "kept" / "profile.csv").read_text("utf-8").splitlines()
    assert rows[0].startswith("cut,lag,memory,joint")
    memory = {int(row.split(",")[1]): float(row.split(",")[2]) for row in rows[1:]}
    assert memory == pytest.approx({1: 1, 2: 1, 3: 1, 4: 0, 5: 0}, abs=1e-9)
    assert len(json.loads((tmp_path / "kept" / "profile.json").read_text("utf-8"))["points"]) == 5
    content = answer(*arguments)
    assert content["remember"]["reach"] == 3


def test_a_profile_at_some_cuts_shows_the_one_next_to_the_middle(own: str) -> None:
    arguments = ("measure", f"{own}:Last", "--length", "9", "--cuts")
    content = answer(*arguments, "7,5,2")
    assert [point["cut"] for point in content["profile"]] == [2, 5, 7]
    assert (content["cut"], content["starts"], content["ends"]) == (5, 64, 64)
    content = answer(*arguments, "7,2", "--cut", "3", "--starts", "20")
    assert [point["cut"] for point in content["profile"]] == [2, 3, 7]
    assert (content["cut"], content["starts"], content["ends"]) == (3, 20, 64)
    assert answer("measure", f"{own}:Last", "--length", "9")["starts"] == 256
    assert "give one of them" in refusal(*arguments, "7", "--profile")
    assert "between 1 and length - 1 = 8, got 9" in refusal(*arguments, "2,9")
    assert "whole numbers with commas" in refusal(*arguments, "1/4")
    assert "at least one number" in refusal(*arguments, ",")


def test_measure_does_without_a_curve_where_data_are_few(own: str, tmp_path: Path) -> None:
    np.save(tmp_path / "few.npy", np.random.default_rng(0).standard_normal((40, 6)))
    arguments = ("measure", f"{own}:Last", "--length", "6", "--data", str(tmp_path / "few.npy"))
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[1].startswith("no memory curve: the data has 40 windows")
    assert answer(*arguments)["remember"] is None
