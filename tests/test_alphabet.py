"""What a model reads is found from a layer inside only where it runs with that, and the layer reads the inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seprank import certify, degree_bounds, measure, overview, remember
from seprank.adapters import alphabet
from seprank.adapters.alphabet import find_alphabet
from seprank.neighbours import gradient_curve

pytestmark = pytest.mark.usefixtures("one_thread")


class Inside(nn.Module):
    """Layers in the order in which they are registered, called as `order` says."""

    def __init__(self, run: Callable[[Any, Tensor], Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.run = run
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x).cumsum(1).tanh()


def by_positions(self: Any, ids: Tensor) -> Tensor:
    where: Tensor = self.places(torch.arange(ids.shape[1]).expand_as(ids))
    return where + self.letters(ids)


FOUND: dict[str, tuple[Callable[[], nn.Module], int | None, int | None, str]] = {
    "a linear layer": (lambda: Inside(lambda self, x: self.a(x), a=nn.Linear(3, 2)), 3, None, "a (Linear)"),
    "recurrent": (lambda: Inside(lambda self, x: self.a(x)[0], a=nn.GRU(4, 2, batch_first=True)), 4, None, "a (GRU)"),
    "attention": (
        lambda: Inside(lambda self, x: self.a(x), a=nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)),
        6,
        None,
        "a.self_attn (MultiheadAttention)",
    ),
    "registered last": (
        lambda: Inside(lambda self, x: self.out(self.into(x)), out=nn.Linear(5, 2), into=nn.Linear(3, 5)),
        3,
        None,
        "into (Linear)",
    ),
    "behind a norm": (
        lambda: Inside(lambda self, x: self.a(self.norm(x)), norm=nn.LayerNorm(3), a=nn.Linear(3, 2)),
        3,
        None,
        "a (Linear)",
    ),
    "letters": (lambda: Inside(lambda self, x: self.a(x), a=nn.Embedding(9, 2)), None, 9, "a (Embedding)"),
    "places before letters": (
        lambda: Inside(by_positions, places=nn.Embedding(4, 2), letters=nn.Embedding(9, 2)),
        None,
        9,
        "letters (Embedding)",
    ),
    "more places than letters": (
        lambda: Inside(by_positions, places=nn.Embedding(20, 2), letters=nn.Embedding(9, 2)),
        None,
        9,
        "letters (Embedding)",
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_found_in_a_layer_and_said(name: str) -> None:
    make, features, tokens, layer = FOUND[name]
    model = make()
    before = [len(part._forward_pre_hooks) for part in model.modules()]
    found = find_alphabet(model)
    assert (found.features, found.tokens) == (features, tokens)
    settings: dict[str, Any] = {"length": 4, "progress": False}
    for result in (measure(model, starts=16, ends=16, **settings), remember(model, samples=32, **settings)):
        read = f"{features} features per step" if tokens is None else f"{tokens} token ids"
        assert f"taken to read {read}, as {layer} inside does" in result.notes
    assert [len(part._forward_pre_hooks) for part in model.modules()] == before
    given = measure(model, inputs=features, tokens=tokens, starts=16, ends=16, **settings)
    assert given.singular_values == measure(model, starts=16, ends=16, **settings).singular_values
    assert not any(note.startswith("taken to read") for note in given.notes)


def fading(self: Any, x: Tensor) -> Tensor:
    """A layer that reads times is called first: what the other reads is not sure to be the inputs."""
    times = torch.arange(x.shape[1], dtype=x.dtype).expand(len(x), -1)[..., None]
    return torch.sigmoid(self.times(times)) * self.a(x)


NOT_FOUND: dict[str, tuple[Callable[[], Any], str]] = {
    "no layer": (lambda: Inside(lambda self, x: x), r"^the model does not say what it reads; give inputs"),
    "a function": (lambda: lambda x: x.cumsum(1), r"^the model does not say what it reads; give inputs"),
    "another is first": (lambda: Inside(fading, times=nn.Linear(1, 2), a=nn.Linear(3, 2)), "not 1 features per step: "),
    "cut off before": (lambda: Inside(lambda self, x: self.a(x[..., 5:]), a=nn.Linear(3, 2)), "mat1 and mat2"),
    "one more": (
        lambda: Inside(lambda self, x: self.a(x + 1)[:, :1], a=nn.Embedding(9, 2)),
        r"not 9 token ids: .*index out of range",
    ),
}


@pytest.mark.parametrize("name", NOT_FOUND)
def test_asked_for_where_no_layer_says_it(name: str) -> None:
    make, says = NOT_FOUND[name]
    with pytest.raises(ValueError, match=says):
        measure(make(), length=4, starts=16, ends=16, progress=False)


def test_sizes_of_axes_must_be_whole_numbers() -> None:
    for wrong, says in (((2, 0), "each of inputs must be at least 1"), ((), "or the sizes of their axes, got none")):
        with pytest.raises(ValueError, match=says):
            find_alphabet(nn.Identity(), inputs=wrong)


class ConvLSTM(nn.Module):
    """One layer over pictures of 4 x 3, by convolutions of 3 x 3."""

    def __init__(self) -> None:
        super().__init__()
        self.gates = nn.Conv2d(2 + 3, 4 * 3, 3, padding=1)

    def forward(self, x: Tensor, state: Any = None) -> Any:
        h, c = (x.new_zeros(len(x), 3, 4, 3),) * 2 if state is None else state
        outputs = []
        for picture in x.unbind(1):
            i, f, g, o = self.gates(torch.cat([picture, h], 1)).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            outputs.append(h)
        return torch.stack(outputs, 1), (h, c)


def test_a_network_over_pictures_is_its_definition() -> None:
    torch.manual_seed(0)
    model, generator = ConvLSTM(), np.random.default_rng(0)
    starts, ends = generator.standard_normal((2, 16, 2, 2, 4, 3))
    found = measure(model, length=4, starts=starts, ends=ends, progress=False)
    assert found.channels == 3 * 4 * 3
    module = model.double()
    with torch.no_grad():
        rows = [[module(torch.from_numpy(np.concatenate([s, e])[None]))[0][0, -1] for e in ends] for s in starts]
    expected = np.linalg.svd(np.array([torch.stack(row).numpy() for row in rows]).reshape(16, -1), compute_uv=False)
    assert np.allclose(found.singular_values, expected[: len(found.singular_values)] / 16, rtol=0, atol=1e-12)
    curve = remember(model, length=6, samples=32, inputs=(2, 4, 3), lags=[1, 4], progress=False)
    assert 0 < curve.memory[1] < curve.memory[0] < 1
    with pytest.raises(ValueError, match="reads 2 x 4 x 3 features per step, the data has 2 x 4 x 4"):
        measure(model, length=4, data=np.zeros((40, 4, 2, 4, 4)), inputs=(2, 4, 3), progress=False)


# Every verb finds the same


class Sums(Inside):
    """Polynomial, with a state, and nothing that says what it reads but a layer inside."""

    def __init__(self) -> None:
        super().__init__(lambda self, x: x, out=nn.Linear(5, 2), into=nn.Linear(3, 5))

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        steps = self.into(x)
        totals = steps.cumsum(1) if state is None else steps.cumsum(1) + state.unsqueeze(1)
        return self.out(totals), totals[:, -1]


class Letters(Sums):
    def __init__(self) -> None:
        super().__init__()
        self.into = nn.Embedding(4, 5)


VECTORS: dict[str, Callable[..., Any]] = {
    "certify": lambda model, **s: certify(model, length=4, progress=False, **s).question.inputs,
    "degree_bounds": lambda model, **s: degree_bounds(model, length=4, **s),
    "measure": lambda model, **s: measure(model, length=4, starts=16, ends=16, **s).to_dict(),
    "remember": lambda model, **s: remember(model, length=4, samples=32, progress=False, **s).memory,
    "gradients": lambda model, **s: gradient_curve(model, 4, progress=False, **s).to_dict(),
}


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS := list(VECTORS))
def test_every_verb_finds_the_inputs_that_could_be_given(verb: str) -> None:
    run, model = VECTORS[verb], Sums()
    assert plain(run(model)) == plain(run(model, inputs=3))
    assert verb != "certify" or run(model) == 3


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_refuses_in_the_same_words(verb: str) -> None:
    model = Inside(lambda self, x: x)
    with pytest.raises(ValueError, match=r"^the model does not say what it reads; give inputs") as caught:
        VECTORS[verb](model)
    with pytest.raises(ValueError, match="the model does not say") as wanted:
        find_alphabet(model)
    assert str(caught.value) == str(wanted.value)


@pytest.mark.slow
def test_token_ids_are_counted_and_are_no_vectors() -> None:
    asked: dict[str, Any] = {"length": 4, "domain": "tokens", "templates": "ids"}
    found = certify(Letters(), **asked, progress=False)
    assert (found.question.inputs, found.rank) == (4, certify(Letters(), inputs=4, **asked, progress=False).rank)
    assert degree_bounds(Letters(), **asked) == degree_bounds(Letters(), inputs=4, **asked)
    for run in (certify, degree_bounds):
        with pytest.raises(ValueError, match="reads 4 token ids, not vectors; use domain='tokens' and"):
            run(Letters(), length=4)


@pytest.mark.slow
def test_an_overview_finds_the_inputs_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Any] = []
    first = alphabet._first_read

    def counted(*arguments: Any) -> str:
        tried.append(arguments)
        return first(*arguments)

    monkeypatch.setattr(alphabet, "_first_read", counted)
    find_alphabet(Sums())
    once = len(tried)
    found = overview(Sums(), 8, samples=32, progress=False)
    assert len(tried) == 2 * once
    assert not any(measure.reason for measure in found.measures if measure.name in ("memory_curve", "rank"))


def plain(found: Any) -> Any:
    """What can be compared: without seconds, and without the note of where the size is from."""
    if isinstance(found, dict):
        return {key: plain(value) for key, value in found.items() if key not in ("seconds", "notes")}
    return [plain(value) for value in found] if isinstance(found, list | tuple | np.ndarray) else found
