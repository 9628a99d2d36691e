"""measure, profile, data, weights and callbacks, from model to result."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from seprank import RAC, certify, measure, profile
from seprank.cli import app
from seprank.measurement import DataError, Measurement, read_sequences
from seprank.measurement.measured_model import Subject
from seprank.sources.weights import WeightsError, load_weights
from seprank.system.memory import MemoryBudgetError

SMALL: dict[str, Any] = {"starts": 32, "ends": 40, "progress": False}


def lstm(hidden: int = 4, **settings: Any) -> nn.LSTM:
    """An LSTM with weights that depend on nothing but this file."""
    module = nn.LSTM(2, hidden, **settings)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return module


def rac(depth: int, scale: float = 1.0) -> RAC:
    """A RAC with 3 inputs, width 3 and normal weights."""
    module = RAC(3, 3, depth).double().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    return module


class Squares(nn.Module):
    """The square of a linear map."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight)

    def forward(self, x: Tensor) -> Tensor:
        return (x @ self.weight) ** 2


def product(x: Tensor) -> Tensor:
    return x[:, :2].prod(1) * x[:, 2:].prod(1)


def total(x: Tensor) -> Tensor:
    return x.sum(1)


def test_a_product_has_rank_one_and_a_sum_has_no_interaction() -> None:
    found = measure(product, length=4, inputs=1, **SMALL)
    assert found.numerical_rank == 1
    assert abs(found.separability_distance) < 1e-7
    found = measure(total, length=4, inputs=1, **SMALL)
    assert found.numerical_rank == 2
    assert abs(found.shares.interaction) < 1e-12


def test_splitting_gives_what_whole_sequences_give() -> None:
    module = lstm(batch_first=True).double()
    split = measure(module, length=6, cut=2, **SMALL)
    whole = measure(lambda x: module(x)[0].detach(), length=6, cut=2, inputs=2, **SMALL)
    assert np.allclose(split.singular_values, whole.singular_values, rtol=1e-11, atol=1e-14)
    assert any("whole sequences" in note for note in whole.notes)
    assert not any("whole sequences" in note for note in split.notes)


def test_the_model_is_left_as_it_was() -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5), nn.LSTM(3, 4, batch_first=True)).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    measure(module, length=4, **SMALL)
    assert module.training
    for name, value in module.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, before[name])


def test_the_seed_decides() -> None:
    first, again, other = (measure(lstm(), length=4, seed=s, **SMALL) for s in (1, 1, 2))
    assert np.array_equal(first.singular_values, again.singular_values)
    assert not np.array_equal(first.singular_values, other.singular_values)


def test_float32_is_measured_as_it_runs_only_when_asked() -> None:
    double, single = (measure(lstm(), length=4, dtype=dtype, **SMALL) for dtype in ("float64", "float32"))
    assert (double.dtype, single.dtype) == ("float64", "float32")
    assert single.tolerance > 1e6 * double.tolerance
    assert np.allclose(double.singular_values[:5], single.singular_values[:5], rtol=1e-3)


def test_readouts() -> None:
    every, random, one = (measure(lstm(), length=4, readout=readout, **SMALL) for readout in ("all", "random", 2))
    assert (len(every.singular_values), len(random.singular_values), len(one.singular_values)) == (32, 32, 32)
    alone = measure(lambda x: lstm(batch_first=True).double()(x)[0][:, -1, 2].detach(), length=4, inputs=2, **SMALL)
    assert np.allclose(one.singular_values, alone.singular_values, rtol=1e-10, atol=1e-14)
    with pytest.raises(ValueError, match="below the 4 output channels"):
        measure(lstm(), length=4, readout=4, **SMALL)


