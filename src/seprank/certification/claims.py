"""What the numbers of a certificate say of each other: nothing has to be built to check it."""

from __future__ import annotations

from itertools import pairwise

from .certificate import Certificate
from .cost import words
from .form import CertificateError


def check_numbers(certificate: Certificate) -> None:
    """Rank, minor, samples and the flag `exact` agree.

    Raises:
        CertificateError: they do not; the text says which.
    """
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
    if certificate.exact != (rank == certificate.upper_bound):
        raise CertificateError(
            "flags", f"exact is {certificate.exact} with rank {rank} and upper bound {certificate.upper_bound}"
        )


def _check_samples(certificate: Certificate) -> None:
    """Both sides tried the same number of halves, or all there are."""
    question = certificate.question
    if not 1 <= question.cut < question.length:
        raise CertificateError("fields", f"cut must be 1 to length - 1, got {question.cut} of {question.length}")
    for side, count in {"starts": certificate.starts, "ends": certificate.ends}.items():
        every = words(question, side)
        if count > every:
            raise CertificateError("flags", f"{side} is {count}, but there are only {every:.0f} words on that side")
        if count < min(certificate.samples, every):
            raise CertificateError(
                "flags", f"{side} is {count}, but both sides try {certificate.samples} halves, or all there are"
            )


def check_columns(certificate: Certificate, channels: int) -> None:
    """The columns of the minor are within the samples.

    Args:
        certificate: whose numbers agree.
        channels: columns for each end half.

    Raises:
        CertificateError: one is not.
    """
    columns, most = certificate.minor.columns, certificate.ends * channels
    if columns and columns[-1] >= most:
        raise CertificateError("flags", f"minor.columns has {columns[-1]}, but there were {most}, numbered from 0")


def check_saturated(certificate: Certificate, channels: int) -> bool:
    """Compare the flag `saturated` with what it can be recomputed from.

    Over vectors, a rank below both sizes of the matrix. Over tokens, a bound that is met, or all words of both sides,
    or of one that the rank uses up; a run that saw the same rank twice leaves no trace in the certificate.

    Args:
        certificate: whose numbers agree.
        channels: columns for each end half.

    Returns:
        Whether it could be recomputed.

    Raises:
        CertificateError: it is another.
    """
    recomputed = _saturated(certificate, channels)
    if recomputed is None:
        return False
    if certificate.saturated != recomputed:
        raise CertificateError(
            "flags",
            f"saturated is {certificate.saturated} with rank {certificate.rank}, {certificate.starts} starts and "
            f"{certificate.ends * channels} columns, by which it is {recomputed}",
        )
    return True


def _saturated(certificate: Certificate, channels: int) -> bool | None:
    """What the flag must be, None if that cannot be told."""
    question, rank = certificate.question, certificate.rank
    rows, columns = certificate.starts, certificate.ends * channels
    if question.domain == "functional":
        return rank < min(rows, columns)
    all_starts = rows == words(question, "starts")
    all_ends = columns == words(question, "ends") * channels
    full = (all_starts and rank == rows) or (all_ends and rank == columns)
    if rank == certificate.upper_bound or (all_starts and all_ends) or full:
        return True
    # A rank as high as the samples has not been seen with half of them.
    return None if certificate.saturated and rank < certificate.samples else False
