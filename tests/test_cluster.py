"""One matrix on many workers: the same entries, whoever evaluates them."""

from collections.abc import Iterator
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from seprank import Certificate, CertificateError, certify, measure, startend, verify
from seprank.certification import footprint
from seprank.cli import app
from seprank.models.linear_attention import LinearAttention
from seprank.models.rac import RAC
from seprank.sources import load_factory
from seprank.startend import RowBlocks
from seprank.startend.workers import connect, pack


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with connect(workers=2) as client:
        yield client.get_executor()


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several blocks in a small matrix."""
    monkeypatch.setattr(startend.matrix, "_SENT_PAIRS", 200)
    monkeypatch.setattr(footprint, "_BLOCK", 40)


def claim(certificate: Certificate) -> Certificate:
    """A certificate without what differs from run to run."""
    return replace(certificate, seconds=0.0)


@pytest.mark.slow
@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    ("module", "settings"),
    [
        (RAC(2, 3, 2), {}),
        (RAC(2, 3, 2), {"samples": 7}),
        (RAC(3, 2, 2), {"domain": "tokens"}),
        (RAC(3, 2, 2), {"domain": "tokens", "templates": "one-hot", "readout": "all"}),
        (LinearAttention(2, 3), {"max_samples": 100}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else str(value),
)
def test_certificates_are_the_same_on_workers(executor: Executor, module: nn.Module, settings: dict[str, Any]) -> None:
    here = certify(module, length=6, **settings)
    assert claim(certify(module, length=6, executor=executor, **settings)) == claim(here)
    assert verify(here, module, executor=executor, progress=False)
    wrong = replace(here, minor=replace(here.minor, determinant=here.minor.determinant % 8388592 + 1))
    with pytest.raises(CertificateError, match="its determinant modulo 8388593 is"):
        verify(wrong, module, executor=executor, progress=False)


class Modulus(nn.Module):
    """A class that only this file has: workers get it with its code."""

    batch_first = True

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2, 2))

    def forward(self, input: torch.Tensor, state: Any = None) -> tuple[torch.Tensor, Any]:
        state = torch.ones(1, len(input), 2) if state is None else state
        outputs = []
        for step in input.unbind(1):
            state = (state @ self.weight) * step
            outputs.append(state[0])
        return torch.stack(outputs, 1), state


@pytest.mark.slow
def test_a_class_of_ones_own(executor: Executor) -> None:
    here = certify(Modulus(), length=4, inputs=2)
    assert certify(Modulus(), length=4, inputs=2, executor=executor).minor == here.minor


FILE = """
from torch import nn
from seprank import RAC

class Twice(RAC):
    pass

def build():
    return Twice(2, 3, 2)
