"""Straight-line programs: what is recorded of a module gives, bit for bit, what the module gives in the field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seprank.certification import prepared, recording
from seprank.certification.asked import ask
from seprank.certification.prepared import enter
from seprank.field import (
    DEFAULT_PRIME,
    NotPolynomial,
    NotRecorded,
    PrimeField,
    Program,
    Symbolic,
    evaluate,
    executors,
    interpreter,
    symbolic,
)
from seprank.field.symbolic import ONE, Linear, Products, Step, Sums
from seprank.models import MODELS
from seprank.settings.certify_settings import CertifySettings

pytestmark = pytest.mark.usefixtures("one_thread")

EXECUTORS: list[ModuleType] = [interpreter]
try:
    from seprank.field import compiled, compiled_integers, machine_code

    EXECUTORS += [compiled, compiled_integers, machine_code]
except ImportError:  # numba is an extra
    pass

IN_FLOATS = EXECUTORS[:2]
"""Those that run every program that certify records"""

each_executor = pytest.mark.parametrize("executor", EXECUTORS, ids=lambda module: module.__name__.rpartition(".")[2])
POLYNOMIAL = [name for name, spec in MODELS.items() if spec.polynomial]
P = DEFAULT_PRIME


def matrix(module: nn.Module, recorded: bool, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> tuple[Any, str]:
    """The Start-End matrix of a module, grown twice, and why it was not recorded."""
    asked: dict[str, Any] = {"length": 6, "prime": P, "seed": 3} | settings
    inputs, arithmetic = asked.pop("inputs", None), asked.pop("arithmetic", "float64")
    monkeypatch.setattr(recording, "RECORDED", 1 if recorded else 2**60)
    with enter(module, ask(module, CertifySettings(**asked), inputs), arithmetic=arithmetic, device="cpu") as run:
        found = run.matrix(2**28)
        for count in (5, 33):
            found.grow(*(run.samples(side, min(count, run.question.words_in_all(side) or count)) for side in SIDES))
        return found.take(), run.recorded.reason


SIDES = ("starts", "ends")


def same_when_recorded(module: nn.Module, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> str:
    """That it is, with each executor; and why it was not recorded."""
    expected, _ = matrix(module, False, monkeypatch, **settings)
    for executor in IN_FLOATS:
        monkeypatch.setattr(executors, "fastest", lambda *_, executor=executor: executor)
        found, reason = matrix(module, True, monkeypatch, **settings)
        np.testing.assert_array_equal(found, expected)
        if reason:
            break
    return reason


@pytest.mark.parametrize("name", POLYNOMIAL)
def test_every_model_is_recorded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = MODELS[name].build(inputs=2, width=3, depth=2, dtype=torch.float64)
    assert same_when_recorded(module, monkeypatch, readout="all", cut=4) == ""


@pytest.mark.parametrize("settings", [{}, {"domain": "tokens", "readout": 1}], ids=str)
def test_readouts_and_tokens_are_recorded(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    module = MODELS["linear_attention"].build(inputs=2, width=2, depth=1, dtype=torch.float64)
    assert same_when_recorded(module, monkeypatch, **settings) == ""


class Own(nn.Module):
    """A module whose step is a function of weights (5, 5), input (batch, 2) and state (batch, 5)."""

    input_size = 2

    def __init__(self, step: Callable[..., Tensor]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 5, generator=torch.Generator().manual_seed(0)))
        self.into = nn.Parameter(torch.randn(5, 2, generator=torch.Generator().manual_seed(1)))
        self.scale = nn.Parameter(torch.ones(5))
        self.step = step
        self.calls = 0

    def forward(self, sequence: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        self.calls += 1
        hidden = torch.ones(len(sequence), 5, dtype=sequence.dtype) if state is None else state
        outputs = []
        for x in sequence.unbind(1):
            hidden = self.step(self, x @ self.into.T, hidden)
            outputs.append(hidden)
        return torch.stack(outputs, 1), hidden


def in_place(module: Own, x: Tensor, hidden: Tensor) -> Tensor:
    found = torch.zeros_like(hidden)
    found[:, :3] = x[:, 2:] * hidden[:, :3]
    found[:, 3:] += hidden[:, :2]
    found *= 3
    found.sub_(x, alpha=2)
    return found


def outer(module: Own, x: Tensor, hidden: Tensor) -> Tensor:
    memory = torch.einsum("bi,bj->bij", x, hidden) + torch.eye(5, dtype=x.dtype)
    return (memory @ hidden.unsqueeze(2)).squeeze(2) + memory.sum(1) / 7


RECORDED = {
    "in_place": in_place,
    "outer": outer,
    "constants": lambda m, x, h: 0.1 * h * x - (1 - x) / 3 + 2,
    "powers": lambda m, x, h: x**3 + (h - 1) ** 2 + torch.ones_like(h),
    "bias": lambda m, x, h: torch.addmm(x, h, m.weight.T, beta=2, alpha=-3),
    "moved": lambda m, x, h: torch.cat([h[:, 1:], x[:, :1]], 1).flip(1) * x.roll(1, 1),
    "masked": lambda m, x, h: torch.where(torch.tensor([True, False, True, False, True]), x, h * x),
    "cross_check": lambda m, x, h: h.unsqueeze(1).expand(-1, 2, -1).reshape(len(h), 10)[:, 3:8] + x,
    "products": lambda m, x, h: torch.lerp(x, h, 0.25) + h.prod(1, keepdim=True) + torch.mean(x, 1, keepdim=True),
    "zeros": lambda m, x, h: torch.cat([x[:, :2] * 0, (h * x)[:, 2:]], 1) + (x - x) + h,
    "bilinear": lambda m, x, h: torch.nn.functional.bilinear(x, h, m.weight.expand(5, 5, 5)),
    "function of a parameter": lambda m, x, h: x * torch.exp(m.scale) + h,
    "padded": lambda m, x, h: torch.nn.functional.pad(x * h, (1, 1), value=4.0)[:, 1:6] @ m.weight,
}


@pytest.mark.parametrize("step", RECORDED.values(), ids=RECORDED)
def test_modules_are_recorded(step: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    assert same_when_recorded(Own(step), monkeypatch) == ""


NOT_RECORDED = {
    "cumulative": (lambda m, x, h: torch.cumsum(x, 1) * h, "not recorded"),
    "division": (lambda m, x, h: h * x / (1 + x[:, :1] * x[:, :1]), "divides by a value"),
    # The sums differ with the calls, though not their values.
    "counts its calls": (lambda m, x, h: x * h if m.calls % 2 else h * x + h - h * 1, "each call"),
}


@pytest.mark.parametrize(("step", "reason"), NOT_RECORDED.values(), ids=NOT_RECORDED)
def test_the_module_runs_itself_where_it_is_not_recorded(
    step: Callable[..., Tensor], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reason in same_when_recorded(Own(step), monkeypatch)


class Attention(nn.Module):
    """A function of the whole sequence: causal attention, of which the last step is read."""

    input_size = 2

    def __init__(self) -> None:
        super().__init__()
        self.queries, self.keys, self.values = (nn.Linear(2, 2) for _ in range(3))
        self.norm = nn.LayerNorm(2)

    def forward(self, sequence: Tensor) -> Tensor:
        scores = self.queries(sequence) @ self.keys(sequence).transpose(1, 2)
        hidden = torch.ones(scores.shape[1:], dtype=torch.bool).triu(1)
        shares = torch.softmax(scores.masked_fill(hidden, -torch.inf), 2)
        return self.norm(shares @ self.values(sequence) + sequence)


@pytest.mark.parametrize("settings", [{}, {"split": (0, 2, 4)}, {"readout": "all", "cut": 2}], ids=str)
def test_functions_of_whole_sequences_are_recorded(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert same_when_recorded(Attention().double().eval(), monkeypatch, squash="identity", **settings) == ""


def test_large_primes_are_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    module = MODELS["rac"].build(inputs=2, width=2, depth=1, dtype=torch.float64)
    assert "leave float64" in same_when_recorded(module, monkeypatch, prime=134217689)
    assert same_when_recorded(module, monkeypatch, prime=33554393) == ""  # sums of a few products only


def test_token_ids_are_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    class Reader(Own):
        def forward(self, sequence: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
            return super().forward(torch.nn.functional.embedding(sequence, self.weight[:, :2]), state)

    module = Reader(lambda m, x, h: x * h + x)
    assert "token ids" in same_when_recorded(module, monkeypatch, domain="tokens", inputs=4, templates="ids")


@each_executor
@pytest.mark.parametrize("prime", [P, 3, 65537, 33554393])
@pytest.mark.parametrize("length", [1, 2, 3, 4, 7, 8, 9, 64, 65, 511, 600])
def test_sums_of_products_at_the_largest_residues(length: int, prime: int, executor: ModuleType) -> None:
    """Against Python integers: linear sums, sums of products and sums with constants, of the largest and of others."""
    rng, half = np.random.default_rng(length), prime // 2
    f = Symbolic(prime)
    x, y = f.unknown(length), f.unknown(length)
    matrix = rng.choice([-half, half], (3, length)).astype(np.float64)
    constants = torch.from_numpy(matrix)
    outputs = torch.cat(
        [
            f.matmul(constants, x.unsqueeze(1)).squeeze(1),
            f.matmul(x.unsqueeze(0), y.unsqueeze(1)).reshape(1),
            f.sum(f.add(f.scale(y, half), constants[0]), [0]).reshape(1),
            f.sub(x[:1], f.mul(y[:1], x[:1])),
        ]
    )
    program = Program.of(f.steps, f.registers, *(f.registers_of(t) for t in (x, y, outputs)))
    if length > 100 and executor.__name__.endswith("machine_code"):
        pytest.skip("LLVM takes a second for it")
    starts, ends = (rng.choice([-half, half, 0, 1, half - 1], (length, n)).astype(np.float64) for n in (3, 70))
    found = np.empty((3, 70, 6))
    evaluate(program.stages(), starts, ends, prime, found, executor=executor)
    w = matrix.astype(np.int64).astype(object)
    for row, end in ((0, 0), (2, 69), (1, 33)):
        a, b = starts[:, row].astype(np.int64).astype(object), ends[:, end].astype(np.int64).astype(object)
        expected = [*(w @ a), a @ b, (b * half + w[0]).sum(), a[0] - a[0] * b[0]]
        assert [int(v) for v in found[row, end]] == [(int(e) + half) % prime - half for e in expected]


@each_executor
def test_long_sums_that_end_half_way_between_multiples_of_the_prime(executor: ModuleType) -> None:
    """Where one rounding of the quotient can go wrong: sums beyond 2^50 that are the largest residue modulo p."""
    rng, prime = np.random.default_rng(0), 33554393
    half, f = prime // 2, Symbolic(prime)
    length = f.longest_sum
    x, y = f.unknown(length), f.unknown(length)
    output = f.matmul(x.unsqueeze(0), y.unsqueeze(1)).reshape(1)
    program = Program.of(f.steps, f.registers, *(f.registers_of(t) for t in (x, y, output)))
    starts, ends = np.full((length, 1), float(half)), rng.integers(half // 2, half + 1, (length, 2000)) * 1.0
    wanted = rng.choice([-half, half], 2000)
    starts[-1] = 1
    before = (ends[:-1].astype(np.int64) * half).sum(0)
    ends[-1] = (wanted - before + half) % prime - half
    found = np.empty((1, 2000, 1))
    evaluate(program.stages(), starts, ends, prime, found, executor=executor)
    np.testing.assert_array_equal(found[0, :, 0], wanted)


needs_numba = pytest.mark.skipif(len(EXECUTORS) == 1, reason="numba, and LLVM with it, are an extra")


@needs_numba
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 8, 70])
@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("between", [1, 2], ids=["together", "with gaps"])
def test_machine_code_takes_any_number_of_ends(count: int, channels: int, between: int) -> None:
    rng, f = np.random.default_rng(count), Symbolic(P)
    x, y = f.unknown(channels), f.unknown(2)
    products = f.add(f.mul(x, y[0]), f.mul(x.flip(0), y[1]))
    largest = torch.from_numpy(rng.choice([-(P // 2), P // 2], (channels, channels)).astype(np.float64))
    outputs = f.matmul(largest, products.unsqueeze(1)).squeeze(1)
    stage = Program.of(f.steps, f.registers, *(f.registers_of(t) for t in (x, y, outputs))).stages().pairs
    for many in (0, 1, 3):
        starts, ends = (rng.integers(-P // 2, P // 2, (rows, n)) * 1.0 for rows, n in ((channels, many), (2, count)))
        expected, memory = np.empty((many, count, channels)), np.full((many, count * between + 3, channels), np.nan)
        found = memory[:, : count * between : between]
        interpreter.run_pairs(stage, starts, ends, P, expected)
        machine_code.run_pairs(stage, starts, ends, P, found)
        np.testing.assert_array_equal(found, expected)
        assert np.isfinite(memory).sum() == found.size  # nothing else is written over


@needs_numba
@pytest.mark.parametrize("name", ["rac", *(pytest.param(n, marks=pytest.mark.slow) for n in POLYNOMIAL if n != "rac")])
def test_models_are_the_same_by_machine_code(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = MODELS[name].build(inputs=2, width=2, depth=1, dtype=torch.float64)
    expected, _ = matrix(module, False, monkeypatch, length=4)
    monkeypatch.setattr(executors, "fastest", lambda *_: machine_code)
    found, reason = matrix(module, True, monkeypatch, length=4)
    assert reason == ""
    np.testing.assert_array_equal(found, expected)


@needs_numba
def test_which_executor_runs_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few pairs in NumPy; many by machine code, if the program is short; else by numba, where it pays."""
    stages = []
    monkeypatch.setattr(recording, "evaluate", lambda stage, *_, **__: stages.append(stage))
    for width in (3, 40):
        matrix(MODELS["rac"].build(inputs=2, width=width, depth=2, dtype=torch.float64), True, monkeypatch)
    short, long = stages[0].pairs, stages[-1].pairs
    monkeypatch.setattr(executors, "is_worth_compiling", lambda work: work >= 2**32)
    few, many = 2**4, 2**24
    assert [executors.fastest(short, n) for n in (few, many)] == [interpreter, machine_code]
    assert [executors.fastest(long, n) for n in (few, many)] == [interpreter, compiled]
    monkeypatch.setattr(machine_code, "find_spec", lambda name: None)
    assert executors.fastest(short, many) is compiled


