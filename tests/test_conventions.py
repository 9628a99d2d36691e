"""One recurrence called in every way that public modules are called: each gives the number of the definition.

The definition runs each pair of a start and an end as one sequence, alone, step by step.
"""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, List, NamedTuple, Optional, Tuple  # noqa: UP035  (as TorchScript reads them)

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.optim.swa_utils import AveragedModel

from seprank import certify, measure, profile, remember
from seprank.adapters import ConventionError, adapt
from seprank.adapters.advice import wrapper
from seprank.settings.hints import Hints

pytestmark = pytest.mark.usefixtures("one_thread")

M, R, LENGTH, COUNT = 2, 3, 6, 40
DOUBLE = torch.float64


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


A, B, C = 0.6 * drawn(R, R, seed=1), drawn(M, R, seed=2), 0.3 * drawn(R, R, seed=3)


class Base(nn.Module):
    """h' = (h A) * (x B) + h C from ones; the output is h'."""

    def __init__(self) -> None:
        super().__init__()
        self.input_size = M
        self.a, self.b, self.c = (nn.Parameter(weights.clone()) for weights in (A, B, C))

    def after(self, x: Tensor, h: Tensor) -> Tensor:
        return (h @ self.a) * (x @ self.b) + h @ self.c

    def ones(self, x: Tensor) -> Tensor:
        return x.new_ones(len(x), R)

    def all_steps(self, x: Tensor, h: Tensor | None) -> tuple[Tensor, Tensor]:
        h, outputs = self.ones(x) if h is None else h, []
        for step in x.unbind(1):
            h = self.after(step, h)
            outputs.append(h)
        return torch.stack(outputs, 1), h


@dataclass
class State:
    h: Tensor
    seen: int = 0


@dataclass(frozen=True)
class Result:
    logits: Tensor
    state: State


class Pair(NamedTuple):
    output: Tensor
    hidden: Tensor


class Box:
    def __init__(self, h: Tensor) -> None:
        self.content = {"h": h}


Output = namedtuple("Output", "logits past_key_values")


def sequences(back: Callable[[Tensor, Tensor], Any], into: Callable[[Any], Tensor] = lambda h: h) -> type[Base]:
    """A module whose forward(x, h=None) returns `back(outputs, h)` and reads its state by `into`."""

    class Sequences(Base):
        def forward(self, x: Tensor, h: Any = None) -> Any:
            return back(*self.all_steps(x, None if h is None else into(h)))

    return Sequences


def cell(back: Callable[[Tensor], Any], into: Callable[[Any], Tensor] = lambda h: h) -> type[Base]:
    """A step cell whose forward(x_t, h) returns `back(h)`, with init_hidden beside it."""

    class Cell(Base):
        def init_hidden(self, batch: int) -> Any:
            first = back(torch.ones(batch, R))
            return first if into is not TAKEN else first[1]

        def forward(self, x: Tensor, h: Any) -> Any:
            return back(self.after(x, into(h)))

    return Cell


def TAKEN(h: Any) -> Tensor:
    found: Tensor = h
    return found


class OptionalCell(Base):
    def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
        return self.after(x, self.ones(x) if h is None else h)


class NoneCell(Base):
    def forward(self, x: Tensor, h: Tensor | None) -> Tensor:
        return self.after(x, self.ones(x) if h is None else h)


class GivenCell(Base):
    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        return self.after(x, h)


class TwoStates(Base):
    """The state in two arguments."""

    def zero_state(self, batch: int, device: torch.device, dtype: torch.dtype) -> Any:
        return torch.ones(batch, R, dtype=dtype, device=device), torch.zeros(batch, 1, dtype=dtype, device=device)

    def forward(self, x: Tensor, h: Tensor, count: Tensor) -> Any:
        h = self.after(x, h)
        return h, h, count + 1


class Required(Base):
    def init_hidden(self, batch: int) -> Tensor:
        return torch.ones(batch, R)

    def forward(self, x: Tensor, h: Tensor) -> Any:
        return self.all_steps(x, h)


class DefaultState(Base):
    def default_state(self, *batch_shape: int) -> Tensor:
        return torch.ones(*batch_shape, R)

    def forward(self, x: Tensor, state: Any) -> Any:
        return self.all_steps(x, state)


class ByStep(Base):
    """The parallel form, and a method for one step."""

    def initial_state(self, batch_size: int) -> Tensor:
        return torch.ones(batch_size, R)

    def step(self, x: Tensor, state: Tensor) -> Any:
        h = self.after(x, state)
        return h, h

    def forward(self, x: Tensor) -> Tensor:
        return self.all_steps(x, None)[0]


