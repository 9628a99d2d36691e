"""certify, verify and the certificate, against theory, the literature's values and brute force."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import oracles
from seprank import RAC, Certificate, CertificateError, NotPolynomial, bounds, certify, verify
from seprank.adapters import ConventionError
from seprank.certification import prepared, search
from seprank.certification.asked import Question
from seprank.certification.certificate import digest
from seprank.certification.words import draw_words
from seprank.field import draw_elements
from seprank.models import MODELS
from seprank.sources import load_factory
from seprank.system.memory import MemoryBudgetError

PRIME = 8388593

# inputs, width, length, depth, domain, rank: proved or published values
VALUES = [
    (2, 3, 6, 1, "functional", 3),
    (2, 2, 8, 2, "functional", 10),
    (3, 3, 8, 2, "functional", 45),
    (2, 3, 6, 2, "functional", 24),
    (2, 3, 8, 2, "functional", 42),
    (2, 2, 6, 3, "functional", 52),
    (3, 3, 6, 3, "functional", 759),
    (8, 2, 6, 4, "tokens", 80),
    (4, 3, 8, 3, "tokens", 192),
    (4, 3, 8, 4, "tokens", 192),
]


def small_cells() -> list[tuple[int, int, int, int, int, str]]:
    """Every network up to 3 x 3 x 3 and length 6 at every cut whose bound is small enough to be quick."""
    sizes = itertools.product((1, 2, 3), (1, 2, 3), range(2, 7), (1, 2, 3), ("functional", "tokens"))
    cells = []
    for inputs, width, length, depth, domain in sizes:
        for cut in range(1, length):
            known = bounds(inputs=inputs, width=width, depth=depth, length=length, cut=cut, domain=domain)
            upper = min(b.value for b in known if b.kind in ("upper", "exact"))
            if upper <= 60 and (cut == length // 2 or upper <= 12):
                cells.append((inputs, width, length, depth, cut, domain))
    return cells


CELLS = small_cells()[::3]


def test_there_are_enough_cells() -> None:
    assert len(CELLS) >= 150
    assert {cell[5] for cell in CELLS} == {"functional", "tokens"}
    assert any(cut != length // 2 for _, _, length, _, cut, _ in CELLS)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(8))
def test_certified_rank_lies_between_the_bounds(chunk: int) -> None:
    for inputs, width, length, depth, cut, domain in CELLS[chunk::8]:
        cell = (inputs, width, length, depth, cut, domain)
        found = certify(RAC(inputs, width, depth), length=length, cut=cut, domain=domain, progress=False)
        known = bounds(inputs=inputs, width=width, depth=depth, length=length, cut=cut, domain=domain)
        for bound in known:
            if bound.kind in ("upper", "exact"):
                assert found.rank <= bound.value, (cell, bound)
            if bound.kind in ("lower", "exact"):
                assert found.rank >= bound.value, (cell, bound)
        if depth == 1:
            assert found.rank == min(width, inputs**cut, inputs ** (length - cut)), cell
            assert found.exact, cell
        assert found.saturated, cell


@pytest.mark.parametrize(("inputs", "width", "length", "depth", "domain", "rank"), VALUES)
def test_known_values_are_found_and_exact(
    inputs: int, width: int, length: int, depth: int, domain: str, rank: int
) -> None:
    found = certify(RAC(inputs, width, depth), length=length, domain=domain, progress=False)
    assert found.rank == rank
    assert found.exact
    assert found.upper_bound == rank
    assert verify(found, progress=False)


def test_a_gap_stays_a_gap() -> None:
    found = certify(MODELS["mi_rnn"].build(inputs=2, width=2, depth=2), length=6, progress=False)
    assert (found.exact, found.saturated) == (False, True)
    assert found.upper_bound is not None
    assert found.rank < found.upper_bound


def matrix_by_hand(depth: int, length: int, cut: int, count: int, seed: int) -> list[list[int]]:
    """The Start-End matrix of a RAC with 2 inputs and width 3 in Python integers, from the documented streams."""

    def draw(name: str, *shape: int) -> Any:
        return draw_elements(seed, name, int(np.prod(shape)), PRIME).astype(int).astype(object).reshape(shape)

    weights = [
        (draw(f"parameter/weight_ih_l{k}", 3, 2 if k == 0 else 3), draw(f"parameter/weight_hh_l{k}", 3, 3))
        for k in range(depth)
    ]
    initial = draw("parameter/initial_state", depth, 3)
    readout = draw("readout", 3)
    starts, ends = draw("starts", count, cut, 2), draw("ends", count, length - cut, 2)

    def output(sequence: Any) -> int:
        states = list(initial)
        for x in sequence:
            below = x
            for layer, (from_input, recurrent) in enumerate(weights):
                below = states[layer] = (recurrent @ states[layer]) * (from_input @ below) % PRIME
        return int(readout @ states[-1]) % PRIME

    return [[output(np.concatenate([s, e])) for e in ends] for s in starts]


@pytest.mark.parametrize(("depth", "length", "cut"), [(1, 4, 2), (2, 5, 2), (3, 5, 3)])
def test_rank_and_minor_are_those_of_brute_force(depth: int, length: int, cut: int) -> None:
    found = certify(RAC(2, 3, depth), length=length, cut=cut, samples=12, seed=7, progress=False)
    matrix = matrix_by_hand(depth, length, cut, 12, seed=7)
    assert found.rank == oracles.rank_mod(matrix, PRIME)
    minor = [[matrix[i][j] for j in found.minor.columns] for i in found.minor.rows]
    assert oracles.det_mod(minor, PRIME) == found.minor.determinant != 0


def test_the_module_is_left_as_it_was() -> None:
    module = RAC(2, 2, 2).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    threads = torch.get_num_threads()
    certify(module, length=4, progress=False)
    assert module.training
    assert torch.get_num_threads() == threads
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_the_field_is_entered_once_for_a_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for a module without a family, which is run over degrees once its calls are checked."""
    entered: list[int] = []

    def enter(module: nn.Module, question: Question, **settings: Any) -> Any:
        entered.append(question.seed)
        return prepared.enter(module, question, **settings)

    monkeypatch.setattr(search, "enter", enter)
    found = certify(MODELS["mi_rnn"].build(inputs=2, width=2, depth=1), length=4, progress=False)
    assert (found.rank, found.bounds[0].name) == (3, "degrees: state")
    assert entered == [0]


