"""certify(): find the rank of the Start-End matrix modulo p, with enough samples to saturate it."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from ..adapters.copies import unwrap
from ..elimination import RankProfile, rank_profile
from ..question import DEFAULT_PRIME
from ..settings.certify_settings import CertifySettings
from ..settings.entries import given
from ..settings.hints import FirstState
from ..sources import Factory
from ..startend import RowBlocks, StartEndMatrix
from ..system.memory import MemoryBudgetError, show_size
from ..system.progress import Report, bars, silent
from ..system.versions import versions
from ..theory import Bound
from .asked import Question, ask
from .certificate import Certificate
from .confidence import draw_until
from .description import describe
from .footprint import SPARE, halves_bytes, matrix_bytes, require_halves
from .known import has_family, known_bounds, least_upper
from .pieces import Minor
from .prepared import Run, as_rnn, enter
from .rows import on_workers
from .saturation import stated_error
from .undefined import without_undefined

_FIRST = 64
"""Samples to begin with where the rank is not known to be bounded."""

_MOST_RATIONAL = 256
"""Samples to end with by default where a network divides by values: its rank may have no bound"""

_RECHECKED = 64
"""Sequences on which a module is checked again that contradicts a bound"""


class BoundContradicted(ArithmeticError):
    """A certified rank above a proved bound: one of them is wrong, and neither may be passed on."""

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
    certificate lists them: generic means for almost all values of the others. A module whose parameters are all frozen
    is certified as it is, with these very weights; `module.requires_grad_(True)` asks for the generic rank.

    Args:
        module: a module with the calling convention of `torch.nn.RNN` that only adds, multiplies and rearranges; out of
            DataParallel and torch.compile it is taken as it was before.
        length: T, time steps in a sequence.
        cut: c, steps in the start half; by default T // 2.
        domain: "functional" (inputs range over all vectors) or "tokens" (over `inputs` fixed templates).
        inputs: M, features per step, or templates in the tokens domain; by default what the module says that it
            reads, or what the first layer inside does that its inputs reach.
        templates: in the tokens domain: "generic" random vectors (default), "one-hot", "ids" (the module takes
            token numbers), or the vectors themselves, whole numbers (M, features).
        samples: K, start and end halves to draw. By default eight more than the least upper bound if that fits
            the memory, else doubled from 64 until the rank is saturated or the memory is used up, or to 256 for a
            network that divides by values, whose rank may be without bound.
        max_samples: where they are not given, draw no more than this on a side. A rank that reaches it is only "at
            least"; one below it is as sure as without a limit.
        seed: of weights and samples.
        prime: modulus, below 2^27.
        readout: "random" takes one generic linear functional of the last output, as in the paper; "all" keeps
            every output channel as a column of its own; a number takes that channel.
        squash: "identity" certifies the network's polynomial skeleton: tanh, sigmoid, relu, gelu, silu, exp and the
            like are left out, a softmax becomes its argument (0 where that is masked), and a norm its affine part. The
            certificate lists what was replaced.
        split: positions of the start, such as [0, 2, 4], the others being the end, instead of a cut. The module is then
            taken as a function of whole sequences, as one that returns a tensor and no state always is.
        memory: bytes this may take; by default half of what is free.
        device: where the module is run. Only "cpu" has been tested.
        executor: evaluates the matrix in blocks of rows on its workers, such as
            `dask.distributed.Client.get_executor()`; the entries are the same. Each worker may take the same memory.
        progress: show progress bars on standard error if it is a terminal; or a function that is called instead, with
            the name of a stage, how much of it is done, and how much there is.
        factory: where the module came from, recorded in the certificate so that `verify` can build it again.
        confidence: repeat the draw of weights and samples, with the seeds that follow, until the probability that
            the rank is less than the generic one modulo the prime is at most this, such as 1e-12.
        batch_first, output, state, call: how the module is called where that cannot be found out, as in
            `adapters.adapt`; names, numbers and truths only, because the certificate states them.

    Returns:
        The certificate: rank, bounds, flags, and the minor that proves it.

    Raises:
        NotPolynomial: the module does something that has no meaning modulo a prime.
        ConventionError: the module does not follow the calling convention, mixes the sequences of a batch, keeps
            something between calls, or cannot be copied; the text names the check.
        MemoryBudgetError: the work asked for does not fit the memory.
        BoundContradicted: the rank exceeds a proved bound, and the module passes its checks on more sequences, too:
            a fault of the installation or of this package.
        ConfidenceNotReached: no number of draws takes the error below the confidence.
        ValueError, TypeError: an argument is out of range or of the wrong type.

    Source: docs/certainty.md, "How a rank is certified".

    Example:
        >>> from seprank import RAC, certify
        >>> certify(RAC(input_size=2, hidden_size=2, num_layers=2), length=8).rank
        10
    """
    settings, began = given(CertifySettings, locals()), time.perf_counter()
    module = unwrap(module)
    question, budget = ask(module, settings, inputs), settings.budget
    require_halves(question, budget)
    module, read_as = as_rnn(module, question)
    # Bounds of a family are mostly met; those by degree can be far off, and samples up to them a waste.
    near = has_family(module, question)
    if not near:
        with enter(module, question, arithmetic="float64", device=device):
            pass  # what is wrong with a module of one's own is said before it is run over degrees
    known = known_bounds(module, question)
    make = Run.matrix if executor is None else on_workers(module, executor, device=device)
    with bars(progress) as report:

        def drawn(question: Question, samples: int | None) -> tuple[Certificate, int]:
            with enter(module, question, arithmetic="float64", device=device) as run:
                matrix = make(run, budget, lambda done, total: report("Start-End matrix", done, total))
                how: dict[str, Any] = {"most": settings.max_samples, "near": near, "report": report}
                found = _Search(run, matrix, least_upper(known), budget, **how).run(samples)
                _require_no_contradiction(run, found.profile.rank, least_upper(known))
            certificate = _certificate(module, run, found, known, factory=factory, read_as=read_as, began=began)
            return certificate, run.channels

        first, channels = drawn(question, settings.samples)
        if settings.confidence is None:
            return first

        def again(seed: int, samples: int | None) -> Certificate:
            return drawn(replace(question, seed=seed), samples)[0]

        return draw_until(module, first, settings.confidence, again, channels=channels, report=report)


