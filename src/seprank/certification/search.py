"""certify(): the rank of the Start-End matrix modulo p, with enough samples to saturate it."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from torch import nn

from ..adapters.copies import unwrap
from ..elimination import RankProfile, rank_profile
from ..field import outside
from ..question import DEFAULT_PRIME
from ..settings.certify_settings import CertifySettings
from ..settings.entries import given
from ..settings.hints import FirstState
from ..sources import Factory
from ..startend import RowBlocks, StartEndMatrix
from ..system.memory import MemoryBudgetError, show_size
from ..system.progress import Report, bars
from ..system.versions import versions
from ..theory import Bounds
from .asked import Question, as_rnn, ask
from .certificate import Certificate
from .confidence import draw_until
from .description import describe
from .footprint import SPARE, halves_bytes, matrix_bytes, require_halves
from .known import has_family, known_bounds
from .pieces import Minor
from .prepared import Run, enter
from .rows import MakeMatrix, on_workers
from .saturation import Sampled, stated_error
from .undefined import LeftOut, without_undefined

_FIRST = 64
"""First number of samples if no bound on the rank is known"""

_MOST_RATIONAL = 256
"""Default maximum of samples if a network divides by values: its rank may be unbounded"""

_RECHECKED = 64
"""Sequences on which a module that contradicts a bound is checked again"""


class BoundContradicted(ArithmeticError):
    """Raised when a certified rank exceeds a proved bound: one of them is wrong, so that neither is returned."""

    exit_code = 1
    """Of the command line: the answer is no"""


def certify(  # noqa: PLR0913  (each is a setting a user has)
    module: nn.Module,
    *,
    length: int,
    cut: int | None = None,
    domain: str = "functional",
    inputs: int | None = None,
    templates: Any = None,
    samples: int | None = None,
    max_samples: int | None = None,
    seed: int = 0,
    prime: int = DEFAULT_PRIME,
    readout: str | int = "random",
    squash: str | None = None,
    split: Any = None,
    memory: int | None = None,
    device: str = "cpu",
    executor: Executor | None = None,
    progress: bool | Report = True,
    factory: Factory | None = None,
    confidence: float | None = None,
    batch_first: bool | None = None,
    output: str | int | None = None,
    state: str | FirstState | None = None,
    call: Mapping[str, Any] | None = None,
) -> Certificate:
    """Certify the Start-End separation rank of a polynomial module.

    In a copy of the module every parameter that is learned is replaced by a random element of the prime field, the
    Start-End matrix is evaluated exactly modulo the prime, and its rank is computed. The rank is a proved lower
    bound on the generic separation rank over the reals.

    Buffers, parameters with `requires_grad=False`, integer parameters and `padding_idx` rows keep their values, and the
    certificate lists them: generic means for almost all values of the other parameters. A module whose parameters are
    all frozen is certified with exactly these weights; `module.requires_grad_(True)` asks for the generic rank.

    Args:
        module: a module with the calling convention of `torch.nn.RNN` that only adds, multiplies and rearranges.
            DataParallel and torch.compile wrappers are removed.
        length: T, time steps in a sequence.
        cut: c, steps in the start half; by default T // 2.
        domain: "functional" (inputs range over all vectors) or "tokens" (over `inputs` fixed templates).
        inputs: M, features per step, or templates in the tokens domain; by default what the module says that it
            reads, or what the first layer inside does that its inputs reach.
        templates: in the tokens domain: "generic" random vectors (default), "one-hot", "ids" (the module takes
            token numbers), or the vectors themselves, whole numbers (M, features).
        samples: K, start and end halves to draw. By default eight more than the least upper bound if that fits
            the memory, else doubled from 64 until the rank is saturated or the memory is used up, or up to 256 for a
            network that divides by values, whose rank may be unbounded.
        max_samples: instead of `samples`, the maximum per side. A rank that reaches it is only a lower bound; one below
            it is as sure as without a limit.
        seed: for weights and samples.
        prime: modulus, below 2^27.
        readout: "random" takes one generic linear functional of the last output, as in the paper; "all" keeps
            every output channel as a column of its own; a number takes that channel.
        squash: "identity" certifies the network's polynomial skeleton: tanh, sigmoid, relu, gelu, silu, exp and the
            like are left out, a softmax becomes its argument (0 where that is masked), and a norm its affine part. The
            certificate lists what was replaced.
        split: instead of a cut, the positions of the start, such as [0, 2, 4]; the others are the end. The module is
            then read as a function of whole sequences, like any module that returns a tensor and no state.
        memory: budget in bytes; by default half of the free memory.
        device: where the module is run and the rank found: "cpu", "cuda" or "auto", see docs/speed.md.
        executor: evaluates the matrix in blocks of rows on its workers, such as
            `dask.distributed.Client.get_executor()`; the entries are the same. Each worker may take the same memory.
        progress: whether to show progress bars if standard error is a terminal; or a function that is called with the
            name of a stage, the amount done, and the total.
        factory: where the module came from, recorded in the certificate so that `verify` can build it again.
        confidence: repeat the draw of weights and samples, with the next seeds, until the probability that the rank is
            less than the generic one modulo the prime is at most this, such as 1e-12.
        batch_first, output, state, call: how the module is called, if that cannot be detected, as in `adapters.adapt`;
            names, numbers, True and False only, because the certificate states them.

    Returns:
        The certificate: rank, bounds, flags, and the minor that proves it.

    Raises:
        NotPolynomial: the module does something that has no meaning modulo a prime.
        ConventionError: the module does not follow the calling convention, mixes the sequences of a batch, keeps
            something between calls, or cannot be copied; the message names the check.
        MemoryBudgetError: the work exceeds the memory budget.
        BoundContradicted: the rank exceeds a proved bound although the module passes its checks on more sequences: a
            fault of the installation or of this package.
        ConfidenceNotReached: no number of draws brings the error below the confidence.
        ValueError, TypeError: an argument is out of range or of the wrong type.

    Source: docs/certainty.md, "How a rank is certified".

    Example:
        >>> from seprank import RAC, certify
        >>> certify(RAC(input_size=2, hidden_size=2, num_layers=2), length=8).rank
        10
    """
    settings, began = given(CertifySettings, locals()), time.perf_counter()
    module = unwrap(module)
    question = ask(module, settings, inputs)
    require_halves(question, settings.budget)
    module, read_as = as_rnn(module, question)
    make = Run.matrix if executor is None else on_workers(module, executor, device=device)
    with bars(progress) as report:
        draws = _Draws(module, question, settings, make, report, factory, read_as, began)
        first = draws.certify(question.seed, settings.samples)
        if settings.confidence is None:
            return first
        return draw_until(module, first, settings.confidence, draws.certify, channels=draws.channels, report=report)


@dataclass
class _Found:
    profile: RankProfile
    starts: int
    ends: int
    left_out: LeftOut

    @property
    def fewest(self) -> int:
        """Samples of the side that has fewer."""
        return min(self.starts - len(self.left_out.starts), self.ends - len(self.left_out.ends))


@dataclass
class _Draws:
    """Draws of weights and samples, for one question about one module."""

    module: nn.Module
    question: Question
    settings: CertifySettings
    make: MakeMatrix
    report: Report
    factory: Factory | None
    read_as: str
    began: float
    channels: int = 1
    """Columns per end half, known after the first draw"""

    @cached_property
    def known(self) -> Bounds:
        """The bounds; no seed changes them."""
        return known_bounds(self.module, self.question)

    @cached_property
    def near(self) -> bool:
        """Whether the rank is likely to meet the least bound.

        Bounds of a family are mostly met; bounds by degree can be far off, and so many samples a waste.
        """
        return self.known.least_upper is not None and has_family(self.module, self.question)

    def certify(self, seed: int, samples: int | None) -> Certificate:
        """The rank for the weights and samples that follow from a seed."""
        question = replace(self.question, seed=seed)
        with enter(self.module, question, arithmetic="float64", device=self.settings.device) as run:
            with run.outside():  # after its calls were checked, with better messages than a run over degrees has
                upper, near = self.known.least_upper, self.near
            matrix = self.make(run, self.settings.budget, lambda *done: self.report("Start-End matrix", *done))
            found = _Search(run, matrix, upper, self.settings, near=near, report=self.report).run(samples)
            _require_no_contradiction(run, found.profile.rank, upper)
        self.channels = run.channels
        return self.certificate(run, found)

    def certificate(self, run: Run, found: _Found) -> Certificate:
        """What was found, with its bounds and the error of the rank."""
        profile, upper = found.profile, self.known.least_upper
        sampled = Sampled(profile.rank, found.starts, found.ends, run.channels, upper)
        error = stated_error(self.module, run.question, sampled)
        return Certificate(
            model=describe(self.module, self.factory, run.notes, read_as=self.read_as),
            question=run.question,
            starts=found.starts,
            ends=found.ends,
            rank=profile.rank,
            upper_bound=upper,
            exact=profile.rank == upper,
            saturated=error is not None,
            bounds=[*self.known],
            minor=Minor([int(i) for i in profile.rows], [int(j) for j in profile.columns], profile.determinant),
            seconds=round(time.perf_counter() - self.began, 3),
            versions=versions("seprank", "torch", "numpy"),
            error=error,
            left_out_starts=found.left_out.starts,
            left_out_ends=found.left_out.ends,
        )


class _Search:
    """Grow the Start-End matrix until more samples are unlikely to raise its rank."""

    def __init__(
        self,
        run: Run,
        matrix: StartEndMatrix | RowBlocks,
        upper: int | None,
        settings: CertifySettings,
        *,
        near: bool,
        report: Report,
    ) -> None:
        self._run, self._matrix, self._report = run, matrix, report
        self._upper, self._near, self._budget = upper, near, settings.budget
        unbounded = upper is None and run.notes.divisions
        self._most = settings.max_samples or (_MOST_RATIONAL if unbounded else sys.maxsize)
        self._enough = min(sys.maxsize if upper is None else upper + SPARE, self._most)

    def run(self, samples: int | None) -> _Found:
        """The rank for a given number of samples, or for as many as needed."""
        if samples is not None:
            self._require(samples)
            return self._at(samples, last=True)
        if not self._near or self._bytes(self._enough, last=False) > self._budget:
            return self._double(min(_FIRST, self._enough))
        return self._double(self._enough)

    def _double(self, count: int) -> _Found:
        self._require(count)
        before = None
        while True:
            last = self._is_last(count)
            found = self._at(count, last=last)
            if last or self._is_enough(found, before):
                return found
            before, count = found.profile.rank, self._next(count)

    def _next(self, count: int) -> int:
        """Twice as many, or as many as the upper bound or the limit calls for if that comes before."""
        return min(self._most, self._enough if count < self._enough < 2 * count else 2 * count)

    def _is_last(self, count: int) -> bool:
        """Whether `count` is final: no larger sample can follow, whatever the rank."""
        complete = all(self._size(side, count) < count for side in ("starts", "ends"))
        vectors = self._run.question.domain == "functional"
        bounded = vectors and self._upper is not None and count > self._upper
        if complete or bounded or count >= self._most:
            return True
        return self._bytes(self._next(count), last=False) > self._budget

    def _is_enough(self, found: _Found, before: int | None) -> bool:
        """Whether more samples are unlikely to raise the rank; `stated_error` says how unlikely.

        Random vectors are generic points, so a few spare samples are enough. Random words are not (each letter must
        occur often enough): they are drawn until a bound is met or twice as many show the same rank, which proves
        nothing.
        """
        rank, fewest = found.profile.rank, found.fewest
        if self._run.question.domain == "functional":
            return rank <= fewest - SPARE
        return rank == self._upper or before == rank

    def _at(self, count: int, *, last: bool) -> _Found:
        """The rank with `count` samples per side; the last call uses the matrix up."""
        sizes = {side: self._size(side, count) for side in ("starts", "ends")}
        values = self._matrix.grow(*(self._run.samples(side, size) for side, size in sizes.items()))
        if last:
            values = self._matrix.take()
        left_out = LeftOut()
        if self._run.notes.divisions:
            values, left_out = without_undefined(values, self._run.channels, sizes["ends"])
        with outside():
            profile = rank_profile(
                values,
                self._run.question.prime,
                overwrite=last,
                device=self._run.device,
                progress=lambda done, total: self._report("rank", done, total),
            )
        return _Found(profile, sizes["starts"], sizes["ends"], left_out)

    def _size(self, side: str, count: int) -> int:
        most = self._run.question.words_in_all(side)
        return count if most is None else min(count, most)

    def _bytes(self, count: int, *, last: bool) -> int:
        """Bytes of the matrix, a copy to eliminate in or to grow from, and the halves."""
        question = self._run.question
        rows, ends = self._size("starts", count), self._size("ends", count)
        steps = (question.cut, question.length - question.cut)
        halves = halves_bytes(rows, ends, steps=steps, inputs=question.inputs)
        return matrix_bytes(rows, ends, channels=self._run.channels, last=last) + halves

    def _require(self, count: int) -> None:
        need = self._bytes(count, last=True)
        if need > self._budget:
            raise MemoryBudgetError(
                f"{count} samples take about {show_size(need)}, more than the {show_size(self._budget)} they may take; "
                "use fewer --samples, a shorter --length, or more --memory"
            )


def _require_no_contradiction(run: Run, rank: int, upper: int | None) -> None:
    """Refuse a rank above a proved bound, but first check the module on more sequences: it may be the cause."""
    if upper is None or rank <= upper:
        return
    run.check(_RECHECKED)
    raise BoundContradicted(
        f"rank {rank} was found where {upper} is a proved upper bound, and {_RECHECKED} sequences show no fault of "
        "the module; run `seprank doctor`, and if that finds nothing please report it with model, seed and prime"
    )
