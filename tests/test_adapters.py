"""Every adapter gives in halves what whole sequences give one by one, and refuses what cannot be cut."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from seprank import RAC
from seprank.adapters import Causal, Checked, CheckFailed, ConventionError, Recurrent, Rescaled, Whole, adapt
from seprank.adapters.agreement import compare_halves
from seprank.adapters.batches import Trial
from seprank.adapters.fast_cell import CELLS, FastCell, fast_cell
from seprank.adapters.rescaled import NotHomogeneous
from seprank.adapters.rounding import RoundingWatch, difference
from seprank.adapters.sigmoid_cell import SigmoidGRU, SigmoidLSTM
from seprank.adapters.skeleton import put_together, take_apart
from seprank.models.s6 import S6
from seprank.startend import Halves, StartEndMatrix

Array = npt.NDArray[np.float64]
Function = Callable[[Tensor], Tensor]

DOUBLE = torch.float64
LETTERS = 7


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Tensors are tiny here, and threads that wait for each other are slow on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def vectors(count: int, steps: int, seed: int, dtype: torch.dtype = DOUBLE) -> Tensor:
    return torch.randn(count, steps, 4, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def tokens(count: int, steps: int, seed: int) -> Tensor:
    return torch.randint(0, LETTERS, (count, steps), generator=torch.Generator().manual_seed(seed))


def split_matrix(model: Any, starts: Tensor, ends: Tensor, block: int = 16) -> Array:
    """(starts, ends, channels) by the state after each start."""
    matrix = StartEndMatrix(model, lambda output: output, channels=model.channels, block=block)
    found = matrix.grow(Halves(vectors=starts), Halves(vectors=ends))
    return found.reshape(len(starts), len(ends), -1)


def slow_matrix(function: Function, starts: Tensor, ends: Tensor) -> Array:
    """The definition: every start with every end, one whole sequence at a time, (starts, ends, channels)."""
    with torch.no_grad():
        rows = [[function(torch.cat([s, e])[None])[0].double().numpy() for e in ends] for s in starts]
    return np.array(rows)


def distance(found: Array, expected: Array) -> float:
    """Largest difference, relative to the largest entry."""
    assert found.shape == expected.shape
    return float(abs(found - expected).max() / abs(expected).max())


def last_output(module: nn.Module) -> Function:
    """The slow definition for the convention of nn.RNN."""

    def run(sequences: Tensor) -> Tensor:
        if getattr(module, "batch_first", True):
            return module(sequences)[0][:, -1]
        return module(sequences.transpose(0, 1))[0][-1]

    return run


class Last(nn.Module):
    """Takes the last step out of what an LSTM returns."""

    def forward(self, result: tuple[Tensor, Any]) -> Tensor:
        return result[0][:, -1]


def recurrent_modules() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    modules: dict[str, nn.Module] = {
        f"{kind.__name__}, {layers} layers, batch_first={first}": kind(4, 5, layers, batch_first=first, dtype=DOUBLE)
        for kind in (nn.RNN, nn.GRU, nn.LSTM)
        for layers in (1, 2, 3)
        for first in (False, True)
    }
    modules["LSTM, projection"] = nn.LSTM(4, 5, 2, proj_size=3, batch_first=True, dtype=DOUBLE)
    modules["LSTM, no bias, dropout, eval"] = nn.LSTM(4, 5, 2, bias=False, dropout=0.5, dtype=DOUBLE).eval()
    modules["RNN, relu"] = nn.RNN(4, 5, 2, nonlinearity="relu", dtype=DOUBLE)
    modules["RAC"] = RAC(4, 5, 3, dtype=DOUBLE)
    modules["S6"] = S6(4, 5, 2, state_size=3, dtype=DOUBLE)
    return modules


@pytest.mark.slow
@pytest.mark.parametrize("name", recurrent_modules())
@pytest.mark.parametrize("cut", [1, 4])
def test_recurrent_modules_in_halves(name: str, cut: int) -> None:
    module, starts, ends = recurrent_modules()[name], vectors(4, cut, 1), vectors(3, 6 - cut, 2)
    model = adapt(module, starts)
    assert isinstance(model, Checked)
    assert model.splits
    assert model.floor < 1e-13
    found = split_matrix(model, starts, ends)
    assert distance(found, slow_matrix(last_output(module), starts, ends)) < 1e-12


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_float32_states_its_floor(kind: type[nn.RNNBase]) -> None:
    module, starts, ends = kind(4, 5, 2), vectors(6, 3, 1, torch.float32), vectors(5, 4, 2, torch.float32)
    model = adapt(module, starts)
    assert 1e-7 < model.floor < 1e-5
    found = split_matrix(model, starts, ends)
    assert distance(found, slow_matrix(last_output(module), starts, ends)) < model.floor


def chains() -> dict[str, tuple[nn.Module, bool, Function]]:
    """Module, whether it reads token ids, and the definition written out."""
    torch.manual_seed(0)
    embedding, lstm, linear = nn.Embedding(LETTERS, 4), nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 3)
    gru, first_gru, tanh = nn.GRU(4, 5, 2), nn.GRU(4, 4, batch_first=True), nn.Tanh()
    rac = RAC(4, 5, 2)
    for module in (embedding, lstm, linear, gru, first_gru, rac):
        module.double()
    return {
        "embedding, LSTM, linear": (
            nn.Sequential(embedding, lstm, linear),
            True,
            lambda ids: linear(lstm(embedding(ids))[0][:, -1]),
        ),
        "two recurrent members, nested": (
            nn.Sequential(nn.Sequential(first_gru, tanh), nn.Sequential(lstm, linear)),
            False,
            lambda x: linear(lstm(tanh(first_gru(x)[0]))[0][:, -1]),
        ),
        "unpacks by itself": (
            nn.Sequential(lstm, Last(), linear),
            False,
            lambda x: linear(lstm(x)[0][:, -1]),
        ),
        "ends in a recurrent member": (
            nn.Sequential(embedding, lstm),
            True,
            lambda ids: lstm(embedding(ids))[0][:, -1],
        ),
        "time first": (nn.Sequential(gru, linear), False, lambda x: linear(gru(x.transpose(0, 1))[0][-1])),
        "RAC with readout": (nn.Sequential(rac, linear), False, lambda x: linear(rac(x)[0][:, -1])),
    }


@pytest.mark.parametrize("name", chains())
def test_chains_in_halves(name: str) -> None:
    module, ids, function = chains()[name]
    draw = tokens if ids else vectors
    starts, ends = draw(6, 3, 1), draw(5, 4, 2)
    found = split_matrix(adapt(module, starts), starts, ends)
    assert distance(found, slow_matrix(function, starts, ends)) < 1e-12


def test_a_readout_runs_on_the_last_step_only() -> None:
    shapes = []

    class Readout(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:
            shapes.append(tuple(input.shape))
            return super().forward(input)

    model = adapt(nn.Sequential(nn.GRU(4, 5, batch_first=True), Readout(5, 3)).double(), vectors(3, 6, 0))
    shapes.clear()
    model(model.pieces(vectors(9, 6, 1)), None)
    assert shapes == [(9, 1, 5)]


@pytest.mark.parametrize("batch_first", [True, False])
def test_functions_of_whole_sequences(batch_first: bool) -> None:
    torch.manual_seed(0)
    module = nn.LSTM(4, 5, bidirectional=True, batch_first=batch_first, dtype=DOUBLE)
    starts, ends = vectors(5, 3, 1), vectors(4, 4, 2)
    model = adapt(lambda x: module(x)[0], starts, batch_first=batch_first)
    assert isinstance(model.model, Whole)
    assert not model.splits
    assert model.state_numbers(3) == 12
    found = split_matrix(model, starts, ends)
    assert distance(found, slow_matrix(last_output(module), starts, ends)) < 1e-12


@pytest.mark.parametrize("shape", [(2, 3), (2,)])
def test_functions_may_give_the_last_output_alone(shape: tuple[int, ...]) -> None:
    starts, ends = tokens(2, 3, 1), tokens(2, 2, 2)
    function: Function = lambda ids: ids.double().cumsum(1)[:, -1:].expand(-1, 3).squeeze(1)  # noqa: E731
    if len(shape) == 1:
        function = lambda ids: ids.double().prod(1)  # noqa: E731
    model = adapt(function, starts)
    assert model.channels == (*shape, 1)[1]
    expected = slow_matrix(lambda ids: function(ids).reshape(1, -1), starts, ends)
    assert distance(split_matrix(model, starts, ends), expected) == 0


def test_a_state_of_any_structure() -> None:
    class Pair(nn.Module):
        """A state in a dictionary, its tensors with the batch at different places."""

        def forward(self, x: Tensor, state: dict[str, Any] | None = None) -> tuple[Tensor, dict[str, Any]]:
            state = state or {"sum": x.new_zeros(2, len(x)), "last": x[:, 0], "steps": 0}
            total = state["sum"] + x[:, :, :2].sum(1).T
            output = torch.tanh(total.T) * (state["steps"] + x.shape[1]) + state["last"][:, :2]
            return output, {"sum": total, "last": x[:, -1], "steps": state["steps"] + x.shape[1]}

    module, starts, ends = Pair(), vectors(5, 3, 1), vectors(4, 1, 2)
    model = Recurrent(module, vectors(3, 2, 0))
    found = split_matrix(model, starts, ends)
    expected = [[module(e[None], module(s[None])[1])[0][0].numpy() for e in ends] for s in starts]
    assert distance(found, np.array(expected)) < 1e-14


# The fast cells

KINDS = [(nn.RNN, 0), (nn.GRU, 0), (nn.LSTM, 0), (nn.LSTM, 2)]


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("kind", "proj_size"), KINDS)
@pytest.mark.parametrize("batch_first", [True, False])
def test_a_fast_cell_is_its_module(
    kind: type[nn.RNNBase], layers: int, bias: bool, proj_size: int, batch_first: bool
) -> None:
    torch.manual_seed(0)
    settings = {"proj_size": proj_size} if proj_size else {}
    module = kind(4, 6, layers, bias=bias, batch_first=batch_first, dtype=DOUBLE, **settings)
    x = 3 * torch.randn(5, 7, 4, dtype=DOUBLE)
    batch = 5 if batch_first else 7
    state = torch.randn(layers, batch, proj_size or 6, dtype=DOUBLE)
    state = (state, torch.randn(layers, batch, 6, dtype=DOUBLE)) if kind is nn.LSTM else state
    cell = fast_cell(module)
    assert type(cell) is CELLS[kind]
    for given in (None, state):
        with torch.no_grad():
            expected, last = module(x, given)
        found, after = cell(x, given)
        assert isinstance(after, tuple) == isinstance(last, tuple)
        for a, b in zip(tree_leaves((found, after)), tree_leaves((expected, last)), strict=True):
            assert a.shape == b.shape
            assert (a - b).abs().max() < 1e-13


@pytest.mark.parametrize("kind", CELLS)
def test_a_fast_cell_leaves_its_state_and_follows_the_weights(kind: type[nn.RNNBase]) -> None:
    module, x = kind(4, 6, batch_first=True, dtype=DOUBLE), vectors(5, 3, 1)
    cell, state = CELLS[kind](module), torch.ones(1, 5, 6, dtype=DOUBLE)
    cell(x, (state, state) if kind is nn.LSTM else state)
    assert bool((state == 1).all())
    with torch.no_grad():
        module.weight_hh_l0 += 1
        assert (cell(x)[0] - module(x)[0]).abs().max() < 1e-13


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize(("features", "together"), [(4, 1), (4, 100), (24, 100), (24, 2**21), (4, 2**21)])
@pytest.mark.parametrize("batch_first", [True, False])
def test_long_inputs_are_projected_some_steps_at_a_time(
    kind: type[nn.RNNBase], features: int, together: int, batch_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """24 features are as many as an LSTM of 6 units has rows, so that by their number nothing is told."""
    monkeypatch.setattr("seprank.adapters.fast_cell._TOGETHER", together)
    module = kind(features, 6, 2, batch_first=batch_first, dtype=DOUBLE)
    x = torch.randn(3, 7, features, dtype=DOUBLE, generator=torch.Generator().manual_seed(0))
    model = adapt(module, x)
    assert isinstance(model.model, FastCell)
    found, state = model(model.pieces(x), None)
    slow = model.plain()
    expected, last = slow(slow.pieces(x), None)
    for a, b in zip(model.values(found, state), slow.values(expected, last), strict=True):
        assert (a - b).abs().max() < 1e-13


@pytest.mark.parametrize("kind", CELLS)
def test_which_modules_get_a_fast_cell(kind: type[nn.RNNBase]) -> None:
    class Own(kind):  # type: ignore[misc,valid-type]
        pass

    def fast(module: nn.Module, dtype: torch.dtype = DOUBLE) -> bool:
        model = adapt(module.to(dtype), vectors(3, 4, 0, dtype))
        return isinstance(model.model, FastCell)

    assert fast(kind(4, 5))
    assert fast(kind(4, 5, 2, dropout=0.5).eval())
    assert fast_cell(kind(4, 5, 2, dropout=0.5, dtype=DOUBLE)) is None
    assert not fast(kind(4, 5), torch.float32)
    assert not fast(Own(4, 5))
    hooked = kind(4, 5)
    hooked.register_forward_hook(lambda module, arguments, result: result)
    assert not fast(hooked)
    shadowed = kind(4, 5)
    shadowed.forward = lambda x, state=None: Own.forward(shadowed, x, state)
    assert not fast(shadowed)


def test_an_rnn_without_tanh_has_no_fast_cell() -> None:
    assert fast_cell(nn.RNN(4, 5, nonlinearity="relu", dtype=DOUBLE)) is None


def test_a_fast_cell_that_is_not_its_module_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Break the line that the equality rests on, the order of gates: the module runs as it is, or in a chain."""
    monkeypatch.setattr(SigmoidGRU, "_ordered", lambda self, weight: weight)
    module, x = nn.GRU(4, 5, batch_first=True, dtype=DOUBLE), vectors(3, 4, 0)
    for whole in (module, nn.Sequential(module, nn.Tanh())):
        model = adapt(whole, x)
        assert model.splits
        assert not isinstance(model.model, FastCell)
        expected = module(x)[0][:, -1].T.detach()
        assert difference(model(model.pieces(x), None)[0], expected if whole is module else expected.tanh()) < 1e-14


