"""Models and tasks of the user's own in every command: as the registry's where they are the same, else refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from seprank import MODELS, certify, compare, remember
from seprank.cli import app
from seprank.comparison import Comparison
from seprank.jobs import outlook, sweep
from seprank.jobs.config import ConfigError, Sweep
from seprank.sources import FactoryError, load_factory
from seprank.sources.architecture import find_architecture
from seprank.sources.code import source_of
from seprank.sources.own_task import find_task
from seprank.store import Store
from seprank.train import TrainSettings, build_network

OWN = '''
import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from seprank import RAC as Circuit
from seprank.tasks import Batch, Task
from seprank.tasks.copying import CopyingMemory as Copying


def gru(inputs, width, num_layers=1, flip=False):
    """torch's, which has its time first."""
    return nn.GRU(inputs, width, num_layers)


class Alone(nn.Module):
    """Its outputs alone, and no width to choose."""

    def __init__(self, input_size, heads=2):
        super().__init__()
        self.map = nn.Linear(input_size, 3 * heads)

    def forward(self, x):
        return self.map(x).cumsum(1)


def second(input_size, hidden_size):
    from seprank.models.second_order import SecondOrder
    return SecondOrder(input_size, hidden_size)


made = nn.GRU(1, 4, batch_first=True)
number = 3


class Pictures(nn.Module):
    """Reads a picture at each step."""

    def __init__(self):
        super().__init__()
        self.map = nn.Linear(12, 2)

    def forward(self, x):
        return self.map(x.flatten(2)).cumsum(1).tanh()


class Last(nn.Module):
    def __init__(self, inputs, width=2):
        super().__init__()
        self.rnn = nn.RNN(inputs, width, batch_first=True)

    def forward(self, x):
        return self.rnn(x)[0][:, -1]


class TimeFirst(Last):
    def forward(self, x):
        return self.rnn(x.transpose(0, 1))[0].transpose(0, 1)


def fixed(width=2):
    return nn.RNN(7, width, batch_first=True)


def nothing(inputs, width=2):
    return 3


@dataclass(frozen=True)
class Parity(Task):
    name: ClassVar = "parity"
    goal: ClassVar = ("accuracy", 0.99)
    length: int = 6

    @property
    def inputs(self):
        return 1

    @property
    def outputs(self):
        return 2

    @property
    def every_step(self):
        return False

    def draw(self, size, generator):
        bits = torch.randint(2, (size, self.length), generator=generator)
        return Batch(bits.unsqueeze(2).float(), bits.sum(1) % 2)

    def baselines(self):
        return {"loss": math.log(2), "accuracy": 0.5}


def parity(steps):
    return Parity(length=steps)


ready = Parity(length=4)


class Chance(Parity):
    def draw(self, size, generator):
        return super().draw(size, torch.Generator().manual_seed(torch.seed()))


class Wide(Parity):
    @property
    def inputs(self):
        return 2


class Silent(Parity):
    def baselines(self):
        return {}


class Broken(Parity):
    def draw(self, size, generator):
        raise KeyError("no data")


class Tuned(Parity):
    def settings(self):
        return {"rule": object()}
