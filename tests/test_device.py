"""What runs on a device of torch: the same pivots, certificates and curves as on the processor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import second_device
from seprank import MODELS, certify, measure, profile, remember
from seprank.cli import app
from seprank.elimination import on_device, rank_profile
from seprank.settings import resources
from seprank.system.quiet import quiet
from seprank.train import fit
from test_conventions import CONVENTIONS, M
from test_elimination import BLOCKS, FAMILIES, PRIMES, assert_equal, uniform
from test_models import CONTRACT, build, normal
from test_train import TINY

CLOSE = 1e-10
"""Relative difference of what is measured in float64 on two devices"""
FORCED = "cpu:0"
"""The processor as a device of torch, so that the elimination is that of a device"""


@dataclass(frozen=True)
class Case:
    """Something that is computed twice."""

    name: str
    result: Callable[[str], Any]
    """From the name of a device"""
    same: Callable[[Any, Any], bool]

    def compare(self, device: str) -> None:
        with mock.patch.object(resources, "find_device", lambda name: name):
            found, expected = self.result(device), self.result("cpu")
        assert self.same(found, expected), f"{self.name}: {found} on {device}, {expected} on the processor"


def content(certificate: Any) -> dict[str, Any]:
    """All of a certificate but how long it took, and the digest of both."""
    return {key: value for key, value in certificate.to_dict().items() if key not in ("seconds", "digest")}


def close(found: Any, expected: Any) -> bool:
    return np.allclose(found, expected, rtol=CLOSE, atol=CLOSE * np.abs(expected).max())


def module_of(name: str) -> nn.Module:
    """A model of the registry, or of torch."""
    torch.manual_seed(0)
    if name in MODELS:
        return build(name, 2, normal(0, 0.2))
    return getattr(nn, name)(4, 3, 2, batch_first=True)


def certified(name: str, **settings: Any) -> Callable[[str], Any]:
    squash = None if name in MODELS and MODELS[name].polynomial else "identity"
    return lambda device: content(
        certify(module_of(name), length=5, squash=squash, device=device, progress=False, max_samples=40, **settings)
    )


def is_there(call: Callable[..., Any], **settings: Any) -> Callable[[str], Any]:
    """What a module on a device gives that is run on the processor."""
    return lambda device: call(
        CONVENTIONS["state required"].make().to(device), length=4, inputs=M, device="cpu", progress=False, **settings
    )


def measured(name: str) -> Callable[[str], Any]:
    sizes = {"length": 6, "starts": 16, "ends": 17, "progress": False}
    return lambda device: measure(module_of(name), device=device, **sizes).singular_values


def profiled(name: str) -> Callable[[str], Any]:
    sizes = {"length": 6, "cuts": [2, 4], "starts": 16, "ends": 17, "progress": False}
    return lambda device: np.concatenate(
        [m.singular_values for m in profile(module_of(name), device=device, **sizes).points]
    )


def remembered(name: str) -> Callable[[str], Any]:
    sizes = {"length": 8, "samples": 32, "progress": False}
    return lambda device: remember(module_of(name), device=device, **sizes).memory


def cases(every: bool = True) -> Iterator[Case]:
    """What a device must be able to do; on real numbers with all models, or those that differ most."""
    for name in [*CONTRACT, "LSTM", "GRU", "RNN"]:
        yield Case(f"certify {name}", certified(name), dict.__eq__)
        if not every and name not in ("rac", "lru", "LSTM"):
            continue
        yield Case(f"measure {name}", measured(name), close)
        yield Case(f"remember {name}", remembered(name), close)
    yield Case("certify words", certified("rac", domain="tokens"), dict.__eq__)
    yield Case("certify all outputs", certified("rac", readout="all"), dict.__eq__)
    yield Case("certify a module that is there", is_there(certify, samples=12), lambda a, b: content(a) == content(b))
    yield Case("measure a module that is there", is_there(measure), lambda a, b: a.singular_values == b.singular_values)
    yield Case("profile", profiled("GRU"), close)
    for family in FAMILIES if every else ("half_rank", "leading_zero_columns"):
        yield Case(f"rank of {family}", ranked(family, "tiny blocks", PRIMES[4]), lambda a, b: a == b)


def ranked(family: str, blocks: str, prime: int) -> Callable[[str], Any]:
    def result(device: str) -> Any:
        matrix = FAMILIES[family](np.random.default_rng(1), prime)
        tile = (4, 8) if blocks == "tiny blocks" else on_device.TILE
        with BLOCKS[blocks](), mock.patch.object(on_device, "TILE", tile):
            found = rank_profile(matrix, prime, device=device)
        return found.rank, found.determinant, found.rows.tolist(), found.columns.tolist()

    return result


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("blocks", ["blocks", pytest.param("tiny blocks", marks=pytest.mark.slow)])
def test_elimination_of_tensors_finds_the_same_pivots(family: str, blocks: str) -> None:
    prime = PRIMES[[*FAMILIES].index(family) % len(PRIMES)]
    Case(family, ranked(family, blocks, prime), lambda a, b: a == b).compare(FORCED)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(700, 700), (900, 400), (400, 900)], ids=str)
def test_elimination_of_larger_tensors(shape: tuple[int, int]) -> None:
    generator = np.random.default_rng(2)
    for matrix in (
        uniform(generator, PRIMES[4], *shape),
        generator.integers(1000, size=(shape[0], 300)) @ generator.integers(1000, size=(300, shape[1])),
    ):
        assert_equal(rank_profile(matrix, device=FORCED), rank_profile(matrix))


@pytest.mark.parametrize("size", [97, 2**51, 2**52 + 2, 2**53])
def test_numbers_of_every_size_are_read_on_a_device(size: int) -> None:
    matrix = np.random.default_rng(4).integers(-size, size, size=(30, 20), endpoint=True).astype(np.float64)
    with mock.patch.object(on_device, "TILE", (4, 8)):
        assert_equal(rank_profile(matrix, device=FORCED), rank_profile(matrix))


def test_a_matrix_that_may_not_be_written_into_is_read_on_a_device() -> None:
    matrix = np.random.default_rng(5).integers(97, size=(30, 20)).astype(np.float64)
    matrix.flags.writeable = False
    assert_equal(rank_profile(matrix, device=FORCED), rank_profile(matrix))


@pytest.mark.parametrize("number", [0.5, float("nan"), float("inf"), 2.0**54])
def test_a_matrix_with_something_else_is_refused_on_a_device_as_on_the_processor(number: float) -> None:
    matrix = np.eye(5)
    matrix[3, 2] = number
    for device in ("cpu", FORCED):
        with pytest.raises(ValueError, match=r"must hold integers of at most 2\^53, got .* in row 3, column 2"):
            rank_profile(matrix, device=device)


def test_certificates_by_elimination_on_a_device_are_the_same() -> None:
    Case("rac", certified("rac"), dict.__eq__).compare(FORCED)


def test_a_wrong_product_on_a_device_is_noticed() -> None:
    right = torch.mm

    def wrong(left: Any, other: Any, *, out: Any) -> None:
        right(left, other, out=out)
        out[-1, -1] += 1

    matrix = uniform(np.random.default_rng(3), 97, 300, 300)
    with mock.patch.object(torch, "mm", wrong), pytest.raises(ArithmeticError, match="wrong product"):
        rank_profile(matrix, 97, device=FORCED)


def test_a_matrix_beyond_the_device_is_refused_before_it_is_sent() -> None:
    with (
        mock.patch.object(on_device, "free_bytes", return_value=2**20),
        pytest.raises(ValueError, match=r"takes .* MiB on cpu:0, which has 1 MiB free; use device='cpu'"),
    ):
        rank_profile(np.eye(600), device=FORCED)


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="must be auto, cpu or cuda, got 'banana'"):
        certify(build("rac"), length=4, device="banana")
    if not torch.cuda.is_available():
        for call in (certify, measure, remember, profile):
            with pytest.raises(ValueError, match="cuda was asked for, but torch sees none"):
                call(build("rac"), length=12, device="cuda")
        with pytest.raises(ValueError, match="cuda:1 was asked for, but torch sees none"):
            fit(TINY, folder="nowhere", device="cuda:1")


def test_a_device_limits_the_memory_taken() -> None:
    from seprank.settings.certify_settings import CertifySettings

    with (
        mock.patch.object(resources, "find_device", lambda name: name),
        mock.patch.object(resources, "free_bytes", lambda device: 1000 if device == "cuda" else 10**9),
    ):
        assert CertifySettings(length=4, device="cuda", memory=10**6).budget == 500
        assert CertifySettings(length=4, device="cuda", memory=100).budget == 100
        assert CertifySettings(length=4, memory=10**6).budget == 10**6


def test_a_card_computes_without_tf32_and_settings_come_back() -> None:
    def flags() -> tuple[bool, bool, bool]:
        backends = torch.backends
        return backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32, backends.cudnn.enabled

    before = flags()
    with quiet():
        assert flags() == before
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        with quiet("cuda", cudnn=False):
            assert flags() == (False, False, False)
        with quiet("cuda"):
            assert flags() == (False, False, before[2])
        assert flags() == (True, *before[1:])
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before[0]
    assert flags() == before


@pytest.mark.slow
def test_a_second_device_that_is_not_mixed_with_the_processor_gives_the_same() -> None:
    """In a process of its own, see `second_device`."""
    script = Path(second_device.__file__)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(script.parent), *sys.path]), "OMP_NUM_THREADS": "1"}
    ran = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert ran.stdout.splitlines() == [case.name for case in cases(every=False)]


on_card = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a graphics card")


@pytest.mark.gpu
@on_card
@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.name)
def test_every_case_on_a_graphics_card(case: Case) -> None:
    case.compare("cuda")


@pytest.mark.gpu
@on_card
@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_training_on_a_graphics_card(device: str, tmp_path: Path) -> None:
    """In float32, where sums are rounded in another order."""
    found, expected = (fit(TINY, folder=tmp_path / name[:3], device=name) for name in (device, "cpu"))
    for row, other in zip(found["curve"], expected["curve"], strict=True):
        assert row["loss"] == pytest.approx(other["loss"], rel=1e-3)
    for row, other in zip(found["memory"], expected["memory"], strict=True):
        assert row["entropy"] == pytest.approx(other["entropy"], rel=1e-2, abs=1e-2)


@pytest.mark.gpu
@on_card
@pytest.mark.parametrize("arguments", ["certify rac", "measure lstm", "measure gru --profile", "remember gru"])
def test_commands_on_a_graphics_card(arguments: str) -> None:
    sizes = "--inputs 4 --width 3 --length 12 --json --device"
    ran = [CliRunner().invoke(app, [*arguments.split(), *sizes.split(), device]) for device in ("cuda", "cpu")]
    assert [run.exit_code for run in ran] == [0, 0], ran[0].output
    found, expected = (json.loads(run.stdout) for run in ran)
    assert found.keys() == expected.keys()
    assert found.get("rank") == expected.get("rank")