def test_a_fast_cell_refuses() -> None:
    with pytest.raises(ValueError, match="forward in time only, got a bidirectional LSTM"):
        SigmoidLSTM(nn.LSTM(4, 5, bidirectional=True))
    with pytest.raises(ValueError, match=r"\(time, batch, input_size\) with input_size 4, got \(2, 3, 5\)"):
        SigmoidLSTM(nn.LSTM(4, 5))(torch.ones(2, 3, 5))


# The selective state-space reference


def test_s6_is_the_equations() -> None:
    torch.manual_seed(0)
    module, x = S6(4, 3, state_size=2, dtype=DOUBLE), vectors(2, 5, 1)[0]
    weights = {name.removesuffix("_l0"): p.detach().numpy() for name, p in module.named_parameters()}
    state, a = np.zeros((3, 2)), -np.exp(weights["A_log"])
    for step in x.numpy():
        u = weights["weight_in"] @ step
        delta = np.log1p(np.exp(weights["weight_delta"] @ u + weights["bias_delta"]))
        for d in range(3):
            for n in range(2):
                held = np.exp(delta[d] * a[d, n])
                state[d, n] = held * state[d, n] + (held - 1) / a[d, n] * (weights["weight_B"] @ u)[n] * u[d]
        expected = state @ (weights["weight_C"] @ u) + weights["D"] * u
    output, last = module(x[None])
    assert np.abs(output[0, -1].detach().numpy() - expected).max() < 1e-14
    assert np.abs(last[0, 0].detach().numpy() - state).max() < 1e-14