'''

TRAINED = {"steps": 2, "batch": 4, "evaluate_every": 1, "validation": 8, "test": 8, "width": 3, "seed": 5}
SHORT = {"symbols": 2, "memory": 1, "delay": 0}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with the file and the same as a package."""
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    (tmp_path / "ownpackage").mkdir()
    (tmp_path / "ownpackage" / "__init__.py").write_text("raise RuntimeError('this package was run')\n")
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "__init__.py").write_text("")
    (tmp_path / "ours" / "own.py").write_text(OWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in ("ours", "ours.own", "ownpackage"):
        sys.modules.pop(name, None)


def run(*words: str) -> tuple[int, Any, str]:
    """Exit code, answer and what was said."""
    done = CliRunner().invoke(app, [*words])
    return done.exit_code, json.loads(done.stdout) if done.stdout.startswith("{") else None, done.output


def without_times(found: Any) -> Any:
    """An answer without seconds and versions, and without the name of the model."""
    if isinstance(found, dict):
        left_out = ("seconds", "versions", "model", "subject", "created", "digest")
        return {key: without_times(value) for key, value in found.items() if key not in left_out}
    return [without_times(value) for value in found] if isinstance(found, list) else found


PLACES = ("own.py", "ours.own")
SIZES = ("--inputs", "2", "--width", "3")
VERBS: dict[str, tuple[str, ...]] = {
    "certify": (*SIZES, "--length", "4"),
    "bounds": (*SIZES, "--length", "4"),
    "measure": (*SIZES, "--length", "4", "--starts", "32", "--ends", "32"),
    "remember": (*SIZES, "--length", "4", "--samples", "32"),
}


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("place", PLACES)
def test_a_class_of_ones_own_is_what_the_registry_has(verb: str, place: str) -> None:
    code, wanted, said = run(verb, "second_order", *VERBS[verb], "--json")
    assert code == 0, said
    code, found, said = run(verb, f"{place}:second", *VERBS[verb], "--json")
    assert code == 0, said
    assert without_times(found) == without_times(wanted)


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("size", [("--width", "3"), ("--parameters", "60")])
def test_compare_has_the_same_cells_for_a_class_of_ones_own(place: str, size: tuple[str, str]) -> None:
    asked = (*size, "--inputs", "2", "--depth", "1,2", "--length", "2,4", "--samples", "32", "--json")
    found, wanted = (run("compare", "--models", name, *asked)[1] for name in (f"{place}:Circuit", "rac"))
    assert [one.pop("model") for one in found["cells"]] == [f"{place}:Circuit"] * 4
    assert without_times(found) == without_times(wanted)


@pytest.mark.slow
def test_compare_says_of_a_factory_without_a_width_that_it_has_none() -> None:
    asked: dict[str, Any] = {"inputs": 2, "length": 4, "depth": [1, 2], "progress": False, "max_samples": 64}
    found = compare(["own.py:Alone", "rac"], **asked, parameters=40)
    (own, *others) = found.cells
    assert (own.depth, own.width, own.parameters, own.rank, own.exact) == (None, None, 18, 2, True)
    assert [cell.depth for cell in others] == [1, 2]
    assert found.deviation == pytest.approx(
        (min(c.parameters for c in others) / 40 - 1, max(c.parameters for c in others) / 40 - 1)
    )
    text = str(found)
    assert "own.py:Alone takes no width: it is compared as it is made" in text
    assert next(line for line in text.splitlines() if line.startswith("own.py")).split()[1:4] == ["own", "own", "18"]
    assert Comparison.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    assert found.export("compared.html").is_file()
    more = compare("own.py:Alone", **asked, width=9, model_settings={"heads": 4})
    assert (more.cells[0].parameters, more.model_settings) == (36, {"heads": 4})
    assert "heads=4" in more.headline()


@pytest.mark.slow
def test_compare_takes_the_skeleton_of_what_turns_out_not_to_be_polynomial() -> None:
    asked: dict[str, Any] = {"inputs": 2, "length": 4, "width": 2, "max_samples": 64, "progress": False}
    own, known = compare(["own.py:gru", "gru"], **asked, measured=True).cells
    assert (own.skeleton, own.rank, own.parameters) == (True, known.rank, known.parameters)
    assert own.mean == pytest.approx(known.mean)
    (failed,) = compare("own.py:gru", **asked).cells
    assert failed.failure == (
        "`sigmoid` in GRU is not polynomial, so the rank cannot be certified; with measured=True (--measured) it is "
        "that of the polynomial skeleton"
    )


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["measure", "remember", "neighbours"])
def test_pictures_have_the_sizes_of_their_axes(verb: str) -> None:
    asked = (verb, "own.py:Pictures", "--length", "4", "--json", *(() if verb == "measure" else ("--samples", "32")))
    code, found, said = run(*asked, "--inputs", "3,2,2")
    assert code == 0, said
    if verb == "remember":
        module = load_factory("own.py:Pictures").build(0)
        curve = remember(module, length=4, samples=32, inputs=(3, 2, 2), progress=False)
        assert found["memory"] == pytest.approx(list(curve.memory))
    code, _, said = run(*asked, "--inputs", "3,x")
    assert (code, "must be whole numbers with commas between them, got '3,x'" in said) == (2, True)


def test_a_rank_is_over_vectors() -> None:
    code, _, said = run("certify", "own.py:Pictures", "--length", "4", "--inputs", "3,2,2")
    assert (code, "--inputs" in said) == (2, True)


REFUSED: dict[tuple[str, ...], str] = {
    ("certify", "none.py:build", "--length", "4"): "no file none.py",
    ("measure", "own.py:none", "--length", "4"): "own.py must define 'none', found no such name",
    ("remember", "own.py:number", "--length", "4"): "must be a function, a class or a network, got a int",
    ("compare", "--models", "own.py:nothing", "--width", "2"): "must return a torch.nn.Module, got int",
    ("compare", "--models", "nowhere:build", "--width", "2"): "ModuleNotFoundError",
    ("compare", "--models", "rac", "--set", "heads=3", "--width", "2"): "for factories of your own, and there is none",
    ("compare", "--models", "own.py:gru", "--set", "flip=no", "--width", "2"): "must be true or false, got 'no'",
    ("train", "own.py:none"): "own.py must define 'none'",
    ("train", "own.py:number"): "must be a task, or a class or function that makes one, got a int",
    ("train", "own.py:gru", "--set", "inputs=1", "--set", "width=1"): "must make a task, derived from seprank.tasks",
    ("train", "own.py:parity"): "own.py:parity needs steps; give --set steps=VALUE",
    ("train", "own.py:ready", "--set", "length=3"): "is a task that already exists and takes no length",
    ("train", "own.py:Chance"): "drew other numbers from the same generator",
    ("train", "own.py:Wide"): "must draw inputs (4, 6, 2) (sequences, length, inputs)",
    ("train", "own.py:Silent"): "needs scores of loss and of its goal, accuracy, and a baseline of loss",
    ("train", "own.py:Broken"): "it failed with KeyError: 'no data'",
    ("train", "own.py:Tuned"): "must have parameters that a file can hold",
    ("train", "own.py:Parity", "--model", "none.py:build"): "no file none.py",
    ("train", "own.py:Parity", "--model", "own.py:Alone", "--width", "8"): "takes no width, so leave width out",
    ("train", "own.py:Parity", "--model", "own.py:Alone", "--parameters", "8"): "no width, so leave parameters out",
    ("train", "own.py:Parity", "--model", "own.py:Alone", "--depth", "2"): "takes no depth, so it must be 1",
    ("train", "own.py:Parity", "--model", "own.py:Last"): "must return outputs at all steps, (2, 3, features)",
    ("train", "own.py:Parity", "--model", "own.py:TimeFirst", "--steps", "1"): "set batch_first = False on it",
    ("train", "own.py:Parity", "--model", "own.py:fixed"): "must take sequences (batch, time, 1) in float32",
    ("train", "own.py:Parity", "--model", "own.py:nothing"): "must return a torch.nn.Module, got int",
    ("train", "own.py:Parity", "--model", "own.py:made", "--model-set", "a=1"): "takes no a; name what makes it",
    ("train", "own.py:Parity", "--model", "ours.own:made"): "with weights that no seed determines",
}  # fmt: skip


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_what_cannot_be_used_is_refused_with_what_to_do(words: tuple[str, ...]) -> None:
    code, _, said = run(*words)
    assert (code, "Traceback" in said) == (2, False)
    assert REFUSED[words] in " ".join(said.split())


# Training


@pytest.mark.parametrize(
    ("model", "settings", "twin"),
    [
        ("own.py:gru", {"depth": 2}, nn.GRU(4, 3, 2)),
        ("ours.own:gru", {"depth": 2, "residual": True}, None),
        ("own.py:gru", {"width": None, "parameters": 300}, None),
        ("torch.nn:RNN", {"model_settings": {"bidirectional": True}}, nn.RNN(4, 3, bidirectional=True)),
        ("gru", {"model_settings": {"bidirectional": True}}, nn.GRU(4, 3, bidirectional=True)),
        ("own.py:Alone", {"width": None, "model_settings": {"heads": 1}}, nn.Linear(4, 3)),
        ("cp_rnn", {"model_settings": {"rank": 5}}, None),
    ],
)  # fmt: skip
def test_parameters_and_readout_are_those_of_the_network_that_is_built(
    model: str, settings: dict[str, Any], twin: nn.Module | None
) -> None:
    asked = TrainSettings(task="copying-memory", task_settings=SHORT, model=model, **{**TRAINED, **settings})
    network = build_network(asked)
    assert asked.count_parameters(asked.network_width) == sum(p.numel() for p in network.parameters())
    if twin is not None:
        assert [p.shape for p in network.layers[0].parameters()] == [p.shape for p in twin.parameters()]
    if asked.parameters is not None and asked.network_width is not None:
        near = [abs(asked.count_parameters(asked.network_width + step) - 300) for step in (-1, 0, 1)]
        assert min(near) == near[1]
    inputs = asked.task_built.batch(3, seed=0, stream="test", index=0).inputs
    found = network(inputs)
    outputs = found[0] if isinstance(found, tuple) else found
    assert outputs.shape == (3, asked.task_built.length, asked.task_built.outputs)
    assert (not isinstance(found, tuple)) == model.endswith("Alone")


TORCH_OPTIONS = {"bias": False, "bidirectional": True, "proj_size": 2}


@pytest.mark.parametrize("name", [name for name, spec in MODELS.items() if spec.recurrent])
def test_numbers_in_a_network_are_those_of_its_own_settings(name: str) -> None:
    """Whatever its class takes besides the sizes, such as the rank of cp_rnn, which is not its width."""
    spec = MODELS[name]
    options = getattr(spec.load(), "OPTIONS", TORCH_OPTIONS)
    asked = [{option: value} for option in options for value in (True, False, "tanh", "sigmoid", "exp", 5, 2)]
    counted = 0
    for extra in (dict(spec.training), *asked):
        try:
            module = spec.build(inputs=3, width=4, depth=2, **extra)
        except (ValueError, TypeError):
            continue
        counted += 1
        one = find_architecture(name, extra)
        assert one.count(inputs=3, width=4, depth=2) == sum(p.numel() for p in module.parameters()), extra
    assert counted > len(options)


def test_networks_of_ones_own_have_the_weights_of_the_registry() -> None:
    own, known = (
        build_network(TrainSettings(task="copying-memory", task_settings=SHORT, model=name, depth=2, **TRAINED))
        for name in ("own.py:gru", "gru")
    )
    assert all(map(torch.equal, own.parameters(), known.parameters()))
    inputs = torch.rand(3, 5, 4)
    assert torch.equal(own(inputs)[0], known(inputs)[0])


def test_a_job_is_known_by_the_text_of_the_code(folder: Path) -> None:
    asked: dict[str, Any] = {"task": "own.py:Parity", "model": "own.py:gru", **TRAINED}
    first = TrainSettings(**asked).to_dict()
    assert first.keys() - TrainSettings(task="copying-memory").to_dict().keys() == {"files"}
    assert (first["task_settings"], first["task_version"]) == ({"length": 6}, 1)
    (folder / "own.py").write_text(OWN + "\n# changed\n", encoding="utf-8")
    assert TrainSettings(**asked).to_dict()["files"] != first["files"]


@pytest.mark.parametrize(
    "name", ["own.py:Parity", "own.py:parity", "own.py:ready", "ours.own:Parity", "ours.own:ready"]
)
def test_a_task_is_a_class_a_function_or_itself(name: str) -> None:
    given = {"own.py:Parity": {"length": 4}, "ours.own:Parity": {"length": 4}, "own.py:parity": {"steps": 4}}
    task = find_task(name, given.get(name, {}))
    assert (task.length, task.settings()) == (4, {"length": 4})


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_training_of_ones_own_is_that_of_the_registry(place: str) -> None:
    words = [
        "--width",
        "3",
        "--steps",
        "2",
        "--batch",
        "4",
        "--evaluate-every",
        "1",
        "--validation",
        "8",
        "--test",
        "8",
    ]
    words += [word for name, value in SHORT.items() for word in ("--set", f"{name}={value}")]
    _, wanted, _ = run("train", "copying-memory", "--model", "gru", *words, "--json")
    code, found, said = run("train", f"{place}:Copying", "--model", f"{place}:gru", *words, "--json")
    assert code == 0, said
    assert without_times(found) == without_times(wanted)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["own.py:Alone", "own.py:made", "ours.own:gru"])
def test_a_task_of_ones_own_is_trained_measured_and_swept(model: str, folder: Path) -> None:
    asked = {key: value for key, value in TRAINED.items() if key != "width"}
    settings = {"task": "own.py:Parity", "model": model, "memory_every": 2, "memory_samples": 16, **asked}
    plan = Sweep.model_validate({"blocks": [{"command": "train", "settings": settings}]})
    summary = sweep(plan, store=folder / "a.db", trusted=True, progress=False)
    with Store(folder / "a.db") as opened:
        (record,) = opened.records()
    assert summary.done == 1, record.error
    assert record.result["outcome"] in ("solved", "unsolved")
    assert record.result["memory"][0]["entropy"] is not None
    again = sweep(plan, store=folder / "a.db", trusted=True, progress=False)
    assert (again.stored, again.done) == (1, 0)


# What a file of jobs may run


CIRCUIT = {"model": "own.py:Circuit", "inputs": 2, "width": 2, "length": 4}
READING = {"model": "rac", "length": 4, "tokenizer": "own.py:f"}
PLANS: dict[str, tuple[dict[str, Any], str]] = {
    "file": ({"command": "certify", "settings": CIRCUIT}, "own.py:Circuit"),
    "package": ({"command": "measure", "settings": {"model": "ownpackage.sub:f", "length": 4}}, "ownpackage.sub:f"),
    "grid": ({"command": "remember", "grid": {"model": ["rac", "os:system"]}, "settings": {"length": 4}}, "os:system"),
    "task": ({"command": "train", "settings": {"task": "ownpackage:T"}}, "ownpackage:T"),
    "trained": ({"command": "train", "settings": {"task": "copying-memory", "model": "ownpackage:T"}}, "ownpackage:T"),
    "tokenizer": ({"command": "remember", "settings": READING}, "own.py:f"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANS)
def test_code_of_a_file_of_jobs_is_run_only_if_it_is_trusted(name: str, folder: Path) -> None:
    block, code = PLANS[name]
    plan = Sweep.model_validate({"blocks": [block]})
    for look in (outlook, sweep):
        with pytest.raises(ConfigError, match=f"names code, which would be run: {code}; if you trust its author"):
            look(plan, store=folder / "a.db")
    assert not any(name.startswith("ownpackage") for name in sys.modules)
    assert not (folder / "a.db").exists()


def test_a_trusted_file_of_jobs_is_run(folder: Path) -> None:
    block, _ = PLANS["file"]
    (folder / "jobs.yaml").write_text(json.dumps({"blocks": [block]}))
    assert run("sweep", "jobs.yaml", "--dry-run")[0] == 2
    assert run("sweep", "jobs.yaml", "--dry-run", "--trust")[0] == 0
    code, found, said = run("sweep", "jobs.yaml", "--trust", "--json")
    assert (code, found["done"]) == (0, 1), said


def test_the_source_of_a_package_is_found_without_running_it(folder: Path) -> None:
    (folder / "ownpackage" / "sub.py").write_text("raise RuntimeError('run')\n")
    assert source_of("ownpackage.sub:f").samefile(folder / "ownpackage" / "sub.py")
    assert source_of("ours.own:gru").samefile(folder / "ours" / "own.py")
    for name in ("ownpackage.none:f", "nowhere.sub:f", "own.sub:f"):
        with pytest.raises(FactoryError, match="has no source file"):
            source_of(name)
    assert "ownpackage" not in sys.modules


# Other forms of registered models


@pytest.mark.slow
def test_settings_reach_the_class_of_a_registered_model() -> None:
    asked = ("--inputs", "2", "--width", "3", "--length", "6", "--samples", "64", "--json")
    code, found, said = run("remember", "min_gru", "--set", "nonlinearity=sigmoid", *asked)
    assert code == 0, said
    module = MODELS["min_gru"].draw(0, inputs=2, width=3, depth=1, nonlinearity="sigmoid")
    curve = remember(module, length=6, samples=64, progress=False)
    assert found["memory"] == pytest.approx(list(curve.memory))
    assert run("remember", "min_gru", *asked)[1]["memory"] != pytest.approx(list(curve.memory))


@pytest.mark.slow
def test_another_form_of_a_registered_model_is_certified_and_verified(folder: Path) -> None:
    asked = ("--inputs", "4", "--width", "3", "--length", "4", "--set", "rank=2")
    code, found, said = run("certify", "cp_rnn", *asked, "--out", "cp.json", "--json")
    assert code == 0, said
    module = MODELS["cp_rnn"].draw(0, inputs=4, width=3, depth=1, rank=2)
    assert found["rank"] == certify(module, length=4, progress=False).rank == 2
    assert run("verify", "cp.json", "--model", "seprank.models.cp_rnn:CPRNN")[0] == 0
    # Bounds are of the network as it is: those of the sizes alone would be of another one.
    assert run("bounds", "cp_rnn", *asked)[0] == 0
    code, _, said = run("bounds", "rac", "--inputs", "2", "--width", "2", "--length", "4", "--set", "normalize=true")
    assert (code, "not polynomial" in said) == (2, True)


def test_models_says_with_what_settings_a_model_is_trained() -> None:
    said = run("models")[2]
    assert "trained with --set nonlinearity=sigmoid --set normalize=true" in said
    assert {m["name"]: m["training"] for m in run("models", "--json")[1]["models"]}["rac"] == {"normalize": True}
