"""Modules that do what modules do in practice: each is certified right, or refused with a reason; none is changed."""

import ctypes
import gc
import inspect
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune

from seprank import certify, verify
from seprank.adapters import ConventionError
from seprank.adapters.copies import unwrap
from seprank.field import NotPolynomial

pytestmark = pytest.mark.usefixtures("one_thread")

Integers = npt.NDArray[Any]
M, R, STEPS, CUT = 2, 3, 4, 2
P = 2**31 - 1


class Cell(nn.Module):
    """h' = (A x) * (B h), from ones: separation rank R. Subclasses change the step."""

    input_size = M

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(M, R, bias=False), nn.Linear(R, R, bias=False)
        self.prepare()

    def prepare(self) -> None:
        pass

    def forward(self, x: Tensor, h: Any = None) -> Any:
        h = x.new_ones(len(x), R) if h is None else h
        for step in x.unbind(1):
            h = self.step(step, h)
        return h, h

    def step(self, x: Tensor, h: Tensor) -> Any:
        return self.after(self.a(x) * self.b(h))

    def after(self, h: Tensor) -> Any:
        return h


def cell(after: Callable[[Any, Tensor], Any], prepare: Callable[[Any], Any] = lambda self: None) -> Cell:
    made = type("Awkward", (Cell,), {"after": after, "prepare": prepare})
    return made()  # type: ignore[no-any-return]


# Right: the rank is that of brute force in Python integers


def rank(rows: Any) -> int:
    """Rank modulo P, by Gauss in Python integers."""
    matrix, found = [[int(v) % P for v in row] for row in rows], 0
    for column in range(len(matrix[0])):
        pivot = next((i for i in range(found, len(matrix)) if matrix[i][column]), None)
        if pivot is None:
            continue
        matrix[found], matrix[pivot] = matrix[pivot], matrix[found]
        inverse = pow(matrix[found][column], -1, P)
        for i in range(found + 1, len(matrix)):
            factor = matrix[i][column] * inverse
            matrix[i] = [(a - factor * b) % P for a, b in zip(matrix[i], matrix[found], strict=True)]
        found += 1
    return found


def brute_force(after: Callable[[Integers], Integers], mask: Any = 1) -> int:
    """Rank of the Start-End matrix of `Cell`, its B multiplied by a mask, with `after` behind each step."""
    rng = np.random.default_rng(0)
    a, b, read = (rng.integers(1, P, shape).astype(object) for shape in ((R, M), (R, R), (R,)))
    x = rng.integers(1, P, (12, STEPS, M)).astype(object)

    def output(sequence: Integers) -> int:
        h = np.ones(R, dtype=object)
        for step in sequence:
            h = after((a @ step) * ((b * mask) @ h)) % P
        return int(read @ h) % P

    return rank([[output(np.concatenate([start[:CUT], end[CUT:]])) for end in x] for start in x])


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor) -> Tensor:
        return 2 * h


class Masked(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return weight * torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 0]])


def keep(name: str, values: Any, how: str) -> Callable[[Any], None]:
    tensor = torch.as_tensor(values)

    def prepare(self: Any) -> None:
        if how == "buffer":
            self.register_buffer(name, tensor)
        elif how == "plain":
            setattr(self, name, tensor)
        else:
            self.register_parameter(name, nn.Parameter(tensor, requires_grad=False))

    return prepare


def cached(self: Any, h: Tensor) -> Tensor:
    if not hasattr(self, "cache"):
        self.cache = 0.5 ** torch.arange(3)
    return h * self.cache


def pruned() -> nn.Module:
    module = Cell()
    mask = torch.tensor([[1.0, 1, 1], [0, 0, 0], [0, 0, 0]])
    prune.custom_from_mask(module.b, "weight", mask)
    return module


def parametrized() -> nn.Module:
    module = Cell()
    parametrize.register_parametrization(module.b, "weight", Masked())
    return module


def dropped(self: Any, h: Tensor) -> Tensor:
    return F.dropout(h, 0.5, self.training)


