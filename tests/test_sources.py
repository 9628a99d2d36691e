"""Modules from a user's own files: what they may import, what may be set, and whatever they die of."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from seprank.settings.as_text import key_values
from seprank.sources import FactoryError, load_factory
from seprank.sources.code import user_modules

BUILD = "from torch import nn\nfrom sizes import SIZE\n\ndef build(**settings):\n    return nn.GRU(SIZE, 3)\n"


def written(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def size(place: str) -> int:
    module = load_factory(place).build()
    assert isinstance(module, nn.GRU)
    return module.input_size


@pytest.mark.parametrize("place", ["models/net.py:build", "net:build", "models.net:build"])
def test_a_file_may_import_its_neighbours_and_what_is_in_the_current_folder(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = tmp_path if place.startswith("net") else tmp_path / "models"
    written(beside, "net.py", BUILD)
    written(tmp_path, "sizes.py", "SIZE = 4\n")
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    assert size(place) == 4
    assert sys.path == path
    for name in ("net", "models.net", "models", "sizes"):
        sys.modules.pop(name, None)


def test_the_files_own_folder_comes_before_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "sizes.py", "SIZE = 4\n")
    written(tmp_path / "models", "sizes.py", "SIZE = 5\n")
    monkeypatch.chdir(tmp_path)
    assert size(f"{written(tmp_path / 'models', 'net.py', BUILD)}:build") == 5


def test_two_files_may_have_neighbours_of_one_name(tmp_path: Path) -> None:
    places = []
    for number in (4, 5):
        written(tmp_path / f"{number}", "sizes.py", f"SIZE = {number}\n")
        places.append(f"{written(tmp_path / f'{number}', 'net.py', BUILD)}:build")
    assert [size(place) for place in (*places, *places)] == [4, 5, 4, 5]
    assert "sizes" in user_modules()


DYING = {
    "raise SystemExit(3)": "ended the program (exit code 3); remove that call",
    "import sys; sys.exit()": "ended the program (exit code None)",
    "raise KeyError('two')": "failed with KeyError: 'two'",
    "import nothing_of_the_kind": "failed with ModuleNotFoundError: No module named 'nothing_of_the_kind'",
    "def build(: pass": "failed with SyntaxError",
    "build = 3": "dying.py:build must be a function, a class or a network, got a int",
    "other = 3": "dying.py must define 'build', found no such name",
}


@pytest.mark.parametrize("text", DYING)
def test_a_file_that_dies_is_explained(text: str, tmp_path: Path) -> None:
    with pytest.raises(FactoryError) as caught:
        load_factory(f"{written(tmp_path, 'dying.py', text)}:build")
    assert DYING[text] in str(caught.value)


@pytest.mark.parametrize("text", ["raise SystemExit(3)", "raise KeyError('two')", "return 3", "return None"])
def test_a_factory_that_dies_is_explained(text: str, tmp_path: Path) -> None:
    factory = load_factory(f"{written(tmp_path, 'dying.py', f'def build(): {text}')}:build")
    with pytest.raises(FactoryError, match=r"ended the program|with KeyError|must return a torch.nn.Module, got"):
        factory.build()


INCOMPLETE = {
    "def build(heads, units=3): raise TypeError": "needs heads; give --set heads=VALUE",
    "def build(units, *rest, heads, **more): pass": "needs units, heads; give --set units=VALUE --set heads=VALUE",
    "class build:\n    def __init__(self, heads): pass": "needs heads; give --set heads=VALUE",
    "def build(units=3): raise TypeError('inside')": "failed with TypeError: inside",
}


@pytest.mark.parametrize("text", INCOMPLETE)
def test_arguments_that_are_missing_are_named_with_the_option_that_gives_them(text: str, tmp_path: Path) -> None:
    factory = load_factory(f"{written(tmp_path, 'net.py', text)}:build")
    with pytest.raises(FactoryError) as caught:
        factory.build()
    assert INCOMPLETE[text] in str(caught.value)


@pytest.mark.parametrize("place", ["net.py", ":build", "net.py:", "nowhere.py:build", "a_package_nobody_has:build"])
def test_what_names_no_factory_is_refused(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FactoryError):
        load_factory(place)


READ: dict[str, Any] = {
    "False": False, "false": False, "True": True, "true": True, "None": None, "null": None, "3": 3, "-1": -1,
    "0.5": 0.5, "1e-3": 0.001, "relu": "relu", "'relu'": "relu", '"relu"': "relu", "[1, 2]": [1, 2],
    "(1, 2)": "(1, 2)", "{1, 2}": "{1, 2}", "b'x'": "b'x'", "NaN": "NaN", "": "", "a=b": "a=b", "no": "no",
    '{"a": 1}': {"a": 1}, "__import__('os')": "__import__('os')", "[" * 9999: "[" * 9999,
}  # fmt: skip
"""Values on the command line, and what they stand for: JSON's or Python's own writing, else text"""


@pytest.mark.parametrize("text", READ, ids=lambda text: text[:20])
def test_values_on_the_command_line(text: str) -> None:
    found = key_values("--set", [f"key={text}"])["key"]
    assert (found, type(found)) == (READ[text], type(READ[text]))


@pytest.mark.parametrize("pair", ["key", "=3", "a b=3", "1a=3", ""])
def test_what_is_no_pair_is_refused(pair: str) -> None:
    with pytest.raises(ValueError, match="must be key=value"):
        key_values("--set", [pair])
    with pytest.raises(ValueError, match="gives key twice"):
        key_values("--set", ["key=1", "key=2"])


@pytest.mark.parametrize("value", ["no", "FALSE", "off", ""])
@pytest.mark.parametrize("parameter", ["flag: bool", "flag=True", "flag: 'bool' = True"])
def test_a_text_is_not_taken_for_true(value: str, parameter: str, tmp_path: Path) -> None:
    place = f"{written(tmp_path, 'flags.py', f'def build({parameter}): ...')}:build"
    with pytest.raises(FactoryError, match="must be true or false"):
        load_factory(place, flag=value)
    assert load_factory(place, flag=False).settings == {"flag": False}


TORCH = "import torch\nclass Own(torch.nn.LSTM):\n    pass\ndef build(width, num_layers=1, inputs=7):\n"
TORCH += "    return torch.nn.GRU(inputs, width, num_layers)\nmade = torch.nn.GRU(2, 3)\n"


@pytest.mark.parametrize(
    ("attribute", "settings"),
    [
        ("Own", {"input_size": 2, "hidden_size": 3, "num_layers": 4}),
        ("build", {"width": 3, "num_layers": 4}),  # its inputs have a default, which the question does not change
    ],
)
def test_sizes_reach_a_factory_under_the_names_that_it_has(
    attribute: str, settings: dict[str, int], tmp_path: Path
) -> None:
    place = f"{written(tmp_path, 'net.py', TORCH)}:{attribute}"
    factory = load_factory(place, sizes={"inputs": 2, "width": 3, "depth": 4})
    assert factory.settings == settings
    assert isinstance(factory.build(), nn.LSTM | nn.GRU)
    chosen = load_factory(place, sizes={"inputs": 2, "width": 3, "depth": None}, num_layers=2)
    assert chosen.settings["num_layers"] == 2


def test_a_network_of_a_file_has_the_weights_of_the_seed(tmp_path: Path) -> None:
    factory = load_factory(f"{written(tmp_path, 'net.py', TORCH)}:made", sizes={"inputs": 2, "width": None})
    first, again, other = (factory.build(seed).state_dict()["weight_hh_l0"] for seed in (1, 1, 2))
    assert first.equal(again)
    assert not first.equal(other)
    with pytest.raises(FactoryError, match="is a network that already exists and takes no width"):
        load_factory(f"{tmp_path / 'net.py'}:made", sizes={"width": 3})


def test_a_network_of_a_package_has_no_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "ready_made.py", TORCH)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FactoryError, match="with weights that no seed determines; name a function or class"):
        load_factory("ready_made:made")
    sys.modules.pop("ready_made", None)