def test_names_do_not_get_into_numbers() -> None:
    """A name that is kept from a recording is refused, and not read as a number."""
    with PrimeField(P) as field:
        with field.recording():
            kept = field.unknown(2, 3) * 1
        with pytest.raises(NotPolynomial, match="infinite or undefined"):
            _ = kept + 1


def test_a_sequence_that_takes_from_another_is_not_recorded() -> None:
    f = Symbolic(P)
    x = f.unknown(2, 3)
    mixed = f.add(x, x.flip(0))
    own, others = f.registers_of(x[0]), f.registers_of(mixed[0])
    with pytest.raises(NotRecorded, match="another one of its batch"):
        Program.of(f.steps, f.registers, own, np.zeros(0, dtype=np.int64), others)


def test_what_needs_one_half_alone_is_worked_out_once() -> None:
    f = Symbolic(P)
    x, y = f.unknown(3), f.unknown(4)
    output = f.mul(f.mul(x[0], x[1]), f.mul(y[0], y[3]))
    stages = Program.of(f.steps, f.registers, *(f.registers_of(t) for t in (x, y, output.reshape(1)))).stages()
    assert [len(stage.heads) for stage in (stages.starts, stages.ends, stages.pairs)] == [1, 1, 1]


def test_modules_too_large_are_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(symbolic, "MOST_TERMS", 50)
    module = MODELS["rac"].build(inputs=2, width=3, depth=2, dtype=torch.float64)
    assert "more than 50 numbers" in same_when_recorded(module, monkeypatch)


