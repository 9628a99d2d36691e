"""Memory curves: known models, the definition, other programs, floors, and what is refused."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from oracles import influence_by_definition, memory_by_definition
from seprank import RAC, MemoryCurve, measure, remember
from seprank.adapters import CheckFailed, ConventionError
from seprank.measurement import DataError
from seprank.measurement.figures import ConstantOutput
from seprank.memory_curve import read_text
from seprank.memory_curve.terms import Terms
from seprank.settings.lags import default_lags
from seprank.system.memory import MemoryBudgetError

pytestmark = pytest.mark.usefixtures("one_thread")

LENGTH = 24
DELAY, WINDOW, DECAY = 6, 9, 0.8
LAGS = (2, 5, 8)
QUIET: dict[str, Any] = {"progress": False}
POWERS = DECAY ** torch.arange(LENGTH - 1, -1, -1, dtype=torch.float64)


def delayed(x: Tensor) -> Tensor:
    return x[:, -DELAY - 1, 0]


def decaying(x: Tensor) -> Tensor:
    return x[:, :, 0] @ POWERS


def product(x: Tensor) -> Tensor:
    return x[:, -1, 0] * x[:, -DELAY - 1, 0]


def windowed(x: Tensor) -> Tensor:
    return x[:, -WINDOW:, 0].mean(1)


def memory_of_decay(lag: int) -> float:
    left = DECAY ** (2 * LENGTH)
    return (DECAY ** (2 * lag) - left) / (1 - left)


def reached(lag: int) -> float:
    return float(lag <= DELAY)


def nothing(lag: int) -> float:
    return 0.0


def uncovered(lag: int) -> float:
    return max(0.0, 1 - lag / WINDOW)


KNOWN = {
    "delayed": (delayed, reached, nothing),
    "decaying": (decaying, memory_of_decay, nothing),
    "product": (product, reached, reached),
    "windowed": (windowed, uncovered, nothing),
}
Known = tuple[Callable[[Tensor], Tensor], Callable[[int], float], Callable[[int], float]]


def recurrent(kind: type[nn.RNNBase] = nn.GRU, inputs: int = 2, hidden: int = 5, gain: float = 1.0) -> nn.RNNBase:
    """A network of torch with normal weights that depend on nothing but this file."""
    module = kind(inputs, hidden, batch_first=True)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(gain * torch.randn(parameter.shape, generator=generator) / math.sqrt(hidden))
    return module


def one_by_one(module: nn.Module) -> Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    """The last output of a module on one sequence in float64."""
    module = module.double()

    def run(sequence: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        with torch.no_grad():
            return module(torch.from_numpy(sequence)[None])[0][0, -1].numpy()

    return run


def within(value: float, ends: tuple[float, float]) -> bool:
    low, high = ends
    return low * (1 - 1e-9) <= value <= high * (1 + 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
def test_intervals_hold_the_exact_values_as_often_as_they_say(known: Known) -> None:
    function, memory, joint = known
    hits = dict.fromkeys(LAGS, 0)
    certain = dict.fromkeys(LAGS, True)
    for seed in range(200):
        curve = remember(function, length=LENGTH, inputs=1, samples=64, lags=LAGS, seed=seed, **QUIET)
        for place, lag in enumerate(LAGS):
            ends = curve.intervals["memory"][place]
            hits[lag] += within(memory(lag), ends)
            certain[lag] &= math.isclose(curve.memory[place], memory(lag), abs_tol=1e-12)
            if joint(lag) == 0:
                assert curve.joint[place] <= max(curve.floor[place], 1e-25)
    for lag in LAGS:
        # where a and b, c and d are equal for each pair, the estimate is exact
        assert certain[lag] or 160 <= hits[lag] <= 196, (lag, hits)


@pytest.mark.parametrize(("name", "reach", "mean"), [("delayed", 6, 6.0), ("product", 6, 6.0), ("windowed", 8, 4.0)])
def test_known_reach_and_mean(name: str, reach: int, mean: float) -> None:
    curve = remember(KNOWN[name][0], length=LENGTH, inputs=1, samples=1000, lags="all", **QUIET)
    assert curve.lags == tuple(range(1, LENGTH))
    assert curve.reach() == reach
    assert curve.reach_interval() == (reach, reach)
    assert not curve.at_least()
    assert curve.mean == pytest.approx(mean, rel=0.15)
    assert curve.mean_interval[0] <= mean <= curve.mean_interval[1]
    assert max(curve.memory[reach:]) == 0


def test_the_sentence_of_a_known_model() -> None:
    curve = remember(delayed, length=LENGTH, inputs=1, **QUIET)
    begin, end = curve.sentence().split(", nothing (less than ")
    assert begin == "100 % of the output's variance depends on inputs before the last 6 steps"
    assert end.endswith("on inputs before the last 7: it reaches 6 steps back.")


def test_a_reach_between_default_lags_is_found() -> None:
    """Lag 22 and lag 24 are default ones, and memory ends after 23 steps."""
    assert 22 in default_lags(40)
    assert 23 not in default_lags(40)
    curve = remember(lambda x: x[:, -24, 0], length=40, inputs=1, samples=32, **QUIET)
    assert (curve.reach(), curve.half, curve.reach_interval()) == (23, 23, (23, 23))


def test_memory_to_the_beginning_is_said_to_be_at_least() -> None:
    curve = remember(lambda x: x[:, 0, 0], length=12, inputs=1, **QUIET)
    assert curve.reach() == 11
    assert curve.at_least()
    assert "at least 11 steps back; use a longer --length" in curve.sentence()
    assert curve.reach_interval() == (11, 11)


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_states_give_what_the_definition_gives(kind: type[nn.RNNBase]) -> None:
    module = recurrent(kind)
    curve = remember(module, length=7, samples=32, lags="all", influence=True, seed=3, **QUIET)
    first, second = drawn_pairs(32, 7, 2, seed=3)
    run = one_by_one(module)
    for lag, memory, joint in zip(curve.lags, curve.memory, curve.joint, strict=True):
        expected = memory_by_definition(run, first, second, lag)
        assert (memory, joint) == pytest.approx(expected, rel=1e-9)
    for step in range(7):
        expected_influence = influence_by_definition(run, first, second, step)
        # that of the first step of all is its memory, with the variance of that lag
        assert curve.influence(step) == pytest.approx(expected_influence, rel=1e-9 if step < 6 else 0.3)
    assert curve.influence(6) == curve.memory[-1]


def drawn_pairs(pairs: int, length: int, features: int, seed: int) -> tuple[Any, Any]:
    """The sequences that `remember` draws."""
    from seprank.measurement.inputs import Alphabet
    from seprank.memory_curve.windows import make_pairs
    from seprank.settings.remember_settings import RememberSettings

    drawn = make_pairs(None, Alphabet(features=features), RememberSettings(length=length, samples=pairs, seed=seed))
    return drawn.first.numpy(), drawn.second.numpy()


def test_whole_sequences_give_what_states_give() -> None:
    module = recurrent().double()
    settings: dict[str, Any] = {"length": 9, "samples": 40, "lags": (1, 3, 8), "influence": True, **QUIET}
    split = remember(module, **settings)
    whole = remember(lambda x: module(x)[0][:, -1].detach(), inputs=2, **settings)
    assert split.memory == pytest.approx(whole.memory, rel=1e-9)
    assert split.joint == pytest.approx(whole.joint, rel=1e-9)
    assert split.influences is not None
    assert whole.influences is not None
    assert split.influences.values == pytest.approx(whole.influences.values, rel=1e-9)
    assert any("whole sequences" in note for note in whole.notes)
    assert not any("whole sequences" in note for note in split.notes)


def test_carried_is_memory_less_joint() -> None:
    curve = remember(recurrent(gain=2), length=8, samples=64, lags="all", **QUIET)
    differences = [memory - joint for memory, joint in zip(curve.memory, curve.joint, strict=True)]
    assert curve.carried == pytest.approx(differences, rel=1e-9, abs=1e-15)


def gru_output(x: Tensor) -> Tensor:
    """A network strong enough to be far from linear, one channel."""
    module = recurrent(nn.GRU, gain=2.5).double()
    return module(x)[0][:, -1, 0].detach()


def products(x: Tensor) -> Tensor:
    """Products of sums, between them and within."""
    return (1 + x[:, :2].sum((1, 2))) * (x[:, 2, 0] - x[:, 3, 1]) + x[:, 4].prod(1)


@pytest.mark.slow
@pytest.mark.parametrize("function", [gru_output, products])
@pytest.mark.parametrize("lag", [1, 3])
def test_salib_gives_the_same_total_index_of_the_past(function: Callable[[Tensor], Tensor], lag: int) -> None:
    from SALib.analyze import sobol as analysis
    from SALib.sample import sobol as sampling

    length, features = 5, 2
    names = [f"step{step}.{feature}" for step in range(length) for feature in range(features)]
    groups = ["past" if number < (length - lag) * features else "end" for number in range(len(names))]
    problem = {
        "num_vars": len(names),
        "names": names,
        "bounds": [[0, 1]] * len(names),
        "dists": ["norm"] * len(names),
        "groups": groups,
    }
    points = sampling.sample(problem, 2048, calc_second_order=False, seed=1)
    outputs = function(torch.from_numpy(points.reshape(-1, length, features))).numpy()
    found = analysis.analyze(problem, outputs, calc_second_order=False, seed=1)
    place = list(dict.fromkeys(groups)).index("past")
    curve = remember(function, length=length, inputs=features, samples=2000, lags=(lag,), **QUIET)
    low, high = curve.intervals["memory"][0]
    total, error = found["ST"][place], found["ST_conf"][place]
    assert abs(total - curve.memory[0]) <= error + (high - low)
    alone, error = found["S1"][place], found["S1_conf"][place]
    low, high = curve.intervals["carried"][0]
    assert abs(alone - curve.carried[0]) <= error + (high - low)


def test_measure_gives_the_same_shares_at_the_same_cuts() -> None:
    module = recurrent(nn.GRU, gain=2.5)
    curve = remember(module, length=8, samples=1000, lags=(1, 2, 4), **QUIET)
    for place, lag in enumerate(curve.lags):
        matrix = measure(module, length=8, cut=8 - lag, starts=200, ends=200, **QUIET)
        joint, (low, high) = matrix.shares.interaction, curve.intervals["joint"][place]
        assert abs(joint - curve.joint[place]) < 2 * matrix.errors["interaction"].standard_error + high - low
        memory, (low, high) = matrix.shares.start + joint, curve.intervals["memory"][place]
        assert abs(memory - curve.memory[place]) < 2 * matrix.errors["end"].standard_error + high - low


def test_memory_of_an_lstm_far_below_one_is_found_again_with_other_sequences() -> None:
    module = recurrent(nn.LSTM, inputs=3, hidden=8, gain=0.4)
    lags = range(20, 60, 3)
    first, second = (remember(module, length=60, lags=lags, seed=seed, **QUIET) for seed in (0, 1))
    small = [place for place, memory in enumerate(first.memory) if 1e-22 < memory < 1e-18]
    assert small
    for place in small:
        assert max(first.floor[place], second.floor[place]) < 1e-3 * first.memory[place]
        widths = [math.log(high / low) / 2 for low, high in (c.intervals["memory"][place] for c in (first, second))]
        # a 90 % interval is 1.9 standard errors wide to each side
        assert abs(math.log(first.memory[place] / second.memory[place])) < 2 * math.hypot(*widths)


def test_float32_shows_what_it_can_and_no_more() -> None:
    module = recurrent(nn.LSTM, inputs=3, hidden=8, gain=0.4)
    double, single = (remember(module, length=60, dtype=dtype, **QUIET) for dtype in ("float64", "float32"))
    shown = [place for place, memory in enumerate(single.memory) if memory > 0]
    hidden = [place for place, memory in enumerate(single.memory) if memory == 0]
    assert shown
    assert hidden
    for place in shown:
        assert single.memory[place] > single.floor[place] > 1e-15
        assert single.memory[place] == pytest.approx(double.memory[place], rel=0.1)
    for place in hidden:
        assert double.memory[place] <= single.intervals["memory"][place][1]
        assert single.intervals["memory"][place][0] == 0


def test_what_rounding_swallows_is_not_shown_as_memory() -> None:
    """The outputs are about 1e8, so their rounding errors are larger than what older inputs contribute."""
    curve = remember(lambda x: 1e8 + x[:, -1, 0] + 1e-9 * x[:, -5, 0], length=8, inputs=1, **QUIET)
    assert max(curve.memory) == 0
    assert 1e-18 < curve.floor[0] < 1e-12
    assert curve.reach() == 0
    assert "nothing (less than" in curve.sentence()


class TurnedDelayLine(nn.Module):
    """A line of delays in turned coordinates: after ten steps only rounding errors are left of an input."""

    input_size, batch_first = 1, True

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        turn = torch.linalg.qr(torch.randn(10, 10, generator=generator, dtype=torch.float64))[0]
        shift = torch.diag(torch.ones(9, dtype=torch.float64), -1)
        self.register_buffer("step", turn @ shift @ turn.T)
        self.register_buffer("put", turn[:, 0])
        self.register_buffer("take", turn[:, 6])

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        h = x.new_zeros(len(x), 10) if state is None else state
        outputs = []
        for now in x.unbind(1):
            h = h @ self.step.T + now * self.put
            outputs.append(h @ self.take)
        return torch.stack(outputs, 1)[..., None], h


def test_rounding_errors_that_go_round_are_not_shown_as_memory() -> None:
    curve = remember(TurnedDelayLine(), length=60, lags="all", **QUIET)
    assert curve.memory[:6] == pytest.approx([1.0] * 6)
    assert max(curve.memory[6:]) == 0
    assert curve.reach() == 6


@pytest.mark.slow
def test_lags_where_rounding_is_amplified_are_left_out() -> None:
    module = recurrent(nn.RNN, hidden=30, gain=3)
    curve = remember(module, length=300, **QUIET)
    assert curve.lags[-1] < 299
    assert any("rounding errors change the output by more than the threshold" in note for note in curve.notes)
    assert curve.at_least()
    assert max(curve.floor) <= 0.01
    with pytest.raises(ValueError, match="the model amplifies them"):
        remember(module, length=300, lags=(250,), **QUIET)


@pytest.mark.slow
def test_a_product_that_would_overflow_has_a_curve() -> None:
    """States are rescaled, and the curve is that of the plain run where that does not overflow."""
    module = RAC(3, 4).double()
    settings: dict[str, Any] = {"samples": 48, "lags": (1, 2, 4), **QUIET}
    scaled = remember(module, length=6, **settings)
    whole = remember(lambda x: module(x)[0].detach(), inputs=3, length=6, **settings)
    assert scaled.memory == pytest.approx(whole.memory, rel=1e-9)
    long = remember(RAC(3, 4), length=300, samples=32, lags=(1, 299), **QUIET)
    assert all(math.isfinite(value) for value in long.memory)
    assert any("few pairs" in note for note in long.notes)


def test_influence_of_an_additive_model_is_the_difference_of_memory() -> None:
    curve = remember(decaying, length=LENGTH, inputs=1, samples=4000, lags="all", influence=True, **QUIET)
    memory = (1.0, *curve.memory, 0.0)
    for step in range(LENGTH):
        assert curve.influence(step) == pytest.approx(memory[step] - memory[step + 1], abs=0.02)
    assert curve.effective_context(0.9) == curve.reach(0.1)
    assert curve.effective_context(0.5) == curve.reach(0.5)
    shares = np.array([memory_of_decay(k) - memory_of_decay(k + 1) for k in range(LENGTH)])
    assert curve.effective_steps() == pytest.approx(math.exp(-shares @ np.log(shares)), rel=0.05)


def majority(x: Tensor) -> Tensor:
    """Of the first 51 steps, each 0 or 1, more are 1."""
    return (x[:, :51].sum(1) > 25).double()


def test_a_majority_is_remembered_though_no_step_has_much_influence() -> None:
    curve = remember(majority, length=60, tokens=2, samples=2000, lags="all", influence=True, readout="all", **QUIET)
    assert curve.memory[:9] == (1.0,) * 9
    pivotal = math.comb(50, 25) / 2**50  # that the other fifty are even, so that one step decides
    assert curve.influence(30) == pytest.approx(pivotal, rel=0.25)
    assert curve.influence(3) == 0
    assert curve.influences is not None
    assert sum(curve.influences.values) > 4


def test_what_the_data_say_twice_has_no_influence_and_is_remembered() -> None:
    """In these data the first three steps are equal; their median does not change with one of them."""
    data = np.random.default_rng(0).standard_normal((80, 8, 1))
    data[:, 1:3] = data[:, :1]
    curve = remember(lambda x: x[:, :3, 0].median(1).values, length=8, data=data, lags="all", influence=True, **QUIET)
    assert curve.memory[:5] == (1.0,) * 5
    assert [curve.influence(step) for step in range(7)] == [0.0] * 7
    assert curve.samples == 40
    assert any("did not occur" in note for note in curve.notes)


def test_truncation_is_what_the_last_steps_alone_give() -> None:
    module = recurrent()
    curve = remember(module, length=7, samples=32, lags=(2, 6), past="dropped", **QUIET)
    run = one_by_one(module)
    first, second = drawn_pairs(32, 7, 2, seed=0)
    changed = sum(float(((run(x) - run(x[-2:])) ** 2).sum()) for half in (first, second) for x in half)
    apart = sum(float(((run(x) - run(other)) ** 2).sum()) for x, other in zip(first, second, strict=True))
    assert curve.truncation(2) == pytest.approx(changed / (2 * apart), rel=1e-9)
    with pytest.raises(ValueError, match="not at 3"):
        curve.truncation(3)


def language_model(vocabulary: int = 5) -> nn.Sequential:
    torch.manual_seed(0)  # the generator of this process is put back by the fixture below
    return nn.Sequential(nn.Embedding(vocabulary, 4), nn.GRU(4, 6, batch_first=True), nn.Linear(6, vocabulary)).double()


@pytest.fixture(autouse=True)
def _generator_as_it_was() -> Any:
    with torch.random.fork_rng():
        yield


def test_token_models_are_read_as_probabilities() -> None:
    module = language_model()
    with torch.no_grad():
        module[2].weight.mul_(5)  # type: ignore[union-attr,operator]

    def roots(ids: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        with torch.no_grad():
            hidden = module[1](module[0](torch.from_numpy(ids)[None]))[0]
            return module[2](hidden)[0, -1].softmax(-1).sqrt().numpy()

    curve = remember(module, length=6, samples=32, lags=(1, 3), past="dropped", **QUIET)
    assert curve.readout == "probabilities"
    first, second = drawn_ids(32, 6, 5)
    for lag, memory in zip(curve.lags, curve.memory, strict=True):
        assert memory == pytest.approx(memory_by_definition(roots, first, second, lag)[0], rel=1e-9)
    probabilities = [(roots(x) ** 2, roots(x[-3:]) ** 2) for half in (first, second) for x in half]
    divergence = np.mean([float((p * np.log(p / q)).sum()) for p, q in probabilities])
    assert curve.truncation(3) == pytest.approx(divergence, rel=1e-8)


def drawn_ids(pairs: int, length: int, tokens: int) -> tuple[Any, Any]:
    from seprank.measurement.inputs import Alphabet
    from seprank.memory_curve.windows import make_pairs
    from seprank.settings.remember_settings import RememberSettings

    drawn = make_pairs(None, Alphabet(tokens=tokens), RememberSettings(length=length, samples=pairs))
    return drawn.first.numpy(), drawn.second.numpy()


def test_a_large_vocabulary_goes_through_a_small_memory_in_blocks() -> None:
    module = language_model(3000)
    small, large = (
        remember(module, length=6, samples=40, lags=(1, 2), memory=memory, **QUIET) for memory in (2**25, 2**30)
    )
    assert small.memory == pytest.approx(large.memory, rel=1e-9)
    with pytest.raises(MemoryBudgetError):
        remember(module, length=6, samples=40, lags=(1, 2), memory=2**20, **QUIET)


def test_a_language_model_of_transformers_on_text(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(vocab_size=128, n_positions=16, n_embd=8, n_layer=2, n_head=2, bos_token_id=0)
    config.eos_token_id = 0
    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(config).eval()
    text = tmp_path / "text.txt"
    text.write_text("".join(chr(97 + i * i % 26) for i in range(1200)), encoding="utf-8")
    ids = read_text(text, lambda words: [ord(letter) for letter in words])
    curve = remember(model, length=12, samples=40, data=ids, lags=(1, 4, 11), past="dropped", **QUIET)
    assert curve.readout == "probabilities"
    assert curve.samples == 40
    assert 0 < curve.memory[1] <= curve.memory[0] <= 1
    assert curve.truncation(4) > 0


def test_truncation_of_a_language_model_is_the_divergence_of_its_predictions() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(vocab_size=7, n_positions=16, n_embd=8, n_layer=1, n_head=2, bos_token_id=0)
    config.eos_token_id = 0
    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(config).eval().double()
    curve = remember(model, length=6, samples=32, lags=(2,), past="dropped", **QUIET)
    first, second = drawn_ids(32, 6, 7)
    ids = torch.from_numpy(np.concatenate([first, second]))
    with torch.no_grad():
        whole, short = (model(part).logits[:, -1].log_softmax(-1) for part in (ids, ids[:, -2:]))
    divergence = float((whole.exp() * (whole - short)).sum(1).mean())
    assert curve.truncation(2) == pytest.approx(divergence, rel=1e-8)


def test_windows_of_data_do_not_overlap() -> None:
    data = np.arange(2000.0).reshape(2, 1000, 1)
    seen: list[Tensor] = []

    def watched(x: Tensor) -> Tensor:
        seen.append(x)
        return x[:, -1, 0]

    curve = remember(watched, length=10, data=data, samples=64, lags=(3,), **QUIET)
    starts = {float(x[0, 0]) for block in seen for x in block[:128] if len(block) >= 128}
    assert len(starts) == 128
    assert all(start % 10 == 0 for start in starts)
    assert any("not quite independent" in note for note in curve.notes)


def test_workers_give_the_same_numbers() -> None:
    settings: dict[str, Any] = {"length": 8, "samples": 70, "lags": (1, 3), **QUIET}
    here = remember(recurrent(), **settings)
    with ThreadPoolExecutor(1) as executor:
        there = remember(recurrent(), executor=executor, **settings)
    assert there.memory == pytest.approx(here.memory, rel=1e-9)
    assert there.intervals["joint"][0] == pytest.approx(here.intervals["joint"][0], rel=1e-9)


def test_workers_end_where_nothing_is_left_as_one_process_does(monkeypatch: pytest.MonkeyPatch) -> None:
    lags: list[tuple[int, ...]] = []
    worker = sys.modules["seprank.memory_curve.collection"]
    run = worker.terms_on_worker

    def seen(packed: bytes, rows: range, asked: tuple[int, ...], ends: bool) -> Any:
        found = run(packed, rows, asked, ends)
        lags.append(found.lags)
        return found

    monkeypatch.setattr(worker, "terms_on_worker", seen)
    settings: dict[str, Any] = {"length": 400, "samples": 70, **QUIET}
    here = remember(recurrent(), **settings)
    with ThreadPoolExecutor(1) as executor:
        there = remember(recurrent(), executor=executor, **settings)
    assert there.lags == here.lags
    assert there.notes == here.notes
    assert any("were not run" in note for note in there.notes)
    assert max(lag for ran in lags for lag in ran) < 399
    assert there.memory == pytest.approx(here.memory, rel=1e-6, abs=1e-28)


class Stopping(nn.Module):
    """A GRU interrupted, as by Ctrl-C, at a certain call."""

    input_size, batch_first = 2, True

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.inner = recurrent()
        self.calls = [calls]

    def forward(self, x: Tensor, state: Tensor | None = None) -> Any:
        if len(x) > 60:  # not in the checks
            self.calls[0] -= 1
            if self.calls[0] == 0:
                raise KeyboardInterrupt
        return self.inner(x, state)

    def __deepcopy__(self, memo: Any) -> Stopping:
        return self


def test_an_interrupted_run_gives_the_lags_that_were_done() -> None:
    whole = remember(recurrent(), length=12, samples=64, lags=(1, 2, 3, 4), **QUIET)
    # five pieces of the starts, the try of a few steps, and two lags
    curve = remember(Stopping(9), length=12, samples=64, lags=(1, 2, 3, 4), **QUIET)
    assert not curve.complete
    assert whole.complete
    assert 1 <= len(curve.lags) < 4
    assert curve.memory == pytest.approx(whole.memory[: len(curve.lags)], rel=1e-9)
    assert any(note.startswith("interrupted") for note in curve.notes)
    with pytest.raises(KeyboardInterrupt):
        remember(Stopping(2), length=12, samples=64, lags=(1, 2, 3, 4), **QUIET)


def test_progress_reaches_its_end() -> None:
    told: list[tuple[int, int]] = []

    def report(stage: str, done: int, total: int, note: str = "") -> None:
        told.append((done, total))

    remember(recurrent(), length=12, samples=64, lags=(1, 5), progress=report)
    assert told[-1][0] == told[-1][1]
    assert all(0 <= done <= total for done, total in told)


def test_the_model_and_the_threads_are_left_as_they_were() -> None:
    module = recurrent().train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    threads = torch.get_num_threads()
    remember(module, length=6, samples=32, **QUIET)
    assert module.training
    assert torch.get_num_threads() == threads
    assert threading.active_count() >= 1
    for name, value in module.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, before[name])


def test_the_seed_decides() -> None:
    first, again, other = (remember(recurrent(), length=6, samples=32, seed=seed, **QUIET) for seed in (1, 1, 2))
    assert first.memory == again.memory != other.memory


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "length 1": ({"length": 1}, "at least 2"),
    "lag 0": ({"lags": (0, 1)}, "between 1 and 7, got 0"),
    "lag T": ({"lags": (8,)}, "between 1 and 7, got 8"),
    "no lags": ({"lags": ()}, "at least one"),
    "lags by name": ({"lags": "some"}, "or 'all'"),
    "few pairs": ({"samples": 31}, "at least 32"),
    "samples true": ({"samples": True}, "whole number"),
    "threshold 0": ({"threshold": 0.0}, "between 0 and 1"),
    "threshold 1": ({"threshold": 1.0}, "between 0 and 1"),
    "threshold nan": ({"threshold": math.nan}, "between 0 and 1"),
    "readout": ({"readout": "best"}, "number of an output channel"),
    "channel": ({"readout": 5}, "below the 5 output channels"),
    "negative channel": ({"readout": -1}, "number of an output channel"),
    "past": ({"past": "gone"}, "resampled, dropped"),
    "dtype": ({"dtype": "float16"}, "float64, float32"),
    "seed": ({"seed": -1}, "at least 0"),
    "memory": ({"memory": 1000}, "memory"),
    "short data": ({"data": np.zeros((100, 7, 2))}, "at least 8 steps, got 7"),
    "few windows": ({"data": np.zeros((20, 24, 2))}, "60 windows of 8 steps"),
    "features": ({"data": np.zeros((100, 8, 3))}, "reads 2 features"),
    "same data": ({"data": np.ones((100, 8, 2))}, "the same for all"),
    "not finite": ({"data": np.full((100, 8, 2), np.nan)}, "not finite"),
}


@pytest.mark.parametrize(("settings", "message"), BAD.values(), ids=BAD)
def test_bad_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        remember(recurrent(), **({"length": 8, **QUIET} | settings))


def nan_after_old_inputs(x: Tensor) -> Tensor:
    """Finite on the sequences as they are, if their first and last inputs have one sign."""
    return torch.where(x[:, 0, 0] * x[:, -1, 0] > 0, x[:, 1, 0], math.nan)


def test_outputs_that_are_no_numbers_are_refused_with_their_place() -> None:
    with pytest.raises(ValueError, match="in the sequences as they are"):
        remember(nan_after_old_inputs, length=6, inputs=1, **QUIET)
    data = np.random.default_rng(0).standard_normal((80, 6, 1))
    data[:, -1] = data[:, 0]
    with pytest.raises(ValueError, match="at lag 1"):
        remember(nan_after_old_inputs, length=6, data=data, **QUIET)


def test_models_that_cannot_be_run_are_refused() -> None:
    with pytest.raises(ConventionError, match="LSTM failed on sequences"):
        remember(nn.LSTM(3, 3), length=6, inputs=2, **QUIET)
    with pytest.raises(ConstantOutput, match="the same for all sequences"):
        remember(lambda x: x[:, 0, 0] * 0, length=6, inputs=1, **QUIET)
    with pytest.raises(DataError, match="60 windows"):
        remember(recurrent(), length=8, data=torch.zeros(20, 24, 2), **QUIET)
    with pytest.raises(ValueError, match="probabilities need"):
        remember(lambda x: x[:, 0, 0], length=6, inputs=1, readout="probabilities", **QUIET)


class Forgetful(nn.Module):
    """A GRU that returns its whole state for twenty steps and none after; no short trial sees that."""

    input_size, batch_first = 2, True

    def __init__(self) -> None:
        super().__init__()
        self.inner = recurrent()

    def forward(self, x: Tensor, state: Any = None) -> Any:
        inner, count = (None, 0) if state is None else state
        output, inner = self.inner(x, inner)
        count += x.shape[1]
        return output, (inner * (count < 20), count)


class RarelyRandom(nn.Module):
    """A GRU that draws random numbers, of which no trial sees anything: only every 97th sequence gets other outputs."""

    input_size, batch_first = 2, True

    def __init__(self) -> None:
        super().__init__()
        self.inner = recurrent()
        self.seen = 0

    def forward(self, x: Tensor, state: Any = None) -> Any:
        output, state = self.inner(x, state)
        numbers = torch.arange(self.seen, self.seen + len(x))[:, None, None]
        self.seen += len(x) if len(x) > 60 else 0
        return output + torch.rand(1, dtype=x.dtype) * (numbers % 97 == 96), state


class Crowded(nn.Module):
    """A GRU in which sequences of large batches see each other."""

    input_size, batch_first = 2, True

    def __init__(self) -> None:
        super().__init__()
        self.inner = recurrent()

    def forward(self, x: Tensor, state: Any = None) -> Any:
        output, state = self.inner(x, state)
        return output + output.mean(0, keepdim=True) * (len(x) > 60), state


@pytest.mark.parametrize(("kind", "check"), [(Forgetful, "halves"), (RarelyRandom, "repeat"), (Crowded, "batch")])
def test_what_no_trial_sees_is_seen_in_the_run(kind: type[nn.Module], check: str) -> None:
    with pytest.raises(CheckFailed) as failed:
        remember(kind(), length=60, samples=64, lags=(1, 5, 30), **QUIET)
    assert failed.value.check == check


def test_a_curve_is_kept_and_found_again(tmp_path: Path) -> None:
    curve = remember(recurrent(), length=9, samples=32, influence=True, past="dropped", **QUIET)
    path = curve.save(tmp_path / "curve.json")
    assert MemoryCurve.load(path) == curve
    assert len(repr(curve)) < 140
    assert curve.to_csv().splitlines()[0].startswith("lag,memory,memory_low,memory_high,joint")
    assert "<table>" in curve._repr_html_()
    pandas = pytest.importorskip("pandas")
    assert isinstance(curve.to_frame(), pandas.DataFrame)
    assert list(curve.to_frame()["memory"]) == list(curve.memory)


WRONG = {'"lags": [': '"lags": [7, ', '"length": 9': '"length": 2', '"memory": [': '"memory": [2.0, ', "{": '{"x": 1, '}


@pytest.mark.parametrize("change", WRONG)
def test_a_file_that_is_no_curve_is_refused(change: str, tmp_path: Path) -> None:
    curve = remember(recurrent(), length=9, samples=32, lags=(1, 2), **QUIET)
    path = curve.save(tmp_path / "curve.json")
    text = path.read_text("utf-8")
    path.write_text(text.replace(change, WRONG[change], 1), encoding="utf-8")
    with pytest.raises(ValueError, match="is not a memory curve"):
        MemoryCurve.load(path)


def test_a_curve_is_drawn_with_its_floor_and_its_reach() -> None:
    pytest.importorskip("matplotlib")
    curve = remember(delayed, length=LENGTH, inputs=1, samples=32, **QUIET)
    figure, (log, linear) = curve.plot()
    labels = log.get_legend_handles_labels()[1]
    assert "reach 6 steps" in labels
    assert any("floor" in label for label in labels)
    assert (log.get_yscale(), linear.get_yscale()) == ("log", "linear")
    drawn = next(line for line in log.lines if line.get_label() == "memory")
    assert list(drawn.get_xdata()) == [1, 2, 3, 4, 5, 6]
    assert curve.plot(figure.add_subplot())[1] is figure.axes[-1]


def test_terms_of_blocks_with_other_units_are_put_together() -> None:
    from seprank.memory_curve.terms import join_pairs

    near = {"near": np.array([[4.0]])}
    first, second = Terms((1,), near, np.ones(1), np.zeros(1), 1), Terms((1,), near, np.ones(1), np.zeros(1), 0)
    joined = join_pairs([first, second])
    assert joined.exponent == 1
    assert joined.squares["near"].tolist() == [[4.0, 1.0]]