def test_the_same_seed_gives_the_same_certificate_and_another_seed_another_minor() -> None:
    first, again, other = (certify(RAC(2, 2, 2), length=6, seed=s, progress=False) for s in (3, 3, 4))
    assert first.minor == again.minor
    assert first.rank == other.rank
    assert first.minor != other.minor


def test_readout_of_all_channels_and_of_one() -> None:
    every = certify(RAC(2, 2, 1), length=2, readout="all", progress=False)
    one = certify(RAC(2, 2, 1), length=2, readout=1, progress=False)
    # With a single end step, channel k of a shallow network is (row k of W_H h)(row k of W_I x): a product.
    assert (every.rank, one.rank) == (2, 1)
    assert verify(every, progress=False)
    assert verify(one, progress=False)
    assert {b.kind for b in one.bounds} == {"upper"}
    # Two inputs, seen by each of two channels.
    assert [b.value for b in every.bounds if b.counts == "end"] == [4]


def test_too_few_samples_say_at_least() -> None:
    found = certify(RAC(3, 3, 2), length=8, samples=20, progress=False)
    assert (found.rank, found.saturated, found.exact) == (20, False, False)
    assert "limited by 20 samples" in str(found)


def test_small_memory_doubles_samples_until_it_is_used_up() -> None:
    found = certify(RAC(3, 3, 3), length=8, memory=2**20, progress=False)
    assert found.rank == found.starts == 128
    assert not found.saturated


def test_one_hot_templates_and_given_templates_and_generic_ones_have_one_rank() -> None:
    ranks = {
        certify(RAC(2, 2, 2), length=6, domain="tokens", templates=templates, progress=False).rank
        for templates in ("generic", "one-hot", [[1, 2], [3, 5]])
    }
    assert ranks == {8}


