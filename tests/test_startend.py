"""The Start-End matrix by state splitting, trees and growth, against whole sequences one by one."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn

from seprank import RAC
from seprank.adapters import Recurrent
from seprank.elimination import rank_profile
from seprank.startend import Halves, RowBlocks, StartEndMatrix, pairs_per_block
from seprank.system.memory import MemoryBudgetError, parse_size, show_size

Array = npt.NDArray[np.float64]


def slow_matrix(module: nn.Module, starts: Tensor, ends: Tensor) -> Array:
    """The definition: every start with every end, one whole sequence at a time."""
    rows = [[module(torch.cat([s, e])[None])[0][0, -1] for e in ends] for s in starts]
    return np.array([np.concatenate([y.detach().numpy() for y in row]) for row in rows])


def same(found: Array, expected: Array) -> bool:
    """Equal up to rounding, entry by entry: all numbers here are positive, so nothing cancels."""
    return found.shape == expected.shape and np.allclose(found, expected, rtol=1e-13, atol=0)


def rac(depth: int = 2, seed: int = 0) -> RAC:
    module = RAC(3, 4, depth, dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randint(1, 4, parameter.shape, generator=generator))
    return module.requires_grad_(False)


def vectors(count: int, steps: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(1, 4, (count, steps, 3), generator=generator).double()


def all_channels(output: Tensor) -> Tensor:
    return output


def make(module: nn.Module, block: int = 7, **settings: object) -> StartEndMatrix:
    example = vectors(3, 2, seed=9)
    return StartEndMatrix(Recurrent(module, example), all_channels, channels=4, block=block, **settings)


@pytest.mark.parametrize("block", [1, 5, 7, 100])
@pytest.mark.parametrize(("depth", "cut"), [(1, 2), (2, 1), (3, 4)])
def test_splitting_equals_whole_sequences_in_any_block(depth: int, cut: int, block: int) -> None:
    module, starts, ends = rac(depth), vectors(6, cut, 1), vectors(9, 5 - cut, 2)
    found = make(module, block).grow(Halves(vectors=starts), Halves(vectors=ends))
    assert same(found, slow_matrix(module, starts, ends))


def test_the_comparison_sees_a_single_wrong_entry() -> None:
    module, starts, ends = rac(), vectors(4, 2, 1), vectors(4, 2, 2)
    found = make(module).grow(Halves(vectors=starts), Halves(vectors=ends))
    wrong = slow_matrix(module, starts, ends)
    wrong[2, 3] *= 1 + 1e-12
    assert not same(found, wrong)
    assert not same(found, wrong[:3])


def words(letters: int, steps: int) -> npt.NDArray[np.int64]:
    return np.array(list(itertools.product(range(letters), repeat=steps)))


@pytest.mark.parametrize("block", [1, 10, 64, 1000])
def test_all_words_by_tree_equal_them_one_by_one(block: int) -> None:
    module, alphabet = rac(), torch.eye(3, dtype=torch.float64)
    order = np.random.default_rng(0).permutation(27)
    starts, ends = words(3, 2), words(3, 3)[order]
    matrix = make(module, block)
    found = matrix.grow(Halves(words=starts, alphabet=alphabet), Halves(words=ends, alphabet=alphabet))
    expected = slow_matrix(module, alphabet[torch.from_numpy(starts)], alphabet[torch.from_numpy(ends)])
    assert same(found, expected)


def test_more_than_half_of_all_words_by_tree_and_fewer_by_pairs() -> None:
    module, alphabet = rac(), torch.eye(3, dtype=torch.float64)
    calls: list[int] = []

    def counting(x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        calls.append(x.shape[0] * x.shape[1])
        output: tuple[Tensor, Tensor] = module(x, state)
        return output

    for count, steps_run in [(14, 3 + 9 + 27), (13, 13 * 3)]:
        some = words(3, 3)[:count]
        model = Recurrent(counting, vectors(3, 2, 9))
        calls.clear()
        matrix = StartEndMatrix(model, all_channels, channels=4, block=1000)
        starts, ends = Halves(words=words(3, 1)[:1], alphabet=alphabet), Halves(words=some, alphabet=alphabet)
        found = matrix.grow(starts, ends)
        assert sum(calls) == 1 + steps_run  # one step for the start
        expected = slow_matrix(module, alphabet[torch.from_numpy(starts.words)], alphabet[torch.from_numpy(some)])
        assert same(found, expected)


@pytest.mark.parametrize("by_words", [False, True])
def test_growing_equals_starting_large_and_computes_nothing_twice(by_words: bool) -> None:
    module = rac()
    if by_words:
        alphabet = torch.eye(3, dtype=torch.float64)
        starts = Halves(words=words(3, 3), alphabet=alphabet)
        ends = Halves(words=words(3, 2), alphabet=alphabet)
    else:
        starts, ends = Halves(vectors=vectors(27, 3, 1)), Halves(vectors=vectors(9, 2, 2))
    done: list[tuple[int, int]] = []
    grown = make(module, progress=lambda *report: done.append(report))
    sizes = [(4, 3), (10, 3), (10, 8), (27, 9)]
    pairs = 0
    for rows, columns in sizes:
        done.clear()
        matrix = grown.grow(starts.only(np.arange(rows)), ends.only(np.arange(columns)))
        assert matrix.shape == (rows, columns * 4)
        assert done[-1] == (rows * columns - pairs, rows * columns - pairs)
        pairs = rows * columns
    assert same(matrix, make(module).grow(starts, ends))


def test_a_matrix_that_may_be_overwritten_cannot_grow() -> None:
    """Elimination writes into what it is given, if it may; what would grow from that is no Start-End matrix."""
    starts, ends = Halves(vectors=vectors(5, 2, 1)), Halves(vectors=vectors(6, 2, 2))
    by_workers = RowBlocks(InThisProcess(), one_block, channels=4)
    for matrix in (make(rac(1)), by_workers):
        grown = matrix.grow(starts, ends)
        with pytest.raises(ValueError, match="read-only"):
            grown[0, 0] = 1
        before = grown.copy()
        rank_profile(grown, 8388593, overwrite=True)
        assert np.array_equal(matrix.grow(starts, ends), before)
        taken = matrix.take()
        assert np.array_equal(taken, before)
        taken[0, 0] = 1
        with pytest.raises(RuntimeError, match="taken away cannot grow"):
            matrix.grow(starts, ends)


class InThisProcess(Executor):
    """Runs what it is given at once."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(function(*arguments, **named))
        return future