def autocast(self: Any, h: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return h @ torch.eye(3)


def without_gradients(self: Any, h: Tensor) -> Tensor:
    with torch.no_grad(), torch.inference_mode():
        return h * 2


def frozen() -> nn.Module:
    return Cell().requires_grad_(False)


def tied() -> nn.Module:
    module = cell(lambda self, h: self.c(h), lambda self: setattr(self, "c", nn.Linear(R, R, bias=False)))
    module.c.weight = module.b.weight
    return module


def overridden() -> nn.Module:
    module = Cell()
    module.forward = lambda x, h=None: Cell.forward(module, x, h)  # type: ignore[method-assign]
    return module


FACTORS = np.array([2, 0, 1], dtype=object)
ONE_ROW = np.array([[1, 1, 1], [0, 0, 0], [0, 0, 0]], dtype=object)
RIGHT: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "plain": (Cell, brute_force(lambda h: h)),
    **{
        f"{kind} {how}": (
            lambda values=values, how=how: cell(lambda self, h: h * self.k, keep("k", values, how)),
            brute_force(lambda h: h * FACTORS),
        )
        for how in ("frozen", "buffer", "plain")
        for kind, values in {
            "float32": [2.0, 0, 1],
            "int64": [2, 0, 1],
            "float16 decimals": torch.tensor([2.0, 0, 0.1], dtype=torch.float16),
        }.items()
    },
    "masks, frozen": (
        lambda: cell(lambda self, h: h.where(self.k, 0), keep("k", [True, False, False], "frozen")),
        brute_force(lambda h: h * np.array([1, 0, 0], dtype=object)),
    ),
    "all frozen": (frozen, brute_force(lambda h: h)),
    "cache filled by forward": (lambda: cell(cached), brute_force(lambda h: h * np.array([4, 2, 1], dtype=object))),
    "pruned": (pruned, brute_force(lambda h: h, ONE_ROW)),
    "parametrized": (parametrized, brute_force(lambda h: h, np.diag([1, 1, 0]).astype(object))),
    "tied": (tied, brute_force(lambda h: np.arange(1, 10).reshape(3, 3).astype(object) ** 2 @ h)),
    "beyond 64 bits": (lambda: cell(lambda self, h: 2**70 * h), brute_force(lambda h: 2**70 * h)),
    "a difference beyond 64 bits": (
        lambda: cell(lambda self, h: h * (2**70) - 2**70 * h + h[:, :1]),
        brute_force(lambda h: h[:1] * np.ones(3, dtype=object)),
    ),
    "dropout of a module in training": (lambda: cell(dropped).train(), brute_force(lambda h: h)),
    "a number of NumPy": (lambda: cell(lambda self, h: np.float64(2) * h * np.int64(3)), brute_force(lambda h: h)),
    "autocast": (lambda: cell(autocast), brute_force(lambda h: h)),
    "without gradients": (lambda: cell(without_gradients), brute_force(lambda h: h)),
    "own autograd function": (lambda: cell(lambda self, h: Doubled.apply(h)), brute_force(lambda h: h)),
    "vmap": (
        lambda: cell(lambda self, h: torch.func.vmap(lambda row: row * row.sum())(h)),
        brute_force(lambda h: h * h.sum()),
    ),
    "jacrev": (
        lambda: cell(lambda self, h: torch.func.vmap(torch.func.jacrev(lambda r: (r * r * r).sum()))(h)),
        brute_force(lambda h: 3 * h * h),
    ),
    "in place on its own values": (lambda: cell(lambda self, h: h.mul_(2).add_(h)), brute_force(lambda h: h)),
    "DataParallel": (lambda: nn.DataParallel(Cell()), brute_force(lambda h: h)),
    "torch.compile": (lambda: torch.compile(Cell(), backend="eager"), brute_force(lambda h: h)),  # type: ignore[dict-item]
}


def numbers(module: nn.Module) -> list[list[Any]]:
    return [t.tolist() for t in (*module.parameters(), *module.buffers())]


@pytest.mark.parametrize("name", RIGHT)
def test_certified_as_brute_force_finds(name: str) -> None:
    make, expected = RIGHT[name]
    torch.manual_seed(0)
    module = make()
    before, flags, names = numbers(module), [m.training for m in module.modules()], [*vars(module)]
    found = certify(module, length=STEPS, samples=12, progress=False)
    assert found.rank == expected
    assert found.upper_bound is None or found.upper_bound >= expected
    assert numbers(module) == before
    assert [m.training for m in module.modules()] == flags
    assert [*vars(module)] == names
    assert verify(found, module, progress=False)


def test_brute_force_tells_the_cases_apart() -> None:
    assert sorted({expected for _, expected in RIGHT.values()}) == [1, 2, 3, 6, 12]


# Refused


@dataclass
class Boxed:
    h: Tensor


