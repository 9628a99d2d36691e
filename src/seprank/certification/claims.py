"""Consistency of the numbers in a certificate, checked (`CertificateError`) without making anything of their sizes."""

from __future__ import annotations

import math
from itertools import pairwise

from torch import nn

from .certificate import Certificate
from .form import CertificateError
from .saturation import stated_error


def check_numbers(certificate: Certificate) -> None:
    """Check that rank, minor, samples, draws and the flag `exact` agree."""
    minor, rank = certificate.minor, certificate.rank
    for name, numbers in {"rows": minor.rows, "columns": minor.columns}.items():
        if len(numbers) != rank or any(n >= after for n, after in pairwise(numbers)):
            raise CertificateError("flags", f"minor.{name} must be {rank} different ascending numbers")
    if minor.rows and minor.rows[-1] >= certificate.starts:
        raise CertificateError(
            "flags", f"minor.rows has {minor.rows[-1]}, but there were {certificate.starts} samples, numbered from 0"
        )
    if minor.determinant >= certificate.question.prime:
        raise CertificateError("flags", f"the minor's determinant must be below the prime, got {minor.determinant}")
    _check_samples(certificate)
    seeds = [certificate.question.seed, *(draw.seed for draw in certificate.draws)]
    if len(set(seeds)) < len(seeds) or any(draw.rank > rank for draw in certificate.draws):
        raise CertificateError("flags", f"draws must have seeds of their own, and ranks of at most {rank}")
    if certificate.exact != (rank == certificate.upper_bound):
        raise CertificateError(
            "flags", f"exact is {certificate.exact} with rank {rank} and upper bound {certificate.upper_bound}"
        )


def _check_samples(certificate: Certificate) -> None:
    """Check that both sides have the same number of halves, or all words there are."""
    question = certificate.question
    if not 1 <= question.cut < question.length:
        raise CertificateError("fields", f"cut must be 1 to length - 1, got {question.cut} of {question.length}")
    for side, count in {"starts": certificate.starts, "ends": certificate.ends}.items():
        every = question.words_in_all(side)
        if every is not None and count > every:
            raise CertificateError("flags", f"{side} is {count}, but there are only {every} words on that side")
        if count < certificate.samples and count != every:
            raise CertificateError(
                "flags", f"{side} is {count}, but both sides try {certificate.samples} halves, or all there are"
            )


def check_columns(certificate: Certificate, channels: int) -> None:
    """Check that the minor and the samples left out are within the samples; `channels` columns per end."""
    columns, most = certificate.minor.columns, certificate.ends * channels
    if columns and columns[-1] >= most:
        raise CertificateError("flags", f"minor.columns has {columns[-1]}, but there were {most}, numbered from 0")
    ends = {column // channels for column in columns}
    for start in certificate.left_out_starts:
        if start >= certificate.starts or start in certificate.minor.rows:
            raise CertificateError("flags", f"left_out_starts has {start}, which is no sample, or is in the minor")
    for start, end in certificate.left_out_ends:
        if start >= certificate.starts or end >= certificate.ends or end in ends:
            raise CertificateError("flags", f"left_out_ends has {[start, end]}, which is no sample, or is in the minor")


def check_saturated(certificate: Certificate, module: nn.Module, channels: int) -> bool:
    """Recompute `saturated` and `error` from the numbers they rest on; after `check_numbers`.

    Returns:
        Whether the flag is proved as well: it makes no claim, or nothing can raise the rank. Otherwise it rests on the
        statement that the run found no greater minor among its samples.
    """
    found = certificate.sampled(channels)
    certain = found.is_greatest(certificate.question)
    repeats = None if certificate.confidence is None else [draw.samples for draw in certificate.draws]
    error = stated_error(module, certificate.question, found, repeats)
    _require("saturated", certificate.saturated, error is not None)
    if error is None or certificate.error is None or not math.isclose(error, certificate.error, rel_tol=1e-9):
        _require("error", certificate.error, error)
    if certificate.confidence is not None and (error is None or error > certificate.confidence):
        raise CertificateError(
            "flags", f"confidence is {certificate.confidence} in the certificate; its draws give {error}"
        )
    return certain or not certificate.saturated


def _require(name: str, stated: object, follows: object) -> None:
    if stated != follows:
        raise CertificateError("flags", f"{name} is {stated} in the certificate; from its numbers follows {follows}")