"""


@pytest.mark.slow
def test_a_model_from_a_file(executor: Executor, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(FILE, encoding="utf-8")
    factory = load_factory(f"{tmp_path}/own.py:build")
    assert certify(factory.build(), length=6, executor=executor, factory=factory).rank == 24  # end inputs: 2 * 3 * 4


@pytest.mark.slow
@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("module", [nn.LSTM(2, 5, batch_first=True), RAC(2, 3, 2), nn.RNN(2, 4)])
@pytest.mark.parametrize("readout", ["all", "random"])
def test_measurements_are_the_same_on_workers(executor: Executor, module: nn.Module, readout: str) -> None:
    settings: dict[str, Any] = {"length": 6, "starts": 24, "ends": 32, "readout": readout}
    here, there = measure(module, **settings), measure(module, **settings, executor=executor)
    np.testing.assert_allclose(there.singular_values, here.singular_values, rtol=1e-12, atol=1e-15)
    assert there.shares.interaction == pytest.approx(here.shares.interaction, rel=1e-9)


@pytest.mark.slow
def test_two_workers_on_the_command_line() -> None:
    arguments = ["certify", "rac", "--inputs", "2", "--width", "3", "--length", "4", "--workers", "2"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0
    assert "rank = 3" in done.stdout
    assert CliRunner().invoke(app, [*arguments[:-1], "0"]).exit_code == 2


class AtOnce(Executor):
    """Runs each call when it is submitted, and notes how many there were."""

    def __init__(self) -> None:
        self.calls: list[tuple[range, range]] = []

    def submit(self, function: Any, /, *arguments: Any, **_: Any) -> Future[Any]:
        self.calls.append(arguments[:2])
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments))
        except ArithmeticError as error:
            future.set_exception(error)
        return future


def table(rows: range, ends: range, samples: tuple[int, int]) -> np.ndarray:
    """Entry 1000 i + j at (i, j)."""
    return (1000.0 * np.asarray(rows)[:, None] + np.asarray(ends))[:, :, None]


def halves(count: int) -> startend.Halves:
    return startend.Halves(vectors=torch.zeros(count, 1, 1))


def test_a_matrix_grows_by_its_new_entries_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startend.matrix, "_SENT_PAIRS", 12)
    executor, seen = AtOnce(), []
    matrix = RowBlocks(executor, table, channels=1, progress=lambda done, total: seen.append((done, total)))
    for starts, ends in ((3, 4), (3, 4), (5, 7)):
        expected = 1000.0 * np.arange(starts)[:, None] + np.arange(ends)
        np.testing.assert_array_equal(matrix.grow(halves(starts), halves(ends)), expected)
    covered = sum(len(rows) * len(ends) for rows, ends in executor.calls)
    assert covered == 5 * 7
    assert seen[-1] == (23, 23)


def test_after_a_failure_the_blocks_that_wait_are_not_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startend.matrix, "_SENT_PAIRS", 4)
    waiting: list[Future[Any]] = []

    class Queue(Executor):
        """Fails at the first block, and keeps the others."""

        def submit(self, evaluate: Any, /, *args: Any, **settings: Any) -> Future[Any]:
            future: Future[Any] = Future()
            waiting.append(future)
            if len(waiting) == 1:
                future.set_exception(ZeroDivisionError("on the worker"))
            return future

    with pytest.raises(ZeroDivisionError, match="on the worker"):
        RowBlocks(Queue(), table, channels=1).grow(halves(6), halves(4))
    assert [future.cancelled() for future in waiting] == [False] + [True] * 5


def test_no_more_blocks_are_under_way_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startend.workers, "UNDER_WAY", 3)
    waiting: list[Future[Any]] = []

    class Queue(Executor):
        """Finishes the youngest block when it has as many as may be, or is at the last one."""

        def submit(self, evaluate: Any, /, *args: Any, **settings: Any) -> Future[Any]:
            future: Future[Any] = Future()
            waiting.append(future)
            assert len(waiting) <= 3
            if len(waiting) == 3 or args[0] == 8:
                for other in waiting:
                    other.set_result(evaluate(*args))
                waiting.clear()
            return future

    found = list(startend.finished(Queue(), lambda block, other: other, [(n,) for n in range(9)], 7))
    assert sorted(block for (block,), _ in found) == [*range(9)]
    assert {value for _, value in found} == {7}


def test_what_a_worker_raises_is_raised_and_leaves_the_matrix() -> None:
    def failing(rows: range, ends: range, samples: tuple[int, int]) -> np.ndarray:
        if samples[0] > 2:
            raise ZeroDivisionError("on the worker")
        return table(rows, ends, samples)

    matrix = RowBlocks(AtOnce(), failing, channels=1)
    matrix.grow(halves(2), halves(2))
    with pytest.raises(ZeroDivisionError, match="on the worker"):
        matrix.grow(halves(3), halves(3))
    assert matrix.grow(halves(2), halves(2)).shape == (2, 2)


def test_what_cannot_be_sent_is_said(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file, pytest.raises(ValueError, match="cannot be sent to workers"):
        pack(file)