class Running(Cell):
    def forward(self, x: Tensor, state: Any = None) -> Any:
        h, mean = (x.new_ones(len(x), R), x.new_zeros(R)) if state is None else state
        for step in x.unbind(1):
            h = self.step(step, h)
            mean = mean + h.sum(0)
        return h + mean, (h, mean)


class InBox(Cell):
    def forward(self, x: Tensor, h: Any = None) -> Any:
        y, h = super().forward(x, None if h is None else h.h)
        return y, Boxed(h)


class Forgetful(Cell):
    def forward(self, x: Tensor, h: Any = None) -> Any:
        return super().forward(x)


class Required(Cell):
    def forward(self, x: Tensor, h: Any) -> Any:  # type: ignore[override]
        return super().forward(x, h)


class TimeFirst(Cell):
    def forward(self, x: Tensor, h: Any = None) -> Any:
        y, h = super().forward(x.transpose(0, 1), h)
        return y, h


class Tokens(nn.Module):
    """h' = B h * C e(x), e an embedding."""

    def __init__(self, embed: Callable[[Tensor, Any], Tensor] | None = None, **settings: Any) -> None:
        super().__init__()
        self.e, self.embed = nn.Embedding(3, R, **settings), embed
        self.b, self.c = nn.Linear(R, R, bias=False), nn.Linear(R, R, bias=False)

    def forward(self, x: Tensor, h: Any = None) -> Any:
        h = torch.ones(len(x), R) if h is None else h
        for step in x.unbind(1):
            h = self.b(h) * self.c(self.e(step) if self.embed is None else self.embed(step, self.e.weight))
        return h, h


def count_calls(self: Any, h: Tensor) -> Tensor:
    self.calls = getattr(self, "calls", 0) + 1
    return h * self.calls


def remember_values(self: Any, h: Tensor) -> Tensor:
    self.last = getattr(self, "last", h[:1]) + h[:1] * 0 + 1
    return h + self.last


def in_a_thread(self: Any, h: Tensor) -> Tensor:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.tanh, h).result()


def by_capsule(self: Any, h: Tensor) -> Tensor:
    """Inside torch.tanh nothing is seen: the tensors here share memory with values, but torch was not asked."""
    with torch._C.DisableTorchFunction():
        return torch.from_numpy(np.tanh(h.numpy()))


def by_address(self: Any, h: Tensor) -> Tensor:
    return h * (ctypes.c_double * h.numel()).from_address(h.data_ptr())[0]


def unregistered(self: Any) -> None:
    self.more = [nn.Linear(R, R)]


def by_closure() -> nn.Module:
    module = Cell()
    module.after = lambda h: h * module.b.weight[0]  # type: ignore[method-assign]
    return module


def complex_parameter(self: Any) -> None:
    self.k = nn.Parameter(torch.ones(R, dtype=torch.cfloat))


def complex_buffer(self: Any) -> None:
    self.register_buffer("k", torch.ones(R, dtype=torch.cfloat))


def sparse_buffer(self: Any) -> None:
    self.register_buffer("k", torch.eye(R).to_sparse())


def lazy(self: Any) -> None:
    self.k = nn.LazyLinear(R)


def open_file(self: Any) -> None:
    self.k = open(__file__)  # noqa: SIM115


BATCH, REPEAT, RESIDUES = r"^check 'batch': ", r"^check 'repeat': ", r"^check 'residues': "
LEAVES = "the values would leave the field, .*own operations"


def with_(prepare: Callable[[Any], None]) -> Callable[[], Cell]:
    return lambda: cell(lambda self, h: h, prepare)


def does(after: Callable[[Any, Tensor], Any]) -> Callable[[], Cell]:
    return lambda: cell(after)


