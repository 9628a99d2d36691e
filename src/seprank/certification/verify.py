"""verify(): recheck a certificate by other arithmetic (int64) and another library (FLINT)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from ..adapters import ConventionError
from ..field import DivisorVanishes, NotPolynomial
from ..result.numbers import readable, shown_equality, shown_error
from ..settings.certify_settings import CertifySettings
from ..settings.verify_settings import MOST_SECONDS, VerifySettings
from ..sources import Factory
from ..system.memory import MemoryBudgetError
from ..system.names import quoted_name, shown
from ..system.progress import bars
from ..theory import Bound, Bounds
from . import cost
from .asked import Question, as_rnn, ask
from .certificate import Certificate
from .claims import check_columns, check_numbers, check_saturated
from .confidence import more_samples
from .form import CertificateError
from .known import known_bounds
from .minor import check_determinant, evaluate_minor
from .prepared import Run, enter
from .rows import evaluate_rows, sendable
from .saturation import stated_error
from .search import certify
from .subject import build_subject, check_notes

_LONG = 20.0
"""Seconds that are announced"""


def verify(
    certificate: Certificate | str | Path,
    module: nn.Module | None = None,
    *,
    factory: Factory | None = None,
    memory: int | None = None,
    seconds: int | float = MOST_SECONDS,
    progress: bool = True,
    again: bool = False,
    executor: Executor | None = None,
) -> bool:
    """Recheck a certificate from any source.

    The minor, and no other entry, is evaluated again in 64-bit integers. Its determinant comes from factors that are
    checked in the same arithmetic, with FLINT for their diagonal blocks. Bounds and flags are recomputed from theory.
    The cost is estimated before anything of the stated sizes is made. Not checked are `seconds` and `versions`, which
    describe the run; `starts` and `ends`, beyond being possible and containing the minor; and that the run found no
    greater minor among them, on which `saturated` rests if the rank is not exact. The rank needs none of these.

    Args:
        certificate: the certificate, or its file.
        module: the module, unless it is a registered model or `factory` is given.
        factory: builds the module if the certificate names a factory; it is called with the certificate's settings.
        memory: budget in bytes; by default half of the free memory.
        seconds: maximum of the estimated time.
        progress: show progress bars if standard error is a terminal, and announce there what takes long.
        again: draw weights and samples once more, with a new seed, and compare the rank.
        executor: evaluates the minor in blocks of rows on its workers, as in `certify`; each may take the same memory.

    Returns:
        True.

    Raises:
        CertificateError: a check failed; `step` says which.
        WrongFactors, BlasError: the machine, not the certificate, fails a check.
        MemoryBudgetError: the estimate exceeds the memory budget.
        LongerThanAllowed: the estimate exceeds `seconds`.
        OSError: the file cannot be read.

    Source: docs/certificate.md, "What verify checks".

    Example:
        >>> from seprank import RAC, certify, verify
        >>> verify(certify(RAC(2, 3), length=6))
        True
    """
    settings = VerifySettings(memory=memory, seconds=float(seconds), again=again)
    recheck(certificate, module, settings, factory=factory, progress=progress, executor=executor)
    return True


@dataclass(frozen=True)
class Recheck:
    """The result of a recheck that found nothing wrong."""

    certificate: Certificate
    name: str
    """Name of the module, safe to print"""
    newer: list[Bound]
    """Bounds found since, which an older certificate does not state"""
    unchecked: list[str]
    """Claims that could not be recomputed"""
    again: str | None = None
    """The outcome of another draw"""

    def __str__(self) -> str:
        relation = "is exactly" if self.certificate.exact else "is at least"
        lines = [f"valid: the generic rank of {self.name} {relation} {self.certificate.rank:,}"]
        if self.newer:
            newer = ", ".join(f"{bound.kind} {bound.name} {readable(bound.value)}" for bound in self.newer)
            lines.append(f"  theory has found since: {newer}")
        if self.certificate.confidence is not None:
            stated = self.certificate
            equal = shown_equality(stated.question.prime, stated.error or 0.0, len(stated.draws) + 1)
            lines.append(f"  {equal}, if these showed what is stated")
        if self.again is not None:
            lines.append(f"  {self.again}")
        return "\n".join([*lines, *(f"  not checked, and not needed for this: {claim}" for claim in self.unchecked)])


def recheck(
    certificate: Certificate | str | Path,
    module: nn.Module | None,
    settings: VerifySettings,
    *,
    factory: Factory | None = None,
    progress: bool = True,
    executor: Executor | None = None,
) -> Recheck:
    """`verify`, with its findings."""
    # An object goes through the same gate as a file.
    if isinstance(certificate, Certificate):
        found = Certificate.from_dict(certificate.to_dict())
    else:
        found = Certificate.load(certificate)
    check_numbers(found)
    subject = _build(found, module, factory, settings, progress=progress)
    newer = _check_bounds(found, subject)
    channels, is_proved = _check_run(found, subject, settings.budget, progress=progress, executor=executor)
    drawn = _draw_again(found, subject, channels, settings.budget) if settings.again else None
    name = factory.name if factory is not None and found.model.kind == "factory" else found.model.name
    return Recheck(found, quoted_name(name), newer, [] if is_proved else ["saturated"], drawn)


def _build(
    certificate: Certificate,
    module: nn.Module | None,
    factory: Factory | None,
    settings: VerifySettings,
    *,
    progress: bool,
) -> nn.Module:
    """The module that the certificate is about, of which its question can be asked within the limits."""
    budget, stated = settings.budget, certificate.model
    if module is None:
        cost.building(stated).check(budget, settings.seconds)
    subject = build_subject(certificate, module, factory, budget)
    _check_question(certificate.question, subject)
    estimate = cost.checking(certificate, subject)
    if settings.again:
        estimate = replace(estimate, seconds=2 * estimate.seconds)
    estimate.check(budget, settings.seconds)
    if progress and estimate.seconds > _LONG:
        sys.stderr.write(f"rechecking this certificate takes about {cost.duration(estimate.seconds)}\n")
    with _of_the_certificate():
        subject, read_as = as_rnn(subject, certificate.question, budget)
    if stated.read_as != read_as:
        raise CertificateError(
            "model", f"read_as is {shown(stated.read_as)} in the certificate, but {shown(read_as)} of this module"
        )
    return subject


def _check_run(
    certificate: Certificate, module: nn.Module, budget: int, *, progress: bool, executor: Executor | None
) -> tuple[int, bool]:
    """Run the module anew for what the certificate says of its run, the minor above all.

    Returns:
        The columns of an end, and whether `saturated` is proved.
    """
    # Packed before the field is entered, inside which no tensor can be read.
    packed = None if executor is None else sendable(module)
    with bars(progress) as report:
        with _of_the_certificate(), enter(module, certificate.question, arithmetic="int64", device="cpu") as run:
            check_notes(certificate.model, run.notes)
            check_columns(certificate, run.channels)
            _check_left_out(certificate, run, budget)
            with run.outside():
                is_proved = check_saturated(certificate, module, run.channels)
            here = partial(run.entries, budget)
            there = packed and partial(evaluate_rows, packed, certificate.question, budget, "cpu", "int64")
            run.expect(0 if there else certificate.rank**2)
            minor = evaluate_minor(certificate, run.channels, there or here, budget, report, executor)
        check_determinant(certificate, minor, report)
    return run.channels, is_proved


def _draw_again(certificate: Certificate, module: nn.Module, channels: int, budget: int) -> str:
    """Draw weights and samples once more, and compare the rank.

    Raises:
        CertificateError: the rank is higher than one called saturated.
    """
    question, draws = certificate.question, certificate.draws
    seed = max([question.seed, *(draw.seed for draw in draws)]) + 1
    count = more_samples(certificate) if certificate.saturated else certificate.samples
    found = certify(
        module,
        **question.of_degrees,
        readout=question.readout,
        prime=question.prime,
        seed=seed,
        samples=count,
        memory=budget,
        progress=False,
    )
    shown = f"drawn once more, with seed {seed}: rank {found.rank:,}"
    if found.rank > certificate.rank and certificate.saturated:
        raise CertificateError("flags", f"{shown}, and not {certificate.rank:,}; `seprank certify` makes a new one")
    if found.rank != certificate.rank:
        return f"{shown}, {'which is more' if found.rank > certificate.rank else 'less by bad luck'}"
    repeats = [*(draw.samples for draw in draws), found.samples]
    error = stated_error(module, question, certificate.sampled(channels), repeats)
    known = "" if error is None else f"; error at most {shown_error(error)} for all {len(repeats) + 1} draws"
    return f"{shown} again{known}"


def _check_question(question: Question, module: nn.Module) -> None:
    try:
        stated: dict[str, Any] = {field.name: getattr(question, field.name) for field in fields(Question)}
        del stated["inputs"]
        settings = CertifySettings(**stated.pop("called"), **stated)
        asked = ask(module, settings, question.inputs)
    except (ValueError, TypeError) as error:
        raise CertificateError("fields", str(error)) from None
    if asked != question:
        raise CertificateError("fields", f"the question should read {shown(asked)}")


def _check_bounds(certificate: Certificate, module: nn.Module) -> list[Bound]:
    """Check that the stated bounds are those of theory; returns the ones that an older version did not know."""
    stated = certificate.bounds
    with _of_the_certificate():
        known = known_bounds(module, certificate.question)
    for bound in stated:
        if bound not in known:
            raise CertificateError(
                "bounds",
                f"theory does not give {bound.kind} {shown(bound.name)} {readable(bound.value)} ({bound.source}) for "
                "this question; if the certificate was made by an older version, that bound has been withdrawn or "
                "renamed, and `seprank certify` makes a new one",
            )
    newer = [bound for bound in known if bound not in stated]
    is_older = certificate.versions["seprank"] != version("seprank")
    if [bound for bound in known if bound in stated] != stated or (newer and not is_older):
        missing = ", ".join(f"{bound.kind} {bound.name}" for bound in newer) or "none"
        raise CertificateError("bounds", f"they must be all that theory gives, each once, in order; missing: {missing}")
    least = Bounds(stated).least_upper
    if certificate.upper_bound != least:
        raise CertificateError(
            "bounds", f"its least upper bound is {least}, the certificate states {certificate.upper_bound}"
        )
    least = known.least_upper
    if least is not None and certificate.rank > least:
        raise CertificateError("bounds", f"the rank is at most {least}, the certificate states {certificate.rank}")
    return newer


@contextmanager
def _of_the_certificate() -> Iterator[None]:
    """Turn errors of the question into errors of the certificate that asks it."""
    try:
        yield
    except (CertificateError, MemoryBudgetError):
        raise
    except (NotPolynomial, ConventionError, ValueError, ZeroDivisionError) as error:
        raise CertificateError("model", f"this question cannot be asked of this module: {error}") from error


def _check_left_out(certificate: Certificate, run: Run, budget: int) -> None:
    """Check that a divisor is 0 at each start and pair that was left out."""
    pairs = [(start, 0) for start in certificate.left_out_starts] + certificate.left_out_ends
    for start, end in pairs:
        try:
            found = run.entries(budget, [start], [end], (certificate.starts, certificate.ends))
            defined = not np.isnan(found).any()
        except DivisorVanishes:
            continue
        if defined:
            raise CertificateError("flags", f"start {start} with end {end} is left out, but no divisor is 0 there")
