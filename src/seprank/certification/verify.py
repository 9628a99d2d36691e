"""verify(): recheck a certificate by other arithmetic (int64) and another library (FLINT)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import nn

from ..field import require_prime
from ..memory import default_budget
from ..models import Factory, find_model
from ..progress import bars
from .certificate import Certificate, CertificateError
from .search import describe, known_bounds, least_upper
from .setup import Question, ask, enter


def verify(
    certificate: Certificate | str | Path,
    module: nn.Module | None = None,
    *,
    factory: Factory | None = None,
    memory: int | None = None,
    progress: bool = True,
) -> bool:
    """Recheck a certificate.

    The minor is evaluated again, rows and columns of the certificate only, in 64-bit integer arithmetic, and its
    determinant is computed by FLINT; bounds and flags are recomputed from theory.

    Args:
        certificate: the certificate, or its file.
        module: the module, where the certificate is not about a registered model and `factory` is not given.
        factory: where to build the module from, for a certificate that names a factory.
        memory: bytes this may take; by default half of what is free.
        progress: show progress bars on standard error if it is a terminal.

    Returns:
        True.

    Raises:
        CertificateError: a check failed; `step` says which.
        OSError: the file cannot be read.

    Example:
        >>> from seprank import RAC, certify, verify
        >>> verify(certify(RAC(2, 3), length=6))
        True
    """
    if not isinstance(certificate, Certificate):
        certificate = Certificate.load(certificate)
    budget = default_budget() if memory is None else memory
    if factory is not None:
        factory = replace(factory, settings=dict(certificate.model.settings))
    subject = _rebuild(certificate, module, factory)
    _check_question(certificate.question, subject)
    _check_bounds(certificate, subject)
    _check_flags(certificate)
    _check_minor(certificate, subject, budget, progress)
    return True


def _rebuild(certificate: Certificate, module: nn.Module | None, factory: Factory | None) -> nn.Module:
    """The module the certificate is about."""
    record = certificate.model
    if module is None:
        module = _from_registry(certificate) if record.kind == "registry" else _from_factory(certificate, factory)
    found = describe(module, factory)
    for name in ("kind", "name", "settings", "sha256", "parameters"):
        stated, got = getattr(record, name), getattr(found, name)
        # The same factory may be reached by another path; its text decides.
        if stated != got and not (name == "name" and record.kind == "factory"):
            raise CertificateError("model", f"{name} is {stated!r} in the certificate, but {got!r} in this module")
    return module


def _from_registry(certificate: Certificate) -> nn.Module:
    record = certificate.model
    try:
        return find_model(record.name).draw(certificate.question.seed, **record.settings)  # type: ignore[arg-type]  # a wrong type is found out
    except (ValueError, TypeError) as error:
        raise CertificateError("model", str(error)) from None


def _from_factory(certificate: Certificate, factory: Factory | None) -> nn.Module:
    record = certificate.model
    if factory is None:
        remedy = "--model file.py:factory" if record.kind == "factory" else "verify(certificate, module)"
        raise CertificateError(
            "model", f"it is about {record.name!r}, which is not in the registry; give it by {remedy}"
        )
    return factory.build(certificate.question.seed)


def _check_question(question: Question, module: nn.Module) -> None:
    try:
        require_prime(question.prime)
        asked = ask(
            module,
            length=question.length,
            cut=question.cut,
            domain=question.domain,
            inputs=question.inputs,
            templates=question.templates,
            readout=question.readout,
            prime=question.prime,
            seed=question.seed,
        )
    except (ValueError, TypeError) as error:
        raise CertificateError("fields", str(error)) from None
    if asked != question:
        raise CertificateError("fields", f"the question should read {asked}")


def _check_bounds(certificate: Certificate, module: nn.Module) -> None:
    """Every bound stated is one that theory gives; theory may have found more since."""
    known = known_bounds(module, certificate.question)
    for bound in certificate.bounds:
        if bound not in known:
            raise CertificateError("bounds", f"theory gives {known}, the certificate states {bound}")
    least = least_upper(certificate.bounds)
    if certificate.upper_bound != least:
        raise CertificateError(
            "bounds", f"its least upper bound is {least}, the certificate states {certificate.upper_bound}"
        )


def _check_flags(certificate: Certificate) -> None:
    minor, rank = certificate.minor, certificate.rank
    limits = {"rows": certificate.starts, "columns": None}
    for name, limit in limits.items():
        numbers = getattr(minor, name)
        if len(numbers) != rank or numbers != sorted(set(numbers)) or any(n < 0 for n in numbers):
            raise CertificateError("flags", f"minor.{name} must be {rank} different ascending numbers")
        if limit is not None and numbers and numbers[-1] >= limit:
            raise CertificateError("flags", f"minor.{name} has {numbers[-1]}, but there were {limit} samples")
    if certificate.exact != (rank == certificate.upper_bound):
        raise CertificateError(
            "flags", f"exact is {certificate.exact} with rank {rank} and upper bound {certificate.upper_bound}"
        )


def _check_minor(certificate: Certificate, module: nn.Module, budget: int, progress: bool) -> None:
    """The determinant of the minor, evaluated anew, is the one stated and not zero."""
    import flint

    question, minor = certificate.question, certificate.minor
    with bars(progress) as report, enter(module, question, arithmetic="int64", device="cpu") as run:
        channels = run.channels
        if minor.columns and minor.columns[-1] >= certificate.ends * channels:
            raise CertificateError("flags", f"minor.columns has {minor.columns[-1]} beyond the samples")
        rows, columns = np.array(minor.rows, dtype=np.int64), np.array(minor.columns, dtype=np.int64)
        ends, place = np.unique(columns // channels, return_inverse=True)
        starts = run.samples("starts", certificate.starts).only(rows)
        matrix = run.matrix(budget, lambda done, total: report("minor", done, total))
        values = matrix.grow(starts, run.samples("ends", certificate.ends).only(ends))
        values = values[:, place * channels + columns % channels]
    entries = values.astype(np.int64) % question.prime
    determinant = int(flint.nmod_mat(len(entries), len(entries), entries.ravel().tolist(), question.prime).det())
    if determinant != minor.determinant or determinant == 0:
        raise CertificateError(
            "minor",
            f"its determinant modulo {question.prime} is {determinant}, the certificate states {minor.determinant}",
        )
