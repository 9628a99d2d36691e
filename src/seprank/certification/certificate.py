"""The certificate: one small JSON file from which anybody can recheck a rank."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from annotated_types import Interval, Len

from ..question import LEAST_CONFIDENCE
from ..result.panels import Panel
from ..result.result import STRICT, Plain, Result, Row, validated, without
from ..result.sureness import Rank
from ..result.text import text_table
from ..system.files import write_whole
from ..system.names import quoted_name, shown
from ..theory import Bound, Bounds, readable
from ..theory.picture import bounds_panel
from .asked import Question
from .form import MOST_RUN_SECONDS, VERSIONS, CertificateError, Count, Number, check_values, parse, read
from .luck import MOST_DRAWS
from .pieces import OPTIONAL, Draw, Minor, ModelRecord
from .saturation import Sampled
from .summary import Summary

SCHEMA: Final = 2
"""Version of the format described in docs/certificate.md"""

if TYPE_CHECKING:
    from ..result.document import Section

_VERSION = re.compile(r"[0-9A-Za-z.+_!-]{1,64}")


@dataclass(frozen=True, repr=False)
class Certificate(Result):
    """A certified lower bound on the generic Start-End separation rank, with its proof.

    The rank is proved to be at least `rank` for all parameters but a set of measure zero: one minor of the
    Start-End matrix is non-zero modulo a prime, hence non-zero as a polynomial in the parameters.
    """

    __pydantic_config__ = STRICT
    NOUN: ClassVar[str] = "certificate"
    TABULAR: ClassVar[bool] = True

    model: ModelRecord
    question: Question
    starts: Count
    """Start halves that were drawn"""
    ends: Count
    rank: Number
    upper_bound: int | None
    """Least proved upper bound, None if none is known for this model"""
    exact: bool
    """rank = upper_bound"""
    saturated: bool
    """Whether `error` bounds the probability that the rank is not the generic one"""
    bounds: list[Bound]
    minor: Minor
    seconds: Annotated[float, Interval(ge=0, le=MOST_RUN_SECONDS)]
    versions: dict[str, str]
    error: Annotated[float, Interval(ge=0, le=1)] | None
    """Bound on the probability that `saturated` is wrong, if there is one"""
    left_out_starts: list[Number] = field(default_factory=list)
    """Starts left out because a divisor is 0"""
    left_out_ends: list[tuple[Number, Number]] = field(default_factory=list)
    """Ends left out, each with a start after which a divisor is 0: (start, end)"""
    confidence: Annotated[float, Interval(ge=LEAST_CONFIDENCE, lt=1)] | None = None
    """The requested upper limit of `error`, if any; `error` then covers all draws together"""
    draws: Annotated[list[Draw], Len(0, MOST_DRAWS - 1)] = field(default_factory=list)
    """Further draws for the confidence, besides the one that gave the minor"""
    schema: Literal[2] = SCHEMA
    """Format version of the file"""

    @property
    def samples(self) -> int:
        """The larger of the two sample sizes."""
        return max(self.starts, self.ends)

    def to_dict(self) -> Plain:
        """The content of the file, digest included."""
        body = asdict(self)
        if self.confidence is None:
            del body["confidence"], body["draws"]
        for place, names in OPTIONAL.items():
            group = body[place] if place else body
            for name in names:
                if not group[name]:
                    del group[name]
        return body | {"digest": digest(body)}

    def summary(self) -> Summary:
        """The answer, without the proof."""
        question = self.question
        return Summary(
            rank=self.rank,
            saturated=self.saturated,
            error=self.error,
            exact=self.exact,
            upper_bound=self.upper_bound,
            bounds=self.bounds,
            model=self.model.name,
            settings=self.model.settings,
            length=question.length,
            cut=question.cut,
            domain=question.domain,
            readout=question.readout,
            samples=self.samples,
            starts=self.starts,
            ends=self.ends,
            prime=question.prime,
            seed=question.seed,
            seconds=self.seconds,
            confidence=self.confidence,
            draws=0 if self.confidence is None else len(self.draws) + 1,
        )

    def sampled(self, channels: int) -> Sampled:
        """The rank and the sample sizes of the draw that gave the minor; `channels` columns per end."""
        return Sampled(self.rank, self.starts, self.ends, channels, self.upper_bound)

    @property
    def known(self) -> Rank:
        """The rank, and how sure it is."""
        return self.summary().known

    def headline(self) -> str:
        """The rank and how sure it is, on one line."""
        settings = f" {shown(self.model.settings)}" if self.model.settings else ""
        asked = f"length {self.question.length}, cut {self.question.cut}, domain {self.question.domain}"
        rank = f"rank {self.known.sign} {readable(self.rank)} ({self.known.sureness.value})"
        return f"{quoted_name(self.model.name)}{settings}, {asked}: {rank}"

    def records(self) -> list[Row]:
        """The certified rank, and each bound, as rows."""
        certified: Row = {"kind": "certified", "name": "rank", "value": self.rank, "source": self.known.sentence}
        return [certified, *Bounds(self.bounds).records()]

    def panels(self) -> list[Panel]:
        """The rank and the bounds on one logarithmic axis."""
        return [bounds_panel(self.bounds, self.rank)]

    def sections(self) -> list[Section]:
        """The figure, the table, and the proofs that the bounds rest on."""
        from ..theory.proofs import with_proofs

        return with_proofs(super().sections())

    def save(self, path: str | Path) -> Path:
        """Write the file, at once or not at all.

        Raises:
            CertificateError: no reader would accept the content, such as a name with a line break.
        """
        text = json.dumps(self.to_dict(), separators=(",", ":"))
        self.from_dict(parse(text))
        return write_whole(path, text + "\n")

    @classmethod
    def from_dict(cls, content: Any) -> Certificate:
        """The certificate in a file's content.

        Raises:
            CertificateError: a field is missing, unknown, of the wrong type or out of range, or the digest differs.
        """
        check_values(content)
        _check_form(content)
        try:
            certificate: Certificate = validated(cls, without(content, "digest"))
        except ValueError as error:
            raise CertificateError("fields", str(error)) from None
        _check_parts(certificate)
        return certificate

    @classmethod
    def load(cls, path: str | Path) -> Certificate:
        """Read a file and check its size, form, schema, digest, types and ranges.

        Raises:
            CertificateError: a check failed.
            FileError: the file cannot be read.
        """
        return cls.from_dict(read(path))

    def __str__(self) -> str:
        settings = f" {shown(self.model.settings)}" if self.model.settings else ""
        lines = [
            f"Start-End separation rank of {quoted_name(self.model.name)}{settings}",
            f"  length {self.question.length}, {self._start}, domain {self.question.domain}",
            *self._remarks(),
            f"  rank {self.known.sign} {readable(self.rank)}   ({self.known.sentence})",
        ]
        rows = [[bound.kind, shown(bound.name)[1:-1], readable(bound.value)] for bound in self.bounds]
        return "\n".join([*lines, *([text_table(rows, left=(0, 1), indent=2)] if rows else [])])

    @property
    def _start(self) -> str:
        split = self.question.split
        return f"cut {self.question.cut}" if split is None else f"start {shown(list(split))}"

    def _remarks(self) -> list[str]:
        """How the function that was certified differs from the module."""
        model, lines = self.model, []
        if model.read_as:
            lines.append(f"  read as: {quoted_name(model.read_as)}")
        if self.question.squash is not None:
            replaced = "; ".join(f"{quoted_name(n)} in {_listed(places)}" for n, places in model.replaced.items())
            lines.append(f"  replaced by the identity: {replaced or 'nothing'}")
        if model.functions:
            lines.append(f"  drawn in the place of functions of parameters: {_listed([*model.functions.values()])}")
        if model.constants:
            lines.append(f"  constants evaluated in float64: {_listed([*model.constants])}")
        if model.divisions:
            counts = {"starts": len(self.left_out_starts), "ends": len(self.left_out_ends)}
            left = "".join(f"; {n} {side} left out, where a divisor is 0" for side, n in counts.items() if n)
            lines.append(f"  rational, without bounds by degree: {_listed(model.divisions)}{left}")
        return lines


def _listed(names: list[str]) -> str:
    """The first few names, on one line."""
    few = ", ".join(quoted_name(name) for name in names[:4])
    return few if len(names) <= 4 else f"{few} and {len(names) - 4} more"


def digest(body: Plain) -> str:
    """SHA-256 of the content, keys sorted, without blanks."""
    content = without(body, "digest")
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _check_form(content: Any) -> None:
    """Check schema and digest, and that what is left out where it is empty is: a certificate has one form only."""
    schema = content.get("schema") if isinstance(content, dict) else None
    if not isinstance(schema, int) or isinstance(schema, bool):
        raise CertificateError("read", "it has no integer field 'schema'; is this a seprank certificate?")
    if schema != SCHEMA:
        raise CertificateError(
            "read", f"it has schema {schema}, this version reads {SCHEMA}; update seprank, or make the certificate anew"
        )
    if content.get("digest") != digest(content):
        raise CertificateError("digest", "the content does not have the digest it states; the file was edited")
    if ("confidence" in content) != ("draws" in content):
        raise CertificateError("fields", "confidence and draws must be stated together")
    if content.get("confidence", 1) is None:
        raise CertificateError("fields", "confidence must be a number where it is stated")
    for place, names in OPTIONAL.items():
        group = content.get(place) if place else content
        empty = [name for name in names if isinstance(group, dict) and name in group and not group[name]]
        if empty:
            raise CertificateError("fields", f"{place or 'it'} must not state {empty[0]}, which is empty; leave it out")


def _check_parts(certificate: Certificate) -> None:
    """Check what no type says and `verify` does not compare with a run."""
    for numbers in (certificate.left_out_starts, [end for _, end in certificate.left_out_ends]):
        if numbers != sorted(set(numbers)):
            raise CertificateError("fields", "left_out_starts and left_out_ends must have each number once, ascending")
    if sorted(certificate.versions) != sorted(VERSIONS):
        raise CertificateError("fields", f"versions must be those of {', '.join(VERSIONS)}")
    for name, stated in certificate.versions.items():
        if not _VERSION.fullmatch(stated):
            raise CertificateError("fields", f"versions.{name} must be a version, got {shown(stated)}")
