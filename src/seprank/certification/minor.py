"""The minor of a certificate: evaluated anew in 64-bit integers, row by row, and its determinant."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..kernels import load_loops
from ..system.memory import MemoryBudgetError, show_size
from ..system.progress import Report
from .certificate import Certificate
from .factored import Determinant, Floats
from .footprint import minor_bytes, rows_at_once
from .form import CertificateError
from .prepared import Run


def evaluate_minor(certificate: Certificate, run: Run, budget: int, report: Report) -> Determinant | None:
    """The minor, of which the determinant is asked next; None where it has no rows.

    Args:
        certificate: whose minor.
        run: of its question, in integers.
        budget: bytes that this and the determinant may take.
        report: called with the rows that are done.

    Raises:
        CertificateError: an entry is not defined.
        MemoryBudgetError: there is too little memory.
    """
    if not certificate.minor.rows:
        return None
    _require(certificate, len({column // run.channels for column in certificate.minor.columns}) * run.channels, budget)
    minor = Determinant(certificate.rank, certificate.question.prime)
    for first, rows in _blocks(certificate, run, budget, report):
        minor.take(first, rows)
    return minor


def check_determinant(certificate: Certificate, minor: Determinant | None, report: Report, *, hint: str) -> None:
    """The determinant of the minor is the one stated, and not zero.

    Args:
        certificate: what is stated.
        minor: its minor, with the entries that were found.
        report: called with the rows that are done.
        hint: what else may be the cause of another determinant.

    Raises:
        CertificateError: it is another one, or 0.
        WrongFactors, BlasError: this machine computes wrongly.
    """
    prime, stated = certificate.question.prime, certificate.minor.determinant
    # that of no rows is 1: rank 0 claims nothing that an entry could show
    found = 1 if minor is None else minor.value(lambda done, total: report("determinant", done, total))
    if found == 0:
        raise CertificateError("minor", f"its determinant modulo {prime} is 0, which proves no rank{hint}")
    if found != stated:
        raise CertificateError(
            "minor", f"its determinant modulo {prime} is {found}, the certificate states {stated}{hint}"
        )


def _require(certificate: Certificate, columns: int, budget: int) -> None:
    """Refuse a minor that exceeds the budget, whose ends have so many columns."""
    need = minor_bytes(certificate.rank, columns)
    if need > budget:
        raise MemoryBudgetError(
            f"the minor takes about {show_size(need)}, more than the {show_size(budget)} it may take; "
            "allow more memory (--memory SIZE) if you trust where the certificate is from"
        )


def _blocks(certificate: Certificate, run: Run, budget: int, report: Report) -> Iterator[tuple[int, Floats]]:
    """Rows of the minor, some at a time, each time with the number of the first."""
    minor, channels, count = certificate.minor, run.channels, certificate.rank
    numbers, columns = np.array(minor.rows, dtype=np.int64), np.array(minor.columns, dtype=np.int64)
    own, place = np.unique(columns // channels, return_inverse=True)
    chosen = place * channels + columns % channels
    starts, ends = run.samples("starts", certificate.starts), run.samples("ends", certificate.ends).only(own)
    step = rows_at_once(len(own) * channels)
    load_loops(8 * count * len(own) * run.model.state_size * max(run.question.halves.values()))
    for first in range(0, count, step):
        part = starts.only(numbers[first : first + step])
        values = run.matrix(budget).grow(part, ends)
        report("minor", min(first + step, count), count)
        if np.isnan(values).any():
            raise CertificateError("minor", "one of its entries divides by 0")
        yield first, values[:, chosen]