def test_a_function_of_a_fixed_length() -> None:
    """A perceptron on the flattened sequence takes no other length."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(8, 1, generator=generator, dtype=torch.float64)
    found = measure(nn.Sequential(nn.Flatten(), Squares(weight)), length=4, inputs=2, **SMALL)
    # The square of a sum a + b is a^2 + 2 a b + b^2: three products.
    assert found.numerical_rank == 3
    assert any("whole sequences" in note for note in found.notes)


def test_own_halves_are_what_is_measured() -> None:
    starts, ends = torch.randn(20, 3, 2, generator=torch.Generator().manual_seed(0)), torch.ones(18, 2, 2)
    ends = ends * torch.arange(18.0)[:, None, None] * torch.tensor([0.0, 1.0])[:, None]
    found = measure(lambda x: x[:, :-1].sum((1, 2)) * x[:, -1, 0], length=5, cut=3, starts=starts, ends=ends, inputs=2)
    sums, factors = starts.double().sum((1, 2)), torch.arange(18.0).double()
    expected = float(torch.linalg.norm(sums) * torch.linalg.norm(factors)) / np.sqrt(20 * 18)
    assert np.isclose(found.singular_values[0], expected, rtol=1e-12)
    with pytest.raises(DataError, match=r"starts must be \(count, 2"):
        measure(lstm(), length=5, cut=2, starts=starts, ends=ends)
    with pytest.raises(DataError, match="both starts and ends"):
        measure(lstm(), length=5, cut=3, starts=starts)


def sequences(count: int = 20, steps: int = 6) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).standard_normal((count, steps, 2))


def test_data_is_halved_and_recombined() -> None:
    data = sequences()
    found = measure(lstm(), length=6, cut=2, data=data, starts=30, ends=30, progress=False)
    assert (found.starts, found.ends) == (20, 20)
    assert found.recombined == pytest.approx(1 - 1 / 20)
    same = measure(lstm(), length=6, cut=2, starts=data[:, :2], ends=data[:, 2:], progress=False)
    assert np.array_equal(found.singular_values, same.singular_values)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".safetensors"])
def test_data_from_files(suffix: str, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    data, path = sequences(), tmp_path / f"data{suffix}"
    writers: dict[str, Any] = {
        ".npy": lambda: np.save(path, data),
        ".npz": lambda: np.savez(path, sequences=data, other=data[:1]),
        ".safetensors": lambda: save_file({"x": data}, path),
    }
    writers[suffix]()
    assert np.array_equal(read_sequences(path), data)


def test_data_from_csv_has_a_sequence_per_line(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("1,2,3\n4,5,6\n")
    assert read_sequences(path).tolist() == [[1, 2, 3], [4, 5, 6]]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", a=np.ones(2), b=np.ones(2))
    np.save(tmp_path / "code.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "words.csv").write_text("a,b\n")
    for name, text in [
        ("none.npy", "no file"),
        ("data.txt", "must be a"),
        ("two.npz", "one array"),
        ("code.npy", "cannot be read"),
        ("words.csv", "cannot be read"),
    ]:
        with pytest.raises(DataError, match=text):
            read_sequences(tmp_path / name)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (sequences(steps=3), "at least 6 steps, got 3"),
        (sequences()[:, :, :1], "2 features per step, the data has 1"),
        (np.ones(5), "got shape"),
        (np.full((20, 6, 2), np.nan), "not finite in sequence 0, step 0"),
        (np.array([["a"] * 6] * 20), "must be numbers"),
    ],
)
def test_data_that_does_not_fit(data: Any, text: str) -> None:
    with pytest.raises(DataError, match=text):
        measure(lstm(), length=6, data=data, **SMALL)


def reader() -> nn.Sequential:
    module = nn.Sequential(nn.Embedding(5, 3), nn.GRU(3, 4, batch_first=True))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return module


def test_models_that_read_tokens() -> None:
    found = measure(reader(), length=4, **SMALL)
    assert "tokens out of 5" in found.source
    data = np.random.default_rng(0).integers(0, 5, (20, 4))
    assert measure(reader(), length=4, data=data, starts=20, ends=20, progress=False).recombined is not None
    for wrong, text in [(data + 1, "between 0 and 4, got 5"), (data + 0.5, "must be integers")]:
        with pytest.raises(DataError, match=text):
            measure(reader(), length=4, data=wrong, **SMALL)


def test_a_profile_is_a_measurement_at_every_cut() -> None:
    data = sequences(20, 5)
    found = profile(lstm(), length=5, data=data, starts=20, ends=20, progress=False)
    assert [point.cut for point in found.points] == [1, 2, 3, 4]
    for point in found.points:
        alone = measure(lstm(), length=5, cut=point.cut, data=data, starts=20, ends=20, progress=False)
        assert np.allclose(point.singular_values, alone.singular_values, rtol=1e-12, atol=1e-15)
        assert point.recombined == alone.recombined


def test_a_profile_over_lengths() -> None:
    found = profile(lstm(), length=6, over="length", **SMALL)
    assert [(point.length, point.cut) for point in found.points] == [(2, 1), (4, 2), (6, 3)]


def test_a_profile_at_some_cuts_with_its_own_number_of_halves() -> None:
    found = profile(lstm(), length=6, cuts=[4, 2, 4], progress=False)
    assert [(point.cut, point.starts, point.ends) for point in found.points] == [(2, 64, 64), (4, 64, 64)]
    alone = measure(lstm(), length=6, cut=4, starts=64, ends=64, progress=False)
    assert np.allclose(found.at(4).singular_values, alone.singular_values, rtol=1e-12, atol=1e-15)
    assert [point.length for point in profile(lstm(), length=6, over="length", lengths=3, **SMALL).points] == [3]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cuts": []}, "at least one"),
        ({"cuts": [0]}, "at least 1"),
        ({"cuts": [6]}, "between 1 and length - 1 = 5"),
        ({"lengths": [4]}, "use over='length'"),
        ({"over": "length", "cuts": [2]}, "cuts are for a profile over cuts"),
        ({"over": "length", "lengths": [1]}, "at least 2"),
        ({"starts": 0}, "starts must be at least 1"),
    ],
)
def test_profiles_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        profile(lstm(), length=6, progress=False, **settings)


def test_a_profile_says_how_long_it_will_take(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were a step to take half a second; what is done in a moment is not announced."""
    caplog.set_level("INFO", logger="seprank")
    profile(lstm(), length=6, cuts=[2], **SMALL)
    assert not caplog.messages
    monkeypatch.setattr(Subject, "seconds_per_step", lambda subject, sequences: 0.5)
    profile(lstm(), length=6, cuts=[2, 5], starts=20, ends=20, progress=False)
    (message,) = caplog.messages
    minutes = 0.5 * 20 * 20 * (4 + 1) / 60
    assert message == f"profile of 2 cuts, length 6, 20 x 20 halves: about {minutes:.0f} min"