def test_s6_starts_as_in_the_paper_and_learns() -> None:
    module = S6(4, 64, num_layers=2, state_size=5, dtype=DOUBLE)
    delta = nn.functional.softplus(module.bias_delta_l1.detach())
    assert 0.001 <= float(delta.min()) < float(delta.max()) <= 0.1
    assert torch.allclose(module.A_log_l0.detach().exp(), torch.arange(1.0, 6.0, dtype=DOUBLE).expand(64, 5))
    module(vectors(2, 3, 1))[0].square().sum().backward()
    assert all(p.grad is not None and bool((p.grad != 0).any()) for p in module.parameters())
    assert sum(p.numel() for p in module.parameters()) == 64 * 4 + 64 * 64 + 2 * 64 * (4 * 5 + 3)


def test_s6_refuses() -> None:
    with pytest.raises(ValueError, match="state_size must be at least 1, got 0"):
        S6(4, 3, state_size=0)
    with pytest.raises(ValueError, match=r"input_size 4, got \(2, 5, 3\)"):
        S6(4, 3)(torch.ones(2, 5, 3, dtype=DOUBLE))


# Hugging Face


def causal_models() -> dict[str, nn.Module]:
    """Tiny ones, from configurations alone, float64, in evaluation mode."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    size = {"vocab_size": LETTERS, "hidden_size": 16, "num_hidden_layers": 2, "bos_token_id": 0, "eos_token_id": 0}
    llama = {"intermediate_size": 32, "num_attention_heads": 4, "num_key_value_heads": 2}
    configs = {
        "GPT2LMHead": transformers.GPT2Config(
            vocab_size=LETTERS, n_positions=8, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0
        ),
        "LlamaForCausalLM": transformers.LlamaConfig(**size, **llama),
        "MambaForCausalLM": transformers.MambaConfig(**size, state_size=4),
        "RwkvForCausalLM": transformers.RwkvConfig(**size, context_length=8),
    }
    names = {"GPT2LMHead": "GPT2LMHeadModel"}
    return {name: getattr(transformers, names.get(name, name))(c).double().eval() for name, c in configs.items()}


CAUSAL = ("GPT2LMHead", "LlamaForCausalLM", "MambaForCausalLM", "RwkvForCausalLM")


@pytest.mark.slow
@pytest.mark.parametrize("name", CAUSAL)
@pytest.mark.parametrize("cut", [1, 4, 7])
def test_causal_models_in_halves(name: str, cut: int) -> None:
    module, starts, ends = causal_models()[name], tokens(5, cut, 1), tokens(4, 8 - cut, 2)
    model = adapt(module, tokens(3, 8, 0))
    assert isinstance(model.model, Causal)
    assert model.channels == LETTERS
    found = split_matrix(model, starts, ends, block=6)
    expected = slow_matrix(lambda ids: module(input_ids=ids, use_cache=False).logits[:, -1], starts, ends)
    keeps_float64 = name == "GPT2LMHead"
    assert keeps_float64 == (model.floor < 1e-13)
    assert distance(found, expected) < (1e-12 if keeps_float64 else model.floor)


@pytest.mark.parametrize("name", CAUSAL)
def test_the_size_of_a_cache(name: str) -> None:
    model = Causal(causal_models()[name], tokens(3, 4, 0))
    _, state = model(tokens(5, 6, 1), None)
    numbers = sum(leaf.numel() for leaf in state[1:])
    assert numbers == 5 * model.state_numbers(6)
    attends = name in ("GPT2LMHead", "LlamaForCausalLM")
    assert (model.state_numbers(6) > model.state_numbers(1)) == attends


def test_faults_of_causal_models_are_found() -> None:
    """If one of these fails, the model has been mended, and the adapter no longer goes round its fault."""
    models = {name: Causal(module, tokens(3, 2, 0)) for name, module in causal_models().items()}
    assert {name for name, model in models.items() if model.one_by_one} == {"MambaForCausalLM"}
    assert {name for name, model in models.items() if model.alone} == {"RwkvForCausalLM"}
    mamba = models["MambaForCausalLM"]
    mamba.one_by_one = False
    found = compare_halves(mamba, Trial.short(tokens(3, 4, 0)))
    assert found.together > 0.1  # the state, which is lost,
    assert found.outputs < 1e-3  # shows little in the outputs of an untrained model


def test_a_cache_is_left_as_it_was() -> None:
    for module in causal_models().values():
        model = Causal(module, tokens(3, 4, 0))
        _, state = model(tokens(4, 3, 1), None)
        before = copy.deepcopy(state)
        model(tokens(4, 2, 2), state)
        model(tokens(1, 2, 2), model.spread(state, 2, 3, 1))
        assert all(torch.equal(a, b) for a, b in zip(before[1:], state[1:], strict=True))


def test_vectors_instead_of_token_ids() -> None:
    module = causal_models()["GPT2LMHead"]
    embed = module.get_input_embeddings()
    starts, ends = tokens(3, 3, 1), tokens(3, 3, 2)
    with torch.no_grad():
        found = split_matrix(adapt(module, embed(starts)), embed(starts), embed(ends))
    assert distance(found, split_matrix(adapt(module, starts), starts, ends)) < 1e-13


def test_causal_models_refuse() -> None:
    module = causal_models()["GPT2LMHead"]
    model = adapt(module, tokens(3, 4, 0))
    with pytest.raises(ValueError, match="token ids must be between 0 and vocab_size - 1 = 6, got 9"):
        model.pieces(tokens(3, 4, 0) + 3 * (tokens(3, 4, 0) == 6))
    with pytest.raises(ValueError, match="the model has 8 positions"):
        model(tokens(3, 9, 0), None)
    with pytest.raises(ConventionError, match=r"check 'repeat' failed.* call \.eval\(\)"):
        adapt(module.train(), tokens(3, 4, 0))


def test_a_model_that_reads_both_ways_has_no_cache() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=LETTERS, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    module = transformers.BertModel(config).eval()
    model = adapt(module, tokens(3, 4, 0))
    assert model.read_as == "whole sequences, output 'last_hidden_state'"
    assert not model.splits
    with torch.no_grad():
        expected = module(tokens(2, 5, 1)).last_hidden_state[:, -1].T
    assert torch.equal(model(model.pieces(tokens(2, 5, 1)), None)[0], expected)


def test_without_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    module = causal_models()["GPT2LMHead"]
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r"pip install 'seprank\[hf\]'"):
        adapt(module, tokens(3, 4, 0))


def test_objects_are_taken_apart_and_put_together() -> None:
    shared = torch.ones(2)
    thing = {"a": [shared, 3], "b": (shared, None, nn.Parameter(torch.zeros(3)))}
    skeleton, tensors = take_apart(thing)
    assert tensors[0] is shared
    again = put_together(skeleton, [t + 1 for t in tensors])
    assert torch.equal(again["b"][2], torch.ones(3))
    assert again["a"][1:] == [3]
    assert torch.equal(shared, torch.ones(2))


# Rescaling


def wild_rac(depth: int, scale: float) -> RAC:
    module = RAC(4, 5, depth, dtype=DOUBLE)
    generator = torch.Generator().manual_seed(depth)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator, dtype=DOUBLE))
    return module


def rescaled(module: nn.Module, example: Tensor | None = None) -> Rescaled:
    example = vectors(3, 2, 0) if example is None else example
    return Rescaled(Recurrent(module, example), example)


def rescaled_matrix(module: nn.Module, starts: Tensor, ends: Tensor) -> Array:
    return Rescaled.combine(split_matrix(rescaled(module), starts, ends))


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_rescaling_changes_nothing_but_the_scale(depth: int) -> None:
    module, starts, ends = wild_rac(depth, 0.7), vectors(6, 5, 1), vectors(7, 6, 2)
    expected = slow_matrix(last_output(module), starts, ends)
    expected /= 2.0 ** np.frexp(abs(expected).max())[1]
    found = rescaled_matrix(module, starts, ends)
    scale = abs(expected).max((0, 1, 2))
    assert np.allclose(found, expected, rtol=1e-9, atol=1e-13 * scale)
    assert 0.5 <= abs(found).max() < 1


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.2, 3.0])
def test_rescaling_reaches_where_floats_do_not(scale: float) -> None:
    module, starts, ends = wild_rac(2, scale), vectors(8, 200, 1), vectors(8, 200, 2)
    plain = split_matrix(adapt(module, starts[:, :2]), starts, ends)
    assert not np.isfinite(plain).all() if scale > 1 else not plain.any()
    found = rescaled_matrix(module, starts, ends)
    assert np.isfinite(found).all()
    assert 0.5 <= abs(found).max() < 1


def test_rescaled_entries_against_integers() -> None:
    """With weights and inputs that are small integers, logarithms of the exact values are known."""
    module = wild_rac(2, 1.0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(parameter.round())
    starts, ends = vectors(3, 20, 1).round(), vectors(3, 20, 2).round()
    found = rescaled_matrix(module, starts, ends)
    exact = np.array([[integer_rac(module, torch.cat([s, e])) for e in ends] for s in starts])
    largest = max(abs(int(x)) for x in exact.flat)
    # quotients of integers far beyond floating point, correctly rounded by Python
    expected = np.array([int(x) / largest for x in exact.flat]).reshape(exact.shape)
    assert np.abs(found / abs(found).max() - expected).max() < 1e-12


def integer_rac(module: RAC, sequence: Tensor) -> list[int]:
    weights = {n: np.array(p.detach().long().tolist(), dtype=object) for n, p in module.named_parameters()}
    states = list(weights["initial_state"])
    for step in sequence.long().tolist():
        below = np.array(step, dtype=object)
        for layer in range(module.num_layers):
            from_input, from_state = (
                weights[f"weight_ih_l{layer}"] @ below,
                weights[f"weight_hh_l{layer}"] @ states[layer],
            )
            below = states[layer] = from_input * from_state
    return list(below)


def test_how_the_layers_scale() -> None:
    model = rescaled(wild_rac(3, 1.0))
    assert model.degrees.tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert model.output_degrees.tolist() == [1, 1, 1]
    assert model.channels == 6
    assert 0 < adapt(wild_rac(3, 1.0), vectors(3, 4, 0), rescale=True).floor < 1e-13


def test_rescaling_zeros() -> None:
    assert not rescaled_matrix(wild_rac(2, 1.0), vectors(3, 2, 1) * 0, vectors(3, 2, 2)).any()


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (nn.RNN(4, 5, batch_first=True, dtype=DOUBLE), "it is not homogeneous in the states of its layers"),
        (nn.GRU(4, 5, 2, batch_first=True, dtype=DOUBLE), "it is not homogeneous in the states of its layers"),
        (nn.LSTM(4, 5, batch_first=True, dtype=DOUBLE), r"only a state of one tensor \(layers, batch, units\)"),
        (RAC(4, 5), "exponents need float64, got a module in torch.float32"),
    ],
)
def test_what_cannot_be_rescaled(module: nn.Module, text: str) -> None:
    dtype = next(module.parameters()).dtype
    with pytest.raises(NotHomogeneous, match=text):
        rescaled(module, vectors(3, 2, 0, dtype))


# Refusals


class Growing(nn.Module):
    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        state = x if state is None else torch.cat([state, x], 1)
        return state.cumsum(1)[:, -x.shape[1] :], state


class Forgetful(nn.GRU):
    """Returns a state that it does not use."""

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return super().forward(x)


class Normalised(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0)


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (nn.Sequential(nn.GRU(4, 5, batch_first=True), nn.GRU(5, 5)), "all members must have the same batch_first"),
        (nn.LSTM(3, 5), "LSTM failed on sequences .* with"),
        (nn.GRU(4, 5, 2, dropout=0.5), "check 'repeat' failed: the same call made twice"),
        (Normalised(), "check 'batch' failed: outputs must not depend on the other sequences"),
        (Growing(), r"of which 0 and 1 may be the output; say which, output=0; .* a growing"),
        (lambda x, state=None: (x, x, x), r"of which 0 and 1 and 2 may be the output"),
        (lambda x: x.sum(), "a function of whole sequences must return"),
    ],
)
def test_what_cannot_be_cut(module: Any, text: str) -> None:
    if isinstance(module, nn.Module):
        module.double()
    with pytest.raises(ConventionError, match=text):
        adapt(module, vectors(3, 4, 0))


BIDIRECTIONAL = nn.LSTM(4, 5, bidirectional=True)
WHOLE: dict[str, tuple[Any, Callable[[Tensor], Tensor]]] = {
    "both directions": (BIDIRECTIONAL, lambda x: BIDIRECTIONAL(x.transpose(0, 1))[0][-1]),
    "both directions in a chain": (
        nn.Sequential(nn.LSTM(4, 5, bidirectional=True, batch_first=True), nn.Linear(10, 2)),
        lambda x: WHOLE["both directions in a chain"][0][1](WHOLE["both directions in a chain"][0][0](x)[0])[:, -1],
    ),
    "a state that it does not use": (
        Forgetful(4, 5, batch_first=True),
        lambda x: WHOLE["a state that it does not use"][0](x)[0][:, -1],
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_has_no_state_at_a_cut_is_run_as_a_whole(name: str) -> None:
    module, definition = WHOLE[name]
    module.double()
    model, sequences = adapt(module, vectors(3, 4, 0)), vectors(4, 7, 1)
    assert not model.splits
    assert model.looks_ahead == name.startswith("both")
    with torch.no_grad():
        assert torch.allclose(model(model.pieces(sequences), None)[0].T, definition(sequences), rtol=0, atol=1e-14)


def test_the_wrong_order_of_axes_is_found() -> None:
    module = nn.LSTM(4, 5, dtype=DOUBLE)
    assert adapt(lambda x: module(x)[0], vectors(3, 4, 0)).read_as == "whole sequences, time first"
    with pytest.raises(CheckFailed, match="say batch_first=False"):
        adapt(lambda x: module(x)[0][-1], vectors(3, 4, 0))  # the last output alone does not show which axis is time
    with pytest.raises(ConventionError, match="batch_first must be False, which is what LSTM was built with, got True"):
        adapt(module, vectors(3, 4, 0), batch_first=True)


@pytest.mark.parametrize(("module", "example"), [(3, torch.ones(3, 2, 4)), (nn.GRU(4, 5), torch.ones(4))])
def test_arguments_of_the_wrong_type(module: Any, example: Any) -> None:
    with pytest.raises(TypeError, match="must be"):
        adapt(module, example)


def test_an_adapter_is_taken_as_it_is_and_checked_all_the_same() -> None:
    model = adapt(nn.GRU(4, 5), torch.ones(1, 1, 4))
    assert adapt(model, torch.ones(1, 1, 4)).model is model.model
    with pytest.raises(CheckFailed, match="check 'batch' failed"):
        adapt(Whole(Normalised(), vectors(3, 4, 0)), vectors(3, 4, 0))


# Rounding


def test_casts_are_noticed() -> None:
    x = torch.ones(3, dtype=DOUBLE)
    for function, expected in [
        (lambda: x + 1, 0.0),
        (lambda: x * torch.arange(3, dtype=torch.float32), 0.0),
        (lambda: x.float().double(), torch.finfo(torch.float32).eps),
        (lambda: torch.zeros(3).copy_(x), torch.finfo(torch.float32).eps),
        (lambda: x.bfloat16().float(), torch.finfo(torch.bfloat16).eps),
    ]:
        with RoundingWatch() as watch:
            function()
        assert watch.rounding == expected


def test_a_module_that_casts_down_states_its_floor() -> None:
    class Casting(nn.GRU):
        def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
            output, after = super().forward(x, state)
            return output.float().to(x), after

    model = adapt(Casting(4, 5, batch_first=True, dtype=DOUBLE), vectors(3, 4, 0))
    assert 1e-7 < model.floor < 1e-6
