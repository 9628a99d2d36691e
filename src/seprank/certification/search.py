"""certify(): find the rank of the Start-End matrix modulo p, with enough samples to saturate it."""

from __future__ import annotations

import sys
import time
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from torch import nn

from ..adapters.copies import unwrap
from ..degrees import degree_bounds
from ..elimination import RankProfile, rank_profile
from ..field import Notes, NotPolynomial, read_weights
from ..models import spec_of
from ..question import DEFAULT_PRIME, check_whole
from ..sources import Factory
from ..startend import Matrix, RowBlocks, StartEndMatrix
from ..system.memory import MemoryBudgetError, default_budget, show_size
from ..system.progress import Report, bars, silent
from ..system.versions import versions
from ..theory import Bound, for_readout
from .certificate import Certificate, Minor
from .family import family_bounds
from .footprint import SPARE, halves_bytes, matrix_bytes
from .form import MOST_DIGITS
from .record import describe
from .rows import on_workers
from .run import Question, Run, ask, enter
from .saturation import stated_error

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
        inputs: M, features per step, or templates in the tokens domain; by default `module.input_size`.
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

    Returns:
        The certificate: rank, bounds, flags, and the minor that proves it.

    Raises:
        NotPolynomial: the module does something that has no meaning modulo a prime.
        ConventionError: the module does not follow the calling convention, mixes the sequences of a batch, keeps
            something between calls, or cannot be copied; the text names the check.
        MemoryBudgetError: the work asked for does not fit the memory.
        BoundContradicted: the rank exceeds a proved bound, and the module passes its checks on more sequences, too:
            a fault of the installation or of this package.
        ValueError, TypeError: an argument is out of range or of the wrong type.

    Source: docs/certainty.md, "How a rank is certified".

    Example:
        >>> from seprank import RAC, certify
        >>> certify(RAC(input_size=2, hidden_size=2, num_layers=2), length=8).rank
        10
    """
    began = time.perf_counter()
    module = unwrap(module)
    question = ask(
        module,
        length=length,
        cut=cut,
        domain=domain,
        inputs=inputs,
        templates=templates,
        readout=readout,
        prime=prime,
        seed=seed,
        squash=squash,
        split=split,
    )
    samples, max_samples = _check_samples(samples, max_samples)
    budget = default_budget() if memory is None else memory
    _require_halves(question, budget)
    # Bounds of a family are mostly met; those by degree can be far off, and samples up to them a waste.
    near = has_family(module, question)
    if not near:
        with enter(module, question, arithmetic="float64", device=device):
            pass  # what is wrong with a module of one's own is said before it is run over degrees
    known = known_bounds(module, question)
    make = Run.matrix if executor is None else on_workers(module, executor, device=device)
    with bars(progress) as report, enter(module, question, arithmetic="float64", device=device) as run:
        matrix = make(run, budget, lambda done, total: report("Start-End matrix", done, total))
        search = _Search(run, matrix, least_upper(known), budget, most=max_samples, near=near, report=report)
        found = search.run(samples)
        _require_no_contradiction(run, found.profile.rank, least_upper(known))
        channels, notes = run.channels, run.notes
    return _certificate(module, question, found, known, channels, notes=notes, factory=factory, began=began)


def _check_samples(samples: int | None, max_samples: int | None) -> tuple[int | None, int | None]:
    samples = None if samples is None else check_whole("samples", samples, 1)
    max_samples = None if max_samples is None else check_whole("max_samples", max_samples, 1)
    if samples is not None and max_samples is not None:
        raise ValueError(
            f"samples fixes their number and max_samples limits it, got {samples} and {max_samples}; give one of them"
        )
    return samples, max_samples


def _require_halves(question: Question, budget: int) -> None:
    """Refuse sequences of which not even a few fit the memory."""
    need = 16 * 8 * question.length * question.inputs
    if need > budget:
        raise MemoryBudgetError(
            f"16 sequences of length {question.length} take about {show_size(need)}, more than the "
            f"{show_size(budget)} they may take; use a shorter --length, or more --memory"
        )


def known_bounds(module: nn.Module, question: Question) -> list[Bound]:
    """What theory says about this module's rank, with the read-out and the templates taken into account."""
    spec, statements = spec_of(module), family_bounds(module, question)
    if spec is None or statements is None:
        return _bounds_by_degree(module, question)
    sizes = spec.settings(module)
    if question.templates == "ids" or (question.domain == "functional" and question.inputs != sizes["inputs"]):
        return []
    found = for_readout(
        statements if _is_generic(module) else special(statements),
        channels=sizes["width"],
        readout=question.readout,
        independent=_are_independent(question, sizes["inputs"]),
    )
    return [bound for bound in found if bound.value < 10**MOST_DIGITS]