REFUSED: dict[str, tuple[Callable[[], nn.Module], type[Exception], str]] = {
    "mean over the batch": (does(lambda self, h: h - h.mean(0)), ConventionError, BATCH),
    "sum over the batch": (does(lambda self, h: h * h.sum(0)), ConventionError, BATCH),
    "view for transpose": (does(lambda self, h: h.t().reshape(-1, R)), ConventionError, BATCH),
    "flipped batch": (does(lambda self, h: h.flip(0)), ConventionError, BATCH),
    "neighbour in the batch": (does(lambda self, h: h + h.roll(1, 0)), ConventionError, BATCH),
    "size of the batch": (does(lambda self, h: h * len(h)), ConventionError, BATCH),
    "place in the batch": (does(lambda self, h: h * torch.arange(len(h))[:, None]), ConventionError, BATCH),
    "state of the whole batch": (Running, ConventionError, BATCH),
    "counts its calls": (does(count_calls), ConventionError, "^check '(batch|repeat)': "),
    "keeps values between calls": (does(remember_values), ConventionError, "^check '(batch|repeat)': "),
    "forgets its state": (Forgetful, ConventionError, r"^check 'halves': .*return its whole state"),
    "numpy": (does(lambda self, h: torch.from_numpy(np.tanh(h.numpy()))), NotPolynomial, f"`numpy` .*{LEAVES}"),
    "asarray": (does(lambda self, h: torch.from_numpy(np.asarray(h))), NotPolynomial, f"`__array__` .*{LEAVES}"),
    "data": (does(lambda self, h: torch.from_numpy(h.data.numpy())), NotPolynomial, LEAVES),
    "tolist": (does(lambda self, h: torch.tensor(h.tolist())), NotPolynomial, f"`tolist` .*{LEAVES}"),
    "item": (does(lambda self, h: h * h[0, 0].item()), NotPolynomial, "decide by position"),
    "apply_": (does(lambda self, h: h.apply_(lambda v: v * v)), NotPolynomial, f"`apply_` .*{LEAVES}"),
    "dlpack": (does(lambda self, h: torch.from_numpy(np.from_dlpack(h))), NotPolynomial, f"`__dlpack__` .*{LEAVES}"),
    "address": (does(by_address), NotPolynomial, f"`data_ptr` .*{LEAVES}"),
    "unseen by torch": (does(by_capsule), ConventionError, RESIDUES),
    "another thread": (does(in_a_thread), ConventionError, RESIDUES),
    "random": (does(lambda self, h: F.dropout(h, 0.5, True)), NotPolynomial, "it is random"),
    "forward mode": (
        does(lambda self, h: torch.func.jvp(lambda v: v * v, (h,), (h,))[1]),
        NotPolynomial,
        "forward-mode derivative: .*use jacrev",
    ),
    "a number of 200 bits as an exponent": (does(lambda self, h: h ** (2**200)), NotPolynomial, "beyond 64 bits"),
    "complex number": (does(lambda self, h: (h * 1j).real), NotPolynomial, "complex numbers"),
    "complex parameter": (with_(complex_parameter), NotPolynomial, "`k` in .*real and imaginary part as two tensors"),
    "complex buffer": (with_(complex_buffer), NotPolynomial, "`k` in .*real and imaginary part as two tensors"),
    "sparse buffer": (
        with_(sparse_buffer),
        NotPolynomial,
        "`k` in .* is a torch.sparse_coo tensor; store it as a dense",
    ),
    "infinite buffer": (
        lambda: cell(lambda self, h: h * self.k, keep("k", [1.0, torch.inf, 1], "buffer")),
        NotPolynomial,
        "^`k` in the module .*infinite or undefined",
    ),
    "writes into a buffer": (
        lambda: cell(lambda self, h: h * self.k.add_(1), keep("k", [1.0, 2, 3], "buffer")),
        NotPolynomial,
        "`add` .*not a value of this run",
    ),
    "parameters in a plain list": (
        lambda: cell(lambda self, h: self.more[0](h), unregistered),
        NotPolynomial,
        r"named_parameters\(\) does not have: one in a plain list",
    ),
    "a function that reaches the module": (
        by_closure,
        NotPolynomial,
        "one that a function outside of the module reaches",
    ),
    "no size yet": (with_(lazy), ConventionError, r"^k \(LazyLinear\) has no size yet; run the module once"),
    "cannot be copied": (with_(open_file), ConventionError, "cannot be copied"),
    "frozen script": (
        lambda: torch.jit.freeze(torch.jit.script(nn.Linear(M, R).eval())),
        ConventionError,
        "compiled by TorchScript, .*give the module that it was made from",
    ),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_a_reason_in_one_line(name: str) -> None:
    make, error, reason = REFUSED[name]
    module = make()
    before = [*vars(module)]
    with pytest.raises(error, match=reason) as refusal:
        certify(module, length=STEPS, inputs=M, progress=False)
    assert type(refusal.value) is error
    assert "\n" not in str(refusal.value)
    assert [*vars(module)] == before
    del refusal, module
    gc.collect()  # an open file that one of them holds is warned of here


def test_a_function_is_no_module() -> None:
    with pytest.raises(TypeError, match=r"must be a torch.nn.Module, got function; write a class whose forward calls"):
        inspect.unwrap(unwrap)(lambda x, h=None: (x, x))


def test_time_first_is_right_when_it_is_said() -> None:
    module = TimeFirst()
    module.batch_first = False
    assert certify(module, length=STEPS, progress=False).rank == RIGHT["plain"][1]


@pytest.mark.parametrize("make", [TimeFirst, InBox, Required])
def test_other_conventions_have_the_rank_of_the_plain_module(make: type[Cell]) -> None:
    assert certify(make(), length=STEPS, inputs=M, progress=False).rank == RIGHT["plain"][1]


# Token numbers


def words(**settings: Any) -> dict[str, Any]:
    return {"length": STEPS, "domain": "tokens", "templates": "ids", "inputs": 3, "progress": False, **settings}


@pytest.mark.parametrize("frozen_too", [False, True])
def test_a_row_for_padding_keeps_its_zeros(frozen_too: bool) -> None:
    """Words with the letter 1 give zero: of the others, 4 x 4 over two letters, the rank is 3 at most."""
    module = Tokens(padding_idx=1)
    module.e.weight.requires_grad_(not frozen_too)
    found = certify(module, **words())
    e, b, c = (np.random.default_rng(1).integers(1, P, (R, R)).astype(object) for _ in "ebc")
    e[1] = 0

    def output(word: tuple[int, ...]) -> int:
        h = np.ones(R, dtype=object)
        for letter in word:
            h = (b @ h) * (c @ e[letter]) % P
        return int(h.sum())

    pairs = [(i, j) for i in range(3) for j in range(3)]
    assert found.rank == rank([[output(s + t) for t in pairs] for s in pairs]) == 3
    assert [*found.model.fixed] == ["e.weight" if frozen_too else "e.weight[1]"]
    assert verify(found, module, progress=False)
    with torch.no_grad():
        module.e.weight[1] = 5
    assert certify(module, **words(seed=1)).rank == 3


def test_a_row_for_padding_that_nothing_announces_is_refused() -> None:
    module = Tokens(lambda ids, table: F.embedding(ids, table, padding_idx=2))
    with pytest.raises(NotPolynomial, match=r"row 2 is for padding here .*use nn.Embedding\(..., padding_idx=2\)"):
        certify(module, **words())
    assert certify(Tokens(lambda ids, table: F.embedding(ids, table)), **words()).rank == 3


def test_a_table_that_is_scaled_on_the_way_is_refused() -> None:
    with pytest.raises((NotPolynomial, ConventionError)):
        certify(Tokens(max_norm=1.0), **words())


# Forward-mode derivatives used to end the process


@pytest.mark.slow
@pytest.mark.parametrize("transform", ["jacfwd(f)(v)", "hessian(lambda a: f(a).sum())(v)", "jvp(f, (v,), (v,))"])
def test_forward_mode_is_refused_before_it_ends_the_process(transform: str) -> None:
    program = f"""
import torch
from seprank.field import NotPolynomial, PrimeField
v, m = torch.ones(4).double(), torch.ones(4, 4).double()
f = lambda a: a @ m * a
with PrimeField(97):
    try:
        torch.func.{transform}
    except NotPolynomial as refusal:
        print(refusal.reason[:36])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "it is part of a forward-mode derivat\n"), done.stderr


# Values that are not drawn are recorded


def test_other_values_of_what_is_kept_are_told_by_name() -> None:
    def reservoir(seed: int) -> Cell:
        values = torch.randn(R, generator=torch.Generator().manual_seed(seed)).tolist()
        return cell(lambda self, h: h * self.k, keep("k", values, "buffer"))

    found = certify(reservoir(0), length=STEPS, progress=False)
    assert list(found.model.fixed) == ["k"]
    assert verify(found, reservoir(0), progress=False)
    with pytest.raises(ValueError, match=r"step 'model': .?k.?[ ,].* values in this module"):
        verify(found, reservoir(1), progress=False)


def test_a_frozen_network_is_certified_as_it_is() -> None:
    module = cell(lambda self, h: h)
    with torch.no_grad():
        module.b.weight[1:] = 0
    assert certify(module, length=STEPS, progress=False).rank == 3
    module.requires_grad_(False)
    found = certify(module, length=STEPS, progress=False)
    assert (found.rank, sorted(found.model.fixed)) == (1, ["a.weight", "b.weight"])