class KeywordState(Base):
    def forward(self, x: Tensor, mask: Any = None, *, cache: Any = None) -> Any:
        return self.all_steps(x, cache)


class PastKeys(Base):
    def forward(self, x: Tensor, labels: Any = None, past_key_values: Any = None) -> Any:
        return Output(*self.all_steps(x, past_key_values))


class TimeFirst(Base):
    def forward(self, x: Tensor, h: Any = None) -> Any:
        outputs, h = self.all_steps(x.transpose(0, 1), h)
        return outputs.transpose(0, 1), h


class TimeFirstSaid(TimeFirst):
    batch_first = False


class TimeFirstOnly(TimeFirst):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x)[0]


class Extra(Base):
    def forward(self, x: Tensor, sr: int, lengths: Any, h: Any = None) -> Any:
        assert sr == 16000
        assert len(lengths) == len(x)
        return self.all_steps(x, h)


class OutputOnly(Base):
    def forward(self, x: Tensor) -> Any:
        return self.all_steps(x, None)[0]


class LastOnly(Base):
    def forward(self, x: Tensor) -> Any:
        return self.all_steps(x, None)[1]


class LastAndState(Base):
    def forward(self, x: Tensor, h: Any = None) -> Any:
        h = self.all_steps(x, h)[1]
        return h, h


class WithLoss(Base):
    def forward(self, x: Tensor, targets: Any = None) -> Any:
        return self.all_steps(x, None)[0], None


class InDictionary(Base):
    def forward(self, x: Tensor) -> Any:
        outputs, h = self.all_steps(x, None)
        return OrderedDict(hidden_states=2 * outputs, last_hidden_state=outputs, pooled=h.tanh())


class Inside(Base):
    """A recurrent module inside, between what acts step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = sequences(lambda y, h: (y, h))()

    def forward(self, x: Tensor) -> Tensor:
        return 2 * self.inner(x)[0]


class Traceable(Base):
    """A batch of any size: what is a number in Python, a trace keeps for ever."""

    def forward(self, x: Tensor) -> Tensor:
        return self.all_steps(x, (0 * x[:, 0, :1] + 1).expand(-1, R))[0]


class Scripted(nn.Module):
    """What TorchScript compiles."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = (nn.Parameter(weights.clone()) for weights in (A, B, C))

    def forward(self, x: Tensor, h: Optional[Tensor] = None) -> Tuple[Tensor, Tensor]:  # noqa: UP006, UP045
        state = x.new_ones(x.size(0), 3) if h is None else h
        outputs: List[Tensor] = []  # noqa: UP006
        for step in range(x.size(1)):
            state = (state @ self.a) * (x[:, step] @ self.b) + state @ self.c
            outputs.append(state)
        return torch.stack(outputs, 1), state


def traced() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.trace(Traceable().double(), drawn(5, LENGTH, M, seed=4))


def scripted() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(Scripted())


class Task(Base):
    """As of a trainer's base class: its properties ask for a trainer that is not there."""

    @property
    def trainer(self) -> Any:
        raise RuntimeError("Task is not attached to a Trainer")

    def training_step(self, batch: Any, number: int) -> Tensor:
        x, y = batch
        loss: Tensor = (self(x)[0] - y).square().mean()
        return loss

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), self.trainer.rate)

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.all_steps(x, h)


class Packed(Base):
    """Packs its sequences by their lengths, as modules for text do, and unpacks the outputs."""

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        padded, _ = pad_packed_sequence(packed, batch_first=True)
        return self.all_steps(padded, None)[0]


