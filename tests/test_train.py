"""Training: the numbers depend on the settings alone, and no interruption changes or loses them."""

import csv
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from typer.testing import CliRunner

from seprank import measure, remember
from seprank.cli import app
from seprank.models.base.width import nearest_width
from seprank.sources.weights import load_weights
from seprank.store import Job, Store
from seprank.tasks import build_task
from seprank.train import Network, TrainSettings, build_network, describe, fit, train

TINY = TrainSettings(
    task="copying-memory",
    task_settings={"symbols": 3, "memory": 2, "delay": 1},
    model="gru",
    width=6,
    steps=10,
    batch=8,
    evaluate_every=4,
    validation=32,
    test=64,
    memory_every=8,
    memory_samples=16,
    memory_cut=1,
    seed=3,
)
EASY = replace(TINY, task_settings={"symbols": 2, "memory": 1, "delay": 0}, width=16, rate=1e-2, steps=400)


def numbers(record: dict[str, Any]) -> dict[str, Any]:
    """All of a record that the settings decide."""
    return {name: value for name, value in record.items() if name not in ("seconds", "versions")}


@pytest.mark.slow
def test_a_record_has_curve_memory_and_baselines(tmp_path: Path) -> None:
    record = fit(TINY, folder=tmp_path)
    assert [row["step"] for row in record["curve"]] == [0, 4, 8, 10]
    assert [row["step"] for row in record["memory"]] == [0, 8, 10]
    assert (record["outcome"], record["steps"], record["solved_at"]) == ("unsolved", 10, None)
    assert record["baselines"] == build_task("copying-memory", symbols=3, memory=2, delay=1).baselines()
    assert math.isclose(record["baselines"]["loss"], 2 * math.log(3) / 5)
    assert record["parameters"] == sum(parameter.numel() for parameter in build_network(TINY).parameters())
    with (tmp_path / "curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == [row["loss"] for row in record["curve"]]
    assert [row["memory_entropy"] != "" for row in rows] == [True, False, True, True]
    assert record["remembered"] == []


@pytest.mark.slow
def test_memory_curves_before_and_after_are_of_the_tasks_own_sequences(tmp_path: Path) -> None:
    settings = replace(TINY, memory_samples=40)
    record = fit(settings, folder=tmp_path)
    assert [curve["step"] for curve in record["remembered"]] == [0, 10]
    network = build_network(settings)
    load_weights(network, tmp_path / "weights.safetensors")
    data = settings.task_built.sequences(40, seed=3)
    curve = remember(network, length=settings.task_built.length, data=data, seed=3, progress=False)
    assert record["remembered"][1]["memory"] == pytest.approx(curve.memory, rel=1e-6)
    assert record["memory"][-1]["mean"] == pytest.approx(curve.mean, rel=1e-6)
    assert curve.sentence() in describe(settings, record)


@pytest.mark.slow
def test_training_is_rmsprop_on_the_numbered_batches(tmp_path: Path) -> None:
    """The same ten steps, written out."""
    record = fit(replace(TINY, memory_every=0), folder=tmp_path)
    network, task = build_network(TINY), TINY.task_built
    optimizer = torch.optim.RMSprop(network.parameters(), lr=1e-3, alpha=0.9)
    losses = []
    for index in range(10):
        batch = task.batch(8, seed=3, stream="train", index=index)
        optimizer.zero_grad()
        loss = task.loss(network(batch.inputs)[0], batch.targets)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    expected = [sum(part) / len(part) for part in (losses[:4], losses[4:8], losses[8:])]
    assert [row["train_loss"] for row in record["curve"][1:]] == pytest.approx(expected, rel=1e-6)
    batch = next(iter(task.batches("test", seed=3, count=64, size=64)))
    assert record["test"] == pytest.approx(task.score(network(batch.inputs)[0], batch.targets), rel=1e-5)


@pytest.mark.slow
def test_equal_settings_give_equal_numbers_and_leave_the_global_generator_alone(tmp_path: Path) -> None:
    before = torch.get_rng_state()
    first = fit(TINY, folder=tmp_path / "a")
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    assert numbers(fit(TINY, folder=tmp_path / "b")) == numbers(first)
    assert numbers(fit(replace(TINY, seed=4), folder=tmp_path / "c")) != numbers(first)


@pytest.mark.slow
def test_an_easy_task_is_solved_and_training_stops(tmp_path: Path) -> None:
    record = fit(EASY, folder=tmp_path)
    assert record["outcome"] == "solved"
    assert record["solved_at"] == record["steps"] == record["curve"][-1]["step"] < 400
    assert record["test"]["data_accuracy"] >= 0.99
    assert record["memory"][-1]["step"] == record["steps"]


@pytest.mark.slow
def test_weights_are_kept_and_can_be_measured(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    record = fit(TINY, folder=tmp_path)
    network = build_network(TINY)
    network.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    starts, ends = TINY.task_built.halves(16, seed=3, cut=1)
    found = measure(network, length=5, cut=1, starts=starts, ends=ends, seed=3)
    assert found.entropy == pytest.approx(record["memory"][-1]["entropy"])


@pytest.mark.slow
def test_a_loss_that_is_not_finite_ends_the_run_with_a_record(tmp_path: Path) -> None:
    record = fit(replace(TINY, model="rnn", rate=1e38, clip=1e30), folder=tmp_path)
    assert record["outcome"] == "diverged"
    assert 0 < record["steps"] < 10
    assert record["test"] is None
    assert fit(replace(TINY, model="rnn", rate=1e38, clip=1e30), folder=tmp_path) == record


@pytest.mark.slow
def test_what_has_ended_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = fit(TINY, folder=tmp_path)
    monkeypatch.setattr(sys.modules["seprank.train.fit"], "_run", lambda *_: pytest.fail("the run was done again"))
    assert fit(TINY, folder=tmp_path) == record


@pytest.mark.slow
def test_a_folder_belongs_to_one_run(tmp_path: Path) -> None:
    fit(TINY, folder=tmp_path)
    with pytest.raises(ValueError, match=r"holds a run with width 6, this one has 7; give another folder"):
        fit(replace(TINY, width=7), folder=tmp_path)


class Trouble:
    """A stand-in for what writes the result, which fails."""

    def __call__(self, *_: object, **__: object) -> None:
        raise OSError("no space left on device")


@pytest.mark.slow
def test_a_run_that_ended_unwritten_is_taken_up_at_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = fit(EASY, folder=tmp_path / "unbroken")
    with monkeypatch.context() as context:
        context.setattr(sys.modules["seprank.train.fit"], "_result", Trouble())
        with pytest.raises(OSError, match="no space"):
            fit(EASY, folder=tmp_path / "broken")
    steps: list[int] = []
    original = sys.modules["seprank.train.fit"].Evaluation.look
    monkeypatch.setattr(
        sys.modules["seprank.train.fit"].Evaluation,
        "look",
        lambda self, learner, step: (steps.append(step), original(self, learner, step))[1],
    )
    assert numbers(fit(EASY, folder=tmp_path / "broken")) == numbers(expected)
    assert steps == []


class Interrupting:
    """A logger that is asked to log and presses Ctrl-C."""

    name, version, log_dir, save_dir, root_dir = "n", 0, None, None, None

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        if step == 8:
            raise KeyboardInterrupt


@pytest.mark.slow
def test_ctrl_c_is_an_interrupt_and_the_run_can_be_taken_up(tmp_path: Path) -> None:
    expected = fit(TINY, folder=tmp_path / "unbroken")
    with pytest.raises(KeyboardInterrupt):
        fit(TINY, folder=tmp_path / "broken", logger=Interrupting())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert numbers(fit(TINY, folder=tmp_path / "broken")) == numbers(expected)


KILLING = """
import json, os, random, signal, sys, time
from dataclasses import replace
from pathlib import Path
import lightning.pytorch, torch
import seprank.measurement.measure, seprank.train.learner
from seprank.store import Job, Store
from seprank.tasks import build_task
from seprank.train import TrainSettings, train

torch.set_num_threads(1)
folder = Path(sys.argv[1])
settings = TrainSettings(**json.loads(sys.argv[2]))


def start(store):
    # Everything is imported: a forked child trains at once, and is killed while it trains.
    child = os.fork()
    if child == 0:
        train(settings, store=store, progress=False)
        os._exit(0)
    return child


os.waitpid(start(folder / "unbroken.db"), 0)
chance = random.Random(7)
store = folder / "other" / "broken.db"
store.parent.mkdir()
curve = store.parent / "train" / Job("train", settings.to_dict()).key[:16] / "curve.csv"


def rows():
    return curve.read_text().splitlines() if curve.exists() else []


kills, seen = 0, []
while kills < 20:
    child = start(store)
    # Often not before it has got somewhere, so that on a slow machine, too, it is killed in all parts of its work.
    deadline = time.monotonic() + (60 if chance.random() < 0.7 else 0)
    while len(rows()) <= len(seen) and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(chance.uniform(0.0, 0.05))
    os.kill(child, signal.SIGKILL)
    if os.waitpid(child, 0)[1] != signal.SIGKILL:
        raise SystemExit("the run ended before it was killed 20 times")
    kills += 1
    assert rows()[: len(seen)] == seen, "a row that had been reported was lost or changed"
    seen = rows()
os.waitpid(start(store), 0)
assert rows()[: len(seen)] == seen
print(json.dumps({"kills": kills}))
"""


@pytest.mark.slow
def test_killed_at_random_moments_a_run_ends_with_the_same_numbers(tmp_path: Path) -> None:
    settings = replace(TINY, steps=150, evaluate_every=1, memory_every=0).to_dict()
    settings.pop("task_version")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", KILLING, str(tmp_path), json.dumps(settings)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    kills = json.loads(done.stdout)["kills"]
    assert kills == 20
    job = Job("train", replace(TINY, steps=150, evaluate_every=1, memory_every=0).to_dict())
    with Store(tmp_path / "unbroken.db") as unbroken, Store(tmp_path / "other" / "broken.db") as broken:
        expected, found = unbroken.record(job), broken.record(job)
        assert expected is not None
        assert found is not None
        assert numbers(found.result) == numbers(expected.result)
        assert len(broken.records()) == 1


@pytest.mark.slow
def test_a_lightning_logger_gets_the_curve(tmp_path: Path) -> None:
    from lightning.pytorch.loggers import CSVLogger

    record = fit(TINY, folder=tmp_path, logger=CSVLogger(str(tmp_path), name="log", version=0))
    with (tmp_path / "log" / "version_0" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == pytest.approx([row["loss"] for row in record["curve"]])
    assert float(rows[-1]["memory/entropy"]) == pytest.approx(record["memory"][-1]["entropy"])


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("model", ["rac", "mi_rnn", "orthogonal", "rnn", "gru", "lstm"])
def test_networks_in_two_halves_are_networks_at_once(model: str, residual: bool) -> None:
    network = build_network(replace(TINY, model=model, depth=3, residual=residual))
    inputs = TINY.task_built.batch(4, seed=0, stream="test", index=0).inputs
    with torch.no_grad():
        whole, _ = network(inputs)
        first, state = network(inputs[:, :2])
        second, _ = network(inputs[:, 2:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)


def test_a_residual_connection_adds_what_a_layer_was_fed_with() -> None:
    layers: list[nn.Module] = [nn.GRU(2, 3, batch_first=True), nn.GRU(3, 3, batch_first=True)]
    network = Network(layers, width=3, outputs=1, residual=True)
    inputs = torch.ones(1, 4, 2)
    below = layers[0](inputs)[0]
    torch.testing.assert_close(network(inputs)[0], network.readout(layers[1](below)[0] + below))


@given(parameters=st.integers(1, 10**6), inputs=st.integers(1, 50), depth=st.integers(1, 4))
def test_the_nearest_width_is_the_nearest(parameters: int, inputs: int, depth: int) -> None:
    def count(width: int) -> int:
        return width * inputs + depth * width * width

    width = nearest_width(count, parameters)
    distances = [abs(count(other) - parameters) for other in (width - 1, width, width + 1) if other > 0]
    assert abs(count(width) - parameters) == min(distances)


def test_equal_parameters_are_nearly_equal() -> None:
    for model in ("orthogonal", "gru"):
        for depth in (1, 2, 3):
            settings = replace(TINY, model=model, depth=depth, width=None, parameters=5000)
            network = build_network(settings)
            count = sum(parameter.numel() for parameter in network.parameters())
            assert count == settings.count_parameters(settings.network_width)
            assert abs(count - 5000) < 400


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 0}, "width must be at least 1"),
        ({"parameters": 100}, "give width or parameters, got width="),
        ({"width": 0}, "width must be at least 1, got 0"),
        ({"depth": 0}, "depth must be"),
        ({"rate": 0.0}, "rate must be between 0 and inf, got 0.0"),
        ({"rate": float("nan")}, "rate must be"),
        ({"decay": 1.0}, "decay must be between 0 and 1"),
        ({"memory_every": 3}, "memory_every must be a multiple of evaluate_every, 4, got 3"),
        ({"memory_cut": 5}, "memory_cut must be below the task's length, 5, got 5"),
        ({"task": "copying-memry"}, "did you mean 'copying-memory'"),
        ({"model": "grru"}, "did you mean 'gru'"),
        ({"task_settings": {"delays": 3}}, "did you mean 'delay'"),
    ],
)
def test_settings_that_cannot_be(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(TINY, **change)


@pytest.mark.slow
def test_a_job_is_known_by_all_its_settings(tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    first = train(TINY, store=store)
    assert train(TINY, store=store) == first
    same = replace(TINY, task_settings={"delay": 1, "memory": 2, "symbols": 3})
    assert train(same, store=store) == first
    with Store(store) as opened:
        assert len(opened.records()) == 1


ARGUMENTS = ["train", "copying-memory", "--model", "gru", "--width", "6", "--steps", "4", "--batch", "8"] + [
    word for pair in ("symbols=3", "memory=2", "delay=1") for word in ("--set", pair)
]


@pytest.mark.slow
def test_command_line(tmp_path: Path) -> None:
    store = ["--store", str(tmp_path / "runs.db")]
    done = CliRunner().invoke(app, [*ARGUMENTS, *store, "--evaluate-every", "2"])
    assert done.exit_code == 0, done.output
    assert "not solved in 4 steps" in done.stdout
    assert "baseline 0.4394" in done.stdout  # 2 ln 3 / 5
    again = CliRunner().invoke(app, [*ARGUMENTS, *store, "--evaluate-every", "2", "--json"])
    assert json.loads(again.stdout)["steps"] == 4
    listed = CliRunner().invoke(app, ["results", str(tmp_path / "runs.db"), "--out", str(tmp_path / "out.csv")])
    assert "1 records, 0 jobs still open" in listed.stdout
    with (tmp_path / "out.csv").open() as file:
        assert [(row["task_settings.delay"], row["result.outcome"]) for row in csv.DictReader(file)] == [
            ("1", "unsolved")
        ]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--set", "delay"], "--set must be key=value"),
        (["--logger", "NoLogger"], "lightning has no logger 'NoLogger'"),
        (["--device", "tpu"], "device must be auto, cpu or cuda"),
    ],
)
def test_command_line_mistakes(tmp_path: Path, extra: list[str], message: str) -> None:
    done = CliRunner().invoke(app, [*ARGUMENTS, "--store", str(tmp_path / "runs.db"), *extra])
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_run_that_diverges_is_the_answer_no(tmp_path: Path) -> None:
    arguments = [*ARGUMENTS, "--model", "rnn", "--store", str(tmp_path / "runs.db"), "--rate", "1e38", "--clip", "1e30"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1
    assert "diverged: the loss was not finite" in done.stdout