class Reader(nn.Module):
    """Takes token ids: an embedding, then a bilinear cell."""

    def __init__(self, letters: int = 3, width: int = 2) -> None:
        super().__init__()
        self.embed = nn.Embedding(letters, width)
        self.mix = nn.Bilinear(width, width, width, bias=False)
        self.start = nn.Parameter(torch.ones(width))

    def forward(self, ids: torch.Tensor, state: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        h = self.start.expand(len(ids), -1) if state is None else state
        for step in self.embed(ids).unbind(1):
            h = self.mix(step, h)
        return h, h


def test_a_module_that_takes_token_ids() -> None:
    found = certify(Reader(), length=6, domain="tokens", templates="ids", inputs=3, progress=False)
    assert (found.rank, found.upper_bound, found.exact) == (2, 2, True)
    assert verify(found, Reader(), progress=False)


class Views(nn.Module):
    """Needs memory in the plain order, as .view() does."""

    input_size = 2

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 2))
        self.start = nn.Parameter(torch.ones(3))

    def forward(self, x: torch.Tensor, state: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        projected = (x.view(-1, 2) @ self.weight.T).view(x.shape[0], x.shape[1], 3)
        h = self.start.expand(len(x), -1) if state is None else state
        for step in projected.unbind(1):
            h = h * step
        return h.view(len(x), 1, 3)[:, -1], h


def test_a_module_that_needs_contiguous_memory() -> None:
    assert certify(Views(), length=4, progress=False).rank == 3


class Forgets(Views):
    """Starts anew from each piece."""

    def forward(self, x: torch.Tensor, state: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        return super().forward(x, None)


class Grows(Views):
    """A state that gets longer with each step."""

    def forward(self, x: torch.Tensor, state: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        return x, x if state is None else torch.cat([state, x], 1)


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (Forgets(), "two halves"),
        (Grows(), "keep its shape"),
        (Reader(), "reads 3 token ids, not vectors"),
    ],
)
def test_modules_outside_the_convention(module: nn.Module, text: str) -> None:
    with pytest.raises((ConventionError, ValueError), match=text):
        certify(module, length=4, progress=False)


class Writes(Views):
    """Adds to its input in place, which would spoil it for the next block of pairs."""

    def forward(self, x: torch.Tensor, state: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        x += 1
        return super().forward(x, state)


def test_a_module_that_writes_into_its_input_is_refused() -> None:
    with pytest.raises(NotPolynomial, match="writes into"):
        certify(Writes(), length=4, progress=False)


@pytest.mark.parametrize("module", [nn.LSTM(2, 2), nn.GRU(2, 2), nn.RNN(2, 2)])
def test_squashing_networks_are_not_polynomial(module: nn.Module) -> None:
    with pytest.raises(NotPolynomial, match=f"in {type(module).__name__} is not polynomial"):
        certify(module, length=4, progress=False)


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"length": 1}, ValueError, "length must be at least 2 to be cut, got 1"),
        ({"cut": 4}, ValueError, "cut must be between 1 and length - 1 = 3, got 4"),
        ({"cut": 0}, ValueError, "cut must be between"),
        ({"domain": "words"}, ValueError, "domain must be"),
        ({"samples": 0}, ValueError, "samples must be"),
        ({"samples": 10**6}, MemoryBudgetError, "samples take about"),
        ({"prime": 15}, ValueError, "15 = 3"),
        ({"prime": 2**31 - 1}, ValueError, "below 2"),
        ({"readout": "first"}, ValueError, "readout must be"),
        ({"readout": 2}, ValueError, "readout must be below the 2 output channels"),
        ({"inputs": 0, "domain": "tokens"}, ValueError, "inputs must be"),
        ({"inputs": 3}, ConventionError, "failed on sequences with 3 inputs"),
        ({"templates": "one-hot"}, ValueError, "tokens domain"),
        ({"templates": [1, 2], "domain": "tokens"}, ValueError, "must be vectors"),
        ({"templates": [[1, 2, 3]], "domain": "tokens"}, ValueError, "2 features"),
        ({"templates": [[0.5, 1]], "domain": "tokens"}, ValueError, "whole numbers"),
        ({"templates": "onehot", "domain": "tokens"}, ValueError, "templates must be"),
        ({"templates": "one-hot", "domain": "tokens", "inputs": 3}, ValueError, "one-hot templates"),
        ({"length": 10**12}, MemoryBudgetError, "16 sequences"),
    ],
)
def test_bad_arguments(settings: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        certify(RAC(2, 2), **{"length": 4, "progress": False} | settings)


@pytest.mark.slow
def test_arguments_of_a_wrong_type() -> None:
    """In a process of its own: here the tests' type checks would answer first."""
    program = """
from seprank import RAC, certify
for settings in ({"length": 4.0}, {"seed": "1"}, {"prime": 97.0}, {"samples": "9"}):
    try:
        certify(RAC(2, 2), **{"length": 4} | settings)
    except (TypeError, ValueError) as error:
        print(error)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    lines = run.stdout.splitlines()
    assert [line.split(" must be")[0] for line in lines] == ["length", "seed", "prime", "samples"]


def test_words_are_different_reproducible_and_begin_alike() -> None:
    for letters, steps in [(3, 4), (50, 6)]:
        few, many = (draw_words(5, "starts", count, steps=steps, letters=letters) for count in (20, 60))
        assert np.array_equal(few, many[:20])
        assert len({tuple(word) for word in many.tolist()}) == 60
        assert many.min() >= 0
        assert many.max() < letters
    everything = draw_words(5, "starts", 81, steps=4, letters=3)
    assert {tuple(word) for word in everything.tolist()} == set(itertools.product(range(3), repeat=4))


@pytest.mark.parametrize(("letters", "steps"), [(3, 4), (2, 9), (50, 6), (2, 23), (1, 40)])
def test_words_are_those_of_the_stream_as_the_format_says(letters: int, steps: int) -> None:
    """Another program can draw them from what docs/certificate.md says alone: this is one."""
    count = min(letters**steps, 40)
    found = draw_words(5, "ends", count, steps=steps, letters=letters)
    if letters**steps <= 2**22:
        stream = oracles.stream(5, "ends", letters**steps)
        numbers = sorted(range(letters**steps), key=lambda number: stream[number])[:count]
        expected = [[number // letters**place % letters for place in reversed(range(steps))] for number in numbers]
    else:
        raw = iter(oracles.stream(5, "ends", 60 * steps))
        words = ([next(raw) % letters for _ in range(steps)] for _ in range(60))
        expected = [list(word) for word in dict.fromkeys(map(tuple, words))][:count]
    assert found.tolist() == expected


# --- the certificate as a file


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    return certify(RAC(2, 2, 2), length=6, progress=False)


def test_save_and_load_round_trip(certificate: Certificate, tmp_path: Path) -> None:
    path = certificate.save(tmp_path / "new" / "rac.json")
    assert Certificate.load(path) == certificate
    assert [p.name for p in path.parent.iterdir()] == ["rac.json"]
    assert verify(path, progress=False)


def leaves(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all values in nested dictionaries and lists; of a list, the first and the last."""
    if isinstance(content, dict):
        return [leaf for key, value in content.items() for leaf in leaves(value, (*path, key))]
    if isinstance(content, list) and content:
        ends = {0, len(content) - 1}
        return [leaf for index in sorted(ends) for leaf in leaves(content[index], (*path, index))]
    return [path]


def edited(content: Any, path: tuple[Any, ...]) -> Any:
    """A copy with one value changed to another of its type."""
    content = json.loads(json.dumps(content))
    place = content
    for key in path[:-1]:
        place = place[key]
    old = place[path[-1]]
    new = {bool: lambda: not old, int: lambda: old + 1, float: lambda: old + 1.0, str: lambda: old + "x"}
    place[path[-1]] = new.get(type(old), lambda: 3)()
    return content


def test_every_edited_field_is_noticed(certificate: Certificate, tmp_path: Path) -> None:
    body = certificate.to_dict()
    paths = leaves(body)
    assert len(paths) > 40
    for path in paths:
        file = tmp_path / "edited.json"
        file.write_text(json.dumps(edited(body, path)))
        with pytest.raises(CertificateError) as caught:
            verify(file, progress=False)
        assert caught.value.step in ("read", "digest"), path


# Statements that are about the run and not about the network: a true certificate may carry any of them.
ABOUT_THE_RUN = {("seconds",), ("saturated",), ("starts",), ("ends",)}


def test_every_edited_statement_fails_even_with_a_new_digest(certificate: Certificate) -> None:
    body = certificate.to_dict()
    for path in leaves(body):
        if path in ABOUT_THE_RUN or path[0] in ("versions", "digest"):
            continue
        forged = edited(body, path)
        forged["digest"] = digest(forged)
        with pytest.raises(CertificateError) as caught:
            verify(Certificate.from_dict(forged), progress=False)
        assert caught.value.step in ("read", "fields", "model", "bounds", "flags", "minor"), path


def test_a_certificate_made_before_a_bound_was_found_is_still_valid(certificate: Certificate) -> None:
    weaker = sorted((b for b in certificate.bounds if b.kind == "upper"), key=lambda b: b.value)[1:]
    older = replace(certificate, bounds=weaker, upper_bound=weaker[0].value, exact=certificate.rank == weaker[0].value)
    with pytest.raises(CertificateError, match="must be all that theory gives"):
        verify(Certificate.from_dict(older.to_dict()), progress=False)
    older = replace(older, versions={**older.versions, "seprank": "0.0.9"})
    assert verify(Certificate.from_dict(older.to_dict()), progress=False)
    with pytest.raises(CertificateError, match="its least upper bound is"):
        verify(Certificate.from_dict(replace(older, bounds=weaker[1:]).to_dict()), progress=False)


@pytest.mark.parametrize(
    ("content", "step"),
    [
        ("", "read"),
        ("{", "read"),
        ("[]", "read"),
        ('{"schema": "1"}', "read"),
        ('{"schema": 3}', "read"),
        ('{"schema": 2}', "digest"),
        ('{"schema": 1}', "read"),
    ],
)
def test_files_that_are_no_certificates(content: str, step: str, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(content)
    with pytest.raises(CertificateError) as caught:
        Certificate.load(path)
    assert caught.value.step == step


def test_a_truncated_certificate(certificate: Certificate, tmp_path: Path) -> None:
    path = certificate.save(tmp_path / "c.json")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(CertificateError, match="not JSON") as caught:
        Certificate.load(path)
    assert caught.value.step == "read"


def test_missing_and_unknown_fields(certificate: Certificate) -> None:
    for change in ({"rank": None}, {"extra": 1}):
        body = {key: value for key, value in (certificate.to_dict() | change).items() if value is not None}
        body["digest"] = digest(body)
        with pytest.raises(CertificateError) as caught:
            Certificate.from_dict(body)
        assert caught.value.step == "fields"


FACTORY = """
import torch
from torch import nn

class Cell(nn.Module):
    input_size = 2

    def __init__(self, width):
        super().__init__()
        self.mix = nn.Bilinear(2, width, width, bias=False)
        self.start = nn.Parameter(torch.ones(width))

    def forward(self, x, state=None):
        h = self.start.expand(len(x), -1) if state is None else state
        for step in x.unbind(1):
            h = self.mix(step, h)
        return h, h

def build(width=3):
    return Cell(width)
"""


def test_a_factory_is_recorded_and_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "cell.py"
    file.write_text(FACTORY)
    factory = load_factory(f"{file}:build", width=4)
    found = certify(factory.build(), length=4, factory=factory, progress=False)
    assert found.rank == 4
    assert found.model.settings == {"width": 4}
    with pytest.raises(CertificateError, match="not in the registry"):
        verify(found, progress=False)
    assert verify(found, factory=load_factory(f"{file}:build"), progress=False)
    file.write_text(FACTORY + "\n# changed\n")
    with pytest.raises(CertificateError, match="sha256") as caught:
        verify(found, factory=load_factory(f"{file}:build"), progress=False)
    assert caught.value.step == "model"


def test_a_module_of_another_shape_is_refused(certificate: Certificate) -> None:
    with pytest.raises(CertificateError, match="settings") as caught:
        verify(certificate, RAC(2, 3, 2), progress=False)
    assert caught.value.step == "model"