@pytest.mark.slow
def test_long_products_are_rescaled_and_their_rank_is_the_certified_one() -> None:
    module = rac(depth=1, scale=100.0)
    assert not module(torch.ones(1, 400, 3, dtype=torch.float64))[0].isfinite().all()
    long = measure(module, length=400, readout="random", **SMALL)
    assert all(np.isfinite(long.singular_values))
    assert any("rescaled" in note for note in long.notes)
    short = measure(rac(depth=1), length=4, readout="random", starts=64, ends=64, progress=False)
    assert short.numerical_rank == certify(rac(depth=1), length=4, progress=False).rank


@pytest.mark.parametrize(
    ("model", "settings", "error", "text"),
    [
        (lambda x: x.sum((1, 2)) * 0 + 3, {}, ValueError, "constant|does not vary"),
        (lambda x: (x.sum((1, 2)) - 50).log(), {}, ValueError, "for start 0 with end 0"),
        (lambda x: x, {"inputs": None}, ValueError, "does not say what it reads"),
        (lambda x: x, {"inputs": 0}, ValueError, "inputs must be at least 1"),
        (lambda x: x, {"starts": 8}, ValueError, "at least 16"),
        (lambda x: x, {"cut": 9}, ValueError, "cut must be between"),
        (lambda x: x, {"dtype": "float16"}, ValueError, "dtype must be"),
        (lambda x: x, {"tolerance": 2.0}, ValueError, "tolerance must be"),
        (lambda x: x, {"readout": "some"}, ValueError, "readout must be"),
        (lambda x: x, {"starts": 100_000, "ends": 100_000, "memory": 2**30}, MemoryBudgetError, "takes about"),
    ],
)
def test_bad_input(model: Any, settings: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        measure(model, **{"length": 4, "inputs": 1} | SMALL | settings)


def test_a_result_is_kept(tmp_path: Path) -> None:
    found = measure(lstm(), length=4, **SMALL)
    path = found.save(tmp_path / "m.json")
    assert Measurement.load(path) == found


# --- where floating-point ranks go wrong


@pytest.mark.slow
def test_floating_point_gets_a_certified_rank_wrong() -> None:
    """The demonstration of docs/errors-of-measurement.md: three layers, rank 759 for certain."""
    module = rac(depth=3)
    exact = certify(module, length=6, progress=False)
    assert (exact.rank, exact.exact) == (759, True)
    found = measure(module, length=6, starts=800, ends=800, readout="random", progress=False)
    values = np.array(found.singular_values)
    # What numpy.linalg.matrix_rank counts by default.
    assert np.sum(values > values[0] * 800 * np.finfo(float).eps) < 100
    assert found.numerical_rank < 100


# --- trained weights


def test_weights_are_loaded(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    source = lstm()
    save_file(source.state_dict(), tmp_path / "w.safetensors")
    torch.save(source.state_dict(), tmp_path / "w.pt")
    torch.save({"state_dict": source.state_dict()}, tmp_path / "checkpoint.pth")
    for name in ("w.safetensors", "w.pt", "checkpoint.pth"):
        loaded = load_weights(nn.LSTM(2, 4), tmp_path / name)
        assert all(torch.equal(value, source.state_dict()[key]) for key, value in loaded.state_dict().items())


class Evil:
    """Would run code if it were unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("owned",))


def test_weights_that_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(Evil(), tmp_path / "evil.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    torch.save(lstm(3).state_dict(), tmp_path / "other.pt")
    (tmp_path / "broken.pt").write_bytes(b"no file of torch")
    (tmp_path / "broken.safetensors").write_bytes(b"nor of safetensors")
    with (tmp_path / "w.pkl").open("wb") as file:
        pickle.dump({}, file)
    for name, text in [
        ("none.pt", "no file"),
        ("evil.pt", "more than tensors"),
        ("list.pt", "dictionary of tensors"),
        ("other.pt", "does not fit LSTM"),
        ("broken.pt", "not a file of torch|more than tensors"),
        ("broken.safetensors", "not a safetensors file"),
        ("w.pkl", "may contain code"),
    ]:
        with pytest.raises(WeightsError, match=text):
            load_weights(nn.LSTM(2, 4), tmp_path / name)
    assert "owned" not in capsys.readouterr().out


# --- command line

MODULES = """
import torch
from torch import nn

def build(hidden=4):
    torch.manual_seed(0)
    return nn.LSTM(2, hidden, batch_first=True)
"""


def test_command_line(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(MODULES)
    model = f"{tmp_path / 'm.py'}:build"
    small = ["--length", "4", "--starts", "32", "--ends", "32"]
    result = CliRunner().invoke(app, ["measure", model, *small, "--json", "--profile"])
    assert result.exit_code == 0, result.stderr
    content = json.loads(result.stdout)
    documented = """singular_values entropy effective_rank participation_ratio separability_distance numerical_rank
        tolerance shares errors length cut starts ends dtype seconds""".split()  # noqa: SIM905
    assert set(documented) <= set(content)
    assert sum(content["shares"].values()) == pytest.approx(1)
    assert [point["cut"] for point in content["profile"]] == [1, 2, 3]
    result = CliRunner().invoke(app, ["measure", model, *small, "--profile", "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.stderr
    page = (tmp_path / "out" / "memory.html").read_text()
    assert "Spectrum" in page
    assert 'src="http' not in page
    assert json.loads((tmp_path / "out" / "measurement.json").read_text())["starts"] == 32


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--data", "none.npy"), "no file none.npy"),
        (("--weights", "none.pt"), "no file none.pt"),
        (("--dtype", "half"), "dtype must be"),
        (("--starts", "4"), "at least 16"),
        (("--cut", "7"), "cut must be between"),
        (("--set", "hidden=0"), "hidden_size"),
    ],
)
def test_command_line_refusals(options: tuple[str, ...], text: str, tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(MODULES)
    result = CliRunner().invoke(app, ["measure", f"{tmp_path / 'm.py'}:build", "--length", "4", *options])
    assert result.exit_code == 2, result.stdout
    assert text in result.stderr
    assert "Traceback" not in result.stderr


def test_a_setting_that_a_profile_does_not_have_is_named() -> None:
    with pytest.raises(TypeError, match="profile has no setting 'at'; beside cuts and lengths it has inputs, "):
        profile(torch.nn.GRU(2, 3, batch_first=True), length=6, at=[1])


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.0, "0.0"),
        (-1e-9, "0.0"),
        (1e-9, "< 0.1"),
        (0.0006, "0.1"),
        (0.5, "50.0"),
        (0.9994, "99.9"),
        (0.99999, "> 99.9"),
        (1.0, "100.0"),
        (-0.02, "-2.0"),
    ],
)
def test_a_share_that_rounds_to_nothing_or_all_is_said_to_be_next_to_it(share: float, said: str) -> None:
    from seprank.measurement.measurement import _percent

    assert _percent(share) == said
