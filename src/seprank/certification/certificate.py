"""The certificate: one small JSON file from which anybody can recheck a rank."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..files import write_whole
from ..theory import Bound, readable
from .setup import Question

SCHEMA = 1
"""Version of the format described in docs/certificate.md"""

MOST_DIGITS = 1000
"""Bounds with more digits are left out of the file"""

_STRICT = {"extra": "forbid", "strict": True}


class CertificateError(ValueError):
    """A certificate is invalid.

    Attributes:
        step: which check failed: "read", "digest", "fields", "model", "bounds", "flags" or "minor".
    """

    def __init__(self, step: str, reason: str) -> None:
        self.step = step
        super().__init__(f"certificate invalid at step {step!r}: {reason}")


@dataclass(frozen=True)
class ModelRecord:
    """What a certificate says about the module."""

    __pydantic_config__ = _STRICT

    name: str
    """Name in the registry, or file.py:factory, or module.Class"""
    kind: str
    """"registry", "factory" or "class": which of these the name is"""
    settings: dict[str, int | float | bool | str]
    """inputs, width and depth of a registered model; the keyword arguments of a factory"""
    sha256: str | None
    """Hash of the source file, None for a registered model"""
    parameters: dict[str, list[int]]
    """Name and shape of every parameter"""
    fixed: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the values of every buffer, and of every parameter that kept its value; not in schema 1"""


@dataclass(frozen=True)
class Minor:
    """A square submatrix with a determinant that is not zero modulo the prime: the proof of the rank."""

    __pydantic_config__ = _STRICT

    rows: list[int]
    """Numbers of the start halves, ascending"""
    columns: list[int]
    """Numbers of the columns, ascending: end x channels + channel"""
    determinant: int
    """Modulo the prime, 1..prime-1"""


@dataclass(frozen=True)
class Certificate:
    """A certified lower bound on the generic Start-End separation rank, with its proof.

    The rank is proved to be at least `rank` for all parameters but a set of measure zero: one minor of the
    Start-End matrix is non-zero modulo a prime, hence non-zero as a polynomial in the parameters.
    """

    __pydantic_config__ = _STRICT

    model: ModelRecord
    question: Question
    starts: int
    """Start halves that were tried"""
    ends: int
    rank: int
    upper_bound: int | None
    """Least proved upper bound, None if none is known for this model"""
    exact: bool
    """rank = upper_bound"""
    saturated: bool
    """More samples would not raise the rank (with high probability)"""
    bounds: list[Bound]
    minor: Minor
    seconds: float
    versions: dict[str, str]

    @property
    def samples(self) -> int:
        """The larger of the two sample sizes."""
        return max(self.starts, self.ends)

    def to_dict(self) -> dict[str, Any]:
        """The content of the file, digest included."""
        body = {"schema": SCHEMA, **asdict(self)}
        return body | {"digest": digest(body)}

    def summary(self) -> dict[str, Any]:
        """What `seprank certify --json` prints: the answer, without the proof."""
        question = self.question
        return {
            "rank": self.rank,
            "saturated": self.saturated,
            "exact": self.exact,
            "upper_bound": self.upper_bound,
            "bounds": [bound.to_dict() for bound in self.bounds],
            "model": self.model.name,
            "settings": self.model.settings,
            "length": question.length,
            "cut": question.cut,
            "domain": question.domain,
            "readout": question.readout,
            "samples": self.samples,
            "starts": self.starts,
            "ends": self.ends,
            "prime": question.prime,
            "seed": question.seed,
            "seconds": self.seconds,
        }

    def save(self, path: str | Path) -> Path:
        """Write the file, at once or not at all."""
        return write_whole(path, json.dumps(self.to_dict(), separators=(",", ":")) + "\n")

    @staticmethod
    def load(path: str | Path) -> Certificate:
        """Read a file and check that it is whole: form, schema, digest, types.

        Raises:
            CertificateError: it is not.
            OSError: the file cannot be read.
        """
        text = Path(path).read_bytes()
        try:
            body = json.loads(text)
        except ValueError as error:
            raise CertificateError("read", f"{path} is not JSON ({error}); is the file complete?") from None
        return from_dict(body)

    def __str__(self) -> str:
        relation = "=" if self.exact else ">="
        lines = [
            f"Start-End separation rank of {self.model.name} {self.model.settings or ''}".rstrip(),
            f"  length {self.question.length}, cut {self.question.cut}, domain {self.question.domain}",
            f"  rank {relation} {readable(self.rank)}   ({self._verdict()})",
        ]
        width = max([14, *(len(bound.name) for bound in self.bounds)])
        lines += [f"  {b.kind:<11} {b.name:<{width}} {readable(b.value)}" for b in self.bounds]
        return "\n".join(lines)

    def _verdict(self) -> str:
        if self.exact:
            return "exact: the certified lower bound meets a proved upper bound"
        if self.saturated:
            return "certified lower bound; more samples do not raise it, so it is the rank with high probability"
        return f"certified lower bound, limited by {self.samples} samples; more may raise it"


def digest(body: dict[str, Any]) -> str:
    """SHA-256 of the content, keys sorted, without blanks."""
    content = {key: value for key, value in body.items() if key != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def package_versions() -> dict[str, str]:
    """What the certificate was made with."""
    packages = {name: version(name) for name in ("seprank", "torch", "numpy")}
    return {"python": platform.python_version(), **packages}


def from_dict(body: Any) -> Certificate:
    """The certificate in a file's content.

    Raises:
        CertificateError: a field is missing, unknown, or of the wrong type, or the digest differs.
    """
    from pydantic import TypeAdapter, ValidationError

    if not isinstance(body, dict) or not isinstance(body.get("schema"), int):
        raise CertificateError("read", "it has no integer field 'schema'; is this a seprank certificate?")
    if body["schema"] != SCHEMA:
        raise CertificateError("read", f"it has schema {body['schema']}, this version reads {SCHEMA}; update seprank")
    if body.get("digest") != digest(body):
        raise CertificateError("digest", "the content does not have the digest it states; the file was edited")
    content = {key: value for key, value in body.items() if key not in ("schema", "digest")}
    try:
        # by way of JSON, in which a list may stand for a tuple even where types are strict
        return TypeAdapter(Certificate).validate_json(json.dumps(content))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CertificateError("fields", f"{where}: {first['msg']}, got {first['input']!r}") from None
