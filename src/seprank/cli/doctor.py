"""Is this installation sound? Versions, resources, and a small rank computed three ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from ..system.cores import available_cores
from ..system.versions import versions

PACKAGES = ("seprank", "torch", "numpy", "python-flint", "typer", "rich", "pydantic", "matplotlib", "psutil")


@dataclass(frozen=True)
class Check:
    name: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class Report:
    versions: dict[str, str]
    cores: int
    free_memory: str
    checks: list[Check]

    @property
    def healthy(self) -> bool:
        return all(check.passed for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"healthy": self.healthy}

    def __str__(self) -> str:
        known = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        lines = [known, f"{self.cores} cores, {self.free_memory} free"]
        lines += [f"{'ok' if c.passed else 'FAILED':<7} {c.name}: {c.detail}" for c in self.checks]
        return "\n".join([*lines, "healthy" if self.healthy else "something is wrong; see FAILED above"])


def examine() -> Report:
    """Look at everything; failures are findings, not exceptions."""
    from ..system.memory import default_budget, show_size

    return Report(
        versions=versions(*PACKAGES),
        cores=available_cores(),
        free_memory=show_size(2 * default_budget()),
        checks=[_attempt("elimination agrees with FLINT", _elimination), _attempt("certify and verify", _certificate)],
    )


def _attempt(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name, True, check())
    except Exception as error:
        return Check(name, False, f"{type(error).__name__}: {error}")


def _elimination() -> str:
    import flint
    import numpy as np

    from ..elimination import rank_profile
    from ..field import DEFAULT_PRIME, draw_elements

    factors = draw_elements(0, "doctor", 2 * 300 * 200, DEFAULT_PRIME).astype(np.int64).reshape(2, 300, 200)
    matrix = (factors[0] % 1000) @ (factors[1].T % 1000) % DEFAULT_PRIME
    ours = rank_profile(matrix, DEFAULT_PRIME).rank
    theirs = flint.nmod_mat(300, 300, matrix.ravel().tolist(), DEFAULT_PRIME).rank()
    if ours != theirs:
        raise ArithmeticError(f"rank {ours} here, {theirs} by FLINT; the BLAS of this NumPy may be faulty")
    return f"rank {ours} of a 300 x 300 matrix"


def _certificate() -> str:
    from ..certification import certify, verify
    from ..models import find_model

    certificate = certify(find_model("rac").draw(0, inputs=3, width=3, depth=2), length=8, progress=False)
    verify(certificate, progress=False)
    if certificate.rank != 45 or not certificate.exact:
        raise ArithmeticError(f"expected the exact rank 45, got {certificate.rank}")
    return "rank 45 of a two-layer RAC, exact, rechecked"
