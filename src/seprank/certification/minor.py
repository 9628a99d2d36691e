"""The minor of a certificate: evaluated again in 64-bit integers, row by row, and its determinant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor

import numpy as np

from ..startend import Values, finished
from ..system.memory import MemoryBudgetError, show_size
from ..system.progress import Report
from .certificate import Certificate
from .factored import Determinant
from .footprint import minor_bytes, rows_at_once
from .form import CertificateError

Evaluate = Callable[[list[int], list[int], tuple[int, int]], Values]
"""Entries (starts, ends, channels) of some starts and ends, given the sample sizes; see `Run.entries`"""


def evaluate_minor(
    certificate: Certificate,
    channels: int,
    evaluate: Evaluate,
    budget: int,
    report: Report,
    executor: Executor | None = None,
) -> Determinant | None:
    """Evaluate the minor, for `check_determinant`; None if it has no rows.

    Args:
        certificate: states the minor.
        channels: columns per end.
        evaluate: gives entries, computed in integers; runs on the workers of the executor, if there is one.
        budget: bytes that this and the determinant may take.
        report: called with the number of rows done.

    Raises:
        CertificateError: an entry is undefined.
        MemoryBudgetError: the minor exceeds the budget.
    """
    rows, count = certificate.minor.rows, certificate.rank
    if not rows:
        return None
    columns = np.array(certificate.minor.columns, dtype=np.int64)
    ends, place = np.unique(columns // channels, return_inverse=True)
    chosen = place * channels + columns % channels
    width, samples = len(ends) * channels, (certificate.starts, certificate.ends)
    _require(certificate, width, budget)
    minor = Determinant(count, certificate.question.prime)
    done = 0
    for first, values in _parts(evaluate, rows, ends.tolist(), samples, rows_at_once(width), executor):
        if np.isnan(values).any():
            raise CertificateError("minor", "one of its entries divides by 0")
        minor.take(first, values.reshape(len(values), width)[:, chosen])
        done += len(values)
        report("minor", done, count)
    return minor


def check_determinant(certificate: Certificate, minor: Determinant | None, report: Report) -> None:
    """Check that the determinant of the minor is the one stated, and not zero.

    Raises:
        CertificateError: the determinant is 0 or another.
        WrongFactors, BlasError: this machine computes wrongly.
    """
    prime, stated = certificate.question.prime, certificate.minor.determinant
    # The empty determinant is 1: rank 0 claims nothing that an entry could refute.
    found = 1 if minor is None else minor.value(lambda done, total: report("determinant", done, total))
    if found == 0:
        raise CertificateError("minor", f"its determinant modulo {prime} is 0, which proves no rank")
    if found != stated:
        raise CertificateError("minor", f"its determinant modulo {prime} is {found}, the certificate states {stated}")


def _require(certificate: Certificate, columns: int, budget: int) -> None:
    """Refuse a minor that exceeds the budget; `columns` are those of all its ends."""
    need = minor_bytes(certificate.rank, columns)
    if need > budget:
        raise MemoryBudgetError(
            f"the minor takes about {show_size(need)}, more than the {show_size(budget)} it may take; "
            "allow more memory (--memory SIZE) if you trust where the certificate is from"
        )


def _parts(
    evaluate: Evaluate, rows: list[int], ends: list[int], samples: tuple[int, int], step: int, executor: Executor | None
) -> Iterator[tuple[int, Values]]:
    """The entries of `step` rows at a time, with the place of the first row, in any order."""
    places = range(0, len(rows), step)
    if executor is None:
        yield from ((place, evaluate(rows[place : place + step], ends, samples)) for place in places)
        return
    first = {rows[place]: place for place in places}
    blocks = ((rows[place : place + step],) for place in places)
    yield from ((first[own[0]], values) for (own,), values in finished(executor, evaluate, blocks, ends, samples))
