"""One seed is one number, in every command and in Python, and nobody else's random numbers are touched."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from seprank import compare, measure, profile
from seprank.cli import app
from seprank.demo import Sizes, measured
from seprank.jobs.commands import CertifyWork, MeasureWork
from seprank.models import MODELS, find_model
from seprank.sources import load_factory
from seprank.system.seeds import seeded
from seprank.train import TrainSettings, build_network

pytestmark = pytest.mark.usefixtures("one_thread")

SIZES = {"inputs": 2, "width": 3, "depth": 1}
SMALL = {"length": 5, "starts": 24, "ends": 24}
FACTORY = """
import random
import numpy
import torch

def build():
    module = torch.nn.GRU(2, 3, batch_first=True)
    with torch.no_grad():
        module.weight_hh_l0 *= numpy.random.rand() + random.random()
    return module
"""


def command(*words: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, [*words, "--json"])
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def options(seed: int) -> list[str]:
    given = {"--inputs": 2, "--width": 3, "--length": 5, "--seed": seed}
    return [str(word) for pair in given.items() for word in pair]


def by_command(seed: int, folder: Path) -> Any:
    return command("measure", "gru", *options(seed), "--starts", "24", "--ends", "24")["singular_values"]


def by_profile(seed: int, folder: Path) -> Any:
    found = command("measure", "gru", *options(seed), "--starts", "24", "--ends", "24", "--profile")
    assert found["cut"] == 2
    assert found["profile"][1]["singular_values"] == found["singular_values"]
    return found["singular_values"]


def by_sweep(seed: int, folder: Path) -> Any:
    work = MeasureWork.from_settings({"model": "gru", "seed": seed, **SIZES, **SMALL})
    return work.run(folder, 2**30)["singular_values"]


def by_python(seed: int, folder: Path) -> Any:
    module = find_model("gru").draw(seed, **SIZES)
    return list(measure(module, seed=seed, progress=False, **SMALL).singular_values)


def by_factory(seed: int, folder: Path) -> Any:
    path = folder / "mine.py"
    path.write_text(FACTORY)
    small = ["--length", "5", "--starts", "24", "--ends", "24", "--seed", str(seed)]
    return command("measure", f"{path}:build", *small)["singular_values"]


def by_certificate(seed: int, folder: Path) -> Any:
    found = command("certify", "rac", *options(seed))
    return [
        found["rank"],
        CertifyWork.from_settings({"model": "rac", "seed": seed, "length": 5, **SIZES}).run(folder, 2**30)["rank"],
    ]


def by_comparison(seed: int, folder: Path) -> Any:
    found = compare(["rac", "elman"], length=4, seed=seed, progress=False, **(SIZES | {"depth": 1})).to_dict()
    return json.dumps({k: v for k, v in found.items() if k != "seconds"}, default=str).split("seconds")[0]


def by_training(seed: int, folder: Path) -> Any:
    settings = TrainSettings(task="copying-memory", model="gru", width=3, seed=seed)
    return [p.sum().item() for p in build_network(settings).parameters()]


def by_demonstration(seed: int, folder: Path) -> Any:
    sizes = Sizes(inputs=2, width=3, measured_samples=24, compared_length=5, seed=seed)
    return next(list(record.singular_values) for name, record in measured(sizes) if name == "gru")


VERBS = [
    by_command,
    by_profile,
    by_sweep,
    by_python,
    by_factory,
    by_certificate,
    by_comparison,
    by_training,
    pytest.param(by_demonstration, marks=pytest.mark.slow),
]


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("seed", [0, 5])
def test_a_seed_is_a_number_and_leaves_other_generators_alone(
    verb: Callable[[int, Path], Any], seed: int, tmp_path: Path
) -> None:
    with seeded(1):
        torch.rand(3)
        first, torch_next, numpy_next = verb(seed, tmp_path), torch.rand(1), np.random.rand()  # noqa: NPY002
    with seeded(1):
        torch.rand(3)
        torch_alone, numpy_alone = torch.rand(1), np.random.rand()  # noqa: NPY002
    with seeded(2):
        assert verb(seed, tmp_path) == first
    assert (torch_next, numpy_next) == (torch_alone, numpy_alone)


@pytest.mark.slow
@pytest.mark.parametrize("verb", [by_command, by_profile, by_sweep, by_python, by_factory, by_training])
def test_another_seed_is_another_number(verb: Callable[[int, Path], Any], tmp_path: Path) -> None:
    assert verb(0, tmp_path) != verb(1, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 5])
def test_every_way_to_measure_gives_the_same_number(seed: int, tmp_path: Path) -> None:
    found = [verb(seed, tmp_path) for verb in (by_command, by_profile, by_sweep, by_python, by_demonstration)]
    assert all(numbers == found[0] for numbers in found)


@pytest.mark.parametrize("name", MODELS)
def test_a_seed_is_one_network(name: str) -> None:
    first, again = (MODELS[name].draw(3, **SIZES) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))


def test_weights_of_a_module_given_are_its_own() -> None:
    module = nn.GRU(2, 3, batch_first=True)
    first, other = (spectrum(module, seed) for seed in (0, 1))
    assert first != other  # other samples,
    assert spectrum(module, 0) == first  # of the same function


def spectrum(module: nn.Module, seed: int) -> list[float]:
    return list(measure(module, seed=seed, progress=False, **SMALL).singular_values)


def failing() -> None:
    with seeded(3):
        torch.rand(1)
        random.random()
        raise KeyError


def test_generators_are_as_they_were_after_an_error() -> None:
    before = torch.get_rng_state(), random.getstate()
    with pytest.raises(KeyError):
        failing()
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"readout": "random"}, {"data": np.random.default_rng(0).random((30, 6, 2))}])
def test_points_of_a_profile_are_measurements(settings: dict[str, Any]) -> None:
    module = find_model("lstm").draw(0, **SIZES)
    points = profile(module, length=6, starts=24, ends=28, seed=3, progress=False, **settings).points
    assert [point.cut for point in points] == [1, 2, 3, 4, 5]
    for point in points:
        alone = measure(module, length=6, cut=point.cut, starts=24, ends=28, seed=3, progress=False, **settings)
        assert np.allclose(point.singular_values, alone.singular_values, rtol=0, atol=1e-13)
        assert point.entropy == pytest.approx(alone.entropy, abs=1e-10)
        assert point.errors["interaction"].low == pytest.approx(alone.errors["interaction"].low, abs=1e-10)


@pytest.mark.slow
def test_a_profile_evaluates_each_cut_once_and_on_the_workers() -> None:
    from concurrent.futures import ThreadPoolExecutor

    calls: list[Any] = []

    class Counting(ThreadPoolExecutor):
        def submit(self, *arguments: Any, **settings: Any) -> Any:
            calls.append(arguments)
            return super().submit(*arguments, **settings)

    module = find_model("gru").draw(0, **SIZES)
    with Counting(1) as executor:
        found = profile(module, executor=executor, progress=False, **SMALL).points
    here = profile(module, progress=False, **SMALL).points
    assert len(calls) == 4
    for one, other in zip(found, here, strict=True):
        assert np.allclose(one.singular_values, other.singular_values, rtol=0, atol=1e-13)


def test_a_factory_is_built_from_the_seed(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FACTORY)
    factory = load_factory(f"{tmp_path / 'mine.py'}:build")
    first, again, other = (factory.build(seed).state_dict()["weight_hh_l0"] for seed in (4, 4, 5))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