def special(known: list[Bound]) -> list[Bound]:
    """What bounds on a generic rank say of special weights, whose rank may be less but not more."""
    return [replace(bound, kind="upper") for bound in known if bound.kind in ("upper", "exact")]


def _is_generic(module: nn.Module) -> bool:
    """Whether all its weights are drawn."""
    return not read_weights(module).digests


def _are_independent(question: Question, features: int) -> bool:
    """Whether the letters are vectors known to be linearly independent; there are none where inputs are vectors."""
    letters = question.templates
    if question.domain == "functional" or not isinstance(letters, tuple):
        return question.inputs <= features
    # What is independent modulo a prime is so over the rationals.
    residues = np.array([[entry % question.prime for entry in letter] for letter in letters], dtype=np.int64)
    return rank_profile(residues, question.prime).rank == len(letters)


def has_family(module: nn.Module, question: Question) -> bool:
    """Whether theory has bounds for modules of its kind, so that it need not be run over degrees for them.

    They are about the module as it is, and about cuts.
    """
    return family_bounds(module, question) is not None


def _bounds_by_degree(module: nn.Module, question: Question) -> list[Bound]:
    """Bounds for any polynomial module, found by running it over degrees; none if an operation has no rule there."""
    try:
        found = degree_bounds(
            module,
            length=question.length,
            cut=question.cut,
            inputs=question.inputs,
            domain=question.domain,
            readout=question.readout,
            templates=question.templates,
            squash=question.squash,
            split=question.split,
        )
    except NotPolynomial:
        return []
    return [b for b in found if b.value < 10**MOST_DIGITS]


def least_upper(known: list[Bound]) -> int | None:
    """The least proved upper bound, None if there is none."""
    return min((b.value for b in known if b.kind in ("upper", "exact")), default=None)


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


def without_undefined(values: Matrix, channels: int, ends: int) -> tuple[Matrix, dict[str, Any]]:
    """A Start-End matrix with 0 for the starts, and then for the ends, at which a divisor is 0.

    Returns:
        The matrix, and the fields of `_Found` that say which these are.

    Raises:
        ZeroDivisionError: these are more than half of one side.
    """
    undefined = np.isnan(values).reshape(len(values), ends, channels).any(2)
    starts = [int(start) for start in np.flatnonzero(undefined.all(1))]
    undefined[starts] = False
    pairs = [(int(undefined[:, end].argmax()), int(end)) for end in np.flatnonzero(undefined.any(0))]
    if 2 * len(starts) > len(values) or 2 * len(pairs) > ends:
        raise ZeroDivisionError(
            f"a divisor is 0 for {len(starts)} of {len(values)} starts and for {len(pairs)} of {ends} ends; use a "
            "larger --prime, or another --seed"
        )
    if starts or pairs:
        values = values.copy()
        values[starts] = 0.0
        values.reshape(len(values), ends, channels)[:, [end for _, end in pairs]] = 0.0
    return values, {"left_out_starts": starts, "left_out_ends": pairs}


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
    question: Question,
    found: _Found,
    known: list[Bound],
    channels: int,
    *,
    notes: Notes,
    factory: Factory | None,
    began: float,
) -> Certificate:
    profile, upper = found.profile, least_upper(known)
    sizes = {"starts": found.starts, "ends": found.ends, "channels": channels}
    error = stated_error(module, question, rank=profile.rank, upper=upper, **sizes)
    return Certificate(
        model=describe(module, factory, notes),
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