def one_block(rows: range, ends: range, samples: tuple[int, int]) -> Array:
    return np.random.default_rng(0).integers(100, size=(len(rows), len(ends), 4)).astype(np.float64)


def test_an_interrupted_growth_leaves_the_matrix_as_it_was() -> None:
    module, starts, ends = rac(), Halves(vectors=vectors(9, 2, 1)), Halves(vectors=vectors(9, 2, 2))
    stop: list[bool] = []

    def interrupt(done: int, total: int) -> None:
        if stop:
            raise KeyboardInterrupt

    matrix = make(module, progress=interrupt)
    matrix.grow(starts.only(np.arange(3)), ends.only(np.arange(3)))
    stop.append(True)
    with pytest.raises(KeyboardInterrupt):
        matrix.grow(starts, ends)
    stop.clear()
    assert same(matrix.grow(starts, ends), make(module).grow(starts, ends))


class Pair(nn.Module):
    """State in two tensors with the batch at different places, a step counter, and time first."""

    def forward(self, x: Tensor, state: dict[str, object] | None = None) -> tuple[Tensor, dict[str, object]]:
        steps, batch, _ = x.shape
        state = state or {"sum": x.new_zeros(2, batch), "product": x.new_ones(batch, 1, 3), "steps": 0}
        total, product = state["sum"], state["product"]
        assert isinstance(total, Tensor)
        assert isinstance(product, Tensor)
        for step in x:
            total = total + step[:, :2].T
            product = product * step[:, None] + 1
        state = {"sum": total, "product": product, "steps": int(state["steps"]) + steps}  # type: ignore[call-overload]
        return torch.cat([total.T, product[:, 0]], 1) * state["steps"], state


@pytest.mark.parametrize("block", [1, 6, 50])
def test_states_of_any_structure_and_time_first(block: int) -> None:
    module, starts, ends = Pair(), vectors(5, 2, 1), vectors(4, 3, 2)
    model = Recurrent(module, vectors(3, 2, 9), batch_first=False)
    matrix = StartEndMatrix(model, all_channels, channels=5, block=block)
    found = matrix.grow(Halves(vectors=starts), Halves(vectors=ends))
    whole = [[module(torch.cat([s, e])[:, None])[0][0].numpy() for e in ends] for s in starts]
    assert same(found, np.array(whole).reshape(5, 20))


class Writes(nn.Module):
    """Writes into its input and into the state it is given."""

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        x += 1
        state = x.new_ones(len(x), 3) if state is None else state
        for step in x.unbind(1):
            state *= step
        return state.clone()[:, None].expand(-1, x.shape[1], -1), state


@pytest.mark.parametrize(("ends", "block"), [(4, 8), (1, 2), (9, 4)])
def test_a_module_that_writes_into_what_it_is_given(ends: int, block: int) -> None:
    first, second = vectors(7, 2, 1), vectors(ends, 2, 2)
    matrix = StartEndMatrix(Recurrent(Writes(), vectors(3, 2, 9)), all_channels, channels=3, block=block)
    found = matrix.grow(Halves(vectors=first), Halves(vectors=second))
    expected = [[((s + 1).prod(0) * (e + 1).prod(0)).numpy() for e in second] for s in first]
    assert same(found, np.array(expected).reshape(7, 3 * ends))


def test_readout_reduces_the_channels() -> None:
    module, starts, ends = rac(), vectors(5, 2, 1), vectors(4, 3, 2)
    weights = torch.tensor([[1.0, 2.0, 0.0, 3.0]], dtype=torch.float64)
    readout: Callable[[Tensor], Tensor] = lambda output: weights @ output  # noqa: E731
    matrix = StartEndMatrix(Recurrent(module, vectors(3, 2, 9)), readout, channels=1, block=6)
    found = matrix.grow(Halves(vectors=starts), Halves(vectors=ends))
    every = slow_matrix(module, starts, ends).reshape(5, 4, 4)
    assert same(found, every @ weights[0].numpy())


def test_blocks_fit_cache_and_memory() -> None:
    assert pairs_per_block(8, 1000, 10**9) == 2**14
    assert pairs_per_block(8, 1000, 10**6) == 1000
    assert pairs_per_block(10**6, 10, 10**9) == 16
    with pytest.raises(MemoryBudgetError, match="16 pairs"):
        pairs_per_block(8, 10**6, 10**6)


def test_sizes_as_people_write_them() -> None:
    assert [parse_size(text) for text in ("4GiB", "500 MB", "1.5k", "17")] == [2**32, 5 * 10**8, 1536, 17]
    assert [show_size(size) for size in (17, 1536, 2**32, 2**42)] == ["17 B", "1.5 KiB", "4 GiB", "4 TiB"]
    for text in ("much", "-1GiB", "0", "4XB"):
        with pytest.raises(ValueError, match="memory must be a size"):
            parse_size(text)