def last_changed(program: Program, starts: Any) -> Program:
    """Another matrix in the last step."""
    last = program.steps[-1]
    assert isinstance(last, Linear)
    return replace(program, steps=[*program.steps[:-1], replace(last, matrix=last.matrix + 1)])


def right_for_these_starts(program: Program, starts: Any) -> Program:
    """More by a product that vanishes for some starts, known by their first number."""
    count = 1 + program.starts + program.ends + sum(len(step.outs) for step in program.steps)
    roots = sorted({int(number) for number in starts[0]})
    steps: list[Step] = [*program.steps, Sums(np.array([count]), np.array([[1]]), np.array([[1.0]]))]
    for number, root in enumerate(roots):
        factor, product = count + 2 * number + 1, count + 2 * number + 2
        by = np.array([[1.0, -float(root)]])
        steps.append(Sums(np.array([factor]), np.array([[1, ONE]]), by))
        steps.append(Products(np.array([product]), np.array([[product - 2]]), np.array([[factor]])))
    last = count + 2 * len(roots) + 1
    terms = np.array([[int(program.outputs[0]), last - 1]])
    steps.append(Sums(np.array([last]), terms, np.array([[1.0, 1.0]])))
    return replace(program, steps=steps, outputs=np.array([last]))


@pytest.mark.parametrize(
    ("change", "arithmetic", "refused"),
    [
        (last_changed, "float64", True),
        pytest.param(last_changed, "int64", True, marks=needs_numba),
        # What gives the right entries where certify looks first is found out by a recheck, which looks elsewhere.
        (right_for_these_starts, "float64", False),
        pytest.param(right_for_these_starts, "int64", True, marks=needs_numba),
    ],
)
def test_a_program_of_another_module_is_not_used(
    change: Callable[[Program, Any], Program], arithmetic: str, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, record_steps, known = recording.Recorded._record, recording._record, []

    def noting_starts(recorded: Any, states: Any, ends: Any) -> Any:
        known.append(recording._numbers(recorded._model, states)[:, : recording._TRIED])
        return record(recorded, states, ends)

    monkeypatch.setattr(recording.Recorded, "_record", noting_starts)
    monkeypatch.setattr(recording, "_record", lambda *arguments: change(record_steps(*arguments), known[-1]))
    monkeypatch.setattr(recording, "is_worth_compiling", lambda work: True)
    monkeypatch.setattr(prepared, "check_entries", lambda values, alone: None)  # finds it out as well, later
    module = MODELS["rac"].build(inputs=2, width=3, depth=2, dtype=torch.float64)
    _, reason = matrix(module, True, monkeypatch, arithmetic=arithmetic)
    assert ("other values than the module" in reason) == refused


@needs_numba
@pytest.mark.parametrize("settings", [{}, {"domain": "tokens"}, {"readout": "all", "prime": 33554393}], ids=str)
def test_rechecks_run_programs_too(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    module = MODELS["rac"].build(inputs=2, width=3, depth=2, dtype=torch.float64)
    expected, _ = matrix(module, False, monkeypatch, **settings)
    monkeypatch.setattr(recording, "is_worth_compiling", lambda work: True)
    used = []
    run_pairs = compiled_integers.run_pairs
    monkeypatch.setattr(compiled_integers, "run_pairs", lambda *args: (used.append(1), run_pairs(*args)))
    found, reason = matrix(module, True, monkeypatch, arithmetic="int64", **settings)
    assert reason == ""
    assert used
    np.testing.assert_array_equal(found, expected)


@needs_numba
def test_rechecks_do_not_believe_programs_of_a_high_degree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "is_worth_compiling", lambda work: True)
    module = MODELS["rac"].build(inputs=2, width=2, depth=1, dtype=torch.float64)
    expected, _ = matrix(module, False, monkeypatch, prime=11)
    found, reason = matrix(module, True, monkeypatch, prime=11, arithmetic="int64")
    assert "too high for random points modulo 11" in reason
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("degree", "prime", "fine"), [(17, 97, False), (16, 97, True), (0, 3, True), (2.0**63, P, False)]
)
def test_how_high_a_degree_may_be(degree: float, prime: int, fine: bool) -> None:
    """32 random starts, or ends, are all among the zeros of a difference with a probability of (degree / prime)^32."""
    assert (degree == 0 or 2 * min(1.0, degree / prime) ** 32 <= 2.0**-80) == fine
    if fine:
        recording._require_low(degree, prime)
        return
    with pytest.raises(NotRecorded, match="too high"):
        recording._require_low(degree, prime)


def test_degrees_of_programs() -> None:
    f = Symbolic(P)
    x, y = f.unknown(3), f.unknown(4)

    def degree(*numbers: Tensor) -> float:
        given = [f.registers_of(t) for t in (x, y, torch.stack(numbers))]
        return Program.of(f.steps, f.registers, *given).degree

    one = f.residues(torch.ones((), dtype=torch.int64))
    assert degree(one) == 0
    assert degree(f.add(x[0], one)) == 1
    assert degree(f.add(x[0], f.mul(f.mul(x[0], x[1]), f.mul(y[0], y[3]))), one) == 4
    assert degree(f.matmul(f.mul(x, x).unsqueeze(0), x.unsqueeze(1)).reshape(())) == 3
    high = x[0]
    for _ in range(70):
        high = f.mul(high, high)
    assert degree(high) == 2**63  # or more
