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
from ..sources import Factory
from ..system.memory import MemoryBudgetError, default_budget
from ..system.names import quoted_name, shown
from ..system.progress import bars
from ..theory import Bound
from . import cost
from .asked import Question, ask
from .certificate import Certificate, from_dict
from .claims import check_columns, check_numbers, check_saturated
from .confidence import more_samples
from .form import CertificateError
from .known import known_bounds, least_upper
from .minor import Evaluate, check_determinant, evaluate_minor, here
from .prepared import Run, as_rnn, enter
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
    seconds: int | float = cost.MOST_SECONDS,
    progress: bool = True,
    again: bool = False,
    executor: Executor | None = None,
) -> bool:
    """Recheck a certificate, which may be from anybody.

    The minor is evaluated again, rows and columns of the certificate only, in 64-bit integer arithmetic, and its
    determinant comes from factors that are checked in the same arithmetic, and from FLINT for their blocks; bounds and
    flags are recomputed from theory. What this takes is estimated from the certificate before anything of its sizes is
    made. Not checked are `seconds` and `versions`, which tell about the
    run; `starts` and `ends`, but that there can be so many and the minor is within them; and that the run found no
    greater minor among them, on which `saturated` rests where the rank is not exact. The rank needs none of these.

    Args:
        certificate: the certificate, or its file.
        module: the module, where the certificate is not about a registered model and `factory` is not given.
        factory: where to build the module from, for a certificate that names a factory; it is called with the settings
            of the certificate.
        memory: bytes this may take; by default half of what is free.
        seconds: that this may be estimated to take.
        progress: show progress bars on standard error if it is a terminal, and say there what takes long.
        again: draw weights and samples once more, with a new seed, and compare the rank.
        executor: evaluates the minor in blocks of rows on its workers, as that of `certify` does; each may take the
            same memory.

    Returns:
        True.

    Raises:
        CertificateError: a check failed; `step` says which.
        WrongFactors, BlasError: the machine, not the certificate, fails a check.
        MemoryBudgetError: it would take more memory than it may; the text says the estimate.
        LongerThanAllowed: it would take longer than it may.
        OSError: the file cannot be read.

    Source: docs/certificate.md, "What verify checks".

    Example:
        >>> from seprank import RAC, certify, verify
        >>> verify(certify(RAC(2, 3), length=6))
        True
    """
    settings: dict[str, Any] = {"factory": factory, "memory": memory, "seconds": seconds, "progress": progress}
    recheck(certificate, module, **settings, again=again, executor=executor)
    return True


@dataclass(frozen=True)
class Recheck:
    """What a recheck that found nothing wrong has to say beside that."""

    certificate: Certificate
    name: str
    """Of the module that was checked, as it may be printed"""
    newer: list[Bound]
    """Bounds that theory gives today and an older certificate does not state"""
    unchecked: list[str]
    """Claims that could not be recomputed"""
    again: str | None = None
    """What another draw showed"""

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
    module: nn.Module | None = None,
    *,
    factory: Factory | None = None,
    memory: int | None = None,
    seconds: int | float = cost.MOST_SECONDS,
    progress: bool = True,
    again: bool = False,
    executor: Executor | None = None,
) -> Recheck:
    """As `verify`, which see, and say what was found."""
    # An object goes through the same gate as a file.
    found = from_dict(certificate.to_dict()) if isinstance(certificate, Certificate) else Certificate.load(certificate)
    budget = default_budget() if memory is None else memory
    check_numbers(found)
    if module is None:
        cost.building(found.model).check(budget, seconds)
    subject = build_subject(found, module, factory, budget)
    _check_question(found.question, subject)
    estimate = cost.checking(found, subject)
    if again:
        estimate = replace(estimate, seconds=2 * estimate.seconds)
    estimate.check(budget, seconds)
    if progress and estimate.seconds > _LONG:
        sys.stderr.write(f"rechecking this certificate takes about {cost.duration(estimate.seconds)}\n")
    with _of_the_certificate():
        subject, read_as = as_rnn(subject, found.question)
    if found.model.read_as != read_as:
        raise CertificateError(
            "model", f"read_as is {shown(found.model.read_as)} in the certificate, but {shown(read_as)} of this module"
        )
    newer = _check_bounds(found, subject)
    on_workers = None if executor is None else _on_workers(subject, found.question, budget)
    field = enter(subject, found.question, arithmetic="int64", device="cpu")
    with bars(progress) as report:
        with _of_the_certificate(), field as run:
            channels = run.channels
            check_notes(found.model, run.notes)
            check_columns(found, channels)
            _check_left_out(found, run, budget)
            run.load_loops(0 if on_workers else found.rank**2)
            minor = evaluate_minor(found, channels, on_workers or here(run, budget), budget, report, executor)
        is_proved = check_saturated(found, subject, channels)
        check_determinant(found, minor, report, hint=_unrecorded(found, subject))
    name = factory.name if factory is not None and found.model.kind == "factory" else found.model.name
    drawn = _draw_again(found, subject, channels, budget) if again else None
    return Recheck(found, quoted_name(name), newer, [] if is_proved else ["saturated"], drawn)


