"""Modules that are certified as they are called: the same certificate as of the module in a wrapper by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from seprank import Certificate, CertificateError, certify, verify
from seprank.adapters import ConventionError
from seprank.certification.asked import ask
from seprank.certification.certificate import digest
from seprank.cli.app import app
from seprank.models import MODELS
from seprank.settings.certify_settings import CertifySettings
from seprank.settings.hints import Hints
from seprank.system.names import quoted_name

pytestmark = pytest.mark.usefixtures("one_thread")


class Products(nn.Module):
    """h' = (A h) * (B x) + C x, called in several ways"""

    def __init__(self) -> None:
        super().__init__()
        self.input_size = 2
        self.a, self.b, self.c = (nn.Linear(2, 2, bias=False) for _ in "abc")

    def step(self, x: Tensor, h: Tensor) -> Tensor:
        return self.a(h) * self.b(x) + self.c(x)

    def run(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """Batch first."""
        outputs = []
        for t in x.unbind(1):
            h = self.step(t, h)
            outputs.append(h)
        return torch.stack(outputs, 1), h


class Plain(Products):
    """In the convention of torch.nn.RNN; begins in a state of `first`, and gives a multiple of what it has."""

    def __init__(self, first: float = 1.0, factor: float = 1.0) -> None:
        super().__init__()
        self.first, self.factor = first, factor

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y, h = self.run(x, x.new_full((len(x), 2), self.first) if h is None else h)
        return self.factor * y, h


class Cell(Products):
    """A step cell with two ways to begin"""

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        return self.step(x, h)

    def begin_with_ones(self, batch: int) -> Tensor:
        return torch.ones(batch, 2)

    def begin_with_twos(self, batch: int) -> Tensor:
        return torch.full((batch, 2), 2.0)


class Named(Products):
    """Gives names to what it returns, and takes its state by name"""

    def forward(self, x: Tensor, memory: Tensor | None = None) -> dict[str, Tensor]:
        y, h = self.run(x, x.new_ones(len(x), 2) if memory is None else memory)
        return {"twice": 2 * y, "once": y, "memory": h}


class TimeFirst(Products):
    """(time, batch, features), and nothing says so"""

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        h = x.new_ones(x.shape[1], 2) if h is None else h
        y, h = self.run(x.transpose(0, 1), h)
        return y.transpose(0, 1), h


class Further(Products):
    """Wants further arguments"""

    def forward(self, x: Tensor, h: Tensor | None = None, *, factor: float, sign: str = "-") -> tuple[Tensor, Tensor]:
        y, h = self.run(x, x.new_ones(len(x), 2) if h is None else h)
        return (factor if sign == "+" else -factor) * y, h


class Mixing(nn.Module):
    """Attention without softmax"""

    def __init__(self) -> None:
        super().__init__()
        self.input_size = 2
        self.query, self.key, self.value = (nn.Linear(2, 2, bias=False) for _ in range(3))

    def attend(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.query(x) @ self.key(x).mT
        return scores @ self.value(x), scores


class MixingAlone(Mixing):
    def forward(self, x: Tensor) -> Tensor:
        return self.attend(x)[0]


class MixingTimeFirst(Mixing):
    def forward(self, x: Tensor) -> Tensor:
        return self.attend(x.transpose(0, 1))[0].transpose(0, 1)


class MixingNamed(Mixing):
    def forward(self, x: Tensor, by: int = 2) -> dict[str, Tensor]:
        y, scores = self.attend(x)
        return {"other": by * y[..., :1], "result": by * y, "scores": scores}


class MixingInAPair(Mixing):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.attend(x)


CALLED: dict[str, tuple[Callable[[], nn.Module], dict[str, Any], Callable[[], nn.Module], str]] = {
    "first state by a method": (Cell, {"state": "begin_with_ones"}, Plain, "step cell, state from begin_with_ones"),
    "by another": (Cell, {"state": "begin_with_twos"}, lambda: Plain(2.0), "step cell, state from begin_with_twos"),
    "part by name": (Named, {"output": "once", "state": "memory"}, Plain, "sequences, output 'once', state 'memory'"),
    "part by place": (Named, {"output": 0, "state": "memory"}, lambda: Plain(factor=2.0), "output 'twice'"),
    "time first": (TimeFirst, {"batch_first": False}, Plain, "sequences, time first"),
    "further arguments": (Further, {"call": {"factor": 3, "sign": "+"}}, lambda: Plain(factor=3.0), "sequences"),
    "a decimal": (Further, {"call": {"factor": 0.5}}, lambda: Plain(factor=-0.5), "sequences"),
    "whole, time first": (MixingTimeFirst, {"batch_first": False}, MixingAlone, "whole sequences, time first"),
    "whole, by name": (MixingNamed, {"output": "result", "call": {"by": 1}}, MixingAlone, "output 'result'"),
    "whole, by place": (MixingInAPair, {"output": 0}, MixingAlone, "whole sequences"),
}


@pytest.mark.parametrize("name", CALLED)
def test_a_module_is_certified_as_it_is_called(name: str) -> None:
    make, called, by_hand, read_as = CALLED[name]
    module = make()
    found = certify(module, length=4, progress=False, **called)
    expected = certify(by_hand(), length=4, progress=False)
    assert (found.rank, found.minor, found.bounds) == (expected.rank, expected.minor, expected.bounds)
    assert read_as in found.model.read_as
    assert f"read as: {quoted_name(found.model.read_as)}" in str(found)
    assert found.question.called == called
    assert verify(found, module, progress=False)
    assert Certificate.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_a_split_and_more_draws_are_read_in_the_same_way() -> None:
    module, called = MixingNamed(), {"output": "result", "call": {"by": 1}}
    found = certify(module, length=4, split=[0, 2], confidence=1e-12, progress=False, **called)
    expected = certify(MixingAlone(), length=4, split=[0, 2], progress=False)
    assert (found.rank, found.minor) == (expected.rank, expected.minor)
    assert verify(found, module, again=True, progress=False)


def forged(certificate: Certificate, place: str, **fields: Any) -> Certificate:
    body = json.loads(json.dumps(certificate.to_dict()))
    for name, value in fields.items():
        body[place].pop(name, None)
        if value is not None:
            body[place][name] = value
    return Certificate.from_dict(body | {"digest": digest(body)})


@pytest.mark.parametrize(
    "called",
    [
        None,
        {"output": "once"},
        {"output": "twice", "state": "memory"},
        {"output": "once", "state": "x"},
        {"output": "none such", "state": "memory"},
        {"output": "once", "state": "memory", "batch_first": False},
        {"output": "once", "state": "memory", "call": {"more": 1}},
        {"output": "once", "state": "memory", "other": 1},
        {"output": True, "state": "memory"},
        {"output": "once", "state": "memory", "call": {}},
        {"output": "once", "state": 3},
    ],
)
def test_another_way_to_call_it_is_refused(called: Any) -> None:
    module = Named()
    honest = certify(module, length=4, progress=False, output="once", state="memory")
    if called == {"output": "once"}:  # the state is found by trying
        return
    with pytest.raises(CertificateError):
        verify(forged(honest, "question", called=called), module, progress=False)


@pytest.mark.parametrize("read_as", [None, "sequences", "step cell"])
def test_another_reading_is_refused(read_as: Any) -> None:
    honest = certify(Cell(), length=4, progress=False, state="begin_with_ones")
    with pytest.raises(CertificateError, match="read_as is"):
        verify(forged(honest, "model", read_as=read_as), Cell(), progress=False)


@pytest.mark.parametrize(
    ("called", "error", "says"),
    [
        ({"call": {"mask": torch.ones(2)}}, TypeError, "call must be finite numbers, texts"),
        ({"call": {"factor": float("inf")}}, TypeError, "got factor=inf"),
        ({"output": "none such"}, ConventionError, "none such"),
        ({"state": "none_such"}, ConventionError, "names no argument and no method of Named"),
        ({"call": {"none_such": 1}}, ConventionError, "none_such"),
    ],
)
def test_what_cannot_be_done_or_recorded_is_said(called: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        certify(Named(), length=4, progress=False, **called)


@pytest.mark.parametrize(
    ("called", "says"),
    [
        ({"state": lambda batch: torch.ones(batch, 2)}, "must be a name to be recorded"),
        ({"output": 1.5}, "output must be the name or the place"),
        ({"batch_first": 1}, "batch_first must be True"),
        ({"call": [1]}, "call must be arguments by name"),
    ],
)
def test_what_is_of_another_type_is_refused(called: dict[str, Any], says: str) -> None:
    with pytest.raises(TypeError, match=says):
        ask(Named(), CertifySettings(length=4, **called))


def test_a_registered_model_needs_none_of_it() -> None:
    module = MODELS["rac"].build(inputs=2, width=2, depth=1)
    with pytest.raises(ConventionError, match=r"RAC is called as torch.nn.RNN is; leave out output"):
        certify(module, length=4, output=0, progress=False)


def test_what_is_stated_is_all_that_was_said() -> None:
    said = {"batch_first": False, "output": 0, "state": "h", "call": {"a": None}}
    assert Hints(**said).stated() == said
    assert Hints().stated() == {}


def test_the_command_line(tmp_path: Path) -> None:
    source = tmp_path / "mine.py"
    source.write_text(
        "import torch\nfrom torch import nn\n\n\nclass Mine(nn.Module):\n    def __init__(self, inputs: int = 2):\n"
        "        super().__init__()\n        self.input_size = inputs\n        self.a = nn.Linear(inputs, 2)\n\n"
        "    def forward(self, x, h=None, power=1):\n        h = x.new_ones(x.shape[1], 2) if h is None else h\n"
        "        for t in x.unbind(0):\n            h = self.a(t) * h\n"
        "        return {'log': h[:, :1], 'state': h, 'result': h**power}\n"
    )
    command = ["certify", f"{source}:Mine", "--length", "4", "--out", str(tmp_path / "c.json")]
    how = ["--time-first", "--output", "result", "--state", "h", "--call", "power=2"]
    found = CliRunner().invoke(app, [*command, *how])
    assert (found.exit_code, "read as:" in found.output) == (0, True), found.output
    kept = json.loads((tmp_path / "c.json").read_text())
    assert kept["question"]["called"] == {
        "batch_first": False, "output": "result", "state": "h", "call": {"power": 2}
    }  # fmt: skip
    assert CliRunner().invoke(app, ["verify", str(tmp_path / "c.json"), "--model", f"{source}:Mine"]).exit_code == 0