@dataclass
class _Found:
    profile: RankProfile
    starts: int
    ends: int
    left_out_starts: list[int] = field(default_factory=list)
    """Starts at which a divisor is 0"""
    left_out_ends: list[tuple[int, int]] = field(default_factory=list)
    """Ends at which one is, each after a start"""

    @property
    def fewest(self) -> int:
        """Samples of the side that has fewer."""
        return min(self.starts - len(self.left_out_starts), self.ends - len(self.left_out_ends))


class _Search:
    """Grow the Start-End matrix until more samples are unlikely to raise its rank."""

    def __init__(
        self,
        run: Run,
        matrix: StartEndMatrix | RowBlocks,
        upper: int | None,
        budget: int,
        *,
        most: int | None = None,
        near: bool,
        report: Report = silent,
    ) -> None:
        self._run = run
        self._upper = upper
        self._near = near and upper is not None
        unbounded = upper is None and run.notes.divisions
        self._most = (_MOST_RATIONAL if unbounded else sys.maxsize) if most is None else most
        self._enough = min(sys.maxsize if upper is None else upper + SPARE, self._most)
        self._budget = budget
        self._report = report
        self._matrix = matrix

    def run(self, samples: int | None) -> _Found:
        """With a given number of samples, or with as many as it takes."""
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
        """Whether no more than so many will be drawn, whatever the rank turns out to be."""
        complete = all(self._size(side, count) < count for side in ("starts", "ends"))
        vectors = self._run.question.domain == "functional"
        bounded = vectors and self._upper is not None and count > self._upper
        if complete or bounded or count >= self._most:
            return True
        return self._bytes(self._next(count), last=False) > self._budget

    def _is_enough(self, found: _Found, before: int | None) -> bool:
        """Whether more samples are unlikely to raise the rank; how unlikely, `stated_error` says.

        Random vectors are generic points, and some to spare are enough. Random words are not (each letter must come
        often enough): they are drawn until a bound is met or twice as many show the same rank, which proves
        nothing.
        """
        rank, fewest = found.profile.rank, found.fewest
        if self._run.question.domain == "functional":
            return rank <= fewest - SPARE
        return rank == self._upper or before == rank

    def _at(self, count: int, *, last: bool) -> _Found:
        """The rank with `count` samples a side; after the last one the matrix is used up."""
        sizes = {side: self._size(side, count) for side in ("starts", "ends")}
        values = self._matrix.grow(*(self._run.samples(side, size) for side, size in sizes.items()))
        if last:
            values = self._matrix.take()
        left_out: dict[str, Any] = {}
        if self._run.notes.divisions:
            values, left_out = without_undefined(values, self._run.channels, sizes["ends"])
        profile = rank_profile(
            values,
            self._run.question.prime,
            overwrite=last,
            progress=lambda done, total: self._report("rank", done, total),
        )
        return _Found(profile, sizes["starts"], sizes["ends"], **left_out)

    def _size(self, side: str, count: int) -> int:
        most = self._run.question.words_in_all(side)
        return count if most is None else min(count, most)

    def _bytes(self, count: int, *, last: bool) -> int:
        """Memory for the matrix, a copy of it to eliminate in or to grow from, and the halves."""
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
    """Refuse a rank above a proved bound. The module is the first suspect: it may break what was checked on a few."""
    if upper is None or rank <= upper:
        return
    run.check(_RECHECKED)
    raise BoundContradicted(
        f"rank {rank} was found where {upper} is a proved upper bound, and {_RECHECKED} sequences show no fault of "
        "the module; run `seprank doctor`, and if that finds nothing please report it with model, seed and prime"
    )


def _certificate(
    module: nn.Module,
    run: Run,
    found: _Found,
    known: list[Bound],
    *,
    factory: Factory | None,
    read_as: str,
    began: float,
) -> Certificate:
    question = run.question
    profile, upper = found.profile, least_upper(known)
    sizes: dict[str, Any] = {"starts": found.starts, "ends": found.ends, "channels": run.channels}
    error = stated_error(module, question, rank=profile.rank, upper=upper, **sizes)
    return Certificate(
        model=describe(module, factory, run.notes, read_as=read_as),
        question=question,
        starts=found.starts,
        ends=found.ends,
        rank=profile.rank,
        upper_bound=upper,
        exact=profile.rank == upper,
        saturated=error is not None,
        bounds=known,
        minor=Minor([int(i) for i in profile.rows], [int(j) for j in profile.columns], profile.determinant),
        seconds=round(time.perf_counter() - began, 3),
        versions=versions("seprank", "torch", "numpy"),
        error=error,
        left_out_starts=found.left_out_starts,
        left_out_ends=found.left_out_ends,
    )
