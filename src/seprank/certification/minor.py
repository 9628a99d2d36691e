"""The minor of a certificate: evaluated anew in 64-bit integers, row by row, and its determinant."""

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
from .prepared import Run

Evaluate = Callable[[list[int], list[int], tuple[int, int]], Values]
"""The entries (starts, ends, channels) of these starts with these ends, out of so many of both"""


def here(run: Run, budget: int) -> Evaluate:
    """In this process."""

    def evaluate(rows: list[int], ends: list[int], samples: tuple[int, int]) -> Values:
        first = run.samples("starts", samples[0]).only(np.array(rows, dtype=np.int64))
        second = run.samples("ends", samples[1]).only(np.array(ends, dtype=np.int64))
        return run.matrix(budget).grow(first, second).reshape(len(rows), len(ends), run.channels)

    return evaluate


def evaluate_minor(
    certificate: Certificate,
    channels: int,
    evaluate: Evaluate,
    budget: int,
    report: Report,
    executor: Executor | None = None,
) -> Determinant | None:
    """The minor, of which the determinant is asked next; None where it has no rows.

    Args:
        certificate: whose minor.
        channels: columns for each end.
        evaluate: its question, in integers.
        budget: bytes that this and the determinant may take.
        report: called with the rows that are done.
        executor: whose workers evaluate; to these `evaluate` is sent.

    Raises:
        CertificateError: an entry is not defined.
        MemoryBudgetError: there is too little memory.
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


def _parts(
    evaluate: Evaluate, rows: list[int], ends: list[int], samples: tuple[int, int], step: int, executor: Executor | None
) -> Iterator[tuple[int, Values]]:
    """The entries of some rows at a time, with the place of the first of them, in any order."""
    places = range(0, len(rows), step)
    if executor is None:
        yield from ((place, evaluate(rows[place : place + step], ends, samples)) for place in places)
        return
    first = {rows[place]: place for place in places}
    blocks = ((rows[place : place + step],) for place in places)
    yield from ((first[own[0]], values) for (own,), values in finished(executor, evaluate, blocks, ends, samples))
