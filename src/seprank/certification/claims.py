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
    """Compare the flag `saturated` with the numbers it must rest on.

    Over vectors, a rank below both sizes of the matrix. Over tokens, a bound that is met, or all words of both sides,
    or of one that the rank uses up; of a run that saw the same rank twice there is no trace in the certificate.

    Args:
        certificate: whose numbers agree.
        channels: columns for each end half.

    Returns:
        Whether the flag is proved, too: it makes no claim, or nothing can raise the rank. Otherwise it rests on the run,
        which looked for a greater minor among its samples and found none.

    Raises:
        CertificateError: it is another.
    """
    certain = certificate.rank == certificate.upper_bound or _is_full(certificate, channels)
    possible = certain or _is_possible(certificate, channels)
    if certificate.saturated != possible:
        raise CertificateError(
            "flags",
            f"saturated is {certificate.saturated} with rank {certificate.rank}, {certificate.starts} starts and "
            f"{certificate.ends * channels} columns, by which it is {possible}",
        )
    return certain or not certificate.saturated


def _is_full(certificate: Certificate, channels: int) -> bool:
    """Whether the rank is as high as there are starts in all, or columns."""
    starts, columns = certificate.starts, certificate.ends * channels
    return (_are_all(certificate, "starts") and certificate.rank == starts) or (
        _are_all(certificate, "ends") and certificate.rank == columns
    )


def _is_possible(certificate: Certificate, channels: int) -> bool:
    """Whether a run may have found that more samples do not raise the rank."""
    if certificate.question.domain == "functional":
        return certificate.rank < min(certificate.starts, certificate.ends * channels)
    complete = _are_all(certificate, "starts") and _are_all(certificate, "ends")
    # A rank as high as the samples has not been seen with half of them.
    return complete or (certificate.saturated and certificate.rank < certificate.samples)


def _are_all(certificate: Certificate, side: str) -> bool:
    return {"starts": certificate.starts, "ends": certificate.ends}[side] == words(certificate.question, side)