class Pictures(nn.Module):
    """The same recurrence over pictures of one pixel, by convolutions: (batch, time, channels, height, width)."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.c = nn.Conv2d(R, R, 1, bias=False), nn.Conv2d(R, R, 1, bias=False)
        self.b = nn.Conv2d(M, R, 1, bias=False)
        with torch.no_grad():
            for layer, weights in ((self.a, A), (self.b, B), (self.c, C)):
                layer.weight = nn.Parameter(weights.mT[..., None, None].clone())

    def after(self, x: Tensor, h: Tensor) -> Tensor:
        found: Tensor = self.a(h) * self.b(x) + self.c(h)
        return found

    def forward(self, x: Tensor, h: Any = None) -> Any:
        h, outputs = x.new_ones(len(x), R, *x.shape[3:]) if h is None else h[0], []
        for step in x.unbind(1):
            h = self.after(step, h)
            outputs.append(h)
        return torch.stack(outputs, 1), (h,)


class PictureOutputs(Pictures):
    def forward(self, x: Tensor, h: Any = None) -> Any:
        return super().forward(x)[0]


class LastPicture(Pictures):
    def forward(self, x: Tensor, h: Any = None) -> Any:
        h = super().forward(x, h)[1]
        return h[0], h


class LastPictureOnly(Pictures):
    def forward(self, x: Tensor) -> Any:  # type: ignore[override]
        return super().forward(x)[1][0]


class PictureCell(Pictures):
    def forward(self, x: Tensor, h: Any = None) -> Any:
        return self.after(x, x.new_ones(len(x), R, *x.shape[2:]) if h is None else h)


def arrays(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    h = np.ones((len(x), R))
    a, b, c = (weights.numpy() for weights in (A, B, C))
    for step in np.moveaxis(x, 1, 0):
        h = (h @ a) * (step @ b) + h @ c
    return h


def array_cell(x: npt.NDArray[np.float64], h: Any = None) -> npt.NDArray[np.float64]:
    h = np.ones((len(x), R)) if h is None else h
    return (h @ A.numpy()) * (x @ B.numpy()) + h @ C.numpy()


class ArrayCell:
    def __call__(self, x: Any, h: Any = None) -> Any:
        return array_cell(np.asarray(x), None if h is None else np.asarray(h))


@dataclass
class Convention:
    make: Callable[[], Any]
    read_as: str
    """What the result says, nothing for the convention of nn.RNN"""
    polynomial: bool = True
    """Whether certify takes it: a module with a state"""
    given: dict[str, Any] = field(default_factory=dict)
    scale: float = 1.0
    axes: tuple[int, ...] = (M,)
    """Of a step"""


def lengths(x: Tensor) -> Tensor:
    return torch.full((len(x),), x.shape[1])


CONVENTIONS = {
    "pair": Convention(sequences(lambda y, h: (y, h)), ""),
    "list": Convention(sequences(lambda y, h: [y, [h]], lambda h: h[0]), ""),
    "tuple in tuple": Convention(sequences(lambda y, h: (y, (h, (h,))), lambda h: h[1][0]), ""),
    "named tuple": Convention(sequences(Pair), "sequences, output 'output', state 'hidden'"),
    "dictionary as state": Convention(sequences(lambda y, h: (y, {"h": h}), lambda h: h["h"]), ""),
    "dataclass as state": Convention(sequences(lambda y, h: (y, State(h)), lambda s: s.h), ""),
    "object as state": Convention(sequences(lambda y, h: (y, Box(h)), lambda s: s.content["h"]), ""),
    "dataclass as result": Convention(
        sequences(lambda y, h: Result(y, State(h)), lambda s: s.h), "sequences, output 'logits', state 'state'"
    ),
    "dictionary as result": Convention(
        sequences(lambda y, h: {"state": h, "logits": y}), "sequences, output 'logits', state 'state'"
    ),
    "three values": Convention(sequences(lambda y, h: (y, h, 2 * h)), "sequences, state 1"),
    "state first": Convention(sequences(lambda y, h: (h, y)), "sequences, output 1, state 0"),
    "last output and state": Convention(LastAndState, ""),
    "state required": Convention(Required, "sequences, state from init_hidden"),
    "default_state": Convention(DefaultState, "sequences, state from default_state"),
    "state by keyword": Convention(KeywordState, "sequences, state as cache"),
    "state among others": Convention(
        PastKeys, "sequences, state as past_key_values, output 'logits', state 'past_key_values'"
    ),
    "state named": Convention(
        PastKeys,
        "sequences, state as past_key_values, output 'logits', state 'past_key_values'",
        given={"state": "past_key_values", "output": "logits"},
    ),
    "cell": Convention(cell(lambda h: h), "step cell, state from init_hidden"),
    "cell that returns a pair": Convention(cell(lambda h: (h, h), TAKEN), "step cell, state from init_hidden"),
    "cell with a state of its own": Convention(OptionalCell, "step cell"),
    "cell that takes None": Convention(NoneCell, "step cell, state from None"),
    "cell from a state that is given": Convention(
        GivenCell, "step cell, state as given", polynomial=False, given={"state": lambda batch: torch.ones(batch, R)}
    ),
    "method step": Convention(ByStep, "step cell step, state from initial_state", polynomial=False),
    "time first": Convention(TimeFirst, "sequences, time first"),
    "time first, said by the module": Convention(TimeFirstSaid, "sequences, time first"),
    "time first, said by the user": Convention(
        TimeFirst, "sequences, time first", polynomial=False, given={"batch_first": False}
    ),
    "time first, outputs only": Convention(TimeFirstOnly, "whole sequences, time first", polynomial=False),
    "further arguments": Convention(
        Extra, "sequences, state as h", polynomial=False, given={"call": {"sr": 16000, "lengths": lengths}}
    ),
    "outputs only": Convention(OutputOnly, "whole sequences", polynomial=False),
    "last output only": Convention(LastOnly, "whole sequences", polynomial=False),
    "logits and loss": Convention(WithLoss, "whole sequences", polynomial=False),
    "several outputs by name": Convention(
        InDictionary, "whole sequences, output 'last_hidden_state'", polynomial=False
    ),
    "the output said": Convention(
        InDictionary,
        "whole sequences, output 'hidden_states'",
        polynomial=False,
        given={"output": "hidden_states"},
        scale=2.0,
    ),
    "recurrent inside": Convention(Inside, "sequences, the state that of inner inside", polynomial=False, scale=2.0),
    "DataParallel": Convention(lambda: nn.DataParallel(Required()), "sequences, state from init_hidden"),
    "torch.compile": Convention(
        lambda: torch.compile(Required(), backend="eager"), "sequences, state from init_hidden"
    ),
    "averaged weights": Convention(lambda: AveragedModel(Required()), "sequences, state from init_hidden"),
    "TorchScript": Convention(scripted, "", polynomial=False),
    "traced": Convention(traced, "whole sequences", polynomial=False),
    "a module of a trainer": Convention(Task, ""),
    "packed inside": Convention(Packed, "whole sequences", polynomial=False, given={"call": {"lengths": lengths}}),
    "partial": Convention(
        lambda: functools.partial(Extra().double(), sr=16000),
        "sequences, state as h",
        polynomial=False,
        given={"call": {"lengths": lengths}},
    ),
    "pictures": Convention(Pictures, "", polynomial=False, axes=(M, 1, 1)),
    "pictures, outputs only": Convention(PictureOutputs, "whole sequences", polynomial=False, axes=(M, 1, 1)),
    "pictures, last output and state": Convention(LastPicture, "", polynomial=False, axes=(M, 1, 1)),
    "pictures, last output only": Convention(LastPictureOnly, "whole sequences", polynomial=False, axes=(M, 1, 1)),
    "picture cell": Convention(PictureCell, "step cell", polynomial=False, axes=(M, 1, 1)),
    "function": Convention(lambda: OutputOnly().double().forward, "whole sequences", polynomial=False),
    "function over arrays": Convention(lambda: arrays, "whole sequences", polynomial=False),
    "step function over arrays": Convention(ArrayCell, "step cell", polynomial=False),
}

STARTS, ENDS = drawn(COUNT, LENGTH // 2, M, seed=5), drawn(COUNT, LENGTH - LENGTH // 2, M, seed=6)


def definition(x: Tensor) -> Tensor:
    h = torch.ones(R, dtype=DOUBLE)
    for step in x:
        h = (h @ A) * (step @ B) + h @ C
    return h


TRUTH = torch.stack([torch.stack([definition(torch.cat([s, e])) for e in ENDS]) for s in STARTS]).numpy()
SPECTRUM = np.linalg.svd(TRUTH.reshape(COUNT, -1), compute_uv=False) / COUNT


@pytest.mark.parametrize("name", CONVENTIONS)
def test_measured_as_defined(name: str) -> None:
    case = CONVENTIONS[name]
    starts, ends = (halves.reshape(*halves.shape[:2], *case.axes) for halves in (STARTS, ENDS))
    found = measure(
        case.make(), length=LENGTH, starts=starts, ends=ends, inputs=case.axes, progress=False, **case.given
    )
    assert np.allclose(found.singular_values, case.scale * SPECTRUM[: len(found.singular_values)], rtol=0, atol=1e-12)
    said = [note.removeprefix("read as: ") for note in found.notes if note.startswith("read as: ")]
    assert said == ([case.read_as] if case.read_as else [])
    whole = any(note.startswith("evaluated on whole sequences") for note in found.notes)
    assert whole == case.read_as.startswith("whole")


PLAIN = CONVENTIONS["pair"]


@pytest.mark.parametrize("name", CONVENTIONS)
def test_remembered_as_the_plain_convention(name: str) -> None:
    case = CONVENTIONS[name]
    settings: dict[str, Any] = {"length": LENGTH, "samples": 32, "lags": "all", "progress": False}
    found, plain = (remember(c.make(), inputs=c.axes, **settings, **c.given) for c in (case, PLAIN))
    assert np.allclose(found.memory, plain.memory, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "name", ["cell", "state required", "further arguments", "recurrent inside", "outputs only", "pictures"]
)
def test_profiles_as_measured(name: str) -> None:
    case = CONVENTIONS[name]
    settings: dict[str, Any] = {"length": LENGTH, "starts": 32, "ends": 32, "inputs": case.axes, "progress": False}
    points = profile(case.make(), cuts=[1, 4], **settings, **case.given).points
    for point in points:
        alone = measure(case.make(), cut=point.cut, **settings, **case.given)
        assert np.allclose(point.singular_values, alone.singular_values, rtol=0, atol=1e-12 * alone.singular_values[0])


@pytest.mark.parametrize("name", [name for name, case in CONVENTIONS.items() if case.polynomial])
def test_certified_as_the_plain_convention(name: str) -> None:
    """The rank of h' = (h A) * (x B) + h C over three steps: its columns are functions of the state."""
    assert certify(CONVENTIONS[name].make(), length=LENGTH, inputs=M, samples=12, progress=False).rank == R