def _on_workers(module: nn.Module, question: Question, budget: int) -> Evaluate:
    """The same entries as in this process, evaluated where this is sent."""
    return partial(evaluate_rows, sendable(module), question, budget, "cpu", "int64")


def _draw_again(certificate: Certificate, module: nn.Module, channels: int, budget: int) -> str:
    """Another draw of weights and samples, and what it says of the rank.

    Raises:
        CertificateError: its rank is higher than one that is called saturated.
    """
    question, draws = certificate.question, certificate.draws
    asked: dict[str, Any] = {**question.of_degrees, "readout": question.readout, "prime": question.prime}
    seed = max([question.seed, *(draw.seed for draw in draws)]) + 1
    count = more_samples(certificate) if certificate.saturated else certificate.samples
    found = certify(module, **asked, seed=seed, samples=count, memory=budget, progress=False)
    shown = f"drawn once more, with seed {seed}: rank {found.rank:,}"
    if found.rank > certificate.rank and certificate.saturated:
        raise CertificateError("flags", f"{shown}, and not {certificate.rank:,}; `seprank certify` makes a new one")
    if found.rank != certificate.rank:
        return f"{shown}, {'which is more' if found.rank > certificate.rank else 'less by bad luck'}"
    sizes: dict[str, Any] = {
        "starts": certificate.starts,
        "ends": certificate.ends,
        "channels": channels,
    }
    repeats = [*(draw.samples for draw in draws), found.samples]
    error = stated_error(module, question, rank=found.rank, **sizes, upper=certificate.upper_bound, repeats=repeats)
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
    """The bounds stated are those that theory gives; returns those that an older version did not know yet."""
    stated = certificate.bounds
    with _of_the_certificate():
        known = known_bounds(module, certificate.question)
    if certificate.schema == 1:
        known = [replace(bound, counts="rank") for bound in known]  # as it is read: what they count was not stated
    for bound in stated:
        if bound not in known:
            raise CertificateError(
                "bounds",
                f"theory does not give {bound.kind} {shown(bound.name)} {readable(bound.value)} ({bound.source}) for "
                "this question; if the certificate was made by an older version, that bound has been withdrawn or "
                "renamed, and `seprank certify` makes a new one",
            )
    newer = [bound for bound in known if bound not in stated]
    is_older = certificate.schema == 1 or certificate.versions["seprank"] != version("seprank")
    if [bound for bound in known if bound in stated] != stated or (newer and not is_older):
        missing = ", ".join(f"{bound.kind} {bound.name}" for bound in newer) or "none"
        raise CertificateError("bounds", f"they must be all that theory gives, each once, in order; missing: {missing}")
    least = least_upper(stated)
    if certificate.upper_bound != least:
        raise CertificateError(
            "bounds", f"its least upper bound is {least}, the certificate states {certificate.upper_bound}"
        )
    least = least_upper(known)
    if least is not None and certificate.rank > least:
        raise CertificateError("bounds", f"the rank is at most {least}, the certificate states {certificate.rank}")
    return newer


@contextmanager
def _of_the_certificate() -> Iterator[None]:
    """What is wrong with a question to this module is said of the certificate that asks it."""
    try:
        yield
    except (CertificateError, MemoryBudgetError):
        raise
    except (NotPolynomial, ConventionError, ValueError, ZeroDivisionError) as error:
        raise CertificateError("model", f"this question cannot be asked of this module: {error}") from error


def _check_left_out(certificate: Certificate, run: Run, budget: int) -> None:
    """Starts, and pairs, that are said to have a divisor that is 0 have one."""
    pairs = [(start, 0) for start in certificate.left_out_starts] + certificate.left_out_ends
    for start, end in pairs:
        first = run.samples("starts", certificate.starts).only(np.array([start]))
        second = run.samples("ends", certificate.ends).only(np.array([end]))
        try:
            defined = not np.isnan(run.matrix(budget).grow(first, second)).any()
        except DivisorVanishes:
            continue
        if defined:
            raise CertificateError("flags", f"start {start} with end {end} is left out, but no divisor is 0 there")


def _unrecorded(certificate: Certificate, module: nn.Module) -> str:
    """What else may be the cause where a minor differs."""
    names = [name for name, _ in module.named_buffers()]
    if certificate.schema > 1 or not names:
        return ""
    return f"; schema 1 does not record the values of buffers ({shown(', '.join(names))}): are they the same?"