# Refusals


class Dead(GivenCell):
    """From zeros, which are all that can be supposed, nothing comes."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden_size = R


class Swapping(Base):
    """A cell of which either value may be the state."""

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        h = self.after(x, self.ones(x) if h is None else h)
        return h.tanh(), h


class Mixing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0)


class Failing(nn.Module):
    def forward(self, sequence: Tensor, state: Any = None) -> Any:
        raise RuntimeError("no such kernel")


class Short(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, ::2]


class ListOfOutputs(nn.Module):
    def forward(self, x: Tensor) -> Any:
        return [list(sequence) for sequence in x]


REFUSED = {
    "cell of two states": (
        cell(lambda h: (h, 0 * h), lambda s: s[0]),
        {},
        "and their outputs differ; say which is meant",
    ),
    "cell with a state in two arguments": (TwoStates, {}, "and their outputs differ; say which is meant"),
    "a first state nobody knows": (Dead, {}, "say in which state sequences begin, state=lambda batch"),
    "two ways": (
        Swapping,
        {},
        r"can be read as step cell, and as step cell, output 1, state 0, and their outputs differ",
    ),
    "mixes the batch": (Mixing, {}, "check 'batch' failed: .* say batch_first=False"),
    "fails": (Failing, {}, r"RuntimeError: no such kernel \(test_conventions.py, line \d+, in forward\)"),
    "further arguments": (Extra, {}, r"needs sr and lengths beside its inputs: give call={'sr': ..., 'lengths': ...}"),
    "no such output": (OutputOnly, {"output": "logits"}, "no 'logits'"),
    "other length": (Short, {}, r"must return \(\d+, \d+, 'channels'\)"),
    "no tensors": (ListOfOutputs, {}, "say which part is the output"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_line_with_a_wrapper_to_paste(name: str) -> None:
    make, given, says = REFUSED[name]
    with pytest.raises(ConventionError, match=says) as refused:
        measure(make(), length=LENGTH, inputs=M, starts=32, ends=32, progress=False, **given)
    assert "\n" not in str(refused.value)


def test_the_answer_to_two_ways_decides() -> None:
    for place, scale in ((0, "tanh"), (1, "plain")):
        found = measure(Swapping(), length=LENGTH, starts=STARTS, ends=ENDS, progress=False, output=place, state="h")
        assert found.channels == R, scale


def test_the_wrapper_has_the_names_of_the_module_and_runs() -> None:
    text = wrapper(KeywordState(), Hints(call={"mask": None}))
    assert "self.module(x, mask=None, cache=state)" in text
    names: dict[str, Any] = {"torch": torch}
    exec(text.partition("\n\n")[2], names)
    wrapped = names["Wrapped"](KeywordState())
    example = drawn(20, LENGTH, M, seed=9)
    assert adapt(wrapped.double(), example).read_as == ""


def test_arguments_of_the_wrong_type() -> None:
    for given in ({"output": 1.5}, {"state": 3}, {"call": ["sr"]}, {"batch_first": 1}):
        with pytest.raises(TypeError, match="must be"):
            Hints(**given)
